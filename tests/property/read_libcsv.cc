// read_libcsv: shows what libcsv makes of bytes, for comparing CsvReader with it.
//
// Input:  one JSON line a case {"delimiter", "quote": text or null, "bytes"}, as read_csv takes it.
// Output: one JSON line a case {"is_broken", "records": [{"byte_offset", "end", "fields": [...],
//         "field_ends": [...]}]}. The bytes go in one by one, so where libcsv hands something over
//         is where it ends. Content is hex.
#include <csv.h>

#include <cstdint>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/property/hex.h"

namespace {

using nlohmann::json;
using waybill::from_hex;
using waybill::to_hex;

/// Stands for "no quoting", which libcsv does not know; no byte of UTF-8.
constexpr unsigned char kNoQuote = 0xFF;

struct Records {
  json all = json::array();
  std::size_t at = 0;  ///< of the byte that is going in
  bool is_open = false;
  json record;
};

void take_field(void* field, std::size_t size, void* context) {
  auto& records = *static_cast<Records*>(context);
  records.record["fields"].push_back(to_hex({static_cast<const char*>(field), size}));
  records.record["field_ends"].push_back(records.at);
}

void take_record(int /*line_end*/, void* context) {
  auto& records = *static_cast<Records*>(context);
  records.record["end"] = records.at;
  records.all.push_back(std::move(records.record));
  records.is_open = false;
}

int never(unsigned char /*byte*/) { return 0; }

json read_case(const json& wanted) {
  csv_parser parser{};
  csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI);
  csv_set_space_func(&parser, never);  // blanks are content
  csv_set_delim(&parser,
                static_cast<unsigned char>(wanted.at("delimiter").get<std::string>().front()));
  const json& quote = wanted.at("quote");
  csv_set_quote(&parser, quote.is_null()
                             ? kNoQuote
                             : static_cast<unsigned char>(quote.get<std::string>().front()));
  const std::string bytes = from_hex(wanted.at("bytes").get<std::string>());
  Records records;
  bool is_broken = false;
  for (; records.at < bytes.size() && !is_broken; ++records.at) {
    const char byte = bytes[records.at];
    if (!records.is_open && byte != '\r' && byte != '\n') {
      records.is_open = true;
      records.record = {{"byte_offset", records.at}};
    }
    is_broken = csv_parse(&parser, &byte, 1, take_field, take_record, &records) != 1;
  }
  is_broken = is_broken || csv_fini(&parser, take_field, take_record, &records) != 0;
  csv_free(&parser);
  return {{"is_broken", is_broken}, {"records", std::move(records.all)}};
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    std::cout << read_case(json::parse(line)) << '\n';
  }
  return 0;
}
