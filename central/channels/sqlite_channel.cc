#include "central/channels/sqlite_channel.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "central/channels/scratch_file.h"
#include "core/ascii.h"
#include "core/error.h"
#include "core/read/table_rows.h"

namespace waybill {

namespace {

constexpr std::string_view kMagic("SQLite format 3\0", 16);
constexpr int kValueBytesMax = 2 * static_cast<int>(kRecordBytesMax);
constexpr std::size_t kNumberBytesMax = 32;

struct CloseDatabase {
  void operator()(sqlite3* raw) const { sqlite3_close_v2(raw); }
};
struct Finalize {
  void operator()(sqlite3_stmt* raw) const { sqlite3_finalize(raw); }
};
using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

/// "file:" and the path with what a URI would take for something else escaped.
std::string uri_of(const std::filesystem::path& path) {
  std::string uri = "file:";
  for (const char c : path.string()) {
    if (c == '%' || c == '?' || c == '#') {
      uri += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    } else {
      uri += c;
    }
  }
  return uri + "?mode=ro&immutable=1";
}

std::string quote_name(std::string_view name) {
  std::string text = "\"";
  for (const char c : name) text.append(c == '"' ? 2 : 1, c);
  return text + "\"";
}

/// A name that means the rowid; a column may have taken one or all of them.
std::string rowid_name(const std::vector<std::string>& columns) {
  for (const char* name : {"rowid", "_rowid_", "oid"}) {
    const bool is_taken =
        std::any_of(columns.begin(), columns.end(),
                    [&](const std::string& column) { return equal_ignoring_case(column, name); });
    if (!is_taken) return name;
  }
  return "";
}

class SqliteChannel final : public Channel {
 public:
  SqliteChannel(const FileSpec& spec, RowSink sink, std::int64_t first_source_row,
                const ChannelOptions& options)
      : table_(spec.table),
        rows_(spec, std::move(sink), first_source_row),
        scratch_(options.scratch_folder) {}

  void set_quarantine(QuarantineSink sink) override { rows_.set_quarantine(std::move(sink)); }
  void feed(std::string_view bytes) override {
    if (head_.size() < kMagic.size()) head_ += bytes.substr(0, kMagic.size() - head_.size());
    fed_bytes_ += static_cast<std::int64_t>(bytes.size());
    scratch_.write(bytes);
  }
  void finish() override;
  [[nodiscard]] const std::vector<Finding>& findings() const override { return rows_.findings(); }
  [[nodiscard]] ReadSummary summary() const override {
    ReadSummary summary = rows_.summary();
    summary.bytes = fed_bytes_;
    summary.complete = finished_ && summary.complete;
    return summary;
  }

 private:
  void open();
  [[nodiscard]] bool is_whole();
  [[nodiscard]] bool find_table();
  [[nodiscard]] bool has_rowid();
  void read_table();
  void read_row(sqlite3_stmt* row);
  [[nodiscard]] std::string_view text_of(sqlite3_stmt* row, int column);
  [[nodiscard]] Statement prepare(const std::string& sql);
  /// True while there is a row; what cannot be read is refused.
  [[nodiscard]] bool step(sqlite3_stmt* statement);
  void refuse_answer(int answer);

