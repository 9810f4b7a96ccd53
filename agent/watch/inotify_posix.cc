#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <unordered_map>
#include <utility>

#include "agent/watch/change_notifier.h"

namespace waybill {

namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kEvents = IN_CREATE | IN_CLOSE_WRITE | IN_MODIFY | IN_MOVED_FROM |
                                  IN_MOVED_TO | IN_DELETE | IN_ATTRIB | IN_DELETE_SELF |
                                  IN_MOVE_SELF | IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK;
constexpr int kReadsMax = 1'000;  // buffers drained by one take_hint()

class InotifyNotifier final : public ChangeNotifier {
 public:
  InotifyNotifier() : fd_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {}
  ~InotifyNotifier() override {
    if (fd_ >= 0) ::close(fd_);
  }
  InotifyNotifier(const InotifyNotifier&) = delete;
  InotifyNotifier& operator=(const InotifyNotifier&) = delete;

  std::optional<Error> watch(const fs::path& root) override {
    if (fd_ < 0) return limit_reached(root, "the system grants no further instance");
    root_ = root;
    problem_.reset();
    return add_tree(root);
  }

  std::optional<Error> take_problem() override { return std::exchange(problem_, std::nullopt); }

  bool take_hint() override {
    bool has_hint = false;
    alignas(inotify_event) std::array<char, 16 * 1024> buffer;
    for (int i = 0; fd_ >= 0 && i < kReadsMax; ++i) {
      const ssize_t count = ::read(fd_, buffer.data(), buffer.size());
      if (count <= 0) break;
      has_hint = true;
      for (ssize_t at = 0; at < count;) {
        inotify_event event;
        std::memcpy(&event, buffer.data() + at, sizeof event);
        note(event, buffer.data() + at + sizeof event);
        at += static_cast<ssize_t>(sizeof event + event.len);
      }
    }
    return has_hint;
  }

 private:
  static Error limit_reached(const fs::path& folder, const std::string& cause) {
    return {error_code::kWatchLimit, "watch", folder.string(), cause};
  }

  std::optional<Error> add_tree(const fs::path& root) {
    std::optional<Error> problem = add(root);
    std::error_code ignored;
    fs::recursive_directory_iterator at(root, fs::directory_options::skip_permission_denied,
                                        ignored);
    for (; !problem && !ignored && at != fs::recursive_directory_iterator();
         at.increment(ignored)) {
      if (at->is_directory(ignored) && !at->is_symlink(ignored)) problem = add(at->path());
    }
    return problem;
  }

  std::optional<Error> add(const fs::path& folder) {
    const int watch = ::inotify_add_watch(fd_, folder.c_str(), kEvents);
    if (watch >= 0) {
      folders_[watch] = folder;
      return std::nullopt;
    }
    if (errno == ENOSPC || errno == ENOMEM) {
      return limit_reached(folder, "the system's limit of watches is reached");
    }
    return std::nullopt;  // gone or not ours to read: the scan says so
  }

  /// A new folder is watched at once; what was put into it before that is found by the scan that
  /// the hint causes.
  void note(const inotify_event& event, const char* name) {
    if ((event.mask & IN_Q_OVERFLOW) != 0) {
      keep_first(add_tree(root_));  // folders may have been made that we were not told of
      return;
    }
    if ((event.mask & IN_IGNORED) != 0) {
      folders_.erase(event.wd);
      return;
    }
    const bool is_new_folder =
        (event.mask & IN_ISDIR) != 0 && (event.mask & (IN_CREATE | IN_MOVED_TO)) != 0;
    const auto parent = folders_.find(event.wd);
    if (is_new_folder && event.len > 0 && parent != folders_.end()) {
      keep_first(add_tree(parent->second / name));
    }
  }

  void keep_first(std::optional<Error> problem) {
    if (problem && !problem_) problem_ = std::move(problem);
  }

  int fd_;
  fs::path root_;
  std::optional<Error> problem_;
  std::unordered_map<int, fs::path> folders_;
};

}  // namespace

std::unique_ptr<ChangeNotifier> system_change_notifier() {
  return std::make_unique<InotifyNotifier>();
}

}  // namespace waybill
