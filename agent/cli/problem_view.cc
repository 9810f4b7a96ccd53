#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "agent/cli/status_view.h"
#include "core/error_code.h"

namespace waybill {

namespace {

using Json = nlohmann::json;

constexpr std::array kPlaceKeys = {"row", "line", "column", "column_number", "byte_offset"};

}  // namespace

Json problem_json(const wire::FileProblem& problem) {
  Json out = {{"code", problem.code}, {"message", problem.message}};
  if (const ErrorCode* code = find_error_code(problem.code)) {
    out["name"] = code->name;
    out["what_to_do"] = code->way_out;
  }
  for (const char* key : kPlaceKeys) {
    if (problem.details.is_object() && problem.details.contains(key) &&
        !problem.details[key].is_null()) {
      out[key] = problem.details[key];
    }
  }
  return out;
}

std::string place_text(const Json& problem) {
  std::string out;
  if (problem.contains("row") && problem["row"].is_number() && problem["row"] != 0) {
    out += fmt::format(", row {}", problem["row"].get<std::int64_t>());
  }
  if (problem.contains("line") && problem["line"].is_number() && problem["line"] != 0) {
    out += fmt::format(", line {}", problem["line"].get<std::int64_t>());
  }
  if (problem.contains("column") && problem["column"].is_string() && problem["column"] != "") {
    out += ", column \"" + problem["column"].get<std::string>() + "\"";
  }
  return out;
}

std::string format_age(std::int64_t ms) {
  const std::int64_t seconds = std::max<std::int64_t>(0, ms) / 1000;
  if (seconds < 120) return fmt::format("{} s", seconds);
  if (seconds < 7'200) return fmt::format("{} min", seconds / 60);
  if (seconds < 172'800) return fmt::format("{} h", seconds / 3'600);
  return fmt::format("{} days", seconds / 86'400);
}

}  // namespace waybill
