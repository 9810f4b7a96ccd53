// The stand-in's resumable uploads: the protocol as the Storage API speaks it, and bytes that
// survive broken connections, silent ones and the death of the server.
#include <chrono>
#include <thread>

#include "core/process.h"
#include "tests/integration/standin_fixture.h"

namespace waybill {
namespace {

using nlohmann::json;

constexpr const char* kSigned = "/storage/v1/upload/resumable/sign";
constexpr const char* kAsCaller = "/storage/v1/upload/resumable";
constexpr const char* kKey = "agency-a/job/file/x.csv";

std::string base64(const std::string& bytes) {
  std::string text = base64url_encode(bytes);
  std::replace(text.begin(), text.end(), '-', '+');
  std::replace(text.begin(), text.end(), '_', '/');
  text.append((4 - text.size() % 4) % 4, '=');
  return text;
}

std::string metadata_of(const std::string& key, const std::string& more = {}) {
  return "bucketName " + base64(StandInFixture::kBucket) + ",objectName " + base64(key) + more;
}

/// Waits until `condition`; what another thread or process does is noticed by looking.
template <class Condition>
bool soon(Condition condition) {
  for (int i = 0; i < 400; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(25));
  }
  return false;
}

/// A client that speaks tus to a fixture's stand-in with one token.
class TusClient {
 public:
  TusClient(StandInFixture& fixture, const json& claims)
      : f_(fixture), token_(standin::sign_jwt(claims, fixture.keys.jwt_secret)) {}
  explicit TusClient(StandInFixture& fixture, const std::string& key = kKey)
      : TusClient(fixture, fixture.upload_claims(key)) {}

  [[nodiscard]] HttpHeaders headers(HttpHeaders more = {}) const {
    more.emplace_back("tus-resumable", "1.0.0");
    if (!token_.empty()) more.emplace_back("x-signature", token_);
    return more;
  }
  HttpResponse create(std::int64_t size_bytes, HttpHeaders more = {}, const std::string& body = {},
                      const std::string& key = kKey) {
    more.emplace_back("upload-length", std::to_string(size_bytes));
    more.emplace_back("upload-metadata", metadata_of(key));
    return f_.send("POST", kSigned, headers(std::move(more)), body);
  }
  /// The path of the Location of a fresh upload.
  std::string begin(std::int64_t size_bytes) {
    const HttpResponse created = create(size_bytes);
    REQUIRE(created.status == 201);
    return target_of(created);
  }
  [[nodiscard]] std::string target_of(const HttpResponse& created) const {
    const std::string location(created.header("location"));
    REQUIRE(location.starts_with(f_.server.url() + "/storage/v1/upload/resumable/"));
    return location.substr(f_.server.url().size());
  }
  HttpResponse patch(const std::string& target, std::int64_t offset, const std::string& bytes,
                     HttpHeaders more = {}) {
    more.emplace_back("upload-offset", std::to_string(offset));
    more.emplace_back("content-type", "application/offset+octet-stream");
    return f_.send("PATCH", target, headers(std::move(more)), bytes);
  }
  HttpResponse head(const std::string& target) { return f_.send("HEAD", target, headers()); }
  HttpResponse terminate(const std::string& target) { return f_.send("DELETE", target, headers()); }
  /// What HEAD tells; -1 when it refuses.
  std::int64_t offset(const std::string& target) {
    const HttpResponse response = head(target);
    if (response.status != 200) return -1;
    return std::stoll(std::string(response.header("upload-offset")));
  }
  /// A PATCH as it goes over the wire, without its body.
  [[nodiscard]] std::string patch_head(const std::string& target, std::int64_t offset,
                                       std::int64_t length) const {
    return "PATCH " + target +
           " HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\nX-Signature: " + token_ +
           "\r\nContent-Type: application/offset+octet-stream\r\nUpload-Offset: " +
           std::to_string(offset) + "\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n";
  }

 private:
  StandInFixture& f_;
  const std::string token_;
};

void check_text(const HttpResponse& response, int status, const std::string& text) {
  CHECK(response.status == status);
  CHECK(response.body == text);
  CHECK(response.header("tus-resumable") == "1.0.0");
  CHECK(response.body.find("eyJ") == std::string::npos);
}

std::string letters(std::size_t count) {
  std::string out(count, '\0');
  for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<char>('a' + i * 7 % 26);
  return out;
}

}  // namespace

