#include "central/authoring/expected_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/printable.h"
#include "core/read/json_scan.h"
#include "core/suggest.h"
#include "core/utf8.h"

namespace waybill::authoring {

namespace {

constexpr std::array<std::string_view, 3> kKeys = {"source_row", "natural_key", "payload"};

/// A value of a payload as it is written; text without its quotes and escapes.
struct Value {
  JsonKind kind = JsonKind::kNull;
  std::string text;

  bool operator==(const Value&) const = default;
};
using Object = std::map<std::string, Value, std::less<>>;

Value value_of(std::string_view json, const JsonMember& member) {
  std::string scratch;
  const bool is_text = member.kind == JsonKind::kText;
  const std::string_view raw =
      json.substr(member.value.begin, member.value.end - member.value.begin);
  return {member.kind, std::string(is_text ? json_text(json, member.value, scratch) : raw)};
}

/// The members of an object; nothing when it is none or says something twice.
std::optional<Object> parse_object(std::string_view json) {
  std::vector<JsonMember> members;
  if (!is_valid_utf8(json) || !JsonScan(json).read_object(members)) return std::nullopt;
  Object object;
  std::string scratch;
  for (const JsonMember& member : members) {
    const std::string_view key = json_text(json, member.key, scratch);
    if (!object.emplace(key, value_of(json, member)).second) return std::nullopt;
  }
  return object;
}

/// Reads one line of expected rows.
class LineParser {
 public:
  LineParser(const std::string& name, std::size_t line) : name_(name), line_(line) {}

  [[nodiscard]] ExpectedRow parse(std::string_view json) {
    std::vector<JsonMember> members;
    require(is_valid_utf8(json) && JsonScan(json).read_object(members), "is no JSON object");
    ExpectedRow row;
    std::string scratch;
    for (const JsonMember& member : members) {
      const std::string_view key = json_text(json, member.key, scratch);
      const auto known = std::find(kKeys.begin(), kKeys.end(), key);
      if (known == kKeys.end()) refuse_key(key);
      const auto place = static_cast<std::size_t>(known - kKeys.begin());
      require(!std::exchange(is_given_.at(place), true), fmt::format("has \"{}\" twice", key));
      if (place == 0) row.source_row = source_row(value_of(json, member));
      if (place == 1) read_natural_key(value_of(json, member), row);
      if (place == 2) row.payload_json = payload(json, member);
    }
    require(is_given_[0], "lacks \"source_row\"");
    require(is_given_[2], "lacks \"payload\"");
    return row;
  }

  void require(bool is_good, const std::string& cause) const {
    if (is_good) return;
    throw Error(error_code::kSpecInvalid, "test", name_, fmt::format("line {} {}", line_, cause));
  }

 private:
  /// A misspelt key would be an expectation that nothing looks at.
  void refuse_key(std::string_view key) const {
    const std::string_view nearest = nearest_word(key, kKeys);
    require(false, fmt::format("has the unknown key \"{}\"; {}allowed are: {}", printable(key),
                               nearest.empty() ? "" : fmt::format("did you mean \"{}\"? ", nearest),
                               list_words(kKeys)));
  }

  [[nodiscard]] std::int64_t source_row(const Value& value) const {
    std::int64_t number = 0;
    const char* const end = value.text.data() + value.text.size();
    const auto [at, failure] = std::from_chars(value.text.data(), end, number);
    const bool is_number = value.kind == JsonKind::kNumber && failure == std::errc{} && at == end;
    require(is_number && number > 0, "must have the row's number, from 1, as \"source_row\"");
    return number;
  }

  void read_natural_key(const Value& value, ExpectedRow& row) const {
    require(value.kind == JsonKind::kText || value.kind == JsonKind::kNull,
            "must have text or null as \"natural_key\"");
    row.has_natural_key = true;
    if (value.kind == JsonKind::kText) row.natural_key = value.text;
  }

  [[nodiscard]] std::string_view payload(std::string_view json, const JsonMember& member) const {
    const std::string_view raw =
        json.substr(member.value.begin, member.value.end - member.value.begin);
    require(parse_object(raw).has_value(),
            "must have an object, with no key twice, as \"payload\"");
    return raw;
  }

  const std::string& name_;
  std::size_t line_;
  std::array<bool, kKeys.size()> is_given_{};
};

}  // namespace

std::vector<ExpectedRow> parse_expected_rows(std::string_view text, const std::string& name) {
  std::vector<ExpectedRow> rows;
  std::size_t line = 0;
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t end = std::min(text.find('\n', from), text.size());
    std::string_view one = text.substr(from, end - from);
    from = end + 1;
    ++line;
    if (one.ends_with('\r')) one.remove_suffix(1);
    if (one.find_first_not_of(" \t") == std::string_view::npos) continue;
    LineParser parser(name, line);
    rows.push_back(parser.parse(one));
    const bool is_in_order =
        rows.size() == 1 || rows[rows.size() - 2].source_row < rows.back().source_row;
    parser.require(is_in_order, "has a source_row that is not above the one before");
  }
  return rows;
}

std::string expected_line(const StagingRow& row) {
  // A tree would round the numbers of the payload.
  const std::string key =
      row.natural_key ? nlohmann::json(std::string(*row.natural_key)).dump() : "null";
  return fmt::format(R"({{"source_row":{},"natural_key":{},"payload":{}}})", row.source_row, key,
                     row.payload_json);
}

void compare_row(const ExpectedRow& expected, const StagingRow& staged,
                 const std::function<void(std::string)>& differ) {
  const std::int64_t row = staged.source_row;
  if (expected.has_natural_key && expected.natural_key != staged.natural_key) {
    differ(fmt::format("row {}: another natural key", row));
  }
  const Object wanted = parse_object(expected.payload_json).value();
  const auto given = parse_object(staged.payload_json);
  if (!given) return differ(fmt::format("row {}: the payload has a key twice", row));
  for (const auto& [key, value] : *given) {
    const auto found = wanted.find(key);
    if (found == wanted.end()) {
      differ(fmt::format("row {}: \"{}\" was not expected in the payload", row, printable(key)));
    } else if (found->second != value) {
      differ(fmt::format("row {}: another value of \"{}\"", row, printable(key)));
    }
  }
  for (const auto& [key, value] : wanted) {
    if (given->contains(key)) continue;
    differ(fmt::format("row {}: the payload lacks \"{}\"", row, printable(key)));
  }
}

}  // namespace waybill::authoring
