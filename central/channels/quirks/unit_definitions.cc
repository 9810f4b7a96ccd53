#include "central/channels/quirks/unit_definitions.h"

#include <algorithm>

#include "core/ascii.h"
#include "core/read/csv_reader.h"

namespace waybill {

namespace {

/// The text up to `sign` without blanks around it; takes both off `rest`.
std::string_view take_until(std::string_view& rest, char sign) {
  const std::size_t end = std::min(rest.find(sign), rest.size());
  const std::string_view text = trim_ascii_blanks(rest.substr(0, end));
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return text;
}

}  // namespace

void UnitDefinitions::feed(std::string_view bytes, const ByteSink& sink) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    line_ += bytes.substr(0, end);
    if (end != std::string_view::npos) {
      take_line(line_);
      out_ += '\n';
      line_.clear();
    } else if (line_.size() > kRecordBytesMax) {
      // No definition is so long: the reader shall say so, and where.
      out_ += line_;
      line_.clear();
    }
    bytes.remove_prefix(std::min(end, bytes.size() - 1) + 1);
  }
  sink(out_);
  out_.clear();
}

void UnitDefinitions::finish(const ByteSink& sink) {
  take_line(line_);
  sink(out_);
}

void UnitDefinitions::take_line(std::string_view line) {
  line = trim_ascii_blanks(line.substr(0, line.find('#')));
  if (line.empty()) return;
  if (line.front() == '@') return take_directive(line);
  std::string_view rest = line;
  const std::string_view name = take_until(rest, '=');
  const bool is_unit = !name.starts_with('[') && !name.ends_with('-');
  if (is_skipping_ || !is_unit) return;
  std::string_view definition = take_until(rest, '=');
  const std::string_view relation = take_until(definition, ';');
  const std::string_view symbol = take_until(rest, '=');
  out_.append(name).append("\t").append(relation).append("\t");
  out_.append(trim_ascii_blanks(definition)).append("\t");
  if (symbol != "_") out_ += symbol;  // written where aliases follow and there is no symbol
  for (char before = '\t'; !rest.empty() || before == '\t'; before = ' ') {
    out_.append(1, before).append(take_until(rest, '='));
  }
}

void UnitDefinitions::take_directive(std::string_view line) {
  if (line.starts_with("@end")) is_skipping_ = false;
  for (const char* block : {"@context", "@system", "@defaults"}) {
    if (line.starts_with(block)) is_skipping_ = true;
  }
}

}  // namespace waybill
