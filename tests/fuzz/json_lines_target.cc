// json_lines: RowReader on lines of JSON, and JsonScan beside nlohmann/json.
//
// Input: the options of make_spec(), a byte each, the cuts' seed, then the file.
#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/read/json_scan.h"
#include "core/utf8.h"
#include "tests/fuzz/fuzz_target.h"

namespace waybill::fuzz {

namespace {

using nlohmann::json;

constexpr std::array<const char*, 3> kOtherColumns = {"refuse", "ignore", "keep"};
constexpr int kNumberOutOfRange = 406;  // nlohmann/json's: a number that no double holds

FileSpec make_spec(Input& input) {
  json spec = {{"file_tag", "fuzz"},
               {"entity", "party"},
               {"file_name", "*"},
               {"format", "jsonl"},
               {"other_columns", input.take_choice(kOtherColumns)},
               {"natural_key", {"code"}},
               {"columns",
                {{{"name", "code"}, {"to", "code"}, {"required", input.take_flag()}},
                 {{"name", "näme\""}, {"to", "name"}, {"trim", true}, {"null_values", {"NULL"}}},
                 {{"name", "qty"}, {"to", "quantity"}, {"type", "decimal"}},
                 {{"name", "count"}, {"to", "count"}, {"type", "integer"}},
                 {{"name", "on"}, {"to", "is_on"}, {"type", "boolean"}},
                 {{"name", "day"}, {"to", "day"}, {"type", "date"}, {"date_format", "%Y-%m-%d"}},
                 {{"name", "price"},
                  {"to", "price"},
                  {"type", "decimal"},
                  {"decimal_mark", ","},
                  {"group_mark", "."}},
                 {{"name", "at"},
                  {"to", "at"},
                  {"type", "timestamp"},
                  {"date_format", "%Y-%m-%d %H"},
                  {"time_zone", "UTC"}}}}};
  add_rules(input, true, spec);
  return parse_file_spec(spec);
}

/// Plants the marker as a whole text that is no key: keys are names, and may be shown.
std::string plant_values(std::string_view text) {
  constexpr std::string_view kSeed = "\"QZ\"";
  std::string planted;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t behind = text.find_first_not_of(" \t", at + kSeed.size());
    const bool is_key = behind != std::string_view::npos && text[behind] == ':';
    if (text.substr(at, kSeed.size()) == kSeed && !is_key) {
      planted.append("\"").append(kMarker).append("\"");
      at += kSeed.size();
    } else {
      planted.push_back(text[at++]);
    }
  }
  return planted;
}

/// How deep the brackets go, text left out.
int depth_of(std::string_view line) {
  int depth = 0;
  int deepest = 0;
  bool in_text = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == '\\') ++i;
    if (c == '"') in_text = !in_text;
    if (!in_text && (c == '{' || c == '[')) deepest = std::max(deepest, ++depth);
    if (!in_text && (c == '}' || c == ']')) --depth;
  }
  return deepest;
}

void claim_same_members(std::string_view line, const std::vector<JsonMember>& members,
                        const json& value) {
  if (value.size() != members.size()) return;  // a key given twice: nlohmann/json keeps one
  for (const JsonMember& member : members) {
    std::string scratch;
    const auto found = value.find(std::string(json_text(line, member.key, scratch)));
    claim(found != value.end(), "a key is read as nlohmann/json reads it");
    const std::string_view text = json_text(line, member.value, scratch);
    if (member.kind == JsonKind::kText) {
      claim(found->is_string() && found->get_ref<const std::string&>() == text, "... a text too");
    } else {
      claim(!found->is_string() && json::parse(text) == *found, "... any other value too");
    }
  }
}

void claim_as_nlohmann(std::string_view line) {
  // Lines with these never come to JsonScan, or are a matter of its own limit.
  const bool has_mark = line.starts_with("\xEF\xBB\xBF");
  if (has_mark || line.find('\0') != std::string_view::npos || !is_valid_utf8(line)) return;
  if (depth_of(line) >= kJsonDepthMax) return;
  std::vector<JsonMember> members;
  JsonScan scan(line);
  const bool is_object = scan.read_object(members);
  claim(scan.at() <= line.size(), "the scan stays in its line");
  try {
    const json value = json::parse(line);
    claim(is_object == value.is_object(), "what nlohmann/json reads as an object is one");
    if (is_object) claim_same_members(line, members, value);
  } catch (const json::exception& error) {
    claim(!is_object || error.id == kNumberOutOfRange, "what it does not read is none");
  }
}

}  // namespace

void fuzz_json_lines(std::string_view bytes) {
  Input input(bytes);
  const FileSpec spec = make_spec(input);
  const unsigned cut_seed = input.take_byte();
  const std::string file = plant_values(input.rest());
  for (Input lines(file); !lines.rest().empty();) {
    for (Input parts(lines.take_until('\n')); !parts.rest().empty();) {
      claim_as_nlohmann(parts.take_until('\r'));
    }
  }
  claim_no_marker(spec, file, claim_same_in_cuts(spec, file, cut_seed));
}

}  // namespace waybill::fuzz
