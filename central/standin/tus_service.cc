#include "central/standin/tus_service.h"

#include <algorithm>
#include <array>
#include <istream>
#include <nlohmann/json.hpp>
#include <utility>

#include "central/standin/http_date.h"
#include "central/standin/storage_error.h"
#include "central/standin/tus_reply.h"
#include "central/standin/upload_body.h"
#include "central/standin/upload_token.h"
#include "core/crypto.h"

namespace waybill::standin {

namespace {

constexpr std::int64_t kPoolWaitMs = 10'000;
constexpr std::size_t kBlockBytes = std::size_t{64} * 1024;
constexpr std::string_view kSignedSuffix = "/sign";
constexpr std::string_view kBodyType = "application/offset+octet-stream";
constexpr const char* kDefaultMimetype = "application/octet-stream";

bool has_body(const Request& request) { return request.body.declared_bytes.value_or(1) > 0; }

std::string media_type_of(const Request& request) {
  const std::string header = request.header("content-type");
  return header.substr(0, header.find_first_of("; "));
}

/// What the service's parser of bodies lets through; tus itself judges further.
void require_body_type(const Request& request) {
  constexpr std::array<std::string_view, 3> kTypes{kBodyType, "application/json", "text/plain"};
  const bool is_sending = request.method == "POST" || request.method == "PATCH";
  if (!is_sending || !has_body(request)) return;
  const std::string type = media_type_of(request);
  if (std::find(kTypes.begin(), kTypes.end(), type) == kTypes.end()) {
    refuse_storage(kInvalidMimeType, "Invalid Content-Type header");
  }
}

/// "3600" becomes "max-age=3600", anything else "no-cache".
std::string cache_control_of(const UploadMetadata& metadata) {
  const std::string text = metadata_value(metadata, "cacheControl");
  const std::string_view digits = std::string_view(text).substr(text.starts_with('-') ? 1 : 0);
  const bool is_number = !digits.empty() && std::all_of(digits.begin(), digits.end(), [](char c) {
    return c >= '0' && c <= '9';
  });
  return is_number ? "max-age=" + text : "no-cache";
}

nlohmann::json user_metadata_of(const Upload& upload) {
  const std::string text = metadata_value(upload.metadata, "metadata");
  nlohmann::json value = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  return value.is_object() ? value : nlohmann::json(nullptr);
}

std::string id_of(const Upload& upload) {
  return base64url_encode(upload.name.path() + "/" + upload.version);
}

void require_bucket_name(const std::string& bucket) {
  constexpr std::size_t kBucketMaxBytes = 100;
  if (bucket.empty() || bucket.size() > kBucketMaxBytes || bucket.find('/') != std::string::npos ||
      !is_storable(bucket)) {
    refuse_storage(kInvalidBucketName, "Bucket name invalid");
  }
}

}  // namespace

Reply TusService::serve(std::string_view path, Request& request) {
  Call call{.request = request, .is_signed = false, .id = {}, .caller = {}};
  if (path.starts_with(kSignedSuffix) &&
      (path.size() == kSignedSuffix.size() || path[kSignedSuffix.size()] == '/')) {
    call.is_signed = true;
    path.remove_prefix(kSignedSuffix.size());
  }
  if (path.ends_with('/')) path.remove_suffix(1);
  call.id = std::string(path.substr(path.rfind('/') + 1));  // npos + 1 is 0

  if (request.method != "OPTIONS") {
    require_body_type(request);
    if (!call.is_signed) {
      call.caller = decide_storage_caller(request, needs_.keys, needs_.clock.now_ms() / 1000);
      if (!call.caller) refuse_storage(kAccessDenied, "Invalid Compact JWS");
    }
  }
  Reply reply;
  try {
    reply = answer(call);
  } catch (const StorageRefusal& refusal) {
    reply = tus_failure(refusal.code().status, refusal.message());
  } catch (const Refusal& refusal) {
    reply = refusal.reply();
  } catch (const pg::PgError& error) {
    try {
      refuse_storage_of(error);
    } catch (const StorageRefusal& refusal) {
      reply = tus_failure(refusal.code().status, refusal.message());
    }
  }
  add_tus_headers(reply);
  return reply;
}

Reply TusService::answer(const Call& call) {
  const Request& request = call.request;
  if (request.method == "OPTIONS") return describe();
  if (!request.has_header("tus-resumable")) refuse_tus(412, "Tus-Resumable Required\n");
  std::string malformed;
  for (const std::string& name : malformed_tus_headers(request.method, request.headers)) {
    malformed += " " + name;
  }
  if (!malformed.empty()) refuse_tus(400, "Invalid" + malformed + "\n");

  if (request.method == "POST") return create(call);
  if (request.method == "HEAD") return tell_offset(call);
  if (request.method == "PATCH") return append(call);
  if (request.method == "DELETE") return terminate(call);
  refuse_tus(404, "Not found\n");
}

Reply TusService::describe() const {
  Reply reply = empty_tus_reply(204);
  reply.headers.emplace_back("Tus-Version", "1.0.0");
  reply.headers.emplace_back(
      "Tus-Extension",
      "creation,creation-with-upload,creation-defer-length,termination,expiration");
  reply.headers.emplace_back("Tus-Max-Size", std::to_string(limits_.file_size_limit_bytes));
  return reply;
}

Reply TusService::create(const Call& call) {
  Request& request = call.request;
  if (request.has_header("upload-concat")) {
    refuse_tus(
        501,
        "Concatenation extension is not (yet) supported. Disable parallel uploads in the tus "
        "client.\n");
  }
  if (request.has_header("upload-length") == request.has_header("upload-defer-length")) {
    refuse_tus(400, "Upload-Length or Upload-Defer-Length header required\n");
  }
  const auto metadata = parse_upload_metadata(request.header("upload-metadata"));
  if (!metadata) refuse_storage(kInvalidRequest, "Metadata header is required");

  Upload upload;
  upload.name = {metadata_value(*metadata, "bucketName"), metadata_value(*metadata, "objectName")};
  upload.version = random_uuid();
  upload.metadata = *metadata;
  upload.size_bytes = parse_count(request.header("upload-length"));
  upload.created_at_ms = needs_.clock.now_ms();
  require_bucket_name(upload.name.bucket);
  require_storable(upload.name.key);
  const Bucket bucket = bucket_of(upload);
  const std::int64_t limit_bytes = size_limit_of(bucket);
  if (upload.size_bytes.value_or(0) > limit_bytes) refuse_tus(413, "Maximum size exceeded\n");
  const std::string owner = authorize(call, upload);

  set_metadata_value(upload.metadata, "cacheControl", cache_control_of(upload.metadata));
  const std::string type = metadata_value(upload.metadata, "contentType");
  if (!type.empty()) judge_type(type, bucket.allowed_mime_types);

  const Lock held = lock(call, upload);
  needs_.uploads.create(upload);
  Reply reply = empty_tus_reply(201);
  bool is_answered = true;
  if (request.header("content-type") == kBodyType) {
    is_answered = take_bytes(call, upload, limit_bytes, *held);
    reply.headers.emplace_back("Upload-Offset", std::to_string(upload.offset_bytes));
  }
  if (upload.has_all_bytes()) {
    finish(upload, owner);
    reply.headers.emplace_back("Tus-Complete", "1");
  }
  if (!is_answered && !held->is_cut_off()) throw ClientGone();
  add_expiry(upload, reply);
  reply.headers.emplace_back("Location", location_of(call, upload));
  return reply;
}

Reply TusService::tell_offset(const Call& call) {
  const Upload named = upload_named(call);
  (void)authorize(call, named);
  const Lock held = lock(call, named);
  const Upload upload = find_alive(named);
  Reply reply = empty_tus_reply(200);
  reply.headers.emplace_back("Cache-Control", "no-store");
  reply.headers.emplace_back("Upload-Offset", std::to_string(upload.offset_bytes));
  if (upload.size_bytes) {
    reply.headers.emplace_back("Upload-Length", std::to_string(*upload.size_bytes));
  } else {
    reply.headers.emplace_back("Upload-Defer-Length", "1");
  }
  reply.headers.emplace_back("Upload-Metadata", format_upload_metadata(upload.metadata));
  return reply;
}

Reply TusService::append(const Call& call) {
  const Request& request = call.request;
  const Upload named = upload_named(call);
  if (!request.has_header("upload-offset")) refuse_tus(403, "Upload-Offset header required\n");
  if (!request.has_header("content-type")) refuse_tus(403, "Content-Type header required\n");
  const std::string owner = authorize(call, named);
  const std::int64_t limit_bytes = size_limit_of(bucket_of(named));

  const Lock held = lock(call, named);
  Upload upload = find_alive(named);
  if (upload.offset_bytes != parse_count(request.header("upload-offset"))) {
    refuse_tus(409, "Upload-Offset conflict\n");
  }
  if (request.has_header("upload-length")) declare_size(call, upload, limit_bytes);
  const bool is_answered = take_bytes(call, upload, limit_bytes, *held);

  Reply reply = empty_tus_reply(204);
  reply.headers.emplace_back("Upload-Offset", std::to_string(upload.offset_bytes));
  if (upload.has_all_bytes()) {
    finish(upload, owner);
    reply.headers.emplace_back("Tus-Complete", "1");
  }
  if (!is_answered) {
    if (!held->is_cut_off()) throw ClientGone();
    reply.headers.emplace_back("Connection", "close");  // the rest of the body is not wanted
  }
  add_expiry(upload, reply);
  return reply;
}

Reply TusService::terminate(const Call& call) {
  const Upload named = upload_named(call);
  (void)authorize(call, named);
  const Lock held = lock(call, named);
  const Upload upload = find_on_disk(named);
  if (upload.has_all_bytes()) refuse_tus(400, "Cannot terminate an already completed upload");
  needs_.uploads.remove(upload.version);
  return empty_tus_reply(204);
}

std::string TusService::authorize(const Call& call, const Upload& upload) {
  if (call.is_signed) {
    const std::string token = call.request.header("x-signature");
    if (token.empty()) refuse_storage(kInvalidSignature, "Missing x-signature header");
    return owner_of(check_upload_token(token, upload.name, needs_.keys.jwt_secret,
                                       needs_.clock.now_ms() / 1000));
  }
  if (call.request.method == "HEAD") return {};
  const bool is_new = call.request.method == "POST";
  const Upload known = is_new ? upload : find_on_disk(upload);
  NewObject object{.name = known.name,
                   .version = "1",
                   .metadata = nlohmann::json::object(),
                   .user_metadata = user_metadata_of(known),
                   .owner_id = call.caller->subject()};
  const std::string type = metadata_value(known.metadata, "contentType");
  if (!type.empty()) object.metadata["mimetype"] = type;
  if (known.size_bytes) object.metadata["contentLength"] = *known.size_bytes;
  const bool upsert = call.request.header("x-upsert") == "true";
  probe_put(*needs_.connections.take(kPoolWaitMs), *call.caller, object, upsert);
  return call.caller->subject();
}

TusService::Lock TusService::lock(const Call& call, const Upload& upload) {
  const bool reads = call.request.method == "PATCH" || call.request.method == "POST";
  return locks_.take(upload.version, reads ? call.request.body.cut_off : nullptr);
}

Upload TusService::upload_named(const Call& call) const {
  if (call.id.empty()) refuse_tus(404, "The file for this url was not found\n");
  std::string text;
  const std::size_t first = base64url_decode(call.id, text) ? text.find('/') : std::string::npos;
  const std::size_t last = text.rfind('/');
  if (first == std::string::npos || first == last) {
    refuse_storage(kInvalidUploadId, "Invalid upload id");
  }
  Upload out;
  out.name = {text.substr(0, first), text.substr(first + 1, last - first - 1)};
  out.version = text.substr(last + 1);
  require_bucket_name(out.name.bucket);
  require_storable(out.name.key);
  if (out.version.empty()) refuse_storage(kInvalidUploadId, "Version not provided");
  return out;
}

Upload TusService::find_on_disk(const Upload& named) {
  std::optional<Upload> found = needs_.uploads.find(named.version);
  // The version alone finds it; the name is what the caller is allowed to touch.
  if (!found || found->name.path() != named.name.path()) {
    refuse_tus(404, "The file for this url was not found\n");
  }
  if (found->bytes == Upload::Bytes::kGone) {
    refuse_tus(410, "The file for this url no longer exists\n");
  }
  return std::move(*found);
}

Upload TusService::find_alive(const Upload& named) {
  Upload found = find_on_disk(named);
  if (needs_.clock.now_ms() > found.created_at_ms + options_.upload_life_s * 1000) {
    refuse_tus(410, "The file for this url no longer exists\n");
  }
  return found;
}

Bucket TusService::bucket_of(const Upload& upload) {
  std::optional<Bucket> bucket = find_bucket(*needs_.connections.take(kPoolWaitMs), upload.name);
  if (!bucket) refuse_storage(kNoSuchBucket, "Bucket not found");
  return std::move(*bucket);
}

std::int64_t TusService::size_limit_of(const Bucket& bucket) const {
  return std::min(bucket.file_size_limit_bytes.value_or(INT64_MAX), limits_.file_size_limit_bytes);
}

void TusService::declare_size(const Call& call, Upload& upload, std::int64_t limit_bytes) {
  const auto size_bytes = parse_count(call.request.header("upload-length"));
  if (upload.size_bytes || !size_bytes || *size_bytes < upload.offset_bytes) {
    refuse_tus(400, "Upload-Length or Upload-Defer-Length header required\n");
  }
  if (*size_bytes > limit_bytes) refuse_tus(413, "Maximum size exceeded\n");
  upload.size_bytes = size_bytes;
  needs_.uploads.declare_size(upload);
}

bool TusService::take_bytes(const Call& call, Upload& upload, std::int64_t limit_bytes,
                            const UploadLocks::Held& lock) {
  RequestBody& body = call.request.body;
  const std::int64_t end_bytes = upload.size_bytes.value_or(limit_bytes);
  const std::int64_t announced_end = upload.offset_bytes + body.declared_bytes.value_or(0);
  if (announced_end > end_bytes) refuse_tus(413, "upload's size exceeded\n");
  if (options_.chunk_bytes > 0 && has_body(call.request) && announced_end != upload.size_bytes &&
      body.declared_bytes != options_.chunk_bytes) {
    refuse_tus(400, "Every chunk but the last must have exactly " +
                        std::to_string(options_.chunk_bytes) + " bytes\n");
  }
  const std::unique_ptr<PartialFile> file = needs_.uploads.open(upload);
  bool is_too_long = false;
  std::array<char, kBlockBytes> block{};
  while (*body.stream && !lock.is_cut_off()) {
    body.stream->read(block.data(), block.size());
    const auto count = static_cast<std::size_t>(body.stream->gcount());
    if (count == 0) break;
    is_too_long = upload.offset_bytes + static_cast<std::int64_t>(count) > end_bytes;
    if (is_too_long) break;
    file->append({block.data(), count});
    upload.offset_bytes = file->size_bytes();
  }
  if (file) file->sync();
  if (is_too_long) refuse_tus(413, "Maximum size exceeded\n");
  return body.is_complete();
}

void TusService::finish(const Upload& upload, const std::string& owner) {
  const auto connection = needs_.connections.take(kPoolWaitMs);
  if (upload.bytes == Upload::Bytes::kInPlace) {
    // Finished before, or nearly. Its object may bear another name by now.
    if (is_version_named(*connection, upload.version)) return;
  } else {
    needs_.uploads.put_in_place(upload);  // the bytes first: no row without them
  }
  const std::string type = metadata_value(upload.metadata, "contentType");
  std::string replaced;
  try {
    replaced = put_object_row(
        *connection,
        {.name = upload.name,
         .version = upload.version,
         .metadata = object_metadata(
             upload.version, upload.offset_bytes, type.empty() ? kDefaultMimetype : type,
             metadata_value(upload.metadata, "cacheControl"), needs_.clock.now_ms()),
         .user_metadata = user_metadata_of(upload),
         .owner_id = owner});
  } catch (const pg::PgError&) {
    needs_.objects.remove(upload.version);  // the server said no, so no row names it
    throw;
  }
  if (!replaced.empty() && replaced != upload.version) needs_.objects.remove(replaced);
}

void TusService::add_expiry(const Upload& upload, Reply& reply) const {
  if (upload.has_all_bytes()) return;
  reply.headers.emplace_back("Upload-Expires",
                             http_date(upload.created_at_ms + options_.upload_life_s * 1000));
}

std::string TusService::location_of(const Call& call, const Upload& upload) const {
  const Request& request = call.request;
  const std::string forwarded_proto = request.header("x-forwarded-proto");
  const std::string forwarded_host = request.header("x-forwarded-host");
  std::string host = forwarded_host.empty() ? request.header("host") : forwarded_host;
  const std::string port = request.header("x-forwarded-port");
  if (!forwarded_host.empty() && parse_count(port) && port != "443" && port != "80") {
    host = host.substr(0, host.rfind(':')) + ":" + port;
  }
  std::string prefix = request.header("x-forwarded-prefix");
  while (prefix.ends_with('/')) prefix.pop_back();
  return (forwarded_proto.empty() ? "http" : forwarded_proto) + "://" + host + prefix +
         "/storage/v1/upload/resumable" + (call.is_signed ? "/sign/" : "/") + id_of(upload);
}

void TusService::sweep() {
  const std::int64_t created_before_ms = needs_.clock.now_ms() - options_.upload_life_s * 1000;
  needs_.uploads.for_each_older_than(created_before_ms, [&](const std::string& version) {
    if (const Lock held = locks_.try_take(version)) needs_.uploads.remove(version);
  });
}

}  // namespace waybill::standin
