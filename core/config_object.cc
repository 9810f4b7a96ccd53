#include "core/config_object.h"

#include <algorithm>
#include <set>

#include "core/ascii.h"
#include "core/error.h"
#include "core/suggest.h"

namespace waybill {

namespace {

constexpr std::size_t kTextCharactersMax = 255;

}  // namespace

void refuse_config(std::string_view what, std::string_view place, const std::string& cause) {
  throw Error(error_code::kSpecInvalid, "read " + std::string(what) + " at", place, cause);
}

ConfigObject::ConfigObject(std::string_view what, const nlohmann::json& object, std::string place,
                           Words keys)
    : what_(what), object_(object), place_(std::move(place)) {
  require(object.is_object(), place_.empty() ? "the top" : place_, "must be an object");
  for (const auto& [key, value] : object.items()) {
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
    const std::string_view nearest = nearest_word(key, keys);
    std::string cause = "unknown key; ";
    if (!nearest.empty()) cause += "did you mean \"" + std::string(nearest) + "\"? ";
    refuse(at(key), cause + "allowed are: " + list_words(keys));
  }
}

std::string ConfigObject::at(std::string_view key) const {
  return place_.empty() ? std::string(key) : place_ + "." + std::string(key);
}

const nlohmann::json& ConfigObject::need(const char* key) const {
  require(has(key), at(key), "is missing");
  return object_.at(key);
}

std::string ConfigObject::text(const char* key) const {
  const nlohmann::json& value = need(key);
  require(value.is_string(), at(key), "must be text");
  return value.get<std::string>();
}

std::string ConfigObject::name(const char* key) const {
  std::string value = text(key);
  require(!trim_ascii_blanks(value).empty() && value.size() <= kTextCharactersMax, at(key),
          "must be 1 to " + std::to_string(kTextCharactersMax) + " characters, not all blank");
  return value;
}

bool ConfigObject::flag(const char* key, bool otherwise) const {
  if (!has(key)) return otherwise;
  require(object_.at(key).is_boolean(), at(key), "must be true or false");
  return object_.at(key).get<bool>();
}

std::int64_t ConfigObject::number(const char* key, std::int64_t otherwise, std::int64_t least,
                                  std::int64_t most) const {
  if (!has(key)) return otherwise;
  const nlohmann::json& value = object_.at(key);
  const std::string allowed =
      "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most);
  require(value.is_number_integer(), at(key), allowed);
  const auto number = value.get<std::int64_t>();
  require(number >= least && number <= most, at(key), allowed);
  return number;
}

std::size_t ConfigObject::choice(const char* key, Words words) const {
  if (!has(key)) return 0;
  const std::string value = text(key);
  const auto found = std::find(words.begin(), words.end(), value);
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  const std::string_view nearest = nearest_word(value, words);
  refuse(at(key), (nearest.empty() ? "" : "did you mean \"" + std::string(nearest) + "\"? ") +
                      "allowed are: " + list_words(words));
}

std::vector<std::string> ConfigObject::texts(const char* key) const {
  std::vector<std::string> values;
  if (!has(key)) return values;
  require(object_.at(key).is_array(), at(key), "must be a list of text");
  std::set<std::string_view> seen;  // of the words in the document
  for (const nlohmann::json& value : object_.at(key)) {
    const std::string place = at(key) + "[" + std::to_string(values.size()) + "]";
    require(value.is_string(), place, "must be text");
    values.push_back(value.get<std::string>());
    require(seen.insert(value.get_ref<const std::string&>()).second, place, "is in the list twice");
  }
  return values;
}

void ConfigObject::refuse(std::string_view place, const std::string& cause) const {
  refuse_config(what_, place, cause);
}

void ConfigObject::require(bool is_good, std::string_view place, const std::string& cause) const {
  if (!is_good) refuse(place, cause);
}

}  // namespace waybill
