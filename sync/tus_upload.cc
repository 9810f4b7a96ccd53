#include "sync/tus_upload.h"

#include <algorithm>
#include <cstring>

#include "sync/http_central_api.h"
#include "sync/storage_answer.h"
#include "sync/tus_protocol.h"

namespace waybill {

namespace {

constexpr std::int64_t kChunkTimeoutMs = 0;  // slow lines take their time; a stall is noticed
constexpr std::int64_t kQuestionTimeoutMs = 30'000;  // of HEAD, POST and DELETE
constexpr std::int64_t kPatienceMs = 5'000;  // storage may ask for so long a pause within one call
constexpr std::int64_t kAskAgainMs = 1'000;  // an answer older than this says little of the token
constexpr std::size_t kCreationsMax = 2;     // sessions begun in one call

UploadAnswer interrupted(const ErrorCode& code, std::string message) {
  return {UploadOutcome::kInterrupted, upload_problem(code, std::move(message))};
}

}  // namespace

TusUpload::TusUpload(TusEndpoint endpoint, const UploadRequest& upload, std::string token,
                     const SessionListener& on_session)
    : endpoint_(endpoint),
      upload_(upload),
      token_(std::move(token)),
      on_session_(on_session),
      session_(upload.session.value_or(UploadSession{})) {
  const bool is_of_target = session_.object_path == upload.target.path.value;
  if (!is_of_target) session_ = {};
  session_.object_path = upload.target.path.value;
}

UploadAnswer TusUpload::send(const ByteSource& source) {
  Next next = session_.url.empty() ? Next::kCreate : Next::kAsk;
  try {
    while (next != Next::kEnd) {
      switch (next) {
        case Next::kCreate:
          next = create();
          break;
        case Next::kAsk:
          next = ask();
          break;
        case Next::kSend:
          next = send_chunk(source);
          break;
        case Next::kEnd:
          break;
      }
    }
  } catch (const Error& error) {
    if (error.code().id == error_code::kFileChanged.id) drop();
    throw;
  }
  answer_.taken_bytes = taken_bytes_;
  return answer_;
}

void TusUpload::drop() {
  if (session_.url.empty()) return;
  static_cast<void>(exchange(request("DELETE", session_.url)));
  forget_session();
}

// ---- steps

TusUpload::Next TusUpload::create() {
  if (creations_ == kCreationsMax) return end(failure_);
  HttpRequest post = request("POST", upload_.target.url);
  post.headers.emplace_back("upload-length", std::to_string(upload_.size_bytes));
  post.headers.emplace_back("upload-metadata", upload_metadata(upload_.target));
  post.headers.emplace_back("x-upsert", "false");
  const std::optional<HttpResponse> response = exchange(post);
  if (!response) return trouble(failure_, Next::kCreate);
  const TusVerdict verdict = read_tus_answer(*response);
  if (verdict == TusVerdict::kGone) {  // there was no upload yet that could have gone
    return end({UploadOutcome::kDeclined,
                upload_problem(error_code::kUploadRefused, tus_sentence(*response))});
  }
  if (verdict != TusVerdict::kGood) return refused(*response, Next::kCreate);
  const std::optional<std::string> url =
      upload_url_of(endpoint_.project_url, upload_.target.url, response->header("location"));
  if (!url) {
    return end({UploadOutcome::kDeclined,
                upload_problem(error_code::kAnswerNotUnderstood,
                               "storage gave a place for the upload that is not below the "
                               "project's address")});
  }
  ++creations_;
  heard_steady_ms_ = endpoint_.steady_ms();
  session_.url = *url;
  session_.offset_bytes = 0;
  on_session_(session_);
  return Next::kSend;
}

TusUpload::Next TusUpload::ask() {
  const std::optional<HttpResponse> response = exchange(request("HEAD", session_.url));
  if (!response) return trouble(failure_, Next::kAsk);
  const TusVerdict verdict = read_tus_answer(*response);
  if (verdict == TusVerdict::kGone) return lost_session();
  if (verdict != TusVerdict::kGood) return refused(*response, Next::kAsk);
  const std::optional<std::int64_t> offset = bytes_in(*response, "upload-offset");
  const std::int64_t length = bytes_in(*response, "upload-length").value_or(upload_.size_bytes);
  if (!offset) {
    return end(interrupted(error_code::kAnswerNotUnderstood,
                           "storage did not say how much of the upload it has"));
  }
  if (length != upload_.size_bytes || *offset > upload_.size_bytes) {
    drop();  // an upload of something else
    return lost_session();
  }
  heard_steady_ms_ = endpoint_.steady_ms();
  return take_offset(*offset);
}

TusUpload::Next TusUpload::send_chunk(const ByteSource& source) {
  if (session_.offset_bytes == upload_.size_bytes) return end({UploadOutcome::kAccepted});
  if (session_.offset_bytes < chunk_begin_bytes_) {
    return end(interrupted(error_code::kUploadInterrupted,
                           "storage has less than it had said; the file is read anew"));
  }
  if (endpoint_.steady_ms() - heard_steady_ms_ > kAskAgainMs) return Next::kAsk;
  if (!fill_chunk(source)) {
    return end(interrupted(error_code::kUploadInterrupted, "the source ended early"));
  }
  HttpRequest patch = request("PATCH", session_.url);
  patch.headers.emplace_back("upload-offset", std::to_string(session_.offset_bytes));
  patch.headers.emplace_back("content-type", "application/offset+octet-stream");
  std::size_t sent = 0;
  patch.upload_size_bytes = static_cast<std::int64_t>(chunk_.size());
  patch.upload_source = [&](char* into, std::size_t capacity) {
    const std::size_t count = std::min(capacity, chunk_.size() - sent);
    std::memcpy(into, chunk_.data() + sent, count);
    sent += count;
    return count;
  };
  patch.timeout_ms = kChunkTimeoutMs;
  const std::int64_t chunk_end = session_.offset_bytes + patch.upload_size_bytes;
  has_sent_end_ = has_sent_end_ || chunk_end == upload_.size_bytes;
  heard_steady_ms_ = endpoint_.steady_ms();  // the token is looked at when a request comes in
  const std::optional<HttpResponse> response = exchange(patch);
  if (!response) return trouble(failure_, Next::kAsk);
  const TusVerdict verdict = read_tus_answer(*response);
  if (verdict == TusVerdict::kGone) return lost_session();
  if (verdict != TusVerdict::kGood) return refused(*response, Next::kAsk);
  const std::optional<std::int64_t> offset = bytes_in(*response, "upload-offset");
  if (!offset || *offset <= session_.offset_bytes || *offset > chunk_end) {
    return trouble(interrupted(error_code::kAnswerNotUnderstood,
                               "storage took a chunk and did not say how far it is"),
                   Next::kAsk);
  }
  return take_offset(*offset);
}

// ---- what follows from an answer

TusUpload::Next TusUpload::take_offset(std::int64_t offset_bytes) {
  if (offset_bytes > session_.offset_bytes) {
    // What an earlier try had sent counts for that one.
    if (read_bytes_ > 0) taken_bytes_ += offset_bytes - session_.offset_bytes;
    troubles_ = 0;
  }
  if (offset_bytes != session_.offset_bytes) {
    session_.offset_bytes = offset_bytes;
    on_session_(session_);
  }
  return Next::kSend;
}

TusUpload::Next TusUpload::lost_session() {
  forget_session();
  failure_ = interrupted(error_code::kUploadInterrupted,
                         "storage does not know the upload any more; it begins anew");
  // It may be gone because it is complete, and only the answer was lost: central knows.
  if (has_sent_end_) return end(failure_);
  // The source is read once; from its first byte we can begin anew only while we still hold it.
  const bool holds_begin = read_bytes_ == 0 || (chunk_begin_bytes_ == 0 && !chunk_.empty());
  return holds_begin ? Next::kCreate : end(failure_);
}

/// Not good, and the session as it was: tries again in place, or ends.
TusUpload::Next TusUpload::refused(const HttpResponse& response, Next again) {
  const std::int64_t pause_ms = retry_after_ms(response);
  const std::string said = tus_sentence(response);
  switch (read_tus_answer(response)) {
    case TusVerdict::kTokenRefused:
      return end({UploadOutcome::kTargetExpired,
                  upload_problem(error_code::kUploadTargetExpired, said), pause_ms});
    case TusVerdict::kOffsetWrong:
    case TusVerdict::kBusy:
      return trouble({UploadOutcome::kInterrupted,
                      upload_problem(error_code::kCentralUnavailable, said), pause_ms},
                     again);
    default:
      return end(
          {UploadOutcome::kDeclined, upload_problem(error_code::kUploadRefused, said), pause_ms});
  }
}

TusUpload::Next TusUpload::trouble(UploadAnswer answer, Next again) {
  failure_ = std::move(answer);
  if (troubles_ >= endpoint_.retry_pauses_ms.size() || failure_.retry_after_ms > kPatienceMs) {
    return end(failure_);
  }
  const std::int64_t pause_ms =
      std::max(endpoint_.retry_pauses_ms[troubles_++], failure_.retry_after_ms);
  return endpoint_.wait(pause_ms) ? again : end(failure_);
}

TusUpload::Next TusUpload::end(UploadAnswer answer) {
  answer_ = std::move(answer);
  return Next::kEnd;
}

void TusUpload::forget_session() {
  session_.url.clear();
  session_.offset_bytes = 0;
  on_session_(session_);
}

// ---- the source

/// The chunk from storage's offset on, as long as chunks are. False when the source ends before.
bool TusUpload::fill_chunk(const ByteSource& source) {
  const std::int64_t offset = session_.offset_bytes;
  const std::int64_t chunk_end = chunk_begin_bytes_ + static_cast<std::int64_t>(chunk_.size());
  const auto known = static_cast<std::size_t>(std::min(offset, chunk_end) - chunk_begin_bytes_);
  chunk_.erase(chunk_.begin(), chunk_.begin() + static_cast<std::ptrdiff_t>(known));
  chunk_begin_bytes_ = offset;
  if (read_bytes_ < offset) skip_to(source, offset);
  const std::int64_t wanted =
      std::min(std::max<std::int64_t>(upload_.chunk_bytes, 1), upload_.size_bytes - offset);
  std::size_t filled = chunk_.size();
  chunk_.resize(std::max(filled, static_cast<std::size_t>(wanted)));
  while (filled < chunk_.size()) {
    const std::size_t count = source(chunk_.data() + filled, chunk_.size() - filled);
    if (count == 0) break;
    filled += count;
    read_bytes_ += static_cast<std::int64_t>(count);
  }
  const bool is_filled = filled == chunk_.size();
  chunk_.resize(filled);
  return is_filled;
}

/// Reads what storage has already, for the hash alone.
void TusUpload::skip_to(const ByteSource& source, std::int64_t offset_bytes) {
  constexpr std::int64_t kPieceBytes = 1 << 20;
  std::vector<char> piece(static_cast<std::size_t>(kPieceBytes));
  while (read_bytes_ < offset_bytes) {
    const std::size_t count = source(
        piece.data(), static_cast<std::size_t>(std::min(kPieceBytes, offset_bytes - read_bytes_)));
    if (count == 0) return;
    read_bytes_ += static_cast<std::int64_t>(count);
  }
}

// ---- the wire

HttpRequest TusUpload::request(const char* method, const std::string& url) const {
  HttpRequest out;
  out.method = method;
  out.url = endpoint_.project_url + url;
  out.headers = {
      {"tus-resumable", "1.0.0"}, {"x-signature", token_}, {"apikey", endpoint_.publishable_key}};
  out.timeout_ms = kQuestionTimeoutMs;
  return out;
}

std::optional<HttpResponse> TusUpload::exchange(const HttpRequest& request) {
  try {
    return endpoint_.http.send(request);
  } catch (const Error& error) {
    if (!is_transport_failure(error)) throw;
    failure_ = interrupted_by(error);
    return std::nullopt;
  }
}

}  // namespace waybill
