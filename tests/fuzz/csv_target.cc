// csv: CsvReader beside a reference that reads byte by byte, and RowReader by a spec of the input.
//
// Input: the options of make_spec() and make_dialect(), a byte each, then the file.
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/read/csv_reader.h"
#include "tests/fuzz/fuzz_target.h"

namespace waybill::fuzz {

namespace {

using nlohmann::json;

constexpr std::array kDelimiters = {',', ';', '\t', '|', '^', ' ', ':', '\x1f'};
constexpr std::array<std::optional<char>, 4> kQuotes = {'"', '\'', std::nullopt, '~'};
constexpr std::array<const char*, 5> kEncodings = {"utf-8", "windows-1252", "iso-8859-1",
                                                   "utf-16le", "utf-16be"};
constexpr std::array<const char*, 3> kOtherColumns = {"refuse", "ignore", "keep"};
enum class Header { kNone, kGiven, kInInput };
constexpr std::array kHeaders = {Header::kGiven, Header::kInInput, Header::kNone};

struct Case {
  CsvDialect dialect;
  Header header = Header::kNone;
  FileSpec spec;
  unsigned cut_seed = 0;
  std::size_t record_bytes_max = 0;
};

FileSpec make_spec(Input& input, const CsvDialect& dialect, Header header) {
  const bool has_header = header != Header::kNone;
  json columns = {
      {{"name", "code"}, {"to", "code"}, {"required", input.take_flag()}},
      {{"name", "name"}, {"to", "name"}, {"trim", input.take_flag()}, {"null_values", {"NULL"}}},
      {{"name", "qty"}, {"to", "quantity"}, {"type", "decimal"}, {"trim", true}},
      {{"name", "count"}, {"to", "count"}, {"type", "integer"}},
      {{"name", "on"}, {"to", "is_on"}, {"type", "boolean"}},
      {{"name", "day"}, {"to", "day"}, {"type", "date"}, {"date_format", "%d.%m.%Y"}},
      {{"name", "at"},
       {"to", "at"},
       {"type", "timestamp"},
       {"date_format", "%Y-%m-%dT%H:%M:%S.%f%z"}},
      {{"name", "price"},
       {"to", "price"},
       {"type", "decimal"},
       {"decimal_mark", ","},
       {"group_mark", "."}},
      {{"name", "stock"}, {"to", "stock"}, {"type", "integer"}, {"group_mark", " "}},
      {{"name", "seen"},
       {"to", "seen"},
       {"type", "timestamp"},
       {"date_format", "%Y%m%d%H"},
       {"time_zone", "America/Argentina/ComodRivadavia"}}};
  columns.erase(columns.begin() + 1 + input.take_byte() % 10, columns.end());
  const char* others = input.take_choice(kOtherColumns);
  if (!has_header && others == kOtherColumns.back()) others = kOtherColumns.front();
  json spec = {{"file_tag", "fuzz"},      {"entity", "party"},
               {"file_name", "*"},        {"encoding", input.take_choice(kEncodings)},
               {"header", has_header},    {"delimiter", std::string(1, dialect.delimiter)},
               {"quote", nullptr},        {"columns", columns},
               {"other_columns", others}, {"natural_key", {"code"}}};
  if (dialect.quote) {
    spec["quote"] = std::string(1, *dialect.quote);
    spec["quotes"] = dialect.quote_rule == QuoteRule::kStrict ? "strict" : "lenient";
  }
  add_rules(input, has_header, spec);
  return parse_file_spec(spec);
}

Case make_case(Input& input) {
  Case made;
  made.dialect.delimiter = input.take_choice(kDelimiters);
  made.dialect.quote = input.take_choice(kQuotes);
  made.dialect.quote_rule = input.take_flag() ? QuoteRule::kLenient : QuoteRule::kStrict;
  if (!made.dialect.quote) made.dialect.quote_rule = QuoteRule::kStrict;
  made.header = input.take_choice(kHeaders);
  made.spec = make_spec(input, made.dialect, made.header);
  made.cut_seed = input.take_byte();
  made.record_bytes_max = 16 + 2 * static_cast<std::size_t>(input.take_byte());
  return made;
}

std::string right_header(const FileSpec& spec) {
  std::string header;
  for (const ColumnSpec& column : spec.columns) {
    if (!header.empty()) header += spec.dialect.delimiter;
    header += column.name;
  }
  return header + "\n";
}

/// What CsvReader made of a file, each record and problem as one text, in their order.
struct Records {
  std::vector<std::string> all;
  std::vector<std::vector<std::string>> before_problem;  ///< fields of the records up to the first
  std::int64_t problem_record = 0;                       ///< what the first is about; 0: none
};

void claim_record(const CsvRecord& record, std::string_view file) {
  claim(!record.bytes.empty(), "a blank line is no record");
  claim(file.substr(static_cast<std::size_t>(record.byte_offset), record.bytes.size()) ==
            record.bytes,
        "a record's bytes stand at its offset");
  const bool is_ascii = std::all_of(record.bytes.begin(), record.bytes.end(),
                                    [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  claim(is_ascii || !record.is_ascii, "a record that is not ASCII says so");
}

/// Is the record no record of RFC 4180? Other problems are notices about what is read all the same.
bool is_broken(CsvProblemKind kind) {
  return kind == CsvProblemKind::kQuoteUnbalanced || kind == CsvProblemKind::kTextAfterQuote ||
         kind == CsvProblemKind::kQuoteInsideUnquoted || kind == CsvProblemKind::kRecordTooLong ||
         kind == CsvProblemKind::kNulByte;
}

template <class Feed>
Records read_records(const Case& made, std::string_view file, std::size_t record_bytes_max,
                     const Feed& feed_all) {
  Records records;
  const auto take_record = [&](const CsvRecord& record) {
    claim_record(record, file);
    std::string scratch;
    std::vector<std::string> fields;
    for (const CsvField& field : record.fields) fields.emplace_back(record.text(field, scratch));
    records.all.push_back(fmt::format("record {} line {} at {}: {} fields", record.number,
                                      record.line, record.byte_offset, record.field_count));
    records.all.insert(records.all.end(), fields.begin(), fields.end());
    if (records.problem_record == 0) records.before_problem.push_back(std::move(fields));
  };
  const auto take_problem = [&](const CsvProblem& problem) {
    claim(problem.byte_offset <= static_cast<std::int64_t>(file.size()), "problems lie in it");
    records.all.push_back(fmt::format("problem {} record {} line {} at {} field {}",
                                      static_cast<int>(problem.kind), problem.record_number,
                                      problem.line, problem.byte_offset, problem.field_index));
    if (records.problem_record == 0 && is_broken(problem.kind)) {
      records.problem_record = problem.record_number;
    }
  };
  CsvReader reader(made.dialect, take_record, take_problem, 0, record_bytes_max);
  feed_all([&](std::string_view piece) { reader.feed(piece); });
  reader.finish();
  return records;
}

/// RFC 4180 as one reads it, a byte at a time. Shares nothing with CsvReader.
class Reference {
 public:
  Reference(const CsvDialect& dialect, std::string_view file) : dialect_(dialect), file_(file) {}

  /// The next record's fields; nothing at the end, or when it is broken().
  std::optional<std::vector<std::string>> next() {
    while (at_ < file_.size() && is_line_end()) ++at_;
    if (at_ == file_.size()) return std::nullopt;
    std::vector<std::string> fields;
    for (;;) {
      const bool is_quoted = dialect_.quote && at_ < file_.size() && file_[at_] == *dialect_.quote;
      fields.push_back(is_quoted ? quoted() : plain());
      if (broken_) return std::nullopt;
      if (at_ == file_.size() || is_line_end()) return fields;
      ++at_;  // the delimiter
    }
  }
  [[nodiscard]] bool broken() const { return broken_; }

 private:
  [[nodiscard]] bool is_line_end() const { return file_[at_] == '\n' || file_[at_] == '\r'; }
  [[nodiscard]] bool ends_field() const {
    return at_ == file_.size() || is_line_end() || file_[at_] == dialect_.delimiter;
  }
  [[nodiscard]] bool is_strict() const { return dialect_.quote_rule == QuoteRule::kStrict; }

  std::string plain() {
    std::string content;
    for (; !ends_field(); ++at_) {
      if (file_[at_] == '\0' || (file_[at_] == dialect_.quote && is_strict())) broken_ = true;
      content += file_[at_];
    }
    return content;
  }

  std::string quoted() {
    std::string content;
    for (++at_; at_ < file_.size(); ++at_) {
      if (file_[at_] == '\0') broken_ = true;
      if (file_[at_] != *dialect_.quote) {
        content += file_[at_];
        continue;
      }
      ++at_;
      if (ends_field()) return content;
      if (file_[at_] != *dialect_.quote) {
        if (is_strict()) broken_ = true;
        --at_;  // content: the quote itself
      }
      content += *dialect_.quote;
    }
    broken_ = true;  // the end of the file inside quotes
    return content;
  }

  CsvDialect dialect_;
  std::string_view file_;
  std::size_t at_ = 0;
  bool broken_ = false;
};

void claim_as_reference(const Case& made, std::string_view file, const Records& records) {
  Reference reference(made.dialect, file);
  for (const std::vector<std::string>& fields : records.before_problem) {
    claim(reference.next() == fields, "the reference reads the same fields");
  }
  claim(!reference.next().has_value(), "the reference reads no record more");
  claim(reference.broken() == (records.problem_record != 0), "what is broken is a problem");
  const auto good = static_cast<std::int64_t>(records.before_problem.size());
  claim(!reference.broken() || records.problem_record == good + 1, "... of that record");
}

void claim_records(const Case& made, std::string_view file) {
  const auto whole = [&](const auto& feed) { feed(file); };
  const auto cut = [&](const auto& feed) { feed_in_cuts(file, made.cut_seed, feed); };
  const Records records = read_records(made, file, kRecordBytesMax, whole);
  claim(records.all == read_records(made, file, kRecordBytesMax, cut).all,
        "every cut gives the same records");
  claim_as_reference(made, file, records);
  const std::size_t limit = made.record_bytes_max;
  claim(read_records(made, file, limit, whole).all == read_records(made, file, limit, cut).all,
        "every cut finds the same record too long");
}

/// The file in UTF-16: ASCII by its code points; from 80 on, two bytes are a unit as they stand.
std::string widen(std::string_view file, Encoding encoding) {
  std::string wide;
  const auto put = [&](char high, char low) {
    wide += encoding == Encoding::kUtf16Be ? high : low;
    wide += encoding == Encoding::kUtf16Be ? low : high;
  };
  for (std::size_t at = 0; at < file.size(); ++at) {
    if (static_cast<unsigned char>(file[at]) < 0x80) {
      put('\0', file[at]);
    } else if (at + 1 < file.size()) {
      put(file[at], file[at + 1]);
      ++at;
    } else {
      wide += file[at];  // half a unit
    }
  }
  return wide;
}

}  // namespace

void fuzz_csv(std::string_view bytes) {
  Input input(bytes);
  const Case made = make_case(input);
  std::string file = plant_markers(input.rest());
  claim_records(made, file);
  if (made.header == Header::kGiven) file.insert(0, right_header(made.spec));
  if (is_utf16(made.spec.encoding)) file = widen(file, made.spec.encoding);
  const Reading reading = claim_same_in_cuts(made.spec, file, made.cut_seed);
  // A header of the input's own may hold the marker as a name, unless it is found to be none.
  const bool has_no_header =
      !reading.findings.empty() && reading.findings.front().code == &error_code::kHeaderMissing;
  if (made.header != Header::kInInput || has_no_header) {
    claim_no_marker(made.spec, file, reading);
  }
}

}  // namespace waybill::fuzz
