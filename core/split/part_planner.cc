#include "core/split/part_planner.h"

#include <algorithm>
#include <utility>

#include "core/read/csv_reader.h"
#include "core/read/encoding.h"
#include "core/read/first_record.h"
#include "core/read/row_reader.h"

namespace waybill {

namespace {

constexpr std::int64_t kRowBytesMin = 2;      // one byte and its line end
constexpr std::int64_t kLineEndBytesMax = 2;  // CR LF

// The header record and the first row, each at its longest.
constexpr std::size_t kStartBytesMax = 2 * kRecordBytesMax;

}  // namespace

bool may_need_parts(const FileSpec& spec, std::int64_t size_bytes) {
  if (!is_splittable(spec)) return false;
  return (spec.split_bytes > 0 && size_bytes > spec.split_bytes) ||
         (spec.split_rows > 0 && size_bytes > kRowBytesMin * spec.split_rows);
}

class PartPlanner::Impl {
 public:
  explicit Impl(const FileSpec& spec)
      : spec_(spec),
        is_whole_(!is_splittable(spec) || (spec.split_rows == 0 && spec.split_bytes == 0)) {}

  void feed(std::string_view bytes);
  PartPlan finish();

 private:
  void start();
  void on_record(const CsvRecord& record);
  void on_problem(const CsvProblem& problem);
  void begin_body(std::int64_t first_record_at);
  [[nodiscard]] bool is_full_before(const CsvRecord& record) const;
  void cut(std::int64_t at);
  void end_part(std::int64_t at);
  void give_up();
  void hash_to(std::int64_t offset);
  void keep_unhashed();
  [[nodiscard]] std::string_view bytes_from(std::int64_t from, std::int64_t to) const;

  FileSpec spec_;
  bool is_whole_;  ///< the file will not be cut
  std::unique_ptr<CsvReader> records_;

  // What is known of the file: [kept_begin_, block_begin_) in kept_, from there on in block_.
  std::int64_t kept_begin_ = 0;
  std::string kept_;
  std::int64_t block_begin_ = 0;
  std::string_view block_;

  std::int64_t mark_bytes_ = 0;  ///< of the byte order mark
  std::size_t field_count_ = 0;  ///< of the first record
  bool header_seen_ = false;
  bool body_begun_ = false;
  std::string head_;

