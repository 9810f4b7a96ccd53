// SqlStatements: finds in a dump's tokens the statements that speak of one table.
//
// Place:    central/channels, between SqlLexer and SqlDumpChannel.
// Owner:    SqlDumpChannel. One dump, one thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "central/channels/sql_lexer.h"
#include "central/channels/sql_value.h"

namespace waybill {

/// What the dump says of the table.
class SqlTableListener {
 public:
  virtual ~SqlTableListener() = default;
  /// CREATE TABLE: the columns in the table's order.
  virtual void on_table(std::vector<std::string> columns) = 0;
  /// INSERT or COPY begins; `columns` is empty when the statement does not list them.
  virtual void on_rows(std::vector<std::string> columns, TablePlace place) = 0;
  /// One row of INSERT: a value's pieces for every column.
  virtual void on_row_begin(TablePlace place) = 0;
  virtual void on_value(std::span<const SqlPiece> pieces, bool is_cut) = 0;
  virtual void on_row_end() = 0;
  /// The statement cannot be read.
  virtual void on_unreadable(std::string message, TablePlace place) = 0;
};

class SqlStatements {
 public:
  SqlStatements(std::string table, SqlLexer& lexer, SqlTableListener& listener);

  void take(const SqlToken& token);
  /// The data that follows is the table's.
  [[nodiscard]] bool is_copying() const { return is_ours_; }
  /// Inside a statement; its semicolon has not come.
  [[nodiscard]] bool is_open() const { return step_ != Step::kStart; }
  [[nodiscard]] bool is_transaction_open() const { return transaction_open_; }
  [[nodiscard]] bool was_rolled_back() const { return rolled_back_; }
  /// Some statement spoke of the table.
  [[nodiscard]] bool table_seen() const { return table_seen_; }

 private:
  enum class Step : std::uint8_t {
    kStart,
    kSkip,  ///< up to the semicolon
    kSet,
    kCreate,  ///< behind CREATE: a table, or something else
    kCreateOther,
    kBody,    ///< statements inside a trigger or function, up to its END
    kChange,  ///< behind UPDATE, DELETE and the like
    kInto,    ///< behind INSERT: up to INTO
    kName,    ///< the table's name
    kHead,    ///< behind the name: columns, VALUES, FROM STDIN
    kColumns,
    kTableColumns,
    kTuples,
    kTuple,
  };
  enum class Statement : std::uint8_t { kInsert, kCopy, kCreateTable };

  void begin_statement(const SqlToken& token);
  void begin_name(Statement statement);
  void take_create(const SqlToken& token);
  void take_body(const SqlToken& token);
  void take_change(const SqlToken& token);
  void take_set(const SqlToken& token);
  void take_name(const SqlToken& token);
  void end_name();
  void take_head(const SqlToken& token);
  void take_insert_head(const SqlToken& token);
  void take_copy_head(const SqlToken& token);
  void take_columns(const SqlToken& token);
  void take_table_columns(const SqlToken& token);
  void take_tuples(const SqlToken& token);
  void take_tuple(const SqlToken& token);
  void keep_piece(const SqlToken& token);
  void end_value();
  void refuse(std::string message, TablePlace place);

  std::string table_;
  SqlLexer& lexer_;
  SqlTableListener& listener_;
  Step step_ = Step::kStart;
  Statement statement_ = Statement::kInsert;
  TablePlace begin_;  ///< of the statement
  bool is_ours_ = false;
  bool table_seen_ = false;
  bool rows_seen_ = false;
  bool transaction_open_ = false;
  bool rolled_back_ = false;
  std::string qualified_;  ///< the table with its schema, as first seen

  std::vector<std::string> name_;  ///< parts of the name being read
  bool name_goes_on_ = false;      ///< behind its dot
  std::vector<std::string> columns_;
  bool item_begins_ = false;
  int depth_ = 0;
  int words_ = 0;  ///< of a COPY statement behind its columns
  bool from_stdin_ = false;
  bool sets_strings_ = false;
  bool behind_semicolon_ = false;  ///< in a body
  bool behind_end_ = false;

  std::vector<SqlPiece> pieces_;  ///< kept for their room; the first piece_count_ are the value's
  std::size_t piece_count_ = 0;
  std::size_t piece_bytes_ = 0;
  bool is_cut_ = false;
};

}  // namespace waybill
