#include "agent/engine/quarantine.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "core/ascii.h"
#include "core/count_of.h"
#include "core/error.h"
#include "core/log.h"

namespace waybill {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kNameBytesMax = 80;
constexpr std::size_t kHashDigits = 12;
constexpr std::string_view kUnfinished = "unfinished-";
constexpr std::string_view kCut = "-cut-";
/// Bytes written between two looks at the free space.
constexpr std::int64_t kRoomStepBytes = std::int64_t{4} << 20;

/// The export's base name in characters that every file system takes.
std::string plain_name(std::string_view relative_path) {
  std::string name(relative_path.substr(relative_path.rfind('/') + 1));
  std::replace_if(
      name.begin(), name.end(),
      [](char c) {
        return !is_ascii_lower(to_ascii_lower(c)) && !is_ascii_digit(c) && c != '.' && c != '-';
      },
      '_');
  if (name.size() > kNameBytesMax) name.erase(0, name.size() - kNameBytesMax);
  return name;
}

bool is_copy(std::string_view name) {
  const std::string_view digits = name.substr(0, std::min(kHashDigits, name.size()));
  return name.size() > kHashDigits && name[kHashDigits] == '-' &&
         std::all_of(digits.begin(), digits.end(),
                     [](char c) { return is_ascii_digit(c) || (c >= 'a' && c <= 'f'); });
}

bool is_unfinished(const std::string& name) {
  return name.starts_with(kUnfinished) || is_staged_name(name);
}

struct Copy {
  fs::path path;
  std::int64_t made_ms = 0;
  std::int64_t size_bytes = 0;
};

/// Is the folder there, as a folder of its own?
bool is_own_folder(FileSystem& files, const fs::path& folder) {
  const std::optional<FileStat> stat = files.stat(folder);
  return stat && stat->type == FileType::kFolder;
}

std::vector<Copy> copies_in(FileSystem& files, const fs::path& folder,
                            const std::function<bool(const std::string&)>& is_wanted) {
  constexpr std::int64_t kNsPerMs = 1'000'000;
  std::vector<Copy> copies;
  files.walk(
      folder,
      [&](const WalkEntry& entry) {
        const bool is_direct = entry.relative_path.find('/') == std::string::npos;
        if (!entry.is_text || !is_direct || entry.stat.type != FileType::kRegular) return;
        if (!is_wanted(entry.relative_path)) return;
        copies.push_back({folder / entry.relative_path, entry.stat.mtime_ns / kNsPerMs,
                          static_cast<std::int64_t>(entry.stat.size_bytes)});
      },
      [](const std::string&) {});
  return copies;
}

/// As the time: then copies are removed for their number alone.
constexpr std::int64_t kNothingIsOld = 0;

/// The oldest first: those that are too old, and those that leave no room for one more.
std::vector<Copy> to_remove(FileSystem& files, const fs::path& folder, std::int64_t now_ms) {
  if (!is_own_folder(files, folder)) return {};
  std::vector<Copy> copies = copies_in(files, folder, is_copy);
  std::sort(copies.begin(), copies.end(),
            [](const Copy& left, const Copy& right) { return left.made_ms < right.made_ms; });
  std::int64_t total = 0;
  for (const Copy& copy : copies) total += copy.size_bytes;
  std::size_t count = 0;
  for (; count < copies.size(); ++count) {
    const bool is_old = copies[count].made_ms < now_ms - kQuarantineKeptMs;
    if (!is_old && total <= kQuarantineTotalBytesMax - kQuarantineBytesMax) break;
    total -= copies[count].size_bytes;
  }
  copies.resize(count);
  return copies;
}

void remove_all(FileSystem& files, const std::vector<Copy>& copies) {
  for (const Copy& copy : copies) files.remove(copy.path);
  const auto count = static_cast<std::int64_t>(copies.size());
  if (count > 0) log_info("removed " + count_of(count, "old file") + " of rows set aside");
}

}  // namespace

bool is_cut_copy(std::string_view name) {
  return name.substr(name.find('/') + 1)
      .substr(std::min(kHashDigits, name.size()))
      .starts_with(kCut);
}

QuarantineCopy::QuarantineCopy(FileSystem& files, const QuarantineSettings& settings,
                               const PathRecord& path, std::int32_t spec_version)
    : files_(files),
      settings_(settings),
      base_name_(fmt::format("v{}-{}", spec_version, plain_name(path.relative_path))) {
  // The same for the same name, size and time: a pass that is begun again writes the same file.
  const std::string identity =
      fmt::format("{}\n{}\n{}", path.relative_path, path.size_bytes, path.mtime_ns);
  unfinished_name_ = fmt::format("{}/{}{}-{}", kQuarantineFolderName, kUnfinished,
                                 sha256_hex(identity).substr(0, kHashDigits), base_name_);
}

void QuarantineCopy::write(std::string_view bytes) {
  if (has_failed_) return;
  try {
    if (!file_) begin();
    if (bytes_ >= room_checked_at_ + kRoomStepBytes) check_room();
    bytes_ += static_cast<std::int64_t>(bytes.size());
    if (bytes_ <= kQuarantineBytesMax) file_->write(bytes);
  } catch (const Error& error) {
    log_error(error);
    has_failed_ = true;
    file_.reset();
  }
}

void QuarantineCopy::begin() {
  const fs::path folder = settings_.state_folder / kQuarantineFolderName;
  if (files_.stat(folder) && !is_own_folder(files_, folder)) {
    throw Error(error_code::kFileSystemFailed, "keep rows set aside", folder.string(),
                "it is no folder");
  }
  remove_all(files_, to_remove(files_, folder, kNothingIsOld));
  check_room();
  file_ = files_.stage(settings_.state_folder / unfinished_name_, FileMode::kPrivate);
}

void QuarantineCopy::check_room() {
  room_checked_at_ = bytes_;
  const std::optional<std::uint64_t> free_bytes = files_.free_bytes(settings_.state_folder);
  const auto needed = static_cast<std::uint64_t>(settings_.reserve_bytes + 2 * kRoomStepBytes);
  if (settings_.reserve_bytes <= 0 || !free_bytes || *free_bytes >= needed) return;
  throw Error(error_code::kDiskLow, "keep rows set aside", settings_.state_folder.string(),
              "the room that is left is the ledger's");
}

std::string QuarantineCopy::final_name(const Sha256Hex& content_sha256) const {
  return fmt::format("{}/{}{}{}", kQuarantineFolderName, content_sha256.substr(0, kHashDigits),
                     bytes_ > kQuarantineBytesMax ? kCut : "-", base_name_);
}

std::string QuarantineCopy::commit(const Sha256Hex& content_sha256) {
  if (!file_) return "";
  std::string name = final_name(content_sha256);
  try {
    const fs::path from = settings_.state_folder / unfinished_name_;
    const fs::path to = settings_.state_folder / name;
    file_->commit();
    if (files_.stat(to)) {
      files_.remove(from);  // the same reading of the same bytes
    } else {
      files_.set_aside(from, to);
    }
    return name;
  } catch (const Error& error) {
    log_error(error);
    return "";
  }
}

void tidy_quarantine(FileSystem& files, const fs::path& state_folder, std::int64_t now_ms,
                     bool at_start) {
  const fs::path folder = state_folder / kQuarantineFolderName;
  try {
    if (at_start && is_own_folder(files, folder)) {
      for (const Copy& copy : copies_in(files, folder, is_unfinished)) files.remove(copy.path);
    }
    remove_all(files, to_remove(files, folder, now_ms));
  } catch (const Error& error) {
    log_error(error);
  }
}

}  // namespace waybill