  // The open part. Bytes are hashed once it is certain that they are its own.
  std::vector<FilePart> parts_;
  std::int64_t part_begin_ = 0;
  std::int64_t part_rows_ = 0;
  std::int64_t rows_before_ = 0;
  std::int64_t known_to_ = 0;   ///< end of the last record of the open part
  std::int64_t hashed_to_ = 0;  ///< so far both hashes have come
  Sha256 original_;             ///< of the whole file; of the first part too, while it is open
  Sha256 part_;                 ///< of the open part, from the second on
};

void PartPlanner::Impl::feed(std::string_view bytes) {
  block_ = bytes;
  if (!is_whole_ && !records_) {
    if (kept_.size() + bytes.size() >= kByteOrderMarkBytesMax) start();
  } else if (!is_whole_) {
    records_->feed(bytes);
  }
  keep_unhashed();
  block_begin_ += static_cast<std::int64_t>(bytes.size());
  block_ = {};
}

void PartPlanner::Impl::start() {
  const std::string start = kept_ + std::string(block_.substr(0, kByteOrderMarkBytesMax));
  const ByteOrderMark mark = detect_byte_order_mark(start);
  const bool is_utf8 = mark == ByteOrderMark::kUtf8;
  if (mark != ByteOrderMark::kNone && !(is_utf8 && spec_.encoding == Encoding::kUtf8)) {
    give_up();
    return;
  }
  const std::size_t mark_bytes = is_utf8 ? kByteOrderMarkBytesMax : 0;
  mark_bytes_ = static_cast<std::int64_t>(mark_bytes);
  records_ = std::make_unique<CsvReader>(
      record_dialect(spec_), [this](const CsvRecord& record) { on_record(record); },
      [this](const CsvProblem& problem) { on_problem(problem); }, mark_bytes_);
  const std::size_t of_kept = std::min(mark_bytes, kept_.size());
  records_->feed(std::string_view(kept_).substr(of_kept));
  records_->feed(block_.substr(mark_bytes - of_kept));
}

/// A row with another number of fields and a header that the spec does not have refuse the file. It
/// is not cut then: nothing of it is staged, and the finding has its place in the whole file.
void PartPlanner::Impl::on_record(const CsvRecord& record) {
  if (field_count_ == 0) field_count_ = record.field_count;
  const bool holds_nul = spec_.format != FileFormat::kCsv && record.field_count > 1;
  if (holds_nul || record.field_count != field_count_) return give_up();
  if (is_unexpected_header(spec_, record)) return give_up();
  if (spec_.header && !header_seen_) {
    header_seen_ = true;
    return;
  }
  if (!body_begun_) begin_body(record.byte_offset);
  if (is_full_before(record)) cut(record.byte_offset);
  if (is_whole_) return;
  ++part_rows_;
  known_to_ = record.byte_offset + static_cast<std::int64_t>(record.bytes.size());
}

/// Control characters and mixed line ends leave it certain where records begin.
void PartPlanner::Impl::on_problem(const CsvProblem& problem) {
  const bool is_harmless = problem.kind == CsvProblemKind::kControlCharacter ||
                           problem.kind == CsvProblemKind::kLineEndsMixed;
  if (!is_harmless) give_up();
}

void PartPlanner::Impl::begin_body(std::int64_t first_record_at) {
  body_begun_ = true;
  part_begin_ = header_seen_ ? first_record_at : mark_bytes_;
  head_ = bytes_from(0, std::min(part_begin_, block_begin_));
  if (part_begin_ > block_begin_) head_ += bytes_from(block_begin_, part_begin_);
}

bool PartPlanner::Impl::is_full_before(const CsvRecord& record) const {
  if (part_rows_ == 0) return false;
  if (spec_.split_rows > 0 && part_rows_ == spec_.split_rows) return true;
  const std::int64_t end = record.byte_offset + static_cast<std::int64_t>(record.bytes.size());
  const std::int64_t size =
      static_cast<std::int64_t>(head_.size()) + end + kLineEndBytesMax - part_begin_;
  return spec_.split_bytes > 0 && size > spec_.split_bytes;
}

/// The open part ends before `at`, and the next one begins there.
void PartPlanner::Impl::cut(std::int64_t at) {
  if (parts_.size() + 2 > static_cast<std::size_t>(kPartsMax)) {
    give_up();
    return;
  }
  end_part(at);
  part_begin_ = at;
  part_rows_ = 0;
  part_.update(head_);
}

void PartPlanner::Impl::end_part(std::int64_t at) {
  hash_to(at);
  parts_.push_back({.number = static_cast<std::int32_t>(parts_.size() + 1),
                    .first_source_row = rows_before_ + 1,
                    .rows = part_rows_,
                    .head_bytes = static_cast<std::int64_t>(head_.size()),
                    .begin_byte = part_begin_,
                    .end_byte = at,
                    .content_sha256 = parts_.empty() ? original_.digest() : part_.finish()});
  rows_before_ += part_rows_;
}

void PartPlanner::Impl::give_up() {
  is_whole_ = true;
  parts_.clear();
  if (records_) records_->stop();
}

std::string_view PartPlanner::Impl::bytes_from(std::int64_t from, std::int64_t to) const {
  const bool is_kept = from < block_begin_;
  const std::string_view bytes = is_kept ? std::string_view(kept_) : block_;
  const std::int64_t begin = is_kept ? kept_begin_ : block_begin_;
  return bytes.substr(static_cast<std::size_t>(from - begin), static_cast<std::size_t>(to - from));
}

void PartPlanner::Impl::hash_to(std::int64_t offset) {
  while (hashed_to_ < offset) {
    const std::int64_t to = hashed_to_ < block_begin_ ? std::min(offset, block_begin_) : offset;
    const std::string_view piece = bytes_from(hashed_to_, to);
    original_.update(piece);
    if (!parts_.empty()) part_.update(piece);
    hashed_to_ = to;
  }
}

/// Hashes what is certain to be the open part's and keeps the rest for the next block.
void PartPlanner::Impl::keep_unhashed() {
  const std::int64_t end = block_begin_ + static_cast<std::int64_t>(block_.size());
  if (!is_whole_ && !body_begun_ && end > static_cast<std::int64_t>(kStartBytesMax)) give_up();
  if (is_whole_) {
    hash_to(end);
  } else if (body_begun_) {
    // No record is longer, so what lies farther back is blank lines of the open part.
    hash_to(std::max(known_to_, end - static_cast<std::int64_t>(kRecordBytesMax)));
  }
  std::string kept;
  for (std::int64_t from = hashed_to_; from < end;) {
    const std::int64_t to = from < block_begin_ ? block_begin_ : end;
    kept += bytes_from(from, to);
    from = to;
  }
  kept_ = std::move(kept);
  kept_begin_ = hashed_to_;
}

PartPlan PartPlanner::Impl::finish() {
  if (!is_whole_ && !records_) start();
  if (!is_whole_) records_->finish();
  const std::int64_t end = block_begin_;
  hash_to(end);
  PartPlan plan;
  plan.size_bytes = end;
  if (!is_whole_ && !parts_.empty()) {
    end_part(end);
    plan.parts = std::move(parts_);
  }
  plan.original_sha256 = original_.finish();
  if (plan.parts.size() < 2) {
    plan.parts = {{.end_byte = end, .content_sha256 = plan.original_sha256}};
  }
  return plan;
}

PartPlanner::PartPlanner(const FileSpec& spec) : impl_(std::make_unique<Impl>(spec)) {}
PartPlanner::~PartPlanner() = default;
PartPlanner::PartPlanner(PartPlanner&&) noexcept = default;
PartPlanner& PartPlanner::operator=(PartPlanner&&) noexcept = default;

void PartPlanner::feed(std::string_view bytes) { impl_->feed(bytes); }
PartPlan PartPlanner::finish() { return impl_->finish(); }

}  // namespace waybill
