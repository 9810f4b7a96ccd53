#include "agent/engine/edge_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/ascii.h"
#include "core/count_of.h"
#include "core/crypto.h"
#include "core/error.h"
#include "core/log.h"

namespace waybill {

namespace {

constexpr std::size_t kNameBytesMax = 80;
constexpr std::size_t kNameHashDigits = 12;

/// The same for the same name, size and time, so that a pass that is begun again (a kill) writes
/// the same file; only characters that every file system takes.
std::string quarantine_name(const PathRecord& path) {
  const std::string identity =
      fmt::format("{}\n{}\n{}", path.relative_path, path.size_bytes, path.mtime_ns);
  std::string name = path.relative_path.substr(path.relative_path.rfind('/') + 1);
  std::replace_if(
      name.begin(), name.end(),
      [](char c) {
        return !is_ascii_lower(to_ascii_lower(c)) && !is_ascii_digit(c) && c != '.' && c != '-';
      },
      '_');
  if (name.size() > kNameBytesMax) name.erase(0, name.size() - kNameBytesMax);
  return sha256_hex(identity).substr(0, kNameHashDigits) + "-" + name;
}

/// A header may hold anything; its names are told as far as they are text.
std::string to_text(const nlohmann::json& report) {
  return report.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

/// Begins its file with the first bytes, and gives up for good when some cannot be written.
class EdgeCheck::Quarantine {
 public:
  Quarantine(FileSystem& files, std::filesystem::path state_folder, const PathRecord& path)
      : files_(files),
        state_folder_(std::move(state_folder)),
        name_(std::string(kQuarantineFolderName) + "/" + quarantine_name(path)) {}

  void write(std::string_view bytes) {
    if (has_failed_) return;
    guarded([&] {
      if (!file_) file_ = files_.stage(state_folder_ / name_, FileMode::kPrivate);
      bytes_ += static_cast<std::int64_t>(bytes.size());
      if (bytes_ <= kQuarantineBytesMax) file_->write(bytes);
    });
  }
  /// The file's name below the state folder, or "" when there is none.
  std::string commit() {
    if (file_) guarded([&] { file_->commit(); });
    return file_ ? name_ : "";
  }

 private:
  void guarded(const std::function<void()>& write) {
    try {
      write();
    } catch (const Error& error) {
      log_error(error);
      has_failed_ = true;
      file_.reset();
    }
  }

  FileSystem& files_;
  std::filesystem::path state_folder_;
  std::string name_;
  std::unique_ptr<StagedFile> file_;
  std::int64_t bytes_ = 0;
  bool has_failed_ = false;
};

EdgeCheck::EdgeCheck(FileSystem& files, std::filesystem::path state_folder, const PathRecord& path,
                     const SpecMatch& match)
    : spec_(*match.spec),
      spec_version_(match.version),
      preflight_(spec_),
      quarantine_(std::make_unique<Quarantine>(files, std::move(state_folder), path)) {
  if (path.state == PathState::kRecorded) return;  // its turn: the rows were kept when it was new
  preflight_.write_quarantine([this](std::string_view bytes) { quarantine_->write(bytes); });
}

EdgeCheck::~EdgeCheck() = default;

PreflightRecord EdgeCheck::finish() {
  const PreflightResult result = preflight_.finish();
  return {.is_refused = !result.is_accepted(),
          .spec_version = spec_version_,
          .row_count = result.summary.rows,
          .quarantined_count = result.summary.rows_quarantined,
          .finding_count = result.summary.findings_count,
          .quarantine_file = quarantine_->commit(),
          .report = to_text(preflight_notice(spec_, result, spec_version_))};
}

void remove_old_quarantine(FileSystem& files, const std::filesystem::path& state_folder,
                           std::int64_t now_ms) {
  constexpr std::int64_t kNsPerMs = 1'000'000;
  const std::filesystem::path folder = state_folder / kQuarantineFolderName;
  try {
    if (!files.stat(folder)) return;
    std::vector<std::filesystem::path> old;
    files.walk(
        folder,
        [&](const WalkEntry& entry) {
          const bool is_old = entry.stat.mtime_ns / kNsPerMs < now_ms - kQuarantineKeptMs;
          if (is_old && entry.is_text) old.push_back(folder / entry.relative_path);
        },
        [](const std::string&) {});
    for (const std::filesystem::path& path : old) files.remove(path);
    if (!old.empty()) {
      log_info(std::to_string(old.size()) + " old files of rows set aside were removed");
    }
  } catch (const Error& error) {
    log_error(error);
  }
}

std::string preflight_sentence(const PreflightRecord& record) {
  if (!record.is_refused) {
    std::string text = count_of(record.row_count, "row");
    if (record.finding_count > 0) text += ", " + count_of(record.finding_count, "finding");
    if (record.quarantined_count > 0) {
      text += fmt::format(", {} set aside", count_of(record.quarantined_count, "row"));
    }
    return text;
  }
  const nlohmann::json error =
      nlohmann::json::parse(record.report).value("error", nlohmann::json::object());
  const std::int64_t row = error.value("row", std::int64_t{0});
  return fmt::format("the file spec refuses it: {} {}{}, {}", error.value("code", std::string()),
                     error.value("message", std::string()),
                     row > 0 ? fmt::format(" (row {})", row) : "",
                     count_of(record.finding_count, "finding"));
}

}  // namespace waybill
