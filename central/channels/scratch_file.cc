#include "central/channels/scratch_file.h"

#include <chrono>
#include <system_error>

#include "core/crypto.h"
#include "core/error.h"

namespace waybill {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFolderPrefix = "waybill-scratch-";
constexpr const char* kLockName = "lock";

/// Younger folders may not have their lock yet.
constexpr std::chrono::minutes kLeftoverAge{10};

/// Left by a process that is no longer there: a folder in use has its lock held.
bool is_leftover(const fs::directory_entry& entry) {
  std::error_code problem;
  if (!entry.path().filename().string().starts_with(kFolderPrefix)) return false;
  if (entry.is_symlink(problem) || !entry.is_directory(problem)) return false;
  const auto changed = fs::last_write_time(entry.path(), problem);
  if (problem || fs::file_time_type::clock::now() - changed < kLeftoverAge) return false;
  try {
    return system_file_system().try_lock(entry.path() / kLockName) != nullptr;
  } catch (const Error&) {
    return false;  // another user's
  }
}

void remove_leftovers(const fs::path& scratch_folder) {
  std::error_code problem;
  fs::directory_iterator entry(scratch_folder, problem);
  for (; !problem && entry != fs::directory_iterator(); entry.increment(problem)) {
    std::error_code ignored;
    if (is_leftover(*entry)) fs::remove_all(entry->path(), ignored);
  }
}

}  // namespace

ScratchFile::ScratchFile(const fs::path& scratch_folder)
    : folder_(scratch_folder / (std::string(kFolderPrefix) + random_uuid())),
      path_(folder_ / "content") {
  remove_leftovers(scratch_folder);
  std::error_code problem;
  fs::create_directories(scratch_folder, problem);
  if (!problem) fs::create_directory(folder_, problem);
  if (!problem) fs::permissions(folder_, fs::perms::owner_all, problem);
  if (problem) {
    throw Error(error_code::kFileSystemFailed, "make scratch folder", folder_.string(),
                problem.message());
  }
  lock_ = system_file_system().try_lock(folder_ / kLockName);
  file_.open(path_, std::ios::binary | std::ios::trunc);
  check("open");
}

ScratchFile::~ScratchFile() {
  file_.close();
  lock_.reset();
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

void ScratchFile::write(std::string_view bytes) {
  file_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  check("write");
}

void ScratchFile::finish_writing() {
  file_.close();
  check("write");
}

void ScratchFile::check(const char* what) const {
  if (file_.good()) return;
  throw Error(error_code::kFileSystemFailed, std::string(what) + " scratch file", path_.string(),
              "the disk is full, or the folder cannot be written");
}

}  // namespace waybill
