// write_value: what a column makes of one text, in a form that compares well.
#pragma once

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "core/read/column_value.h"

namespace waybill {

/// What a column makes of a text: "null", "invalid", or the value.
inline std::string written(const ColumnSpec& spec, std::string_view text) {
  const ColumnValue value(spec);
  std::string room(value.overhead_bytes() + kJsonGrowthMax * text.size(), '#');
  char* out = room.data();
  const ValueOutcome outcome = value.write(text, out);
  CHECK(value.check(text) == outcome);
  if (outcome == ValueOutcome::kInvalid) return "invalid";
  const std::string json(room.data(), out);
  CHECK((outcome == ValueOutcome::kNull) == (json == "null"));
  return json;
}

/// The same, and it is JSON.
inline std::string value_of(const ColumnSpec& spec, std::string_view text) {
  const std::string value = written(spec, text);
  CHECK((value == "invalid" || nlohmann::json::accept(value)));
  return value;
}

inline ColumnSpec column(ColumnType type) {
  ColumnSpec spec;
  spec.name = "Column";
  spec.to = "column";
  spec.type = type;
  return spec;
}

}  // namespace waybill
