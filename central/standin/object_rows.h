// ObjectRows: storage.buckets and storage.objects as the stand-in reads and writes them.
//
// Place:    central/standin; all its SQL on the storage schema is here.
// Rule:     a caller's own reads and changes run under the caller's role, so row security decides;
//           what a signed token allows runs as the stand-in's own login, past row security, as the
//           real service does it. Each function is one transaction.
// Errors:   PgError; SQLSTATE 42501 is row security, 23505 a name that is taken.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "central/pg/connection.h"
#include "central/standin/caller.h"

namespace waybill::standin {

struct ObjectName {
  std::string bucket;
  std::string key;

  [[nodiscard]] std::string path() const { return bucket + "/" + key; }
};

struct Bucket {
  bool is_public = false;
  std::optional<std::int64_t> file_size_limit_bytes;
  std::optional<nlohmann::json> allowed_mime_types;  ///< array of text
  bool holds_object = false;                         ///< an object of the asked name is there
};

struct StoredObject {
  std::string id;
  std::string version;
  nlohmann::json metadata;       ///< {eTag, size, mimetype, cacheControl, lastModified, ...}
  nlohmann::json user_metadata;  ///< an object or null
  std::string created_at;
  std::string owner_id;

  [[nodiscard]] std::int64_t size_bytes() const { return metadata.value("size", std::int64_t{0}); }
};

/// The bucket, and whether `key` exists in it; nothing when there is no such bucket.
[[nodiscard]] std::optional<Bucket> find_bucket(pg::Connection& connection, const ObjectName& name);

/// The object as the caller may see it.
[[nodiscard]] std::optional<StoredObject> find_object(pg::Connection& connection,
                                                      const Caller& caller, const ObjectName& name);

struct NewObject {
  ObjectName name;
  std::string version;
  nlohmann::json metadata;
  nlohmann::json user_metadata;  ///< an object or null
  std::string owner_id;          ///< empty when nobody owns it
};

/// Writes the row; one that came meanwhile is replaced, as the real service's last write wins.
/// The version that was replaced, or empty.
std::string put_object_row(pg::Connection& connection, const NewObject& object);

/// May the caller make this object, or with `upsert` replace it? Tries it and takes it back.
/// PgError 42501 when row security says no, 23505 when it would but the name is taken.
void probe_put(pg::Connection& connection, const Caller& caller, const NewObject& object,
               bool upsert);

/// Does any row name this version of bytes? Reads the whole table.
[[nodiscard]] bool is_version_named(pg::Connection& connection, const std::string& version);

/// What a row says of its stored bytes. The eTag names the version, like a hash in shape; it says
/// nothing about the content.
[[nodiscard]] nlohmann::json object_metadata(const std::string& version, std::int64_t size_bytes,
                                             const std::string& mimetype,
                                             const std::string& cache_control, std::int64_t now_ms);

/// False when the caller sees no such object. PgError 23505 when `to` is taken.
bool move_object_row(pg::Connection& connection, const Caller& caller, const ObjectName& from,
                     const ObjectName& to);

/// The version of the row that was deleted, or nothing.
std::optional<std::string> delete_object_row(pg::Connection& connection, const Caller& caller,
                                             const ObjectName& name);

}  // namespace waybill::standin
