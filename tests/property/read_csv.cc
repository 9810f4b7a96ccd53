// read_csv: shows what CsvReader makes of bytes, for comparing it with another reader.
//
// Input:  one JSON line a case {"delimiter", "quote": text or null, "rule": "strict"|"lenient",
//         "cut_bytes", "bytes"}; the bytes are fed in pieces of cut_bytes. 0: every cut into two
//         pieces and byte by byte, too.
// Output: one JSON line a case: a list of records {"number", "line", "byte_offset", "bytes",
//         "fields": [...], "places": [[begin, end, is_quoted], ...]} and problems {"problem",
//         "record", "line", "byte_offset", "field"}, as the first cut gave it; {"differs_at"} is a
//         cut that gave something else. All content is hex, so any byte survives.
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "core/read/csv_reader.h"
#include "tests/property/hex.h"

namespace {

using nlohmann::json;
using waybill::CsvDialect;
using waybill::CsvField;
using waybill::CsvProblem;
using waybill::CsvProblemKind;
using waybill::CsvReader;
using waybill::CsvRecord;
using waybill::from_hex;
using waybill::QuoteRule;
using waybill::to_hex;

const char* name_of(CsvProblemKind kind) {
  switch (kind) {
    case CsvProblemKind::kQuoteUnbalanced:
      return "quote_unbalanced";
    case CsvProblemKind::kTextAfterQuote:
      return "text_after_quote";
    case CsvProblemKind::kQuoteInsideUnquoted:
      return "quote_inside_unquoted";
    case CsvProblemKind::kRecordTooLong:
      return "record_too_long";
    case CsvProblemKind::kNulByte:
      return "nul_byte";
    case CsvProblemKind::kControlCharacter:
      return "control_character";
    case CsvProblemKind::kLineEndsMixed:
      return "line_ends_mixed";
  }
  return "";
}

json show_record(const CsvRecord& record) {
  std::string scratch;
  json fields = json::array();
  json places = json::array();
  for (const CsvField& field : record.fields) {
    fields.push_back(to_hex(record.text(field, scratch)));
    places.push_back(
        {record.byte_offset + field.begin, record.byte_offset + field.end, field.quoted});
  }
  return {{"number", record.number},           {"line", record.line},
          {"byte_offset", record.byte_offset}, {"bytes", to_hex(record.bytes)},
          {"fields", std::move(fields)},       {"places", std::move(places)}};
}

json show_problem(const CsvProblem& problem) {
  return {{"problem", name_of(problem.kind)},
          {"record", problem.record_number},
          {"line", problem.line},
          {"byte_offset", problem.byte_offset},
          {"field", problem.field_index}};
}

CsvDialect dialect_of(const json& wanted) {
  CsvDialect dialect;
  dialect.delimiter = wanted.at("delimiter").get<std::string>().front();
  dialect.quote.reset();
  if (!wanted.at("quote").is_null()) dialect.quote = wanted.at("quote").get<std::string>().front();
  const bool is_lenient = wanted.at("rule") == "lenient";
  dialect.quote_rule = is_lenient ? QuoteRule::kLenient : QuoteRule::kStrict;
  return dialect;
}

/// The pieces' sizes: `first` bytes, then `others` each.
json read(const CsvDialect& dialect, const std::string& bytes, std::size_t first,
          std::size_t others) {
  json shown = json::array();
  CsvReader reader(
      dialect, [&](const CsvRecord& record) { shown.push_back(show_record(record)); },
      [&](const CsvProblem& problem) { shown.push_back(show_problem(problem)); });
  for (std::size_t from = 0, size = first; from < bytes.size(); from += size, size = others) {
    // A copy of its own for every piece, so that a sanitizer sees a read beyond it.
    const std::string piece = bytes.substr(from, size);
    reader.feed(piece);
  }
  reader.finish();
  return shown;
}

json read_case(const json& wanted) {
  const CsvDialect dialect = dialect_of(wanted);
  const std::string bytes = from_hex(wanted.at("bytes").get<std::string>());
  const auto cut_bytes = wanted.at("cut_bytes").get<std::size_t>();
  if (cut_bytes > 0) return read(dialect, bytes, cut_bytes, cut_bytes);
  json shown = read(dialect, bytes, 1, 1);
  for (std::size_t cut = 1; cut <= bytes.size(); ++cut) {  // the last is the file in one piece
    if (read(dialect, bytes, cut, bytes.size()) != shown) shown.push_back({{"differs_at", cut}});
  }
  return shown;
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    std::cout << read_case(json::parse(line)) << '\n';
  }
  return 0;
}
