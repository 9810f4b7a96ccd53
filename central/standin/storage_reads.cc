// The half of StorageService that reads, moves and removes what is stored.
#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <ostream>
#include <utility>

#include "central/standin/http_date.h"
#include "central/standin/storage_error.h"
#include "central/standin/storage_service.h"

namespace waybill::standin {

namespace {

constexpr std::int64_t kPoolWaitMs = 10'000;
constexpr std::size_t kBlockBytes = std::size_t{256} * 1024;
constexpr std::size_t kJsonMaxBytes = std::size_t{64} * 1024;

std::string text_of(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

void send_bytes(ReadableFile& file, std::int64_t first, std::int64_t count, std::ostream& to) {
  std::vector<char> block(kBlockBytes);
  const auto read_some = [&](std::int64_t wanted) {
    const auto most = static_cast<std::size_t>(
        std::min<std::int64_t>(wanted, static_cast<std::int64_t>(block.size())));
    return static_cast<std::int64_t>(file.read(block.data(), most));
  };
  if (first > 0) file.seek(first);
  while (count > 0 && to) {
    const std::int64_t got = read_some(count);
    if (got == 0) return;
    to.write(block.data(), static_cast<std::streamsize>(got));
    count -= got;
  }
}

bool parse_number(std::string_view digits, std::int64_t& value) {
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return failure == std::errc() && end == digits.data() + digits.size() && value >= 0;
}

}  // namespace

std::optional<std::pair<std::int64_t, std::int64_t>> parse_range(std::string_view header,
                                                                 std::int64_t size_bytes) {
  constexpr std::string_view kUnit = "bytes=";
  const std::size_t dash = header.find('-');
  if (!header.starts_with(kUnit) || dash == std::string_view::npos) return std::nullopt;
  const std::string_view from = header.substr(kUnit.size(), dash - kUnit.size());
  const std::string_view to = header.substr(dash + 1);
  std::int64_t first = 0;
  std::int64_t last = size_bytes - 1;
  if (from.empty()) {  // the last n bytes
    std::int64_t count = 0;
    if (!parse_number(to, count)) return std::nullopt;
    first = std::max<std::int64_t>(0, size_bytes - count);
    if (count == 0) first = size_bytes;
  } else {
    if (!parse_number(from, first)) return std::nullopt;
    if (!to.empty() && (!parse_number(to, last) || last < first)) return std::nullopt;
    last = std::min(last, size_bytes - 1);
  }
  if (first >= size_bytes) {
    Reply reply = storage_failure(kInvalidRange, "the range lies outside the object");
    reply.headers.emplace_back("Content-Range", "bytes */" + std::to_string(size_bytes));
    throw Refusal(std::move(reply));
  }
  return std::pair{first, last};
}

StoredObject StorageService::find_readable(const ObjectName& name, Access access,
                                           const Request& request) {
  const std::optional<Caller> asked =
      access == Access::kPublic ? std::nullopt : decide_storage_caller(request, keys_, now_s());
  if (!asked && access == Access::kAuthenticated) {
    refuse_storage(kInvalidRequest, "headers must have required property 'authorization'");
  }
  const auto connection = connections_.take(kPoolWaitMs);
  const std::optional<Bucket> bucket = find_bucket(*connection, name);
  // A private bucket does not exist for those who do not say who they are.
  if (!bucket || (!asked && !bucket->is_public)) refuse_storage(kNoSuchBucket, "Bucket not found");
  const Caller reader = asked.value_or(Caller{"service_role", {{"role", "service_role"}}});
  std::optional<StoredObject> object = find_object(*connection, reader, name);
  if (!object) refuse_storage(kNoSuchKey, "Object not found");
  return std::move(*object);
}

Reply StorageService::read(const ObjectName& name, Access access, const Request& request) {
  const StoredObject object = find_readable(name, access, request);
  const auto range = parse_range(request.header("range"), object.size_bytes());
  std::shared_ptr<ReadableFile> file = store_.open(object.version);
  if (!file) refuse_storage(kNoSuchKey, "Object not found");

  const std::int64_t first = range ? range->first : 0;
  const std::int64_t count = range ? range->second - first + 1 : object.size_bytes();
  Reply reply;
  reply.status = range ? 206 : 200;
  reply.content_type = text_of(object.metadata, "mimetype");
  reply.headers = {
      {"Accept-Ranges", "bytes"},
      {"ETag", text_of(object.metadata, "eTag")},
      {"Cache-Control", text_of(object.metadata, "cacheControl")},
      {"Last-Modified", http_date(parse_utc(text_of(object.metadata, "lastModified")))}};
  if (range) {
    reply.headers.emplace_back("Content-Range", "bytes " + std::to_string(first) + "-" +
                                                    std::to_string(range->second) + "/" +
                                                    std::to_string(object.size_bytes()));
  }
  reply.stream_bytes = count;
  reply.stream = [file, first, count](std::ostream& to) { send_bytes(*file, first, count, to); };
  return reply;
}

Reply StorageService::info(const ObjectName& name, Access access, const Request& request) {
  const StoredObject object = find_readable(name, access, request);
  const nlohmann::ordered_json body{{"id", object.id},
                                    {"name", name.key},
                                    {"version", object.version},
                                    {"bucket_id", name.bucket},
                                    {"size", object.size_bytes()},
                                    {"content_type", text_of(object.metadata, "mimetype")},
                                    {"cache_control", text_of(object.metadata, "cacheControl")},
                                    {"etag", text_of(object.metadata, "eTag")},
                                    {"metadata", object.user_metadata},
                                    {"last_modified", text_of(object.metadata, "lastModified")},
                                    {"created_at", object.created_at}};
  Reply reply;
  reply.body = body.dump();
  return reply;
}

Reply StorageService::move(Request& request) {
  const Caller caller = require_caller(request);
  const std::string text = request.body.read_all(kJsonMaxBytes);
  const auto body = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!body.is_object()) refuse_storage(kInvalidRequest, "body must be object");
  for (const char* key : {"bucketId", "sourceKey", "destinationKey"}) {
    if (text_of(body, key).empty()) {
      refuse_storage(kInvalidRequest,
                     std::string("body must have required property '") + key + "'");
    }
  }
  const std::string bucket = text_of(body, "bucketId");
  const std::string destination_bucket = text_of(body, "destinationBucket");
  const ObjectName from = parse_object_name(bucket + "/" + text_of(body, "sourceKey"));
  const ObjectName to =
      parse_object_name((destination_bucket.empty() ? bucket : destination_bucket) + "/" +
                        text_of(body, "destinationKey"));

  const auto connection = connections_.take(kPoolWaitMs);
  if (!find_bucket(*connection, from)) refuse_storage(kNoSuchBucket, "Bucket not found");
  const std::optional<StoredObject> object = find_object(*connection, caller, from);
  if (!object || !move_object_row(*connection, caller, from, to)) {
    refuse_storage(kNoSuchKey, "Object not found");
  }
  Reply reply;
  reply.body = nlohmann::ordered_json{
      {"message", "Successfully moved"},
      {"Id", object->id},
      {"Key",
       to.path()}}.dump();
  return reply;
}

Reply StorageService::remove(const ObjectName& name, const Request& request) {
  const Caller caller = require_caller(request);
  const auto connection = connections_.take(kPoolWaitMs);
  if (!find_bucket(*connection, name)) refuse_storage(kNoSuchBucket, "Bucket not found");
  const std::optional<std::string> version = delete_object_row(*connection, caller, name);
  if (!version) refuse_storage(kNoSuchKey, "Object not found");
  store_.remove(*version);  // a crash before this leaves a file that no row names
  Reply reply;
  reply.body = nlohmann::json{{"message", "Successfully deleted"}}.dump();
  return reply;
}

}  // namespace waybill::standin