TEST_CASE("stand-in tus: an upload in chunks becomes an object like a PUT", "[standin][tus]") {
  StandInFixture f;
  TusClient tus(f);
  const HttpResponse created =
      f.send("POST", kSigned,
             tus.headers({{"upload-length", "10"},
                          {"upload-metadata",
                           metadata_of(kKey, ",contentType " + base64("text/csv") +
                                                 ",cacheControl " + base64("3600") + ",metadata " +
                                                 base64(R"({"sha256":"abc"})") + ",flag")}}));
  CHECK(created.status == 201);
  CHECK(created.body.empty());
  CHECK(created.header("tus-resumable") == "1.0.0");
  CHECK(created.header("upload-expires").ends_with(" GMT"));
  CHECK(created.header("upload-offset").empty());
  const std::string target = tus.target_of(created);
  CHECK(target.starts_with(std::string(kSigned) + "/"));

  const HttpResponse head = tus.head(target);
  CHECK(head.status == 200);
  CHECK(head.header("upload-offset") == "0");
  CHECK(head.header("upload-length") == "10");
  CHECK(head.header("cache-control") == "no-store");
  CHECK(head.header("upload-metadata") ==
        metadata_of(kKey, ",contentType " + base64("text/csv") + ",cacheControl " +
                              base64("max-age=3600") + ",metadata " +
                              base64(R"({"sha256":"abc"})") + ",flag"));

  const HttpResponse first = tus.patch(target, 0, "a,b\n1");
  CHECK(first.status == 204);
  CHECK(first.header("upload-offset") == "5");
  CHECK_FALSE(first.header("upload-expires").empty());
  CHECK(f.object_rows() == 0);
  const HttpResponse last = tus.patch(target, 5, std::string(",\0\xFF\n\n", 5));
  CHECK(last.status == 204);
  CHECK(last.header("upload-offset") == "10");
  CHECK(last.header("tus-complete") == "1");
  CHECK(last.header("upload-expires").empty());

  const pg::Result row = f.database.exec(
      "SELECT metadata, user_metadata, owner_id IS NULL, version FROM storage.objects "
      "WHERE bucket_id = 'waybill-exports' AND name = 'agency-a/job/file/x.csv'");
  REQUIRE(row.rows() == 1);
  const json metadata = json::parse(row.text(0, 0));
  CHECK(metadata["size"] == 10);
  CHECK(metadata["contentLength"] == 10);
  CHECK(metadata["mimetype"] == "text/csv");
  CHECK(metadata["cacheControl"] == "max-age=3600");
  CHECK(metadata["eTag"].is_string());
  CHECK(json::parse(row.text(0, 1)) == json{{"sha256", "abc"}});
  CHECK(row.boolean(0, 2));
  CHECK(f.get_as_service(kKey).body == std::string("a,b\n1,\0\xFF\n\n", 10));
  CHECK(f.object_files() == 1);

  // Finished: it still tells where it stands, and cannot be given up any more.
  CHECK(tus.offset(target) == 10);
  check_text(tus.terminate(target), 400, "Cannot terminate an already completed upload");
  CHECK(tus.patch(target, 10, "").status == 204);
  check_text(tus.patch(target, 10, "x"), 413, "upload's size exceeded\n");
  CHECK(f.object_rows() == 1);
}

TEST_CASE("stand-in tus: bytes may come with the creation, or there may be none",
          "[standin][tus]") {
  StandInFixture f;
  TusClient tus(f);
  const HttpHeaders with_body{{"content-type", "application/offset+octet-stream"}};
  const HttpResponse part = tus.create(10, with_body, "12345");
  CHECK(part.status == 201);
  CHECK(part.header("upload-offset") == "5");
  CHECK(part.header("tus-complete").empty());
  CHECK(tus.patch(tus.target_of(part), 5, "67890").status == 204);
  CHECK(f.get_as_service(kKey).body == "1234567890");

  const HttpResponse whole = tus.create(3, with_body, "all");
  CHECK(whole.status == 201);
  CHECK(whole.header("tus-complete") == "1");
  CHECK(f.get_as_service(kKey).body == "all");

  const HttpResponse empty = tus.create(0);
  CHECK(empty.status == 201);
  CHECK(empty.header("tus-complete") == "1");
  CHECK(f.get_as_service(kKey).body.empty());
  CHECK(f.object_rows() == 1);
  CHECK(f.object_files() == 1);  // each replaced the one before: the trap of signed uploads
}

