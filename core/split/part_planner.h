// PartPlanner: where a file above its spec's limit is cut, in one streaming pass.
//
// Place:    core; the agent cuts a partner's file by it, the worker one that arrived unsplit.
// Owner:    one planner, one file, one thread. FileSpec is copied.
// Rule:     parts are cut where RowReader's records begin, so each part read alone, from its first
//           source row on, gives the rows of the whole file. A file whose records cannot be told
//           apart for certain (a broken quote, a NUL, a ragged row, a record beyond the limit), or
//           that begins with a header its spec does not have, is not cut.
// Units:    *_byte and *_bytes are octets of the whole file; rows are 1-based, header excluded.
// Memory:   one record and a block, whatever the file's size (kRecordBytesMax).
// Errors:   none: what is wrong with a file is for RowReader to say.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/crypto.h"
#include "core/file_spec.h"

namespace waybill {

/// A file that would need more parts than this is not cut.
inline constexpr std::int32_t kPartsMax = 99'999;

/// One part: the whole file's first `head_bytes` (its header), then its bytes from `begin_byte` up
/// to `end_byte`. A file that is not cut is one part with everything and no head.
struct FilePart {
  std::int32_t number = 1;            ///< 1-based
  std::int64_t first_source_row = 1;  ///< number in the whole file of its first row
  std::int64_t rows = 0;              ///< 0 when the file is not cut
  std::int64_t head_bytes = 0;
  std::int64_t begin_byte = 0;
  std::int64_t end_byte = 0;  ///< first byte that is not of the part
  Sha256Hex content_sha256;   ///< of head and body together

  [[nodiscard]] std::int64_t size_bytes() const { return head_bytes + end_byte - begin_byte; }
  bool operator==(const FilePart&) const = default;
};

struct PartPlan {
  Sha256Hex original_sha256;  ///< of the whole file
  std::int64_t size_bytes = 0;
  std::vector<FilePart> parts;  ///< one when the file is not cut

  [[nodiscard]] bool is_cut() const { return parts.size() > 1; }
};

/// Can a file of this size need parts by its spec? No row is shorter than two bytes.
[[nodiscard]] bool may_need_parts(const FileSpec& spec, std::int64_t size_bytes);

/// Feed the file in any cut, then finish(); every cut gives the same plan.
///
/// A part has `split_rows` rows and at most `split_bytes` bytes, head included; a longer row alone
/// is a part. Blank lines behind a part's last row go with it and do not count.
class PartPlanner {
 public:
  explicit PartPlanner(const FileSpec& spec);
  ~PartPlanner();
  PartPlanner(PartPlanner&&) noexcept;
  PartPlanner& operator=(PartPlanner&&) noexcept;
  PartPlanner(const PartPlanner&) = delete;
  PartPlanner& operator=(const PartPlanner&) = delete;

  void feed(std::string_view bytes);
  [[nodiscard]] PartPlan finish();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace waybill
