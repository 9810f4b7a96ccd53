#include "central/channels/sql_statements.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/ascii.h"

namespace waybill {

namespace {

/// Tokens of one value; more is nothing a dump writes.
constexpr std::size_t kPiecesMax = 400;

bool is_sign(const SqlToken& token, char sign) {
  return token.kind == SqlKind::kSign && token.text.front() == sign;
}

bool is_word(const SqlToken& token, std::string_view word) {
  return token.kind == SqlKind::kWord && equal_ignoring_case(token.text, word);
}

template <std::size_t N>
bool is_one_of(const SqlToken& token, const std::array<std::string_view, N>& words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return is_word(token, word); });
}

constexpr std::array<std::string_view, 9> kKindsOfTable = {
    "or", "replace", "temp", "temporary", "unlogged", "global", "local", "foreign", "external"};
constexpr std::array<std::string_view, 3> kIfNotExists = {"if", "not", "exists"};
/// What begins a line of CREATE TABLE that is no column.
constexpr std::array<std::string_view, 7> kConstraints = {
    "constraint", "primary", "unique", "check", "foreign", "exclude", "like"};
/// The same in MySQL's dumps only, where every column's name stands in backticks.
constexpr std::array<std::string_view, 5> kKeysOfMySql = {"key", "index", "fulltext", "spatial",
                                                          "period"};

/// What may stand between INSERT or REPLACE and INTO; MySQL and SQL Server may leave INTO out.
constexpr std::array<std::string_view, 10> kBeforeInto = {
    "or",   "replace",      "ignore",  "abort",         "fail",
    "into", "low_priority", "delayed", "high_priority", "rollback"};
/// Statements that dumps have and that give no table a row. Of others nobody knows what they do.
constexpr std::array<std::string_view, 33> kOtherStatements = {
    "alter",   "analyze", "attach",    "call",     "change",    "checkpoint", "cluster",
    "comment", "do",      "drop",      "execute",  "flush",     "grant",      "import",
    "lock",    "notify",  "optimize",  "pragma",   "refresh",   "reindex",    "release",
    "reset",   "revoke",  "savepoint", "security", "select",    "unlock",     "use",
    "vacuum",  "detach",  "explain",   "prepare",  "deallocate"};
constexpr std::array<std::string_view, 5> kChanges = {"update", "delete", "truncate", "merge",
                                                      "with"};

std::string join_name(const std::vector<std::string>& parts) {
  std::string name;
  for (const std::string& part : parts) name += (name.empty() ? "" : ".") + part;
  return name;
}

}  // namespace

SqlStatements::SqlStatements(std::string table, SqlLexer& lexer, SqlTableListener& listener)
    : table_(std::move(table)), lexer_(lexer), listener_(listener) {}

void SqlStatements::take(const SqlToken& token) {
  switch (step_) {
    case Step::kStart:
      return begin_statement(token);
    case Step::kSkip:
      if (is_sign(token, ';')) step_ = Step::kStart;
      return;
    case Step::kSet:
      return take_set(token);
    case Step::kCreate:
      return take_create(token);
    case Step::kCreateOther:
      if (is_sign(token, ';')) step_ = Step::kStart;
      if (is_word(token, "begin")) step_ = Step::kBody;
      return;
    case Step::kBody:
      return take_body(token);
    case Step::kChange:
      return take_change(token);
    case Step::kInto:
      if (!is_one_of(token, kBeforeInto)) {
        begin_name(Statement::kInsert);
        take_name(token);
      }
      return;
    case Step::kName:
      return take_name(token);
    case Step::kHead:
      return take_head(token);
    case Step::kColumns:
      return take_columns(token);
    case Step::kTableColumns:
      return take_table_columns(token);
    case Step::kTuples:
      return take_tuples(token);
    case Step::kTuple:
      return take_tuple(token);
  }
}

void SqlStatements::begin_statement(const SqlToken& token) {
  if (is_sign(token, ';')) return;
  begin_ = token.place;
  is_ours_ = false;
  step_ = Step::kSkip;
  if (is_word(token, "insert") || is_word(token, "replace")) {
    step_ = Step::kInto;
  } else if (is_word(token, "copy")) {
    begin_name(Statement::kCopy);
  } else if (is_word(token, "create")) {
    step_ = Step::kCreate;
  } else if (is_word(token, "set")) {
    step_ = Step::kSet;
    sets_strings_ = false;
  } else if (is_word(token, "begin") || is_word(token, "start")) {
    transaction_open_ = true;
  } else if (is_word(token, "commit") || is_word(token, "end")) {
    transaction_open_ = false;
  } else if (is_word(token, "rollback")) {
    rolled_back_ = true;
  } else if (is_one_of(token, kChanges)) {
    step_ = Step::kChange;
  } else if (!is_one_of(token, kOtherStatements)) {
    refuse("a statement begins that no dump has", begin_);
  }
}

