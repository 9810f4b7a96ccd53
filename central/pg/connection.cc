#include "central/pg/connection.h"

#include <libpq-fe.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "core/clock.h"
#include "core/log.h"

namespace waybill::pg {

namespace {

constexpr std::size_t kPreparedMax = 256;  ///< statements kept per session

/// A refusal that took longer came from the line, not from the server.
constexpr std::int64_t kQuickAnswerMs = 3000;

/// Does the SQLSTATE say that the same statement may succeed later?
bool is_transient(std::string_view sqlstate) {
  const std::string_view group = sqlstate.substr(0, 2);
  return group == "08" || group == "40" || group == "53" || sqlstate == "55P03" ||
         sqlstate.substr(0, 3) == "57P";
}

const ErrorCode& code_of(std::string_view sqlstate) {
  return is_transient(sqlstate) ? error_code::kDatabaseUnavailable : error_code::kDatabaseRefused;
}

std::string field(const pg_result* raw, int code) {
  const char* text = PQresultErrorField(raw, code);
  return text == nullptr ? std::string() : std::string(text);
}

/// The first line of libpq's words: the rest repeats it for other addresses.
std::string first_line(const char* text) {
  const std::string_view all = text == nullptr ? "" : text;
  return std::string(all.substr(0, all.find('\n')));
}

/// The five characters of "FATAL:  3D000: database ... does not exist"; "" when there are none.
std::string sqlstate_in(std::string_view verbose) {
  constexpr std::size_t kLength = 5;
  constexpr std::string_view kBefore = ":  ";
  for (std::size_t at = verbose.find(kBefore); at != std::string_view::npos;
       at = verbose.find(kBefore, at + 1)) {
    const std::string_view state = verbose.substr(at + kBefore.size(), kLength);
    const bool is_state =
        state.size() == kLength && std::all_of(state.begin(), state.end(), [](char c) {
          return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
        });
    if (is_state && verbose.substr(at + kBefore.size() + kLength, 2) == ": ") {
      return std::string(state);
    }
  }
  return "";
}

/// A wrong role, password, right or database name: connecting again cannot help.
bool will_stay_refused(std::string_view sqlstate) {
  return sqlstate.substr(0, 2) == "28" || sqlstate == "3D000" || sqlstate == "42501";
}

void log_notice(void* /*unused*/, const char* message) {
  log_debug("PostgreSQL: " + first_line(message));
}

struct FreeOptions {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};

/// Parses before connecting: libpq's own complaint about a malformed string would quote it, and
/// it may hold a password.
void check_conninfo(const std::string& conninfo) {
  char* message = nullptr;
  const std::unique_ptr<PQconninfoOption, FreeOptions> options(
      PQconninfoParse(conninfo.c_str(), &message));
  PQfreemem(message);
  if (!options) {
    throw Error(error_code::kCentralConfigInvalid, "read the database's address", "",
                "it is neither a postgresql:// URL nor a list of key=value words");
  }
}

std::vector<const char*> values_of(const Params& params) {
  std::vector<const char*> values;
  values.reserve(params.size());
  for (const auto& param : params) values.push_back(param ? param->c_str() : nullptr);
  return values;
}

}  // namespace

PgError::PgError(std::string_view operation, Fields fields)
    : Error(code_of(fields.sqlstate), operation, "", fields.message + " (" + fields.sqlstate + ")"),
      fields_(std::move(fields)) {}

Result::Result(pg_result* raw) : raw_(raw) {}

void Result::Clear::operator()(pg_result* raw) const { PQclear(raw); }

int Result::rows() const { return PQntuples(raw_.get()); }

int Result::columns() const { return PQnfields(raw_.get()); }

std::string_view Result::column_name(int column) const {
  const char* name = PQfname(raw_.get(), column);
  return name == nullptr ? std::string_view() : std::string_view(name);
}

std::uint32_t Result::column_type_oid(int column) const { return PQftype(raw_.get(), column); }

bool Result::is_null(int row, int column) const {
  return PQgetisnull(raw_.get(), row, column) == 1;
}

std::string_view Result::text(int row, int column) const {
  if (row < 0 || row >= rows() || column < 0 || column >= columns()) {
    throw Error(error_code::kInternal, "read a result", "", "no such row or column");
  }
  return {PQgetvalue(raw_.get(), row, column),
          static_cast<std::size_t>(PQgetlength(raw_.get(), row, column))};
}

std::int64_t Result::integer(int row, int column) const {
  const std::string_view digits = text(row, column);
  std::int64_t value = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (failure != std::errc() || end != digits.data() + digits.size()) {
    throw Error(error_code::kInternal, "read a result", std::string(column_name(column)),
                "the value is no integer");
  }
  return value;
}

bool Result::boolean(int row, int column) const { return text(row, column) == "t"; }

std::int64_t Result::affected() const {
  const std::string_view digits = PQcmdTuples(raw_.get());
  std::int64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

std::string_view Result::command() const { return PQcmdStatus(raw_.get()); }

void Connection::Close::operator()(pg_conn* raw) const { PQfinish(raw); }

Connection::Connection(std::string conninfo, std::string_view application_name)
    : conninfo_(std::move(conninfo)), application_name_(application_name) {
  check_conninfo(conninfo_);
  open();
}

void Connection::open() {
  // Entries before dbname are defaults that the connection string may override.
  const std::array<const char*, 9> keys{
      "connect_timeout",           "keepalives_idle",  "keepalives_interval",
      "keepalives_count",          "tcp_user_timeout", "dbname",
      "fallback_application_name", "client_encoding",  nullptr};
  const std::array<const char*, 9> values{
      "10",   "30",   "10", "3", "60000", conninfo_.c_str(), application_name_.c_str(),
      "UTF8", nullptr};
  const std::int64_t started_ms = SystemClock().steady_ms();
  raw_.reset(PQconnectdbParams(keys.data(), values.data(), /*expand_dbname=*/1));
  prepared_.clear();
  if (PQstatus(raw_.get()) != CONNECTION_OK) {
    const bool was_quick = SystemClock().steady_ms() - started_ms < kQuickAnswerMs;
    fail_to_connect(was_quick);
  }
  PQsetNoticeProcessor(raw_.get(), log_notice, nullptr);
  exec_script("SET DateStyle = 'ISO, YMD'; SET TimeZone = 'UTC'; SET IntervalStyle = 'postgres'");
}

void Connection::fail_to_connect(bool ask_why) {
  const std::string words = first_line(PQerrorMessage(raw_.get()));
  if (ask_why) {
    // libpq tells the server's SQLSTATE in its words only, and only when told before it asks.
    PQsetErrorVerbosity(raw_.get(), PQERRORS_VERBOSE);
    PQreset(raw_.get());
    const std::string sqlstate = sqlstate_in(PQerrorMessage(raw_.get()));
    raw_.reset();
    if (will_stay_refused(sqlstate)) {
      throw Error(error_code::kDatabaseRefused, "connect", "", words);
    }
  }
  raw_.reset();
  throw Error(error_code::kDatabaseUnavailable, "connect", "", words);
}

void Connection::fail_connection(std::string_view operation) const {
  throw Error(error_code::kDatabaseUnavailable, operation, "",
              first_line(PQerrorMessage(raw_.get())));
}

Result Connection::check(pg_result* raw, std::string_view operation) {
  Result result(raw);
  const ExecStatusType status = PQresultStatus(raw);
  if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_COPY_IN ||
      status == PGRES_EMPTY_QUERY) {
    return result;
  }
  if (raw == nullptr || field(raw, PG_DIAG_SQLSTATE).empty()) fail_connection(operation);
  throw PgError(operation, {.sqlstate = field(raw, PG_DIAG_SQLSTATE),
                            .message = field(raw, PG_DIAG_MESSAGE_PRIMARY),
                            .detail = field(raw, PG_DIAG_MESSAGE_DETAIL),
                            .hint = field(raw, PG_DIAG_MESSAGE_HINT),
                            .constraint = field(raw, PG_DIAG_CONSTRAINT_NAME)});
}

Result Connection::exec(std::string_view sql, const Params& params) {
  const std::vector<const char*> values = values_of(params);
  return check(PQexecParams(raw_.get(), std::string(sql).c_str(), static_cast<int>(values.size()),
                            nullptr, values.data(), nullptr, nullptr, /*resultFormat=*/0),
               "run a statement");
}

Result Connection::exec_prepared(std::string_view sql, const Params& params) {
  const std::string text(sql);
  auto known = prepared_.find(text);
  if (known == prepared_.end()) {
    if (prepared_.size() >= kPreparedMax) return exec(sql, params);
    const std::string name = "waybill_" + std::to_string(prepared_.size() + 1);
    check(PQprepare(raw_.get(), name.c_str(), text.c_str(), 0, nullptr), "prepare a statement");
    known = prepared_.emplace(text, name).first;
  }
  const std::vector<const char*> values = values_of(params);
  return check(PQexecPrepared(raw_.get(), known->second.c_str(), static_cast<int>(values.size()),
                              values.data(), nullptr, nullptr, /*resultFormat=*/0),
               "run a statement");
}

void Connection::exec_script(std::string_view sql) {
  check(PQexec(raw_.get(), std::string(sql).c_str()), "run a script");
}

bool Connection::alive() const { return PQstatus(raw_.get()) == CONNECTION_OK; }

bool Connection::in_transaction() const { return PQtransactionStatus(raw_.get()) != PQTRANS_IDLE; }

void Connection::reconnect() { open(); }

std::string Connection::quote_identifier(std::string_view text) const {
  char* quoted = PQescapeIdentifier(raw_.get(), text.data(), text.size());
  if (quoted == nullptr) {
    throw Error(error_code::kInternal, "quote an identifier", "", "it is not valid text");
  }
  std::string out(quoted);
  PQfreemem(quoted);
  return out;
}

Transaction::Transaction(Connection& connection, Mode mode) : connection_(connection) {
  connection_.exec(mode == Mode::kReadOnly ? "BEGIN READ ONLY" : "BEGIN");
}

Transaction::~Transaction() {
  if (!open_) return;
  try {
    rollback();
  } catch (const Error&) {
    // The connection is lost, and the transaction with it; the next statement will say so.
    log_debug("a rollback found the connection lost");
  }
}

void Transaction::commit() {
  // COMMIT of a failed transaction answers ROLLBACK and no error; that is no commit.
  const Result result = connection_.exec("COMMIT");
  open_ = false;
  if (result.command() != "COMMIT") {
    throw Error(error_code::kDatabaseRefused, "commit", "", "the transaction had failed before");
  }
}

void Transaction::rollback() {
  open_ = false;
  connection_.exec("ROLLBACK");
}

}  // namespace waybill::pg
