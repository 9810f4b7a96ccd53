// StorageService: the Storage surface that Waybill uses, under /storage/v1/.
//
// Place:    central/standin; between server.h and object_store.h + object_rows.h.
// Serves:   PUT  object/upload/sign/{bucket}/{key}?token=   store, by signed token
//           POST object/upload/sign/{bucket}/{key}          mint such a token
//           POST, PUT object/{bucket}/{key}                 store, as the caller's role; POST
//                                                           replaces with x-upsert: true only
//           GET, HEAD object/[authenticated/|public/]{bucket}/{key}
//           GET, HEAD object/info/[authenticated/|public/]{bucket}/{key}
//           POST object/move                                {bucketId, sourceKey, destinationKey}
//           DELETE object/{bucket}/{key}
//           Resumable uploads are tus_service.h.
// Rule:     what a caller may make is tried out under its role with what it announces (x-metadata,
//           type, length, its headers) before any byte is read, and row security answers first: who
//           may not make an object gets 403 also when the name is taken.
// Durable:  a PUT that was answered with 200 has its bytes and its row on disk. One that broke off
//           leaves neither.
// Traps:    kept as the real service has them: nearly every error is HTTP 400 with the real code in
//           the body; of two PUTs at once to one key both succeed and the last wins; a chunked PUT
//           escapes the bucket's size limit; a token without exp is accepted.
// Errors:   Refusal (storage_error.h), ClientGone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "central/pg/connection_pool.h"
#include "central/standin/caller.h"
#include "central/standin/exchange.h"
#include "central/standin/keys.h"
#include "central/standin/object_rows.h"
#include "central/standin/object_store.h"
#include "core/clock.h"

namespace waybill::standin {

struct StorageLimits {
  std::int64_t file_size_limit_bytes = std::int64_t{5} * 1024 * 1024 * 1024;
  std::int64_t upload_token_ttl_s = 7200;
};

class StorageService {
 public:
  /// All arguments must outlive the service.
  StorageService(pg::ConnectionPool& connections, ObjectStore& store, const ProjectKeys& keys,
                 const Clock& clock, StorageLimits limits);

  /// `path` is what follows /storage/v1/, decoded.
  [[nodiscard]] Reply serve(const std::string& path, Request& request);

 private:
  enum class Access : std::uint8_t { kAuto, kAuthenticated, kPublic };

  Reply serve_object(std::string_view rest, Request& request);
  Reply put_signed(const ObjectName& name, Request& request);
  Reply put_as_caller(const ObjectName& name, Request& request);
  Reply mint_upload_token(const ObjectName& name, const Request& request);
  Reply read(const ObjectName& name, Access access, const Request& request);
  Reply info(const ObjectName& name, Access access, const Request& request);
  Reply move(Request& request);
  Reply remove(const ObjectName& name, const Request& request);

  [[nodiscard]] std::int64_t now_s() const { return clock_.now_ms() / 1000; }
  [[nodiscard]] Caller require_caller(const Request& request) const;
  /// The object if the caller of `request` may read it; otherwise a Refusal.
  [[nodiscard]] StoredObject find_readable(const ObjectName& name, Access access,
                                           const Request& request);
  void store_bytes(const ObjectName& name, const nlohmann::json& token, const Bucket& bucket,
                   Request& request);

  pg::ConnectionPool& connections_;
  ObjectStore& store_;
  const ProjectKeys& keys_;
  const Clock& clock_;
  const StorageLimits limits_;
};

/// The bucket and key of "bucket/a/b.csv"; Refusal when either is missing or has a character that
/// the service does not store.
[[nodiscard]] ObjectName parse_object_name(std::string_view text);

/// Are all characters such as the service stores?
[[nodiscard]] bool is_storable(std::string_view key);

/// Refusal InvalidKey when the service does not store such a key.
void require_storable(const std::string& key);

/// "bytes=2-5" of an object of `size_bytes`: first and last byte, nothing for the whole. Refusal
/// 416 when it lies outside; what is malformed asks for the whole.
[[nodiscard]] std::optional<std::pair<std::int64_t, std::int64_t>> parse_range(
    std::string_view header, std::int64_t size_bytes);

}  // namespace waybill::standin
