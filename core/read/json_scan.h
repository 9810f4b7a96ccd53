// JsonScan: the members of one JSON object on one line, as places in the line.
//
// Place:    core; JsonRows above. A tree (nlohmann/json) would lose the digits of numbers, and
// hides
//           keys given twice.
// Rule:     RFC 8259 to the letter: what is no JSON object is refused at its first wrong byte. The
//           line is valid UTF-8.
// Units:    offsets are octets from the start of the line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace waybill {

/// Values inside values; deeper lines are refused.
inline constexpr int kJsonDepthMax = 100;

enum class JsonKind : std::uint8_t { kText, kNumber, kBoolean, kNull, kNested };

/// A JSON string in the line, without its quotes.
struct JsonText {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool is_escaped = false;
};

/// One member of the object.
struct JsonMember {
  JsonText key;
  JsonKind kind = JsonKind::kNull;
  JsonText value;  ///< the text between quotes, or all of any other value as it is written
};

class JsonScan {
 public:
  explicit JsonScan(std::string_view line) : line_(line) {}

  /// Fills `members` in the order of the line. False: the line is not exactly one object, and at()
  /// is where it stops being one.
  [[nodiscard]] bool read_object(std::vector<JsonMember>& members);
  [[nodiscard]] std::size_t at() const { return at_; }

 private:
  [[nodiscard]] bool read_member(JsonMember& member);
  [[nodiscard]] bool read_value(JsonMember& member);
  [[nodiscard]] bool skip_value(int depth);
  [[nodiscard]] bool skip_list(int depth, char close);
  [[nodiscard]] bool read_text(JsonText& text);
  [[nodiscard]] bool skip_escape();
  [[nodiscard]] bool skip_hex(unsigned& code);
  [[nodiscard]] bool skip_number();
  [[nodiscard]] bool skip_digits();
  [[nodiscard]] bool skip_word(std::string_view word);
  [[nodiscard]] bool skip_sign(char sign);
  void skip_blanks();
  [[nodiscard]] char peek() const { return at_ < line_.size() ? line_[at_] : '\0'; }

  std::string_view line_;
  std::size_t at_ = 0;
};

/// The text's content as UTF-8; `scratch` holds it when it had escapes.
[[nodiscard]] std::string_view json_text(std::string_view line, const JsonText& text,
                                         std::string& scratch);

}  // namespace waybill
