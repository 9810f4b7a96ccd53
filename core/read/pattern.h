// Pattern: a regular expression that a whole value must match.
//
// Place:    core; file specs name patterns, ValueRules asks them. RE2's only home: it takes time in
//           proportion to the text whatever the pattern, so no spec can make a file take for ever.
// Source:   https://github.com/google/re2/wiki/Syntax; text is UTF-8.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace re2 {
class RE2;
}  // namespace re2

namespace waybill {

class Pattern {
 public:
  explicit Pattern(std::string_view expression);

  /// Why the expression cannot be used, in words for its author; "" when it can.
  [[nodiscard]] std::string problem() const;
  /// Only of a pattern without a problem; `text` is valid UTF-8.
  [[nodiscard]] bool matches(std::string_view text) const;

 private:
  std::shared_ptr<const re2::RE2> expression_;
};

}  // namespace waybill
