#include "core/read/pattern.h"

#include <re2/re2.h>

namespace waybill {

namespace {

/// What one pattern may use while it matches; a spec has up to 1,600 columns.
constexpr std::int64_t kPatternBytesMax = std::int64_t{1} << 20;

re2::RE2::Options options() {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_never_capture(true);
  options.set_max_mem(kPatternBytesMax);
  return options;
}

}  // namespace

Pattern::Pattern(std::string_view expression)
    : expression_(std::make_shared<const re2::RE2>(
          re2::StringPiece(expression.data(), expression.size()), options())) {}

std::string Pattern::problem() const {
  if (expression_->ok()) return "";
  return "is no regular expression that RE2 takes: " + expression_->error();
}

bool Pattern::matches(std::string_view text) const {
  return re2::RE2::FullMatchN(re2::StringPiece(text.data(), text.size()), *expression_, nullptr, 0);
}

}  // namespace waybill
