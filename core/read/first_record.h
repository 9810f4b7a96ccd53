// FirstRecord: what the first record of a file tells of its form, before any row is read.
//
// Place:    core, behind RowReader; PartPlanner asks it too. A wrong delimiter makes quotes look
// misplaced and columns look
//           missing; so it is looked for first.
// Memory:   the file's beginning, up to kFirstRecordBytesMax and a block.
// Rule:     where nothing else explains the record as well, nothing is said.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/file_spec.h"

namespace waybill {

/// A first record that ends farther back is not looked at.
inline constexpr std::size_t kFirstRecordBytesMax = std::size_t{64} * 1024;

/// Finds the end of the first record whatever the delimiter is: at the first line end that has an
/// even number of quotes before it. Blank lines in front of the record are none, but count.
class FirstRecord {
 public:
  explicit FirstRecord(std::optional<char> quote) : quote_(quote) {}

  /// Takes the next bytes; true when no more are needed.
  bool add(std::string_view bytes);
  /// Everything that was added.
  [[nodiscard]] const std::string& added() const { return added_; }
  /// The record, as far as it was added; empty when it ends behind the limit.
  [[nodiscard]] std::string_view bytes() const;
  /// The place of its first byte in what was added, and the line that is on, from 1.
  [[nodiscard]] std::size_t offset() const { return begin_; }
  [[nodiscard]] std::int64_t line() const { return line_; }

 private:
  [[nodiscard]] bool take_line_end(char c);

  std::optional<char> quote_;
  std::string added_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;  ///< looked at up to here
  std::int64_t line_ = 1;
  bool ended_ = false;
  bool in_quotes_ = false;
};

/// The delimiter, one of , ; TAB | ^, that the record makes sense with when it does not with the
/// spec's: then, with a header, it holds the spec's names, and without one, the spec's number of
/// fields. `record` is in the spec's encoding, or UTF-8 for UTF-16.
[[nodiscard]] std::optional<char> delimiter_instead(const FileSpec& spec, std::string_view record);

/// Does the file's first record, cut by the spec, hold names of its columns though the spec says
/// there is no header? At least two are there, or the only one; ASCII case is ignored, and payload
/// keys are names too.
[[nodiscard]] bool is_unexpected_header(const FileSpec& spec, const CsvRecord& record);

/// "commas", "semicolons": a delimiter in words for a person.
[[nodiscard]] std::string delimiter_words(char delimiter);

}  // namespace waybill
