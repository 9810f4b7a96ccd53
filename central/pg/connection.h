// Connection: PostgreSQL, one blocking connection at a time.
//
// Place:    central/pg; the only owner of libpq. The worker, the stand-in and the operator commands
//           reach the database through this header and copy_in.h, nothing else.
// Owner:    whoever constructs it. One thread uses a Connection at a time; nothing is shared.
// Source:   parameters and results are text as PostgreSQL prints it; the session speaks UTF-8,
//           ISO dates and UTC.
// Errors:   a lost connection, or a server that cannot be reached, is Error WB-5001; a server that
//           refuses role, password or database is WB-5005. A statement that the server refuses is
//           PgError with its SQLSTATE: WB-5001 for the classes that say "try later" (08, 40, 53,
//           55P03, 57P*), WB-5005 for the rest. what() holds the SQLSTATE and the server's primary
//           message, never a parameter, never the connection string.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/error.h"

struct pg_conn;
struct pg_result;

namespace waybill::pg {

/// A statement's parameters $1, $2, ... as text; nullopt is NULL.
using Params = std::vector<std::optional<std::string>>;

/// The server refused a statement. `code()` says whether trying again can help.
class PgError : public Error {
 public:
  struct Fields {
    std::string sqlstate;  ///< five characters, "23505"
    std::string message;   ///< primary message
    std::string detail;    ///< may hold key values: not for logs
    std::string hint;
    std::string constraint;  ///< name of the constraint that refused, or empty
  };
  PgError(std::string_view operation, Fields fields);

  [[nodiscard]] const std::string& sqlstate() const { return fields_.sqlstate; }
  [[nodiscard]] const std::string& message() const { return fields_.message; }
  [[nodiscard]] const std::string& detail() const { return fields_.detail; }
  [[nodiscard]] const std::string& hint() const { return fields_.hint; }
  [[nodiscard]] const std::string& constraint() const { return fields_.constraint; }

 private:
  Fields fields_;
};

/// The rows a statement returned. Rows and columns count from 0. Views live as long as the Result.
class Result {
 public:
  explicit Result(pg_result* raw);  ///< takes ownership

  [[nodiscard]] int rows() const;
  [[nodiscard]] int columns() const;
  [[nodiscard]] bool empty() const { return rows() == 0; }
  [[nodiscard]] std::string_view column_name(int column) const;
  [[nodiscard]] std::uint32_t column_type_oid(int column) const;
  [[nodiscard]] bool is_null(int row, int column) const;
  /// The value's text; empty for NULL. Throws WB-9001 outside the result.
  [[nodiscard]] std::string_view text(int row, int column) const;
  [[nodiscard]] std::string string(int row, int column) const {
    return std::string(text(row, column));
  }
  /// Throws WB-9001 when the value is NULL or no integer.
  [[nodiscard]] std::int64_t integer(int row, int column) const;
  [[nodiscard]] bool boolean(int row, int column) const;
  /// Rows that INSERT, UPDATE, DELETE or COPY touched; 0 for other statements.
  [[nodiscard]] std::int64_t affected() const;
  /// What the server says it did: "INSERT 0 1", "COMMIT", "ROLLBACK".
  [[nodiscard]] std::string_view command() const;

 private:
  struct Clear {
    void operator()(pg_result* raw) const;
  };
  std::unique_ptr<pg_result, Clear> raw_;
};

class Connection {
 public:
  /// `conninfo` is a URI or keyword string as libpq takes them; a password may also come from a
  /// passfile. Gives up after 10 s unless connect_timeout says otherwise.
  explicit Connection(std::string conninfo, std::string_view application_name = "waybill-central");

  /// Runs one statement. Parsed anew every time.
  Result exec(std::string_view sql, const Params& params = {});

  /// As exec, but prepared on first use in this session: for statements run often. The text is
  /// the key, so build none from values.
  Result exec_prepared(std::string_view sql, const Params& params = {});

  /// Runs a script of many statements in one round trip, in one implicit transaction unless the
  /// script controls its own.
  void exec_script(std::string_view sql);

  /// False once the connection was lost; then only reconnect() helps.
  [[nodiscard]] bool alive() const;
  [[nodiscard]] bool in_transaction() const;
  /// Closes and opens the session afresh: prepared statements, settings and role are gone.
  void reconnect();

  /// `text` as a quoted identifier.
  [[nodiscard]] std::string quote_identifier(std::string_view text) const;

 private:
  friend class CopyIn;
  struct Close {
    void operator()(pg_conn* raw) const;
  };
  void open();
  Result check(pg_result* raw, std::string_view operation);
  [[noreturn]] void fail_connection(std::string_view operation) const;
  [[noreturn]] void fail_to_connect(bool ask_why);

  std::string conninfo_;
  std::string application_name_;
  std::unique_ptr<pg_conn, Close> raw_;
  std::unordered_map<std::string, std::string> prepared_;  ///< SQL text -> statement name
};

/// BEGIN on construction; ROLLBACK on destruction unless commit() returned.
class Transaction {
 public:
  enum class Mode : std::uint8_t { kReadWrite, kReadOnly };
  explicit Transaction(Connection& connection, Mode mode = Mode::kReadWrite);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  void commit();
  void rollback();

 private:
  Connection& connection_;
  bool open_ = true;
};

}  // namespace waybill::pg