TEST_CASE("stand-in tus: the length may be told later", "[standin][tus]") {
  StandInFixture f;
  TusClient tus(f);
  const HttpResponse created =
      f.send("POST", kSigned,
             tus.headers({{"upload-defer-length", "1"}, {"upload-metadata", metadata_of(kKey)}}));
  REQUIRE(created.status == 201);
  const std::string target = tus.target_of(created);
  CHECK(tus.head(target).header("upload-defer-length") == "1");
  CHECK(tus.head(target).header("upload-length").empty());
  CHECK(tus.patch(target, 0, "12345").status == 204);
  CHECK(tus.patch(target, 5, "", {{"upload-length", "4"}}).status == 400);
  CHECK(tus.patch(target, 5, "678", {{"upload-length", "10"}}).status == 204);
  CHECK(tus.patch(target, 8, "90", {{"upload-length", "10"}}).status == 400);  // said already
  CHECK(tus.patch(target, 8, "90").header("tus-complete") == "1");
  CHECK(f.get_as_service(kKey).body == "1234567890");
}

TEST_CASE("stand-in tus: the token is asked for on every request and binds the object",
          "[standin][tus][security]") {
  StandInFixture f;
  TusClient tus(f);
  const std::string target = tus.begin(10);
  json claims = f.upload_claims(kKey);
  claims["exp"] = StandInFixture::now_s() - 1;
  TusClient expired(f, claims);
  TusClient of_another(f, f.upload_claims("agency-b/x.csv"));
  claims = f.upload_claims(kKey);
  claims["scope"] = "download";
  TusClient wrong_scope(f, claims);

  const std::string expiry = "\"exp\" claim timestamp check failed";
  check_text(expired.create(10), 400, expiry);
  check_text(expired.patch(target, 0, "12345"), 400, expiry);
  check_text(expired.terminate(target), 400, expiry);
  CHECK(expired.head(target).status == 400);
  check_text(of_another.create(10), 400, "Invalid signature");
  check_text(of_another.patch(target, 0, "12345"), 400, "Invalid signature");
  check_text(of_another.terminate(target), 400, "Invalid signature");
  CHECK(of_another.head(target).status == 400);
  CHECK(wrong_scope.patch(target, 0, "12345").status == 400);

  const HttpHeaders unsigned_headers{{"tus-resumable", "1.0.0"},
                                     {"upload-offset", "0"},
                                     {"content-type", "application/offset+octet-stream"}};
  check_text(f.send("PATCH", target, unsigned_headers, "12345"), 400, "Missing x-signature header");
  HttpHeaders forged = unsigned_headers;
  forged.emplace_back("x-signature", standin::sign_jwt(f.upload_claims(kKey), "another secret"));
  check_text(f.send("PATCH", target, forged, "12345"), 400, "signature verification failed");
  HttpHeaders garbled = unsigned_headers;
  garbled.emplace_back("x-signature", "a.b.c");
  check_text(f.send("PATCH", target, garbled, "12345"), 400, "Invalid Compact JWS");

  // A token that is good for its own object does not reach this upload by its version.
  std::string id;
  REQUIRE(base64url_decode(target.substr(target.rfind('/') + 1), id));
  const std::string version = id.substr(id.rfind('/') + 1);
  const std::string elsewhere =
      std::string(kSigned) + "/" +
      base64url_encode(std::string(StandInFixture::kBucket) + "/agency-b/x.csv/" + version);
  check_text(of_another.patch(elsewhere, 0, "12345"), 404, "The file for this url was not found\n");
  CHECK(tus.offset(target) == 0);

  // A fresh token for the same object goes on.
  claims = f.upload_claims(kKey);
  claims["exp"] = StandInFixture::now_s() + 1200;
  CHECK(TusClient(f, claims).patch(target, 0, "12345").status == 204);
  CHECK(tus.offset(target) == 5);
}

