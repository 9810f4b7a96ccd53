// read_rows: shows the validation report that RowReader's reading of a file gives.
//
// Input:  one JSON line a case {"spec", "file", "block_bytes"}: paths, and the size of the blocks
//         that the file is fed in; 0 is the file in one.
// Output: one JSON line a case, the report.
#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "core/file_spec.h"
#include "core/read/row_reader.h"

namespace {

using nlohmann::json;
using waybill::FileSpec;
using waybill::RowReader;
using waybill::StagingRow;

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot open " + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

json read_case(const json& wanted) {
  const FileSpec spec = waybill::parse_file_spec_text(content_of(wanted.at("spec")));
  const std::string bytes = content_of(wanted.at("file"));
  auto block_bytes = wanted.at("block_bytes").get<std::size_t>();
  if (block_bytes == 0) block_bytes = std::max<std::size_t>(bytes.size(), 1);
  RowReader reader(spec, [](const StagingRow& /*row*/) {});
  reader.expect_rows(spec.row_count);
  for (std::size_t from = 0; from < bytes.size(); from += block_bytes) {
    const std::string block = bytes.substr(from, block_bytes);
    reader.feed(block);
  }
  reader.finish();
  return waybill::validation_report(spec, reader);
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    std::cout << read_case(json::parse(line)) << '\n';
  }
  return 0;
}
