#include "core/read/first_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "core/ascii.h"
#include "core/read/encoding.h"

namespace waybill {

namespace {

constexpr std::string_view kDelimiters = ",;\t|^";

/// Names that must be there before a record is taken for a header.
std::size_t names_needed(const FileSpec& spec) {
  constexpr std::size_t kNamesNeeded = 2;
  return std::min(kNamesNeeded, spec.columns.size());
}

/// The record's fields, cut at `delimiter` without minding misplaced quotes.
std::vector<std::string> fields_of(const FileSpec& spec, std::string_view record, char delimiter) {
  std::vector<std::string> fields;
  std::string scratch;
  CsvDialect dialect = spec.dialect;
  dialect.delimiter = delimiter;
  dialect.quote_rule = QuoteRule::kLenient;
  if (dialect.quote == delimiter) return fields;
  const auto take = [&](const CsvRecord& cut) {
    if (!fields.empty()) return;
    for (const CsvField& field : cut.fields) fields.emplace_back(cut.text(field, scratch));
  };
  CsvReader reader(dialect, take, [](const CsvProblem&) {});
  reader.feed(record);
  reader.finish();
  return fields;
}

/// The texts of the columns or, of a csv record, of all its fields.
std::vector<std::string> texts_of(const FileSpec& spec, const CsvRecord& record) {
  std::vector<std::string> texts;
  std::string scratch;
  const auto add = [&](std::string_view text) {
    std::string& decoded = texts.emplace_back();
    if (is_single_byte(spec.encoding)) {
      append_single_bytes(spec.encoding, text, decoded);
    } else {
      decoded = text;
    }
  };
  if (spec.format == FileFormat::kFixedWidth) {
    for (const ColumnSpec& column : spec.columns) {
      const auto begin = static_cast<std::size_t>(column.start - 1);
      if (begin >= record.bytes.size()) continue;
      add(record.bytes.substr(begin, static_cast<std::size_t>(column.width)));
    }
  } else {
    for (const CsvField& field : record.fields) add(record.text(field, scratch));
  }
  return texts;
}

std::size_t count_names(const FileSpec& spec, const std::vector<std::string>& fields) {
  const auto is_there = [&](const ColumnSpec& column) {
    const std::string_view name = trim_ascii_blanks(column.name);
    return std::any_of(fields.begin(), fields.end(),
                       [&](const std::string& field) { return trim_ascii_blanks(field) == name; });
  };
  return static_cast<std::size_t>(
      std::count_if(spec.columns.begin(), spec.columns.end(), is_there));
}

/// How well the record makes sense when it is cut at `delimiter`; 0: it does not.
std::size_t sense(const FileSpec& spec, std::string_view record, char delimiter) {
  const std::vector<std::string> fields = fields_of(spec, record, delimiter);
  if (spec.header) {
    const std::size_t names = count_names(spec, fields);
    return names >= names_needed(spec) ? names : 0;
  }
  const std::size_t expected = spec.columns.size();
  const bool fits = fields.size() == expected ||
                    (fields.size() > expected && spec.other_columns == OtherColumns::kIgnore);
  return expected > 1 && fits ? fields.size() : 0;
}

/// Does the record contradict the spec's own delimiter?
bool is_contradicted(const FileSpec& spec, std::string_view record) {
  const std::vector<std::string> fields = fields_of(spec, record, spec.dialect.delimiter);
  return spec.header ? count_names(spec, fields) == 0 : fields.size() < spec.columns.size();
}

}  // namespace

bool FirstRecord::add(std::string_view bytes) {
  added_ += bytes;
  while (!ended_ && end_ < added_.size() && end_ <= kFirstRecordBytesMax) {
    const char c = added_[end_];
    if (quote_ && c == *quote_) in_quotes_ = !in_quotes_;
    const bool is_line_end = !in_quotes_ && (c == '\n' || c == '\r');
    if (is_line_end && take_line_end(c)) return true;
    ++end_;
  }
  return ended_ || end_ > kFirstRecordBytesMax;
}

/// A line end outside quotes: true when it ends the record, false when its line is blank.
bool FirstRecord::take_line_end(char c) {
  ended_ = end_ > begin_;
  if (ended_) return true;
  const bool is_second_half = c == '\n' && end_ > 0 && added_[end_ - 1] == '\r';
  if (!is_second_half) ++line_;
  begin_ = end_ + 1;
  return false;
}

std::string_view FirstRecord::bytes() const {
  if (end_ > kFirstRecordBytesMax) return {};
  return std::string_view(added_).substr(begin_, end_ - begin_);
}

std::optional<char> delimiter_instead(const FileSpec& spec, std::string_view record) {
  std::string decoded;
  if (is_single_byte(spec.encoding)) {
    append_single_bytes(spec.encoding, record, decoded);
    record = decoded;
  }
  if (record.empty() || !is_contradicted(spec, record)) return std::nullopt;
  std::optional<char> best;
  std::size_t best_sense = 0;
  for (const char delimiter : kDelimiters) {
    const std::size_t found = sense(spec, record, delimiter);
    if (found <= best_sense) continue;
    best = delimiter;
    best_sense = found;
  }
  return best;
}

bool is_unexpected_header(const FileSpec& spec, const CsvRecord& record) {
  const bool has_fields = spec.format != FileFormat::kJsonLines;
  if (record.number > 1 || spec.header || !has_fields) return false;
  const std::vector<std::string> fields = texts_of(spec, record);
  const auto is_there = [&](const ColumnSpec& column) {
    return std::any_of(fields.begin(), fields.end(), [&](const std::string& field) {
      const std::string_view name = trim_ascii_blanks(field);
      return equal_ignoring_case(name, trim_ascii_blanks(column.name)) ||
             equal_ignoring_case(name, column.to);
    });
  };
  const auto names = std::count_if(spec.columns.begin(), spec.columns.end(), is_there);
  return static_cast<std::size_t>(names) >= names_needed(spec);
}

std::string delimiter_words(char delimiter) {
  switch (delimiter) {
    case ',':
      return "commas";
    case ';':
      return "semicolons";
    case '\t':
      return "TABs";
    case '|':
      return "vertical bars";
    case '^':
      return "carets";
    default:
      return fmt::format("characters U+{:04X}", static_cast<unsigned char>(delimiter));
  }
}

}  // namespace waybill
