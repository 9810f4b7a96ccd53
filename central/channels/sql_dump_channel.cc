#include "central/channels/sql_dump_channel.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "central/channels/sql_statements.h"
#include "core/read/encoding.h"

namespace waybill {

namespace {

/// Whose comments frame a dump: the end is there when the dump is whole.
struct Frame {
  std::string_view begin;
  std::string_view end;
};
constexpr Frame kFrames[] = {{"PostgreSQL database dump", "PostgreSQL database dump complete"},
                             {"MySQL dump", "Dump completed"},
                             {"MariaDB dump", "Dump completed"}};

class SqlDumpChannel final : public Channel, private SqlListener, private SqlTableListener {
 public:
  SqlDumpChannel(const FileSpec& spec, RowSink sink, std::int64_t first_source_row)
      : table_(spec.table),
        rows_(spec, std::move(sink), first_source_row),
        lexer_(*this),
        statements_(spec.table, lexer_, *this) {}

  void set_quarantine(QuarantineSink sink) override { rows_.set_quarantine(std::move(sink)); }
  void feed(std::string_view bytes) override;
  void finish() override;
  [[nodiscard]] const std::vector<Finding>& findings() const override { return rows_.findings(); }
  [[nodiscard]] ReadSummary summary() const override {
    ReadSummary summary = rows_.summary();
    summary.bytes = fed_bytes_;
    summary.complete = finished_ && summary.complete;
    return summary;
  }

 private:
  /// A value of the open row, as a place in row_text_.
  struct Value {
    std::size_t begin = 0;
    std::size_t end = 0;
    SqlValueKind kind = SqlValueKind::kNull;
  };

  void on_token(const SqlToken& token) override {
    if (!rows_.ended()) statements_.take(token);
  }
  void on_comment(std::string_view comment) override;
  void on_data_line(std::string_view line, bool is_cut, TablePlace place) override;
  void on_table(std::vector<std::string> columns) override { table_columns_ = std::move(columns); }
  void on_rows(std::vector<std::string> columns, TablePlace place) override;
  void on_row_begin(TablePlace place) override;
  void on_value(std::span<const SqlPiece> pieces, bool is_cut) override;
  void on_row_end() override;
  void on_unreadable(std::string message, TablePlace place) override {
    rows_.refuse_file(error_code::kDumpDamaged, std::move(message), place);
  }

  void start();
  void check_end(bool is_lexer_done);
  void take_values(std::size_t count, bool is_too_long, TablePlace place);
  [[nodiscard]] Value& next_value();

  std::string table_;
  TableRows rows_;
  SqlLexer lexer_;
  SqlStatements statements_;
  std::string head_;  ///< the first bytes, until a byte order mark can be told
  bool started_ = false;
  bool finished_ = false;
  std::int64_t fed_bytes_ = 0;
  std::string_view awaited_end_;  ///< the comment that must come yet

