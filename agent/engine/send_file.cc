#include "agent/engine/send_file.h"

#include "core/error.h"

namespace waybill {

namespace {

/// Reads the file piece by piece, hashing, and lets the last piece go only when all is well.
class CheckedSource {
 public:
  CheckedSource(ReadableFile& file, const SendTask& task) : file_(file), task_(task) {}

  std::size_t read(char* into, std::size_t capacity) {
    const FilePart& part = task_.part;
    const bool is_in_head = sent_bytes_ < part.head_bytes;
    if (sent_bytes_ == part.head_bytes) file_.seek(part.begin_byte);
    const std::int64_t end = is_in_head ? part.head_bytes : part.size_bytes();
    const auto left = static_cast<std::uint64_t>(end - sent_bytes_);
    const std::size_t wanted = std::min<std::uint64_t>(capacity, left);
    if (wanted == 0) return 0;
    const std::size_t count = file_.read(into, wanted);
    if (count == 0) changed("it ends earlier than when it was hashed");
    check_stat();  // a long upload need not go on to its end to find out
    hash_.update({into, count});
    sent_bytes_ += static_cast<std::int64_t>(count);
    if (sent_bytes_ == part.size_bytes()) check();
    return count;
  }

  /// Throws WB-1301 unless the open file is still as recorded.
  void check_stat() const {
    const FileStat now = file_.stat();
    const auto size = static_cast<std::int64_t>(now.size_bytes);
    const std::int64_t end = task_.part.end_byte;
    if ((task_.is_part ? size < end : size != end) || now.mtime_ns != task_.mtime_ns) {
      changed("its size or time is not what it was when it was hashed");
    }
  }

 private:
  void check() {
    if (hash_.finish() != task_.part.content_sha256)
      changed("its bytes are not those that were hashed");
    check_stat();
  }

  [[noreturn]] void changed(std::string_view cause) const {
    throw Error(error_code::kFileChanged, "send", task_.relative_path, cause);
  }

  ReadableFile& file_;
  const SendTask& task_;
  Sha256 hash_;
  std::int64_t sent_bytes_ = 0;
};

SendEnd end_of(UploadOutcome outcome) {
  switch (outcome) {
    case UploadOutcome::kAccepted:
      return SendEnd::kAccepted;
    case UploadOutcome::kExists:
      return SendEnd::kExists;
    case UploadOutcome::kTargetExpired:
      return SendEnd::kTargetExpired;
    case UploadOutcome::kDeclined:
      return SendEnd::kDeclined;
    case UploadOutcome::kInterrupted:
      return SendEnd::kInterrupted;
  }
  return SendEnd::kInterrupted;
}

SendEnd end_of(const Error& error) {
  const std::string_view id = error.code().id;
  if (id == error_code::kFileChanged.id || id == error_code::kNotARegularFile.id) {
    return SendEnd::kChanged;
  }
  if (id == error_code::kFileUnreadable.id) return SendEnd::kUnreadable;
  if (id == error_code::kInsecureUrl.id) return SendEnd::kDeclined;
  return SendEnd::kInterrupted;
}

}  // namespace

SendResult send_file(FileSystem& files, const std::filesystem::path& root, const SendTask& task,
                     Uploader& uploader, const SessionListener& on_session) {
  SendResult result{.file = task.file};
  UploadRequest request{
      .target = task.target, .size_bytes = task.part.size_bytes(), .chunk_bytes = task.chunk_bytes};
  if (!task.session.url.empty() && task.session.object_path == task.target.path.value) {
    request.session = task.session;
  }
  bool has_begun = false;  // then the uploader itself drops the session of a changed file
  try {
    const std::unique_ptr<ReadableFile> file = files.open(root, task.relative_path);
    if (!file) {
      result.end = SendEnd::kRemoved;
      result.problem = {std::string(error_code::kFileVanished.id),
                        "it was removed before it was sent", wire::Json::object()};
      uploader.drop(request);
      return result;
    }
    CheckedSource source(*file, task);
    source.check_stat();
    has_begun = true;
    const UploadAnswer answer = uploader.send(
        request, [&](char* into, std::size_t capacity) { return source.read(into, capacity); },
        on_session);
    result.end = end_of(answer.outcome);
    result.problem = answer.problem;
    result.retry_after_ms = answer.retry_after_ms;
  } catch (const Error& error) {
    result.end = end_of(error);
    if (result.end == SendEnd::kChanged && !has_begun) uploader.drop(request);
    result.problem = {std::string(error.code().id), error.cause(), wire::Json::object()};
  }
  return result;
}

}  // namespace waybill
