#include "central/standin/object_rows.h"

#include "core/clock.h"

namespace waybill::standin {

namespace {

constexpr int kPutAttemptsMax = 5;

constexpr const char* kFindBucket = R"sql(
  SELECT b.public, b.file_size_limit, to_jsonb(b.allowed_mime_types),
         EXISTS (SELECT FROM storage.objects o WHERE o.bucket_id = b.id AND o.name = $2)
    FROM storage.buckets b
   WHERE b.id = $1
)sql";

constexpr const char* kFindObject = R"sql(
  SELECT id, version, metadata, user_metadata,
         to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), owner_id
    FROM storage.objects
   WHERE bucket_id = $1 AND name = $2 AND metadata ? 'eTag'
)sql";

// $1 bucket, $2 key, $3 version, $4 metadata, $5 user metadata, $6 owner.
constexpr const char* kInsertObject = R"sql(
  INSERT INTO storage.objects (bucket_id, name, version, metadata, user_metadata, owner_id)
  VALUES ($1, $2, $3, $4::jsonb, $5::jsonb, $6)
  ON CONFLICT (bucket_id, name) DO NOTHING
)sql";

constexpr const char* kLockObject = R"sql(
  SELECT version FROM storage.objects WHERE bucket_id = $1 AND name = $2 FOR UPDATE
)sql";

constexpr const char* kReplaceObject = R"sql(
  UPDATE storage.objects
     SET version = $3, metadata = $4::jsonb, user_metadata = $5::jsonb, owner_id = $6
   WHERE bucket_id = $1 AND name = $2
)sql";

// $1 bucket, $2 key, $3 version, $4 metadata, $5 user metadata, $6 owner.
constexpr const char* kProbeInsert = R"sql(
  INSERT INTO storage.objects (bucket_id, name, version, metadata, user_metadata, owner_id)
  VALUES ($1, $2, $3, $4::jsonb, $5::jsonb, $6)
)sql";

constexpr const char* kProbeUpsert = R"sql(
  INSERT INTO storage.objects (bucket_id, name, version, metadata, user_metadata, owner_id)
  VALUES ($1, $2, $3, $4::jsonb, $5::jsonb, $6)
  ON CONFLICT (bucket_id, name) DO UPDATE
     SET version = EXCLUDED.version, metadata = EXCLUDED.metadata,
         user_metadata = EXCLUDED.user_metadata, owner_id = EXCLUDED.owner_id
)sql";

constexpr const char* kFindVersion = R"sql(
  SELECT EXISTS (SELECT FROM storage.objects WHERE version = $1)
)sql";

// A moved object gets a fresh "last modified" from the table's own trigger.
constexpr const char* kMoveObject = R"sql(
  UPDATE storage.objects SET bucket_id = $3, name = $4
   WHERE bucket_id = $1 AND name = $2
)sql";

constexpr const char* kDeleteObject = R"sql(
  DELETE FROM storage.objects WHERE bucket_id = $1 AND name = $2 RETURNING version
)sql";

constexpr const char* kEnterRole = R"sql(
  SELECT set_config('request.jwt.claims', $1, true),
         set_config('request.jwt.claim.sub', $2, true),
         set_config('request.jwt.claim.role', $3, true),
         set_config('request.headers', $4, true), set_config('request.method', $5, true),
         set_config('request.path', $6, true),
         set_config('storage.allow_delete_query', 'true', true),
         set_config('role', $3, true)
)sql";

void enter(pg::Connection& connection, const Caller& caller) {
  connection.exec_prepared(kEnterRole, {caller.claims.dump(), caller.subject(), caller.role,
                                        caller.headers_json, caller.method, caller.path});
}

std::optional<std::string> text_or_null(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

nlohmann::json json_of(const pg::Result& result, int column) {
  if (result.is_null(0, column)) return nullptr;
  return nlohmann::json::parse(result.text(0, column));
}

pg::Params params_of(const NewObject& object) {
  return {
      object.name.bucket,
      object.name.key,
      object.version,
      object.metadata.dump(),
      object.user_metadata.is_null() ? std::nullopt : std::optional(object.user_metadata.dump()),
      text_or_null(object.owner_id)};
}

}  // namespace

