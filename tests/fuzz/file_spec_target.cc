// file_spec: text that is a file spec, or is refused with its place; a spec that parses reads
// files.
//
// Input: the text.
#include <nlohmann/json.hpp>
#include <string>

#include "core/error.h"
#include "core/utf8.h"
#include "tests/fuzz/fuzz_target.h"

namespace waybill::fuzz {

namespace {

/// A file of two records as the spec wants it, as far as a few lines can know that.
std::string make_file(const FileSpec& spec) {
  std::string header;
  std::string record;
  for (const ColumnSpec& column : spec.columns) {
    if (!header.empty()) header += spec.dialect.delimiter;
    header += column.name;
    if (!record.empty()) record += spec.dialect.delimiter;
    record += "1";
  }
  return (spec.header ? header + "\n" : std::string()) + record + "\r\n" + record;
}

bool is_text_format(FileFormat format) {
  return format == FileFormat::kCsv || format == FileFormat::kJsonLines ||
         format == FileFormat::kFixedWidth;
}

}  // namespace

void fuzz_file_spec(std::string_view text) {
  FileSpec spec;
  try {
    spec = parse_file_spec_text(text);
  } catch (const Error& error) {
    claim(&error.code() == &error_code::kSpecInvalid, "what is no spec is refused as WB-3014");
    claim(error.what() != nullptr && is_valid_utf8(error.what()), "... in text");
    return;
  }
  const nlohmann::json written = to_json(spec);
  const std::string again = written.dump();
  claim(to_json(parse_file_spec_text(again)) == written, "a spec written out is the same spec");
  static_cast<void>(matches_file_name(spec, "Export_20261120.csv"));
  if (is_text_format(spec.format)) {
    static_cast<void>(claim_same_in_cuts(spec, make_file(spec), 7));
  }
}

}  // namespace waybill::fuzz
