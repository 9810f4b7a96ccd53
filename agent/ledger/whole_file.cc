#include "agent/ledger/whole_file.h"

#include <algorithm>
#include <array>

#include "core/error_code.h"

namespace waybill {

namespace {

/// What counts first for the whole: a bad end of one part, then the part that is behind the others.
constexpr std::array kWeightiestFirst = {
    FileState::kRefused,  FileState::kSuperseded, FileState::kVanished,  FileState::kReady,
    FileState::kQueued,   FileState::kUploading,  FileState::kUnsettled, FileState::kUploaded,
    FileState::kReceived, FileState::kVerified,   FileState::kStaged,    FileState::kProcessed,
    FileState::kArchived, FileState::kDuplicate};
static_assert(kWeightiestFirst.size() == kFileStateNames.size());

std::size_t rank(FileState state) {
  const auto* const found = std::find(kWeightiestFirst.begin(), kWeightiestFirst.end(), state);
  return static_cast<std::size_t>(found - kWeightiestFirst.begin());
}

/// A part that is refused because another one was says less than that other one.
bool tells_more(const JobFile& one, const JobFile& other) {
  const auto weight = [](const JobFile& part) {
    const bool is_echo = part.problem && part.problem->code == error_code::kPartOfSetRefused.id;
    return std::pair(rank(part.state), is_echo);
  };
  return weight(one) < weight(other);
}

}  // namespace

FileState whole_state(std::span<const FileState> states) {
  return *std::min_element(states.begin(), states.end(),
                           [](FileState one, FileState other) { return rank(one) < rank(other); });
}

JobFile whole_of(std::span<const JobFile> parts) {
  JobFile out = *std::min_element(parts.begin(), parts.end(), tells_more);
  if (parts.size() == 1) return out;
  out.content_sha256 = out.original_sha256;
  out.size_bytes = parts.back().part.end_byte;
  out.part = {.end_byte = out.size_bytes, .content_sha256 = out.original_sha256};
  out.rows_staged = 0;
  out.attempt_count = 0;
  for (const JobFile& part : parts) {
    const bool is_known = part.rows_staged >= 0 && out.rows_staged >= 0;
    out.rows_staged = is_known ? out.rows_staged + part.rows_staged : -1;
    out.attempt_count += part.attempt_count;
    out.discovered_at_ms = std::min(out.discovered_at_ms, part.discovered_at_ms);
    out.updated_at_ms = std::max(out.updated_at_ms, part.updated_at_ms);
  }
  return out;
}

std::vector<std::vector<JobFile>> group_parts(std::vector<JobFile> files) {
  std::vector<std::vector<JobFile>> out;
  for (JobFile& file : files) {
    const bool is_next_part = !out.empty() &&
                              out.back().front().original_sha256 == file.original_sha256 &&
                              out.back().front().export_number == file.export_number;
    if (!is_next_part) out.emplace_back();
    out.back().push_back(std::move(file));
  }
  return out;
}

}  // namespace waybill