TEST_CASE("stand-in tus: what the protocol does not allow is refused in its own words",
          "[standin][tus]") {
  StandInFixture f({.file_size_limit_bytes = 1000});
  TusClient tus(f);
  const std::string target = tus.begin(10);
  const auto create_with = [&](HttpHeaders headers) {
    return f.send("POST", kSigned, tus.headers(std::move(headers)));
  };
  const std::pair<std::string, std::string> metadata{"upload-metadata", metadata_of(kKey)};

  check_text(tus.patch(target, 3, "x"), 409, "Upload-Offset conflict\n");
  check_text(tus.patch(target, 0, letters(11)), 413, "upload's size exceeded\n");
  check_text(tus.create(1001), 413, "Maximum size exceeded\n");
  check_text(create_with({metadata}), 400,
             "Upload-Length or Upload-Defer-Length header required\n");
  check_text(create_with({metadata, {"upload-length", "-5"}}), 400, "Invalid upload-length\n");
  check_text(create_with({{"upload-length", "5"}}), 400, "Metadata header is required");
  check_text(create_with({{"upload-length", "5"}, {"upload-metadata", "a b c"}}), 400,
             "Invalid upload-metadata\n");
  check_text(create_with({{"upload-length", "5"}, {"upload-metadata", "flag"}}), 400,
             "Bucket name invalid");
  check_text(tus.create(5, {}, {}, "a#b"), 400, "Invalid key: a#b");
  check_text(create_with({{"upload-length", "5"},
                          {"upload-metadata",
                           "bucketName " + base64("nowhere") + ",objectName " + base64("x")}}),
             404, "Bucket not found");

  const std::string unknown =
      std::string(kSigned) + "/" +
      base64url_encode(std::string(StandInFixture::kBucket) + "/" + kKey + "/" + random_uuid());
  CHECK(tus.head(unknown).status == 404);
  check_text(tus.patch(unknown, 0, "x"), 404, "The file for this url was not found\n");
  check_text(tus.terminate(unknown), 404, "The file for this url was not found\n");
  check_text(tus.patch(std::string(kSigned) + "/AAAA", 0, "x"), 400, "Invalid upload id");
  const std::string climbing =
      std::string(kSigned) + "/" +
      base64url_encode(std::string(StandInFixture::kBucket) + "/" + kKey + "/..");
  CHECK(tus.patch(climbing, 0, "x").status == 404);

  HttpHeaders headers = tus.headers({{"upload-offset", "0"}});
  headers.emplace_back("content-type", "text/csv");
  const HttpResponse wrong_type = f.send("PATCH", target, headers, "x");
  CHECK(wrong_type.status == 400);  // said before tus is spoken, so as the other routes say it
  CHECK(json_of(wrong_type)["statusCode"] == "415");
  CHECK(json_of(wrong_type)["code"] == "InvalidMimeType");
  const HttpHeaders type{{"content-type", "application/offset+octet-stream"}};
  check_text(f.send("PATCH", target, tus.headers(type), "x"), 403,
             "Upload-Offset header required\n");
  check_text(f.send("PATCH", target, {{"upload-offset", "0"}, type[0]}, "x"), 412,
             "Tus-Resumable Required\n");
  check_text(
      f.send("PATCH", target, {{"upload-offset", "0"}, type[0], {"tus-resumable", "0.2"}}, "x"),
      400, "Invalid tus-resumable\n");
  check_text(f.send("PUT", target, tus.headers(), "x"), 404, "Not found\n");

  // A checksum is nothing the service looks at: the trap.
  CHECK(tus.patch(target, 0, "12345", {{"upload-checksum", "sha1 AAAA"}}).status == 204);
  CHECK(f.object_rows() == 0);
}