/// Rows that a later statement changes would be staged as they were.
void SqlStatements::take_change(const SqlToken& token) {
  const std::size_t dot = table_.rfind('.');
  const std::string_view name = std::string_view(table_).substr(dot + 1);  // npos + 1 is 0
  const bool is_name = token.kind == SqlKind::kWord || token.kind == SqlKind::kName;
  if (is_sign(token, ';')) step_ = Step::kStart;
  if (is_name && token.text == name && rows_seen_) {
    refuse("a statement changes rows that the dump has given before", begin_);
  }
}

void SqlStatements::take_set(const SqlToken& token) {
  if (is_sign(token, ';')) step_ = Step::kStart;
  if (is_word(token, "standard_conforming_strings")) sets_strings_ = true;
  if (sets_strings_ && is_word(token, "off")) lexer_.set_escapes(SqlEscapes::kPostgres);
  if (sets_strings_ && is_word(token, "on")) lexer_.set_escapes(SqlEscapes::kNone);
}

void SqlStatements::take_create(const SqlToken& token) {
  constexpr std::array<std::string_view, 3> kHaveBodies = {"trigger", "function", "procedure"};
  if (is_one_of(token, kKindsOfTable)) return;
  if (is_word(token, "table")) return begin_name(Statement::kCreateTable);
  step_ = is_one_of(token, kHaveBodies) ? Step::kCreateOther : Step::kSkip;
  if (is_sign(token, ';')) step_ = Step::kStart;
  behind_semicolon_ = false;
  behind_end_ = false;
}

/// A body ends with `; END ;`, and what it inserts is no row of the dump.
void SqlStatements::take_body(const SqlToken& token) {
  const bool is_semicolon = is_sign(token, ';');
  if (is_semicolon && behind_end_) step_ = Step::kStart;
  behind_end_ = behind_semicolon_ && is_word(token, "end");
  behind_semicolon_ = is_semicolon;
}

void SqlStatements::begin_name(Statement statement) {
  statement_ = statement;
  step_ = Step::kName;
  name_.clear();
  name_goes_on_ = true;
}

void SqlStatements::take_name(const SqlToken& token) {
  if (name_.empty() && statement_ == Statement::kCreateTable && is_one_of(token, kIfNotExists)) {
    return;
  }
  const bool is_name = token.kind == SqlKind::kName || token.kind == SqlKind::kWord;
  if (is_name && name_goes_on_) {
    name_.emplace_back(token.text);
    name_goes_on_ = false;
  } else if (is_sign(token, '.')) {
    name_goes_on_ = true;
  } else {
    end_name();
    take(token);
  }
}

void SqlStatements::end_name() {
  const std::string full = join_name(name_);
  const bool has_schema = name_.size() > 1;
  is_ours_ = full == table_ || (has_schema && name_.back() == table_) ||
             (name_.size() > 2 && full.ends_with("." + table_));
  step_ = is_ours_ ? Step::kHead : Step::kSkip;
  if (!is_ours_) {
    // Data of another table follows all the same.
    if (statement_ == Statement::kCopy) step_ = Step::kHead;
    from_stdin_ = false;
    words_ = 0;
    columns_.clear();
    return;
  }
  if (has_schema && !qualified_.empty() && qualified_ != full) {
    return refuse("the table stands in more than one schema; name it in the file spec with its own",
                  begin_);
  }
  if (has_schema) qualified_ = full;
  table_seen_ = true;
  from_stdin_ = false;
  words_ = 0;
  columns_.clear();
}

void SqlStatements::take_head(const SqlToken& token) {
  if (statement_ == Statement::kCopy) return take_copy_head(token);
  if (statement_ == Statement::kInsert) return take_insert_head(token);
  if (is_sign(token, '(')) {
    step_ = Step::kTableColumns;
    item_begins_ = true;
    depth_ = 0;
  } else {
    refuse("this CREATE TABLE does not list the table's columns", begin_);
  }
}

