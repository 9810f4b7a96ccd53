#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "central/standin/partial_file.h"
#include "core/error.h"

namespace waybill::standin {

namespace {

[[noreturn]] void fail(const char* operation, const std::filesystem::path& path) {
  throw Error(error_code::kFileSystemFailed, operation, path.string(), std::strerror(errno));
}

class PosixPartialFile final : public PartialFile {
 public:
  PosixPartialFile(std::filesystem::path path, int fd) : path_(std::move(path)), fd_(fd) {
    struct stat raw {};
    if (::fstat(fd_, &raw) != 0) {
      ::close(fd_);
      fail("look at", path_);
    }
    size_bytes_ = raw.st_size;
  }
  ~PosixPartialFile() override { ::close(fd_); }
  PosixPartialFile(const PosixPartialFile&) = delete;
  PosixPartialFile& operator=(const PosixPartialFile&) = delete;

  void append(std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t count = ::pwrite(fd_, bytes.data(), bytes.size(), size_bytes_);
      if (count < 0) {
        if (errno == EINTR) continue;
        fail("write", path_);
      }
      size_bytes_ += count;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
  }

  [[nodiscard]] std::int64_t size_bytes() const override { return size_bytes_; }

  void sync() override {
    if (::fsync(fd_) != 0) fail("sync", path_);
  }

 private:
  const std::filesystem::path path_;
  const int fd_;
  std::int64_t size_bytes_ = 0;
};

}  // namespace

void make_partial_file(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) fail("create", path);
  ::close(fd);
}

std::unique_ptr<PartialFile> open_partial_file(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd >= 0) return std::make_unique<PosixPartialFile>(path, fd);
  if (errno == ENOENT) return nullptr;
  fail("open", path);
}

}  // namespace waybill::standin