std::optional<Bucket> find_bucket(pg::Connection& connection, const ObjectName& name) {
  const pg::Result result = connection.exec_prepared(kFindBucket, {name.bucket, name.key});
  if (result.empty()) return std::nullopt;
  Bucket out;
  out.is_public = result.boolean(0, 0);
  if (!result.is_null(0, 1)) out.file_size_limit_bytes = result.integer(0, 1);
  if (!result.is_null(0, 2)) out.allowed_mime_types = json_of(result, 2);
  out.holds_object = result.boolean(0, 3);
  return out;
}

std::optional<StoredObject> find_object(pg::Connection& connection, const Caller& caller,
                                        const ObjectName& name) {
  pg::Transaction transaction(connection, pg::Transaction::Mode::kReadOnly);
  enter(connection, caller);
  const pg::Result result = connection.exec_prepared(kFindObject, {name.bucket, name.key});
  transaction.commit();
  if (result.empty()) return std::nullopt;
  return StoredObject{.id = result.string(0, 0),
                      .version = result.string(0, 1),
                      .metadata = json_of(result, 2),
                      .user_metadata = json_of(result, 3),
                      .created_at = result.string(0, 4),
                      .owner_id = result.string(0, 5)};
}

std::string put_object_row(pg::Connection& connection, const NewObject& object) {
  const pg::Params params = params_of(object);
  for (int attempt = 0; attempt < kPutAttemptsMax; ++attempt) {
    if (connection.exec_prepared(kInsertObject, params).affected() == 1) return {};
    pg::Transaction transaction(connection);
    const pg::Result taken =
        connection.exec_prepared(kLockObject, {object.name.bucket, object.name.key});
    if (taken.empty()) continue;  // deleted a moment ago
    connection.exec_prepared(kReplaceObject, params);
    transaction.commit();
    return taken.string(0, 0);
  }
  throw Error(error_code::kDatabaseUnavailable, "write an object's row", "",
              "it came and went every time");
}

void probe_put(pg::Connection& connection, const Caller& caller, const NewObject& object,
               bool upsert) {
  pg::Transaction transaction(connection);
  enter(connection, caller);
  connection.exec_prepared(upsert ? kProbeUpsert : kProbeInsert, params_of(object));
  transaction.rollback();
}

bool is_version_named(pg::Connection& connection, const std::string& version) {
  return connection.exec_prepared(kFindVersion, {version}).boolean(0, 0);
}

nlohmann::json object_metadata(const std::string& version, std::int64_t size_bytes,
                               const std::string& mimetype, const std::string& cache_control,
                               std::int64_t now_ms) {
  std::string etag = version;
  std::erase(etag, '-');
  return {{"eTag", "\"" + etag + "\""},
          {"size", size_bytes},
          {"mimetype", mimetype},
          {"cacheControl", cache_control},
          {"lastModified", format_utc(now_ms)},
          {"contentLength", size_bytes},
          {"httpStatusCode", 200}};
}

bool move_object_row(pg::Connection& connection, const Caller& caller, const ObjectName& from,
                     const ObjectName& to) {
  pg::Transaction transaction(connection);
  enter(connection, caller);
  const pg::Result result =
      connection.exec_prepared(kMoveObject, {from.bucket, from.key, to.bucket, to.key});
  transaction.commit();
  return result.affected() == 1;
}

std::optional<std::string> delete_object_row(pg::Connection& connection, const Caller& caller,
                                             const ObjectName& name) {
  pg::Transaction transaction(connection);
  enter(connection, caller);
  const pg::Result result = connection.exec_prepared(kDeleteObject, {name.bucket, name.key});
  transaction.commit();
  if (result.empty()) return std::nullopt;
  return result.string(0, 0);
}

}  // namespace waybill::standin