TEST_CASE("stand-in tus: a bucket's limits hold for every byte", "[standin][tus]") {
  StandInFixture f;
  f.database.exec(
      "UPDATE storage.buckets SET file_size_limit = 20, allowed_mime_types = '{text/csv}' "
      "WHERE id = 'waybill-exports'");
  TusClient tus(f);
  check_text(tus.create(21), 413, "Maximum size exceeded\n");
  const auto create_typed = [&](const std::string& type) {
    return f.send(
        "POST", kSigned,
        tus.headers({{"upload-length", "5"},
                     {"upload-metadata", metadata_of(kKey, ",contentType " + base64(type))}}));
  };
  check_text(create_typed("image/png"), 415, "mime type image/png is not supported");
  CHECK(create_typed("text/csv").status == 201);

  const HttpResponse deferred =
      f.send("POST", kSigned,
             tus.headers({{"upload-defer-length", "1"}, {"upload-metadata", metadata_of(kKey)}}));
  const std::string target = tus.target_of(deferred);
  check_text(tus.patch(target, 0, letters(21)), 413, "upload's size exceeded\n");
  check_text(tus.patch(target, 0, "12345", {{"upload-length", "21"}}), 413,
             "Maximum size exceeded\n");

  // Without a length nobody knows before: what came up to the limit stays.
  RawClient client(f);
  std::string head = tus.patch_head(target, 0, 0);
  const std::string length = "Content-Length: 0";
  head.replace(head.find(length), length.size(), "Transfer-Encoding: chunked");
  client.send(head + "1f\r\n" + letters(31) + "\r\n0\r\n\r\n");
  CHECK(client.receive("Maximum size exceeded").starts_with("HTTP/1.1 413"));
  CHECK(tus.offset(target) <= 20);
  CHECK(f.object_rows() == 0);
}

TEST_CASE("stand-in tus: a signed upload replaces an object whatever its token says",
          "[standin][tus]") {
  StandInFixture f;
  TusClient tus(f);
  CHECK(f.put(kKey, "by PUT").status == 200);
  CHECK(f.put(kKey, "again").status == 400);
  const std::string target = tus.begin(6);
  CHECK(tus.patch(target, 0, "by tus").status == 204);
  CHECK(f.get_as_service(kKey).body == "by tus");
  CHECK(f.object_files() == 1);

  // A later one replaces it, and the upload's bytes are gone.
  CHECK(tus.patch(tus.begin(5), 0, "later").status == 204);
  CHECK(tus.head(target).status == 410);
  check_text(tus.patch(target, 6, ""), 410, "The file for this url no longer exists\n");
  CHECK(f.get_as_service(kKey).body == "later");
}

TEST_CASE("stand-in tus: an object that was moved is not made twice by its upload",
          "[standin][tus]") {
  StandInFixture f;
  TusClient tus(f);
  const std::string target = tus.begin(5);
  CHECK(tus.patch(target, 0, "bytes").status == 204);
  const json move{{"bucketId", StandInFixture::kBucket},
                  {"sourceKey", kKey},
                  {"destinationKey", "archive/x.csv"}};
  CHECK(f.send("POST", "/storage/v1/object/move",
               {{"apikey", f.keys.secret_key}, {"content-type", "application/json"}}, move.dump())
            .status == 200);
  CHECK(tus.patch(target, 5, "").status == 204);
  CHECK(f.object_rows() == 1);
  CHECK(f.get_as_service("archive/x.csv").body == "bytes");
}

TEST_CASE("stand-in tus: an upload that is given up is gone", "[standin][tus]") {
  StandInFixture f;
  TusClient tus(f);
  const std::string target = tus.begin(10);
  CHECK(tus.patch(target, 0, "12345").status == 204);
  CHECK(f.upload_files() == 2);
  CHECK(tus.terminate(target).status == 204);
  CHECK(f.upload_files() == 0);
  CHECK(tus.head(target).status == 404);
  CHECK(tus.terminate(target).status == 404);
}

TEST_CASE("stand-in tus: the Location is where the client can reach it", "[standin][tus]") {
  StandInFixture f;
  TusClient tus(f);
  const auto location = [&](HttpHeaders headers) {
    std::string text(tus.create(5, std::move(headers)).header("location"));
    return text.substr(0, text.rfind('/'));
  };
  CHECK(location({}) == f.server.url() + kSigned);
  CHECK(location({{"x-forwarded-proto", "https"}, {"x-forwarded-host", "depot.example"}}) ==
        std::string("https://depot.example") + kSigned);
  CHECK(location({{"x-forwarded-host", "depot.example"},
                  {"x-forwarded-port", "8443"},
                  {"x-forwarded-prefix", "/project/"}}) ==
        std::string("http://depot.example:8443/project") + kSigned);
  CHECK(tus.create(5, {{"x-forwarded-proto", "gopher"}}).body == "Invalid x-forwarded-proto\n");
}

