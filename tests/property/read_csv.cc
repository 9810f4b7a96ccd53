// read_csv: shows what CsvReader makes of bytes, for comparing it with another reader.
//
// Input:  one JSON line a case {"delimiter", "quote": text or null, "rule": "strict"|"lenient",
//         "cut_bytes", "bytes"}; the bytes are fed in pieces of cut_bytes.
// Output: one JSON line a case: a list of records {"number", "line", "byte_offset", "bytes",
//         "fields": [...]} and problems {"problem", "record", "line", "byte_offset", "field"}.
//         All content is hex, so any byte survives.
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "core/read/csv_reader.h"

namespace {

using nlohmann::json;
using waybill::CsvDialect;
using waybill::CsvField;
using waybill::CsvProblem;
using waybill::CsvProblemKind;
using waybill::CsvReader;
using waybill::CsvRecord;
using waybill::QuoteRule;

constexpr std::string_view kHexDigits = "0123456789abcdef";

std::string to_hex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    text.push_back(kHexDigits[static_cast<unsigned char>(c) >> 4U]);
    text.push_back(kHexDigits[static_cast<unsigned char>(c) & 0x0FU]);
  }
  return text;
}

std::string from_hex(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(
        static_cast<char>(kHexDigits.find(text[i]) * 16 + kHexDigits.find(text[i + 1])));
  }
  return bytes;
}

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
  for (const CsvField& field : record.fields) fields.push_back(to_hex(record.text(field, scratch)));
  return {{"number", record.number},
          {"line", record.line},
          {"byte_offset", record.byte_offset},
          {"bytes", to_hex(record.bytes)},
          {"fields", std::move(fields)}};
}

json show_problem(const CsvProblem& problem) {
  return {{"problem", name_of(problem.kind)},
          {"record", problem.record_number},
          {"line", problem.line},
          {"byte_offset", problem.byte_offset},
          {"field", problem.field_index}};
}

json read_case(const json& wanted) {
  CsvDialect dialect;
  dialect.delimiter = wanted.at("delimiter").get<std::string>().front();
  dialect.quote.reset();
  if (!wanted.at("quote").is_null()) dialect.quote = wanted.at("quote").get<std::string>().front();
  const bool is_lenient = wanted.at("rule") == "lenient";
  dialect.quote_rule = is_lenient ? QuoteRule::kLenient : QuoteRule::kStrict;

  json shown = json::array();
  CsvReader reader(
      dialect, [&](const CsvRecord& record) { shown.push_back(show_record(record)); },
      [&](const CsvProblem& problem) { shown.push_back(show_problem(problem)); });
  const std::string bytes = from_hex(wanted.at("bytes").get<std::string>());
  const auto cut_bytes = wanted.at("cut_bytes").get<std::size_t>();
  for (std::size_t from = 0; from < bytes.size(); from += cut_bytes) {
    // A copy of its own for every piece, so that a sanitizer sees a read beyond it.
    const std::string piece = bytes.substr(from, cut_bytes);
    reader.feed(piece);
  }
  reader.finish();
  return shown;
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    std::cout << read_case(json::parse(line)) << '\n';
  }
  return 0;
}