  std::string table_;
  TableRows rows_;
  ScratchFile scratch_;
  std::string head_;
  std::int64_t fed_bytes_ = 0;
  bool finished_ = false;
  std::unique_ptr<sqlite3, CloseDatabase> database_;
  std::vector<std::string_view> values_;
  std::vector<std::array<char, kNumberBytesMax>> numbers_;  ///< one a column
};

void SqliteChannel::finish() {
  if (finished_) return;
  finished_ = true;
  scratch_.finish_writing();
  if (fed_bytes_ == 0) {
    rows_.refuse_file(error_code::kFileEmpty, "the file holds no bytes");
  } else if (head_ != kMagic) {
    rows_.refuse_file(error_code::kDumpDamaged, "the file is no SQLite database");
  } else {
    open();
    if (is_whole() && find_table()) read_table();
  }
  database_.reset();
}

void SqliteChannel::open() {
  sqlite3* raw = nullptr;
  const int answer = sqlite3_open_v2(uri_of(scratch_.path()).c_str(), &raw,
                                     SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, nullptr);
  database_.reset(raw);
  if (answer != SQLITE_OK) {
    throw Error(error_code::kFileSystemFailed, "open scratch file", scratch_.path().string(),
                sqlite3_errstr(answer));
  }
  for (const int option : {SQLITE_DBCONFIG_TRUSTED_SCHEMA, SQLITE_DBCONFIG_ENABLE_TRIGGER,
                           SQLITE_DBCONFIG_ENABLE_VIEW, SQLITE_DBCONFIG_WRITABLE_SCHEMA}) {
    sqlite3_db_config(raw, option, 0, nullptr);
  }
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_limit(raw, SQLITE_LIMIT_LENGTH, kValueBytesMax);
  sqlite3_limit(raw, SQLITE_LIMIT_ATTACHED, 0);
  // A CHECK that a row does not keep is the partner's affair, not damage.
  for (const char* pragma : {"PRAGMA cell_size_check = ON", "PRAGMA mmap_size = 0",
                             "PRAGMA ignore_check_constraints = ON"}) {
    sqlite3_exec(raw, pragma, nullptr, nullptr, nullptr);
  }
}

/// Every page is where it belongs: also that of a table nobody reads tells of a file cut short.
bool SqliteChannel::is_whole() {
  const Statement check = prepare("PRAGMA quick_check(1)");
  if (!check || !step(check.get())) return false;
  const auto* const answer = reinterpret_cast<const char*>(sqlite3_column_text(check.get(), 0));
  if (answer != nullptr && std::string_view(answer) == "ok") return true;
  rows_.refuse_file(error_code::kDumpDamaged, "the database does not pass SQLite's own check");
  return false;
}

bool SqliteChannel::find_table() {
  const Statement find = prepare(
      "SELECT name FROM sqlite_schema"
      " WHERE type = 'table' AND rootpage > 0 AND name = ?1 COLLATE NOCASE");
  if (!find) return false;
  sqlite3_bind_text(find.get(), 1, table_.c_str(), -1, SQLITE_TRANSIENT);
  if (step(find.get())) {
    table_ = reinterpret_cast<const char*>(sqlite3_column_text(find.get(), 0));
    return true;
  }
  if (!rows_.ended()) {
    rows_.refuse_file(error_code::kDumpTableMissing,
                      fmt::format("the database has no table {}", table_));
  }
  return false;
}

/// A table WITHOUT ROWID is stored, and read, in the order of its primary key.
bool SqliteChannel::has_rowid() {
  const Statement ask = prepare("SELECT 1 FROM pragma_table_list WHERE name = ?1 AND wr = 0");
  if (!ask) return false;
  sqlite3_bind_text(ask.get(), 1, table_.c_str(), -1, SQLITE_TRANSIENT);
  return step(ask.get());
}

void SqliteChannel::read_table() {
  const std::string everything = "SELECT * FROM " + quote_name(table_) + " NOT INDEXED";
  Statement rows = prepare(everything);
  if (!rows) return;
  std::vector<std::string> names;
  const int column_count = sqlite3_column_count(rows.get());
  names.reserve(static_cast<std::size_t>(column_count));
  for (int i = 0; i < column_count; ++i) {
    names.emplace_back(sqlite3_column_name(rows.get(), i));
  }
  const std::string order = has_rowid() ? rowid_name(names) : "";
  if (!order.empty()) rows = prepare(everything + " ORDER BY " + order);
  if (!rows || rows_.ended()) return;
  values_.resize(names.size());
  numbers_.resize(names.size());
  if (!rows_.start(std::move(names), {})) return;
  while (step(rows.get())) read_row(rows.get());
}

void SqliteChannel::read_row(sqlite3_stmt* row) {
  for (std::size_t i = 0; i < values_.size(); ++i) {
    const int column = static_cast<int>(i);
    if (sqlite3_column_type(row, column) == SQLITE_BLOB && rows_.is_read(i)) {
      rows_.refuse_row(error_code::kValueInvalid, "the value is binary", {}, i);
      return;
    }
    values_[i] = text_of(row, column);
  }
  rows_.take_row(values_, {});
}

/// A number keeps its value: of a REAL the shortest digits that mean it.
std::string_view SqliteChannel::text_of(sqlite3_stmt* row, int column) {
  auto& digits = numbers_[static_cast<std::size_t>(column)];
  const auto written = [&](std::to_chars_result result) {
    return std::string_view(digits.data(), static_cast<std::size_t>(result.ptr - digits.data()));
  };
  switch (sqlite3_column_type(row, column)) {
    case SQLITE_INTEGER:
      return written(std::to_chars(digits.data(), digits.data() + digits.size(),
                                   sqlite3_column_int64(row, column)));
    case SQLITE_FLOAT:
      return written(std::to_chars(digits.data(), digits.data() + digits.size(),
                                   sqlite3_column_double(row, column)));
    case SQLITE_TEXT: {
      const auto* const text = reinterpret_cast<const char*>(sqlite3_column_text(row, column));
      return {text, static_cast<std::size_t>(sqlite3_column_bytes(row, column))};
    }
    default:
      return {};
  }
}

Statement SqliteChannel::prepare(const std::string& sql) {
  sqlite3_stmt* raw = nullptr;
  const int answer = sqlite3_prepare_v2(database_.get(), sql.c_str(), -1, &raw, nullptr);
  if (answer != SQLITE_OK) refuse_answer(answer);
  return Statement(raw);
}

bool SqliteChannel::step(sqlite3_stmt* statement) {
  const int answer = sqlite3_step(statement);
  if (answer != SQLITE_ROW && answer != SQLITE_DONE) refuse_answer(answer);
  return answer == SQLITE_ROW;
}

void SqliteChannel::refuse_answer(int answer) {
  const int kind = answer & 0xFF;
  if (kind == SQLITE_NOMEM) throw std::bad_alloc();
  if (kind == SQLITE_TOOBIG) {
    rows_.refuse_file(error_code::kRecordTooLong,
                      fmt::format("a value is longer than {} bytes", kValueBytesMax));
    return;
  }
  if (kind == SQLITE_IOERR && answer != SQLITE_IOERR_SHORT_READ) {
    throw Error(error_code::kFileSystemFailed, "read scratch file", scratch_.path().string(),
                sqlite3_errstr(answer));
  }
  rows_.refuse_file(error_code::kDumpDamaged,
                    fmt::format("SQLite cannot read it: {}", sqlite3_errstr(answer)));
}

}  // namespace

std::unique_ptr<Channel> open_sqlite(const FileSpec& spec, RowSink sink,
                                     std::int64_t first_source_row, const ChannelOptions& options) {
  return std::make_unique<SqliteChannel>(spec, std::move(sink), first_source_row, options);
}

}  // namespace waybill