TEST_CASE("stand-in tus: as a caller, row security decides", "[standin][tus][security]") {
  StandInFixture f;
  const HttpHeaders metadata{{"tus-resumable", "1.0.0"},
                             {"upload-length", "5"},
                             {"upload-metadata", metadata_of("own/x.csv")}};
  const auto with_key = [](HttpHeaders headers, const std::string& key) {
    headers.emplace_back("apikey", key);
    return headers;
  };
  const HttpResponse nobody = f.send("POST", kAsCaller, metadata);
  CHECK(nobody.status == 400);
  CHECK(json_of(nobody)["statusCode"] == "403");
  check_text(f.send("POST", kAsCaller, with_key(metadata, f.keys.publishable_key)), 403,
             "new row violates row-level security policy");

  const HttpResponse created = f.send("POST", kAsCaller, with_key(metadata, f.keys.secret_key));
  REQUIRE(created.status == 201);
  const std::string target = std::string(created.header("location")).substr(f.server.url().size());
  CHECK(target.starts_with(std::string(kAsCaller) + "/"));
  CHECK_FALSE(target.starts_with(kSigned));
  const HttpHeaders patch{{"tus-resumable", "1.0.0"},
                          {"upload-offset", "0"},
                          {"content-type", "application/offset+octet-stream"}};
  CHECK(f.send("PATCH", target, with_key(patch, f.keys.publishable_key), "12345").status == 403);
  CHECK(f.send("PATCH", target, with_key(patch, f.keys.secret_key), "12345").status == 204);
  CHECK(f.get_as_service("own/x.csv").body == "12345");
  // Here an existing object is safe unless x-upsert is said.
  check_text(f.send("POST", kAsCaller, with_key(metadata, f.keys.secret_key)), 409,
             "The resource already exists");
  HttpHeaders upsert = with_key(metadata, f.keys.secret_key);
  upsert.emplace_back("x-upsert", "true");
  CHECK(f.send("POST", kAsCaller, upsert).status == 201);
}

TEST_CASE("stand-in tus: an expired upload cannot be continued", "[standin][tus]") {
  StandInFixture f({}, {.upload_life_s = 1});
  TusClient tus(f);
  const std::string target = tus.begin(10);
  CHECK(tus.patch(target, 0, "12345").status == 204);
  CHECK(soon([&] { return tus.head(target).status == 410; }));
  check_text(tus.patch(target, 5, "67890"), 410, "The file for this url no longer exists\n");
  CHECK(tus.terminate(target).status == 204);
  CHECK(tus.head(target).status == 404);
}

TEST_CASE("stand-in tus: expired uploads are swept away, finished ones without their object",
          "[standin][tus]") {
  StandInFixture f({}, {.upload_life_s = 1, .sweep_interval_s = 1});
  TusClient tus(f);
  (void)tus.begin(10);
  CHECK(tus.patch(tus.begin(3), 0, "all").status == 204);
  CHECK(soon([&] { return f.upload_files() == 0; }));
  CHECK(f.get_as_service(kKey).body == "all");
}

TEST_CASE("stand-in tus: hosted chunk sizes can be insisted on", "[standin][tus]") {
  StandInFixture f({}, {.chunk_bytes = 4});
  TusClient tus(f);
  const std::string target = tus.begin(10);
  check_text(tus.patch(target, 0, "123"), 400,
             "Every chunk but the last must have exactly 4 bytes\n");
  CHECK(tus.patch(target, 0, "12345").status == 400);
  CHECK(tus.patch(target, 0, "1234").status == 204);
  CHECK(tus.patch(target, 4, "5678").status == 204);
  CHECK(tus.patch(target, 8, "90").status == 204);
  CHECK(f.get_as_service(kKey).body == "1234567890");
}

