// ConfigObject: one JSON object that a person wrote, read strictly and with its place in messages.
//
// Place:    core; file specs and delivery plans are read with it.
// Errors:   Error WB-3014 naming the place ("columns[2].type"), what is allowed and, for a word
//           that is not known, the nearest known one.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace waybill {

/// Throws WB-3014: `what` ("file spec") cannot be used because of `cause` at `place`.
[[noreturn]] void refuse_config(std::string_view what, std::string_view place,
                                const std::string& cause);

class ConfigObject {
 public:
  using Words = std::span<const std::string_view>;

  /// `what` names the document in messages ("file spec"); keys beside `keys` are refused.
  ConfigObject(std::string_view what, const nlohmann::json& object, std::string place, Words keys);

  [[nodiscard]] std::string at(std::string_view key) const;
  [[nodiscard]] bool has(const char* key) const { return object_.contains(key); }
  [[nodiscard]] const nlohmann::json& need(const char* key) const;
  [[nodiscard]] std::string text(const char* key) const;
  /// Text that names something: not empty, not endless.
  [[nodiscard]] std::string name(const char* key) const;
  [[nodiscard]] bool flag(const char* key, bool otherwise) const;
  [[nodiscard]] std::int64_t number(const char* key, std::int64_t otherwise, std::int64_t least,
                                    std::int64_t most) const;
  /// The place of the key's word in `words`; 0 when the key is absent.
  [[nodiscard]] std::size_t choice(const char* key, Words words) const;
  [[nodiscard]] std::vector<std::string> texts(const char* key) const;

  [[noreturn]] void refuse(std::string_view place, const std::string& cause) const;
  void require(bool is_good, std::string_view place, const std::string& cause) const;

 private:
  std::string_view what_;
  const nlohmann::json& object_;
  std::string place_;
};

}  // namespace waybill