void SqlStatements::take_insert_head(const SqlToken& token) {
  constexpr std::array<std::string_view, 4> kOverriding = {"overriding", "system", "user", "value"};
  if (is_sign(token, '(') && columns_.empty()) {
    step_ = Step::kColumns;
  } else if (is_word(token, "values")) {
    step_ = Step::kTuples;
    rows_seen_ = true;
    listener_.on_rows(std::move(columns_), begin_);
    columns_.clear();
  } else if (!is_one_of(token, kOverriding)) {
    refuse("this INSERT has no VALUES", begin_);
  }
}

void SqlStatements::take_copy_head(const SqlToken& token) {
  if (is_sign(token, '(') && words_ == 0) {
    step_ = Step::kColumns;
    return;
  }
  if (!is_sign(token, ';')) {
    ++words_;
    if (is_word(token, "stdin")) from_stdin_ = true;
    return;
  }
  step_ = Step::kStart;
  if (!from_stdin_) return;
  if (is_ours_ && words_ > 2) return refuse("this COPY is not in PostgreSQL's text format", begin_);
  lexer_.expect_data();
  if (is_ours_) {
    rows_seen_ = true;
    listener_.on_rows(std::move(columns_), begin_);
  }
  columns_.clear();
}

void SqlStatements::take_columns(const SqlToken& token) {
  if (token.kind == SqlKind::kWord || token.kind == SqlKind::kName) {
    columns_.emplace_back(token.text);
  } else if (is_sign(token, ')')) {
    step_ = Step::kHead;
  } else if (!is_sign(token, ',')) {
    refuse("the list of columns cannot be read", begin_);
  }
}

void SqlStatements::take_table_columns(const SqlToken& token) {
  if (is_sign(token, '(')) {
    ++depth_;
  } else if (is_sign(token, ')')) {
    if (depth_-- > 0) return;
    step_ = Step::kSkip;
    listener_.on_table(std::move(columns_));
    columns_.clear();
  } else if (depth_ == 0 && is_sign(token, ',')) {
    item_begins_ = true;
  } else if (item_begins_) {
    item_begins_ = false;
    const bool is_mysql = lexer_.escapes() == SqlEscapes::kMySql;
    if (is_one_of(token, kConstraints) || (is_mysql && is_one_of(token, kKeysOfMySql))) return;
    columns_.emplace_back(token.text);
  }
}

void SqlStatements::take_tuples(const SqlToken& token) {
  if (is_sign(token, '(')) {
    step_ = Step::kTuple;
    depth_ = 0;
    piece_count_ = 0;
    piece_bytes_ = 0;
    is_cut_ = false;
    listener_.on_row_begin(token.place);
  } else if (is_sign(token, ';')) {
    step_ = Step::kStart;
  } else if (token.kind == SqlKind::kWord) {
    step_ = Step::kSkip;  // ON CONFLICT ..., ON DUPLICATE KEY ...
  } else if (!is_sign(token, ',')) {
    refuse("the rows of this INSERT cannot be read", token.place);
  }
}

void SqlStatements::take_tuple(const SqlToken& token) {
  if (is_sign(token, ';')) return refuse("a row of this INSERT is not closed", token.place);
  if (depth_ == 0 && is_sign(token, ',')) return end_value();
  if (depth_ == 0 && is_sign(token, ')')) {
    end_value();
    step_ = Step::kTuples;
    listener_.on_row_end();
    return;
  }
  if (is_sign(token, '(')) ++depth_;
  if (is_sign(token, ')')) --depth_;
  keep_piece(token);
}

void SqlStatements::keep_piece(const SqlToken& token) {
  piece_bytes_ += token.text.size();
  if (token.is_cut || piece_count_ == kPiecesMax || piece_bytes_ > kRecordBytesMax) is_cut_ = true;
  if (is_cut_) return;
  if (piece_count_ == pieces_.size()) pieces_.emplace_back();
  SqlPiece& piece = pieces_[piece_count_++];
  piece.kind = token.kind;
  piece.text = token.text;
  piece.escapes = token.escapes;
}

void SqlStatements::end_value() {
  listener_.on_value({pieces_.data(), piece_count_}, is_cut_);
  piece_count_ = 0;
}

void SqlStatements::refuse(std::string message, TablePlace place) {
  step_ = Step::kSkip;
  listener_.on_unreadable(std::move(message), place);
}

}  // namespace waybill
