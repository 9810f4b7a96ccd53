// read_values: shows what a column makes of texts.
//
// Input:  one JSON line a case {"column": {...}, "texts": [...]}: a column as a file spec has it.
// Output: one JSON line a case, for each text null, "invalid", or {"json": TEXT}: the value as it
// is
//         written, digit by digit.
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "core/column_spec.h"
#include "core/read/column_value.h"

namespace {

using nlohmann::json;
using waybill::ColumnValue;
using waybill::ValueOutcome;

json value_of(const ColumnValue& value, const std::string& text) {
  std::string room(value.overhead_bytes() + waybill::kJsonGrowthMax * text.size(), '\0');
  char* out = room.data();
  const ValueOutcome outcome = value.write(text, out);
  if (outcome != value.check(text)) throw std::logic_error("write and check differ");
  if (outcome == ValueOutcome::kInvalid) return "invalid";
  if (outcome == ValueOutcome::kNull) return nullptr;
  return {{"json", std::string(room.data(), out)}};
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    const json wanted = json::parse(line);
    const ColumnValue value(waybill::parse_columns(json::array({wanted.at("column")})).front());
    json answers = json::array();
    for (const json& text : wanted.at("texts")) answers.push_back(value_of(value, text));
    std::cout << answers << '\n';
  }
  return 0;
}