TEST_CASE("stand-in tus: bytes that came before the connection broke are kept",
          "[standin][tus][fault]") {
  StandInFixture f;
  TusClient tus(f);
  const std::string bytes = letters(1'000'000);
  const std::string target = tus.begin(1'000'000);
  for (const std::int64_t sent : {0, 1, 300'000}) {
    const std::int64_t from = tus.offset(target);
    {
      RawClient client(f);
      client.send(tus.patch_head(target, from, 1'000'000 - from) +
                  bytes.substr(static_cast<std::size_t>(from), static_cast<std::size_t>(sent)));
      client.close();
    }
    CHECK(soon([&] { return tus.offset(target) == from + sent; }));
  }
  const std::int64_t from = tus.offset(target);
  CHECK(tus.patch(target, from, bytes.substr(static_cast<std::size_t>(from))).status == 204);
  CHECK(f.get_as_service(kKey).body == bytes);
}

TEST_CASE("stand-in tus: a request that stalls gives way to the next one",
          "[standin][tus][fault]") {
  StandInFixture f({}, {.lock_times = {.drain_ms = 100, .wait_ms = 20'000}});
  TusClient tus(f);
  const std::string target = tus.begin(1'000);
  RawClient stalled(f);
  stalled.send(tus.patch_head(target, 0, 1'000) + letters(300));
  // Its bytes are in a buffer until the block is full or it is cut off; HEAD cuts it off.
  std::string answer;
  CHECK(soon([&] { return tus.offset(target) == 300; }));
  answer = stalled.receive("\r\n\r\n");
  CHECK(answer.starts_with("HTTP/1.1 204"));
  CHECK(answer.find("Upload-Offset: 300") != std::string::npos);
  CHECK(answer.find("Connection: close") != std::string::npos);
  CHECK(tus.patch(target, 300, letters(1'000).substr(300)).status == 204);
  CHECK(f.get_as_service(kKey).body == letters(1'000));
}

TEST_CASE("stand-in tus: of two PATCHes at one offset one wins and nothing mixes",
          "[standin][tus][fault]") {
  StandInFixture f;
  TusClient tus(f);
  const std::string target = tus.begin(200'000);
  std::vector<int> statuses(4);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < statuses.size(); ++i) {
    threads.emplace_back([&, i] {
      RawClient client(f);
      client.send(tus.patch_head(target, 0, 100'000) +
                  std::string(100'000, static_cast<char>('a' + i)));
      const std::string answer = client.receive("\r\n\r\n");
      statuses[i] = answer.size() > 12 ? std::stoi(answer.substr(9, 3)) : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(std::count(statuses.begin(), statuses.end(), 204) == 1);
  CHECK(std::count(statuses.begin(), statuses.end(), 409) == 3);
  const auto winner = std::find(statuses.begin(), statuses.end(), 204) - statuses.begin();
  CHECK(tus.patch(target, 100'000, letters(100'000)).status == 204);
  CHECK(f.get_as_service(kKey).body ==
        std::string(100'000, static_cast<char>('a' + winner)) + letters(100'000));
}

TEST_CASE("stand-in tus: who waits too long for an upload is told so", "[standin][tus][fault]") {
  StandInFixture f({}, {.lock_times = {.drain_ms = 60'000, .wait_ms = 50}});
  TusClient tus(f);
  const std::string target = tus.begin(1'000);
  RawClient holder(f);
  holder.send(tus.patch_head(target, 0, 1'000) + letters(10));
  CHECK(soon([&] { return tus.head(target).status == 503; }));
  check_text(tus.terminate(target), 503, "acquiring lock timeout");
  holder.send(letters(990));
  CHECK(holder.receive("\r\n\r\n").starts_with("HTTP/1.1 204"));
}

TEST_CASE("stand-in tus: OPTIONS says what is spoken", "[standin][tus]") {
  StandInFixture f({.file_size_limit_bytes = 12345});
  const HttpResponse response = f.send("OPTIONS", kSigned);
  CHECK(response.status == 204);
  CHECK(response.header("tus-version") == "1.0.0");
  CHECK(response.header("tus-extension") ==
        "creation,creation-with-upload,creation-defer-length,termination,expiration");
  CHECK(response.header("tus-max-size") == "12345");
}

}  // namespace waybill
