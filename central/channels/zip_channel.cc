#include "central/channels/zip_channel.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <new>

#include "central/channels/scratch_file.h"
#include "central/channels/wrapped_channel.h"
#include "core/glob.h"

namespace waybill {

namespace {

constexpr std::size_t kBlockBytes = std::size_t{256} * 1024;
constexpr std::size_t kWindowBytes = std::size_t{64} * 1024;
constexpr int kEntriesMax = 10'000;

struct CloseArchive {
  void operator()(archive* raw) const { archive_read_free(raw); }
};
using Archive = std::unique_ptr<archive, CloseArchive>;

/// Does the path lead out of the archive's own folder, on any system it may be unpacked on?
bool leads_outside(std::string path) {
  std::replace(path.begin(), path.end(), '\\', '/');
  const bool has_drive = path.size() >= 2 && path[1] == ':';
  if (path.empty() || path.front() == '/' || has_drive) return true;
  for (std::size_t from = 0; from <= path.size();) {
    const std::size_t end = std::min(path.find('/', from), path.size());
    if (path.substr(from, end - from) == "..") return true;
    from = end + 1;
  }
  return false;
}

/// What macOS adds beside every file it packs.
bool is_resource_fork(const std::string& path) { return path.starts_with("__MACOSX/"); }

/// The entry's path; nullptr when it is not readable in any way.
const char* path_of(archive_entry* entry) {
  const char* const path = archive_entry_pathname_utf8(entry);
  return path != nullptr ? path : archive_entry_pathname(entry);
}

bool fits(const std::string& pattern, const std::string& path) {
  const bool is_path = pattern.find('/') != std::string::npos;
  return matches_glob(pattern, is_path ? path : path.substr(path.rfind('/') + 1));
}

class ZipChannel final : public WrappedChannel {
 public:
  ZipChannel(std::unique_ptr<Channel> content, std::string entry_pattern,
             const ChannelOptions& options)
      : WrappedChannel(std::move(content), options),
        entry_pattern_(std::move(entry_pattern)),
        scratch_(options.scratch_folder) {}

  void feed(std::string_view bytes) override {
    count_fed(bytes);
    scratch_.write(bytes);
  }
  void finish() override;

 private:
  [[nodiscard]] Archive open();
  [[nodiscard]] bool next_entry(archive* zip, archive_entry*& entry);
  [[nodiscard]] int find_entry();
  void look_at(archive_entry* entry);
  void read_entry(int place);
  void refuse_damage(archive* zip);

  std::string entry_pattern_;
  ScratchFile scratch_;
  bool finished_ = false;
};

void ZipChannel::finish() {
  if (finished_) return;
  finished_ = true;
  scratch_.finish_writing();
  if (fed_bytes() == 0) return refuse(error_code::kFileEmpty, "the file holds no bytes");
  const int place = find_entry();
  if (!is_refused()) read_entry(place);
  if (!is_refused()) finish_content();
}

Archive ZipChannel::open() {
  Archive zip(archive_read_new());
  if (!zip || archive_read_support_format_zip_seekable(zip.get()) != ARCHIVE_OK) {
    throw std::bad_alloc();
  }
  if (archive_read_open_filename(zip.get(), scratch_.path().c_str(), kBlockBytes) != ARCHIVE_OK) {
    refuse(error_code::kContainerDamaged, "the file is no zip archive, or it ends early");
  }
  return zip;
}

/// The next entry; false at the end, and when the archive cannot be read on, which is refused.
bool ZipChannel::next_entry(archive* zip, archive_entry*& entry) {
  const int answer = archive_read_next_header(zip, &entry);
  if (answer == ARCHIVE_EOF) return false;
  // A warning is about the name in our locale, or a time; neither matters here.
  if (answer != ARCHIVE_OK && answer != ARCHIVE_WARN) refuse_damage(zip);
  return !is_refused();
}

/// The place of the one entry that fits among all entries, from 0.
int ZipChannel::find_entry() {
  const Archive zip = open();
  int found = 0;
  int fitting = 0;
  archive_entry* entry = nullptr;
  int place = 0;
  for (; !is_refused() && next_entry(zip.get(), entry); ++place) {
    if (place == kEntriesMax) {
      refuse(error_code::kContainerTooLarge,
             fmt::format("the archive has more than {} entries", kEntriesMax));
      return 0;
    }
    look_at(entry);
    const char* const path = path_of(entry);
    if (is_refused() || archive_entry_filetype(entry) == AE_IFDIR || is_resource_fork(path) ||
        !fits(entry_pattern_, path)) {
      continue;
    }
    found = place;
    ++fitting;
  }
  if (!is_refused() && fitting != 1) {
    refuse(error_code::kContainerEntryUnclear,
           fmt::format("{} of the archive's {} entries fit the file spec's container_entry; it "
                       "must be exactly one",
                       fitting, place));
  }
  return found;
}

/// Refuses what no export holds; the entry's name is the agency's and is not told.
void ZipChannel::look_at(archive_entry* entry) {
  const char* const path = path_of(entry);
  const auto type = archive_entry_filetype(entry);
  if (path == nullptr || leads_outside(path)) {
    refuse(error_code::kContainerUnsafe, "the path of an entry leads out of the archive");
  } else if (archive_entry_symlink(entry) != nullptr || archive_entry_hardlink(entry) != nullptr ||
             (type != AE_IFREG && type != AE_IFDIR)) {
    refuse(error_code::kContainerUnsafe, "an entry is a link or a device, not a file");
  } else if (archive_entry_is_encrypted(entry) != 0) {
    refuse(error_code::kContainerUnsafe, "an entry is encrypted");
  }
}

void ZipChannel::read_entry(int place) {
  const Archive zip = open();
  archive_entry* entry = nullptr;
  for (int i = 0; i <= place; ++i) {
    if (!next_entry(zip.get(), entry)) return;
  }
  std::string window(kWindowBytes, '\0');
  for (;;) {
    const la_ssize_t size = archive_read_data(zip.get(), window.data(), window.size());
    if (size == 0) return;
    if (size < 0) return refuse_damage(zip.get());
    if (!unpack(std::string_view(window).substr(0, static_cast<std::size_t>(size)))) return;
  }
}

void ZipChannel::refuse_damage(archive* zip) {
  const char* const why = archive_error_string(zip);
  refuse(error_code::kContainerDamaged,
         fmt::format("the archive is damaged: {}", why == nullptr ? "it ends early" : why));
}

}  // namespace

std::unique_ptr<Channel> open_zip(std::unique_ptr<Channel> content,
                                  const std::string& entry_pattern, const ChannelOptions& options) {
  return std::make_unique<ZipChannel>(std::move(content), entry_pattern, options);
}

}  // namespace waybill