  std::vector<std::string> table_columns_;  ///< of CREATE TABLE
  std::vector<std::string> columns_;        ///< of the first statement with rows
  std::vector<std::size_t> order_;          ///< of the open statement: a value's place in columns_
  std::string row_text_;
  std::vector<Value> values_;
  std::size_t value_count_ = 0;
  bool is_too_long_ = false;
  TablePlace row_place_;
  std::vector<std::string_view> texts_;
};

void SqlDumpChannel::feed(std::string_view bytes) {
  fed_bytes_ += static_cast<std::int64_t>(bytes.size());
  if (!started_) {
    const std::size_t missing = kByteOrderMarkBytesMax - head_.size();
    head_.append(bytes.substr(0, missing));
    bytes.remove_prefix(std::min(missing, bytes.size()));
    if (head_.size() < kByteOrderMarkBytesMax) return;
    start();
  }
  if (!rows_.ended()) lexer_.feed(bytes);
}

void SqlDumpChannel::start() {
  started_ = true;
  const ByteOrderMark mark = detect_byte_order_mark(head_);
  if (mark == ByteOrderMark::kUtf16Big || mark == ByteOrderMark::kUtf16Little) {
    rows_.refuse_file(error_code::kEncodingInvalid,
                      "the file starts with the mark of UTF-16; a dump is read as UTF-8", {1, 0});
    return;
  }
  if (mark == ByteOrderMark::kUtf8) {
    lexer_.skip(kByteOrderMarkBytesMax);
  } else {
    lexer_.feed(head_);
  }
}

void SqlDumpChannel::finish() {
  if (finished_) return;
  finished_ = true;
  if (fed_bytes_ == 0) {
    rows_.refuse_file(error_code::kFileEmpty, "the file holds no bytes");
    return;
  }
  if (!started_) start();
  if (rows_.ended()) return;
  check_end(lexer_.finish());
  if (rows_.ended()) return;
  if (!statements_.table_seen()) {
    rows_.refuse_file(error_code::kDumpTableMissing,
                      fmt::format("the dump has no table {}", table_));
  } else if (!rows_.started() && !table_columns_.empty()) {
    static_cast<void>(rows_.start(table_columns_, {}));
  }
}

void SqlDumpChannel::check_end(bool is_lexer_done) {
  const char* problem = nullptr;
  if (!is_lexer_done || statements_.is_open()) {
    problem = "the dump ends in the middle of a statement or of a COPY block";
  } else if (statements_.was_rolled_back()) {
    problem = "the dump rolls back; the program that made it met an error";
  } else if (statements_.is_transaction_open()) {
    problem = "the dump ends in an open transaction";
  } else if (!awaited_end_.empty()) {
    problem = "the dump lacks the comment that its program writes at the end";
  }
  if (problem != nullptr) {
    rows_.refuse_file(error_code::kDumpIncomplete, problem, lexer_.place());
  }
}

void SqlDumpChannel::on_comment(std::string_view comment) {
  const auto has = [&](std::string_view words) {
    return comment.find(words) != std::string_view::npos;
  };
  if (!awaited_end_.empty() && has(awaited_end_)) {
    awaited_end_ = {};
    return;
  }
  for (const Frame& frame : kFrames) {
    if (has(frame.begin) && !has(frame.end)) awaited_end_ = frame.end;
  }
}

void SqlDumpChannel::on_rows(std::vector<std::string> columns, TablePlace place) {
  if (columns.empty()) columns = table_columns_;
  if (columns.empty()) {
    return on_unreadable("neither this statement nor a CREATE TABLE before it lists the columns",
                         place);
  }
  if (!rows_.started()) {
    columns_ = columns;
    if (!rows_.start(columns_, place)) return;
  }
  order_.clear();
  for (const std::string& column : columns) {
    const auto found = std::find(columns_.begin(), columns_.end(), column);
    order_.push_back(static_cast<std::size_t>(found - columns_.begin()));
  }
  if (!std::is_permutation(columns.begin(), columns.end(), columns_.begin(), columns_.end())) {
    on_unreadable("the statement lists other columns than the first one with rows", place);
  }
}

void SqlDumpChannel::on_row_begin(TablePlace place) {
  row_place_ = place;
  row_text_.clear();
  value_count_ = 0;
  is_too_long_ = false;
}

SqlDumpChannel::Value& SqlDumpChannel::next_value() {
  if (value_count_ == values_.size()) values_.emplace_back();
  Value& value = values_[value_count_++];
  value.begin = row_text_.size();
  return value;
}

void SqlDumpChannel::on_value(std::span<const SqlPiece> pieces, bool is_cut) {
  if (value_count_ > columns_.size()) return;  // too many already; the row will be refused
  Value& value = next_value();
  if (is_cut || row_text_.size() > kRecordBytesMax) {
    is_too_long_ = true;
  } else {
    value.kind = read_sql_value(pieces, row_text_);
  }
  value.end = row_text_.size();
}

void SqlDumpChannel::on_row_end() { take_values(value_count_, is_too_long_, row_place_); }

/// Puts the values of a row into the order of columns_ and hands them over.
void SqlDumpChannel::take_values(std::size_t count, bool is_too_long, TablePlace place) {
  if (rows_.ended()) return;
  if (is_too_long) {
    rows_.refuse_row(
        error_code::kRecordTooLong,
        fmt::format("the row that starts here is longer than {} bytes", kRecordBytesMax), place);
    return;
  }
  texts_.assign(count, {});
  for (std::size_t i = 0; i < count; ++i) {
    const Value& value = values_[i];
    const std::size_t column = count == order_.size() ? order_[i] : i;
    const bool is_bad =
        value.kind == SqlValueKind::kBinary || value.kind == SqlValueKind::kUnreadable;
    if (is_bad && count == order_.size() && rows_.is_read(column)) {
      const bool is_binary = value.kind == SqlValueKind::kBinary;
      rows_.refuse_row(is_binary ? error_code::kValueInvalid : error_code::kDumpDamaged,
                       is_binary ? "the value is binary" : "the value is no literal", place,
                       column);
      return;
    }
    if (value.kind == SqlValueKind::kText) {
      texts_[column] = std::string_view(row_text_).substr(value.begin, value.end - value.begin);
    }
  }
  rows_.take_row(texts_, place);
}

void SqlDumpChannel::on_data_line(std::string_view line, bool is_cut, TablePlace place) {
  if (rows_.ended() || !statements_.is_copying()) return;
  on_row_begin(place);
  std::string scratch;
  for (std::size_t from = 0; !is_cut && from <= line.size();) {
    const std::size_t end = std::min(line.find('\t', from), line.size());
    const std::string_view field = line.substr(from, end - from);
    from = end + 1;
    if (value_count_ > columns_.size()) break;
    Value& value = next_value();
    value.kind = field == "\\N" ? SqlValueKind::kNull : SqlValueKind::kText;
    if (value.kind == SqlValueKind::kText) {
      row_text_ += undo_escapes(field, SqlEscapes::kPostgres, scratch);
    }
    value.end = row_text_.size();
  }
  take_values(value_count_, is_cut, place);
}

}  // namespace

std::unique_ptr<Channel> open_sql_dump(const FileSpec& spec, RowSink sink,
                                       std::int64_t first_source_row) {
  return std::make_unique<SqlDumpChannel>(spec, std::move(sink), first_source_row);
}

}  // namespace waybill
