// The stand-in's Storage: bodies and traps as the real service has them, bytes safe on disk.
#include <chrono>
#include <set>
#include <thread>

#include "tests/integration/standin_fixture.h"

namespace waybill {
namespace {

using nlohmann::json;

void check_refused(const HttpResponse& response, const std::string& status,
                   const std::string& code) {
  CHECK(response.status == 400);  // whatever the body says
  CHECK(json_of(response)["statusCode"] == status);
  CHECK(json_of(response)["code"] == code);
  CHECK(json_of(response)["message"].is_string());
  CHECK(json_of(response)["error"].is_string());
  CHECK(response.body.find("eyJ") == std::string::npos);
}

/// Waits until `condition`; an abort is noticed by another thread.
template <class Condition>
bool soon(Condition condition) {
  for (int i = 0; i < 200; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(25));
  }
  return false;
}

std::string object_path(const std::string& key) {
  return std::string(StandInFixture::kBucket) + "/" + key;
}

}  // namespace

TEST_CASE("stand-in storage: a signed PUT stores bytes and metadata", "[standin][storage]") {
  StandInFixture f;
  const std::string bytes("a,b\n1,\0\xFF\n", 10);
  const std::string user_metadata = R"({"sha256":"abc"})";
  const HttpHeaders headers{{"content-type", "text/csv"},
                            {"cache-control", "max-age=60"},
                            {"x-metadata", "eyJzaGEyNTYiOiJhYmMifQ=="}};
  const std::string target =
      f.signed_target("t/a%20file%20(1).csv", f.upload_claims("t/a file (1).csv"));
  const HttpResponse put = f.send("PUT", target, headers, bytes);
  CHECK(put.status == 200);
  CHECK(json_of(put) == json{{"Key", object_path("t/a file (1).csv")}});

  const pg::Result row = f.database.exec(
      "SELECT metadata, user_metadata, version, owner_id IS NULL FROM storage.objects "
      "WHERE bucket_id = 'waybill-exports' AND name = 't/a file (1).csv'");
  REQUIRE(row.rows() == 1);
  const json metadata = json::parse(row.text(0, 0));
  CHECK(metadata["size"] == 10);
  CHECK(metadata["contentLength"] == 10);
  CHECK(metadata["mimetype"] == "text/csv");
  CHECK(metadata["cacheControl"] == "max-age=60");
  CHECK(metadata["httpStatusCode"] == 200);
  CHECK(metadata["eTag"].is_string());
  CHECK(metadata["lastModified"].is_string());
  CHECK(json::parse(row.text(0, 1)) == json::parse(user_metadata));
  CHECK(row.boolean(0, 3));

  const HttpResponse get = f.get_as_service("t/a%20file%20(1).csv");
  CHECK(get.status == 200);
  CHECK(get.body == bytes);
  CHECK(get.header("content-type") == "text/csv");
  CHECK(std::string(get.header("etag")) == metadata["eTag"]);
  CHECK(f.object_files() == 1);
}

TEST_CASE("stand-in storage: only the token's own path, scope and time let a PUT in",
          "[standin][storage][security]") {
  StandInFixture f;
  const std::string key = "agency-a/job/file/x.csv";
  const auto put_with = [&](json claims) {
    return f.send("PUT", f.signed_target(key, claims), {}, "data");
  };
  json claims = f.upload_claims(key);

  claims["exp"] = StandInFixture::now_s() - 1;
  check_refused(put_with(claims), "400", "InvalidJWT");
  CHECK(json_of(put_with(claims))["message"] == "\"exp\" claim timestamp check failed");
  claims = f.upload_claims(key);
  claims["nbf"] = StandInFixture::now_s() + 60;
  check_refused(put_with(claims), "400", "InvalidJWT");
  check_refused(put_with(f.upload_claims("agency-b/job/file/x.csv")), "400", "InvalidSignature");
  claims = f.upload_claims(key);
  claims["scope"] = "download";
  check_refused(put_with(claims), "400", "InvalidSignature");
  claims.erase("scope");
  check_refused(put_with(claims), "400", "InvalidSignature");

  const std::string base = "/storage/v1/object/upload/sign/" + object_path(key);
  check_refused(f.send("PUT", base, {}, "data"), "400", "InvalidRequest");
  check_refused(f.send("PUT", base + "?token=", {}, "data"), "400", "InvalidJWT");
  check_refused(f.send("PUT", base + "?token=a.b.c", {}, "data"), "400", "InvalidJWT");
  const std::string forged = standin::sign_jwt(f.upload_claims(key), "another secret");
  check_refused(f.send("PUT", base + "?token=" + forged, {}, "data"), "400", "InvalidJWT");
  const std::string other_algorithm =
      base64url_encode(R"({"alg":"HS512"})") + "." + base64url_encode(f.upload_claims(key).dump());
  const std::string relabelled =
      other_algorithm + "." + base64url_encode(hmac_sha256(f.keys.jwt_secret, other_algorithm));
  check_refused(f.send("PUT", base + "?token=" + relabelled, {}, "data"), "400", "InvalidJWT");
  std::string tampered = f.signed_target(key);
  tampered[tampered.rfind('.') - 3] ^= 1;
  check_refused(f.send("PUT", tampered, {}, "data"), "400", "InvalidJWT");

  // Another path with a token that is good for its own.
  const std::string other = "/storage/v1/object/upload/sign/" + object_path("agency-b/x.csv") +
                            "?token=" + standin::sign_jwt(f.upload_claims(key), f.keys.jwt_secret);
  check_refused(f.send("PUT", other, {}, "data"), "400", "InvalidSignature");
  CHECK(f.object_rows() == 0);
  CHECK(f.object_files() == 0);

  // The traps: no exp, and iat in the future, are taken.
  claims = f.upload_claims(key);
  claims.erase("exp");
  claims["iat"] = StandInFixture::now_s() + 3600;
  CHECK(put_with(claims).status == 200);
}

TEST_CASE("stand-in storage: an object is replaced only when its token says so",
          "[standin][storage]") {
  StandInFixture f;
  CHECK(f.put("k.csv", "first").status == 200);
  check_refused(f.put("k.csv", "second"), "409", "KeyAlreadyExists");
  check_refused(f.put("k.csv", "second", {{"x-upsert", "true"}}), "409", "KeyAlreadyExists");
  CHECK(json_of(f.put("k.csv", "second"))["error"] == "Duplicate");
  CHECK(f.get_as_service("k.csv").body == "first");

  json claims = f.upload_claims("k.csv");
  claims["upsert"] = true;
  CHECK(f.send("PUT", f.signed_target("k.csv", claims), {}, "third").status == 200);
  CHECK(f.get_as_service("k.csv").body == "third");
  CHECK(f.object_rows() == 1);
  CHECK(f.object_files() == 1);  // the replaced version is gone
}

TEST_CASE("stand-in storage: size, type, bucket and key are judged", "[standin][storage]") {
  StandInFixture f;
  f.database.exec(
      "INSERT INTO storage.buckets (id, name, file_size_limit, allowed_mime_types) "
      "VALUES ('small', 'small', 8, ARRAY['text/csv', 'image/*'])");
  const auto put_small = [&](const std::string& key, const std::string& bytes,
                             const std::string& type) {
    json claims = f.upload_claims(key);
    claims["url"] = "small/" + key;
    return f.send("PUT",
                  "/storage/v1/object/upload/sign/small/" + key +
                      "?token=" + standin::sign_jwt(claims, f.keys.jwt_secret),
                  {{"content-type", type}}, bytes);
  };
  check_refused(put_small("a", "123456789", "text/csv"), "413", "EntityTooLarge");
  check_refused(put_small("a", "1", "application/pdf"), "415", "InvalidMimeType");
  CHECK(put_small("a", "12345678", "text/csv; charset=utf-8").status == 200);
  CHECK(put_small("b", "", "image/png").status == 200);

  json claims = f.upload_claims("x");
  claims["url"] = "nowhere/x";
  check_refused(f.send("PUT",
                       "/storage/v1/object/upload/sign/nowhere/x?token=" +
                           standin::sign_jwt(claims, f.keys.jwt_secret),
                       {}, "x"),
                "404", "NoSuchBucket");
  for (const char* bad : {"t/a%23b", "t/a%25b", "t/%C3%A9", "t/a%0Ab", "t/a%5Cb", "t/a%7Eb"}) {
    CAPTURE(bad);
    check_refused(
        f.send("PUT", "/storage/v1/object/upload/sign/" + object_path(bad) + "?token=x", {}, ""),
        "400", "InvalidKey");
  }
  // Path tricks name nothing but an object of that name.
  CHECK(f.put("../../../etc/passwd", "x").status != 500);
  CHECK(f.object_files() == f.object_rows());
}

TEST_CASE("stand-in storage: a form with one file is stored like its bytes", "[standin][storage]") {
  StandInFixture f;
  const std::string bytes = "line\r\n--not-the-boundary\r\n\r\nend";
  const auto form = [&](const std::string& end) {
    return "--XyZ\r\nContent-Disposition: form-data; name=\"cacheControl\"\r\n\r\n3600\r\n"
           "--XyZ\r\nContent-Disposition: form-data; name=\"metadata\"\r\n\r\n{\"a\":1}\r\n"
           "--XyZ\r\nContent-Disposition: form-data; name=\"\"; filename=\"blob\"\r\n"
           "Content-Type: text/csv\r\n\r\n" +
           bytes + end;
  };
  const HttpHeaders type{{"content-type", "multipart/form-data; boundary=XyZ"}};
  CHECK(f.put("blob.csv", form("\r\n--XyZ--\r\n"), type).status == 200);
  CHECK(f.get_as_service("blob.csv").body == bytes);
  const pg::Result row = f.database.exec("SELECT metadata, user_metadata FROM storage.objects");
  CHECK(json::parse(row.text(0, 0))["cacheControl"] == "max-age=3600");
  CHECK(json::parse(row.text(0, 0))["mimetype"] == "text/csv");
  CHECK(json::parse(row.text(0, 0))["size"] == bytes.size());
  CHECK(json::parse(row.text(0, 1)) == json{{"a", 1}});

  check_refused(f.put("cut.csv", form(""), type), "400", "InvalidRequest");
  check_refused(
      f.put("none.csv",
            "--XyZ\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--XyZ--\r\n", type),
      "400", "InvalidRequest");
  check_refused(f.put("odd.csv", "no form at all", type), "400", "InvalidRequest");
  check_refused(f.put("odd.csv", "x", {{"content-type", "multipart/form-data"}}), "400",
                "InvalidRequest");
  CHECK(f.object_rows() == 1);
  CHECK(f.object_files() == 1);
}

// Goal:   a PUT that breaks off leaves neither row nor file, and the same PUT works afterwards.
// Method: send the head and a part of the body, close; for each way to frame a body.
TEST_CASE("stand-in storage: an aborted PUT leaves nothing", "[standin][storage][fault]") {
  StandInFixture f;
  const std::string target = f.signed_target("k.csv");
  const std::string start = "PUT " + target + " HTTP/1.1\r\nHost: x\r\n";
  const std::string form =
      "--XyZ\r\nContent-Disposition: form-data; name=\"\"; filename=\"f\"\r\n\r\n";
  const std::vector<std::string> beginnings{
      start + "Content-Length: 1000000\r\n\r\n" + std::string(300'000, 'x'),
      start + "Content-Length: 10\r\n\r\n",
      start + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
      start + "Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
      start + "Transfer-Encoding: chunked\r\n\r\n",
      start + "Content-Type: multipart/form-data; boundary=XyZ\r\nContent-Length: 500\r\n\r\n" +
          form + "data",
      start +
          "Content-Type: multipart/form-data; boundary=XyZ\r\n"
          "Transfer-Encoding: chunked\r\n\r\n4f\r\n" +
          form + "data\r\n",
  };
  for (const std::string& beginning : beginnings) {
    CAPTURE(beginning.substr(0, 600));
    RawClient client(f);
    client.send(beginning);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));  // let it be under way
    client.close();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    CHECK(soon([&] { return f.object_files() == 0; }));
    CHECK(f.object_rows() == 0);
  }
  CHECK(f.send("PUT", target, {}, "whole").status == 200);
  CHECK(f.get_as_service("k.csv").body == "whole");
}

TEST_CASE("stand-in storage: a body in chunks escapes the bucket's limit, as in the real service",
          "[standin][storage]") {
  StandInFixture f;
  f.database.exec("UPDATE storage.buckets SET file_size_limit = 4");
  RawClient client(f);
  client.send("PUT " + f.signed_target("k.csv") +
              " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
              "6\r\nabcdef\r\n4\r\nghij\r\n0\r\n\r\n");
  CHECK(client.receive("}").find("200 OK") != std::string::npos);
  CHECK(f.get_as_service("k.csv").body == "abcdefghij");
  CHECK(f.count("SELECT (metadata ->> 'size')::int FROM storage.objects") == 10);
}

TEST_CASE("stand-in storage: of two PUTs at once both succeed and the last wins",
          "[standin][storage]") {
  StandInFixture f;
  const std::string head =
      "PUT " + f.signed_target("k.csv") + " HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n";
  RawClient one(f);
  RawClient two(f);
  one.send(head + "on");
  two.send(head + "tw");
  std::this_thread::sleep_for(std::chrono::milliseconds(100));  // both are past the first look
  one.send("e--");
  CHECK(one.receive("}").find("200 OK") != std::string::npos);
  two.send("o--");
  CHECK(two.receive("}").find("200 OK") != std::string::npos);
  CHECK(f.get_as_service("k.csv").body == "two--");
  CHECK(f.object_rows() == 1);
  CHECK(f.object_files() == 1);
}

TEST_CASE("stand-in storage: who may read is decided by key and row security",
          "[standin][storage][security]") {
  StandInFixture f;
  CHECK(f.put("t/k.csv", "data").status == 200);
  const std::string path = object_path("t/k.csv");
  const auto get = [&](const std::string& prefix, HttpHeaders headers = {}) {
    return f.send("GET", "/storage/v1/object/" + prefix + path, std::move(headers));
  };
  const HttpHeaders service{{"apikey", f.keys.secret_key}};
  const HttpHeaders anyone{{"apikey", f.keys.publishable_key}};
  for (const char* prefix : {"", "authenticated/"}) {
    CHECK(get(prefix, service).body == "data");
    check_refused(get(prefix, anyone), "404", "NoSuchKey");
  }
  check_refused(get(""), "404", "NoSuchBucket");
  check_refused(get("public/"), "404", "NoSuchBucket");
  check_refused(get("authenticated/"), "400", "InvalidRequest");
  check_refused(get("", {{"authorization", "Bearer " + f.keys.secret_key}}), "403", "AccessDenied");
  check_refused(get("", {{"apikey", f.keys.publishable_key},
                         {"authorization",
                          "Bearer " + standin::sign_jwt({{"role", "service_role"}, {"exp", 1}},
                                                        f.keys.jwt_secret)}}),
                "403", "AccessDenied");
  check_refused(f.send("GET", "/storage/v1/object/nowhere/x", service), "404", "NoSuchBucket");
  check_refused(f.get_as_service("nothing"), "404", "NoSuchKey");
  CHECK(f.send("GET", "/storage/v1/nonsense", service).status == 404);

  f.database.exec("UPDATE storage.buckets SET public = true");
  CHECK(get("").body == "data");
  CHECK(get("public/").body == "data");
}

TEST_CASE("stand-in storage: info, HEAD and ranges", "[standin][storage]") {
  StandInFixture f;
  CHECK(f.put("k.csv", "0123456789", {{"content-type", "text/csv"}}).status == 200);
  const HttpHeaders service{{"apikey", f.keys.secret_key}};
  const json info =
      json_of(f.send("GET", "/storage/v1/object/info/" + object_path("k.csv"), service));
  CHECK(info["size"] == 10);
  CHECK(info["name"] == "k.csv");
  CHECK(info["bucket_id"] == "waybill-exports");
  CHECK(info["content_type"] == "text/csv");
  CHECK(info["metadata"].is_null());
  const HttpResponse head = f.send("HEAD", "/storage/v1/object/" + object_path("k.csv"), service);
  CHECK(head.status == 200);
  CHECK(head.header("content-length") == "10");

  const auto range = [&](const char* bytes) {
    return f.get_as_service("k.csv", {{"range", bytes}});
  };
  CHECK(range("bytes=0-0").body == "0");
  CHECK(range("bytes=2-5").body == "2345");
  CHECK(range("bytes=2-5").status == 206);
  CHECK(range("bytes=2-5").header("content-range") == "bytes 2-5/10");
  CHECK(range("bytes=8-").body == "89");
  CHECK(range("bytes=8-99").body == "89");
  CHECK(range("bytes=-3").body == "789");
  CHECK(range("bytes=10-").status == 416);
  CHECK(range("bytes=5-2").status == 200);
  CHECK(range("lines=1-2").body == "0123456789");
}

TEST_CASE("stand-in storage: a move changes the name and keeps the bytes", "[standin][storage]") {
  StandInFixture f;
  CHECK(f.put("a.csv", "bytes of a").status == 200);
  CHECK(f.put("b.csv", "bytes of b").status == 200);
  const auto move = [&](const std::string& from, const std::string& to, const std::string& key) {
    return f.send(
        "POST", "/storage/v1/object/move", {{"apikey", key}, {"content-type", "application/json"}},
        json{{"bucketId", "waybill-exports"}, {"sourceKey", from}, {"destinationKey", to}}.dump());
  };
  check_refused(move("a.csv", "b.csv", f.keys.secret_key), "409", "KeyAlreadyExists");
  check_refused(move("a.csv", "c.csv", f.keys.publishable_key), "404", "NoSuchKey");
  check_refused(move("none.csv", "c.csv", f.keys.secret_key), "404", "NoSuchKey");
  const HttpResponse moved = move("a.csv", "archive/x/a.csv", f.keys.secret_key);
  CHECK(moved.status == 200);
  CHECK(json_of(moved)["Key"] == object_path("archive/x/a.csv"));
  CHECK(f.get_as_service("archive/x/a.csv").body == "bytes of a");
  check_refused(f.get_as_service("a.csv"), "404", "NoSuchKey");
  check_refused(f.send("POST", "/storage/v1/object/move", {{"apikey", f.keys.secret_key}}, "{"),
                "400", "InvalidRequest");

  const HttpHeaders service{{"apikey", f.keys.secret_key}};
  const std::string target = "/storage/v1/object/" + object_path("b.csv");
  check_refused(f.send("DELETE", target, {{"apikey", f.keys.publishable_key}}), "404", "NoSuchKey");
  CHECK(f.send("DELETE", target, service).status == 200);
  check_refused(f.send("DELETE", target, service), "404", "NoSuchKey");
  CHECK(f.object_files() == 1);
  CHECK(f.object_rows() == 1);
}

TEST_CASE("stand-in storage: it signs an upload for those whom row security lets insert",
          "[standin][storage][security]") {
  StandInFixture f;
  const std::string sign = "/storage/v1/object/upload/sign/" + object_path("own/k.csv");
  check_refused(f.send("POST", sign, {}), "400", "InvalidRequest");
  check_refused(f.send("POST", sign, {{"apikey", f.keys.publishable_key}}), "403", "AccessDenied");
  f.database.exec_script(
      "CREATE POLICY own_files ON storage.objects FOR INSERT TO anon "
      "WITH CHECK (bucket_id = 'waybill-exports' AND name LIKE 'own/%')");
  const HttpResponse minted = f.send("POST", sign, {{"apikey", f.keys.publishable_key}});
  CHECK(minted.status == 200);
  CHECK(f.object_rows() == 0);  // the try was taken back
  CHECK(f.send("PUT", "/storage/v1" + json_of(minted)["url"].get<std::string>(), {}, "x").status ==
        200);
  check_refused(f.send("POST", sign, {{"apikey", f.keys.secret_key}}), "409", "KeyAlreadyExists");
}

// As signing_mode `storage` uses it: a policy that knows what is reserved, asked before any byte.
TEST_CASE("stand-in storage: row security sees what the request announces, and answers first",
          "[standin][storage][security]") {
  StandInFixture f;
  const std::string sign = "/storage/v1/object/upload/sign/" + object_path("r/k.csv");
  f.database.exec_script(
      "CREATE FUNCTION public.is_reserved(bucket text, key text) RETURNS boolean "
      "LANGUAGE sql STABLE SECURITY DEFINER AS $$ "
      "  SELECT key = 'r/k.csv' AND current_setting('request.headers')::jsonb ->> 'x-agent-token' "
      "= "
      "    'the agent' AND current_setting('request.path') LIKE '/object/upload/sign/%' "
      "    AND current_setting('request.method') = 'POST' "
      "    AND NOT EXISTS (SELECT FROM storage.objects WHERE name = key AND metadata ? 'eTag') $$;"
      "CREATE POLICY reserved ON storage.objects FOR INSERT TO anon WITH CHECK ("
      "  public.is_reserved(bucket_id, name) AND user_metadata ->> 'sha256' = 'abc' "
      "  AND metadata ->> 'mimetype' = 'text/csv')");
  const auto ask = [&](const std::string& agent, const std::string& type) {
    return f.send("POST", sign,
                  {{"apikey", f.keys.publishable_key},
                   {"authorization", "Bearer " + f.keys.publishable_key},
                   {"x-agent-token", agent},
                   {"x-metadata", "eyJzaGEyNTYiOiJhYmMifQ=="},
                   {"content-type", type}});
  };
  check_refused(ask("another", "text/csv"), "403", "AccessDenied");
  check_refused(ask("the agent", "image/png"), "403", "AccessDenied");
  check_refused(f.send("POST", sign,
                       {{"apikey", f.keys.publishable_key},
                        {"authorization", "Bearer " + f.keys.secret_key}}),
                "403", "AccessDenied");
  const HttpResponse minted = ask("the agent", "text/csv");
  CHECK(minted.status == 200);
  const std::string token = json_of(minted).value("token", "");
  CHECK(json_of(minted)["url"] ==
        "/object/upload/sign/" + object_path("r/k.csv") + "?token=" + token);
  const json claims = json::parse([&] {
    std::string text;
    REQUIRE(base64url_decode(
        token.substr(token.find('.') + 1, token.rfind('.') - token.find('.') - 1), text));
    return text;
  }());
  CHECK(claims["url"] == object_path("r/k.csv"));
  CHECK(claims["scope"] == "upload");
  CHECK(claims["upsert"] == false);
  CHECK_FALSE(claims.contains("owner"));

  CHECK(f.send("PUT", sign + "?token=" + token, {}, "x").status == 200);
  // It has arrived: row security says no before anybody learns that the name is taken.
  check_refused(ask("the agent", "text/csv"), "403", "AccessDenied");
}

TEST_CASE("stand-in: a body whose end nobody can tell is refused, and the connection closed",
          "[standin][storage][security]") {
  StandInFixture f;
  const std::string start = "PUT " + f.signed_target("k.csv") + " HTTP/1.1\r\nHost: x\r\n";
  for (const std::string framing :
       {"Content-Length: -5\r\n", "Content-Length: +5\r\n", "Content-Length: 0x5\r\n",
        "Content-Length: 99999999999999999999\r\n", "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: gzip\r\n"}) {
    INFO(framing);
    RawClient client(f);
    client.send(start + framing + "\r\nbytesGET /storage/v1/status HTTP/1.1\r\nHost: x\r\n\r\n");
    const std::string answer = client.receive("never sent");  // until the other side closes
    CHECK(answer.find("HTTP/1.1 200") == std::string::npos);
    CHECK((answer.empty() || answer.starts_with("HTTP/1.1 400")));
  }
  CHECK(f.object_rows() == 0);
  CHECK(f.put("k.csv", "").status == 200);  // nothing at all is a body too
}

TEST_CASE("stand-in: pages of any origin may use it, as on Supabase", "[standin][cors]") {
  StandInFixture f;
  const std::string origin = "https://desk.example";
  for (const char* target : {"/rest/v1/rpc/ingest_sync", "/storage/v1/object/upload/sign/b/k",
                             "/storage/v1/upload/resumable/sign"}) {
    const HttpResponse preflight =
        f.send("OPTIONS", target,
               {{"origin", origin},
                {"access-control-request-method", "PATCH"},
                {"access-control-request-headers", "apikey,x-signature,upload-offset"}});
    CHECK(preflight.status == 200);
    CHECK(preflight.header("access-control-allow-origin") == "*");
    CHECK(preflight.header("access-control-allow-headers") == "apikey,x-signature,upload-offset");
    CHECK(preflight.header("access-control-allow-methods").find("PATCH") != std::string::npos);
    CHECK(preflight.body.empty());
  }
  // A page must be able to read what it is told, refusals too.
  CHECK(f.rpc("no_such_function", "{}").header("access-control-allow-origin") == "*");
  CHECK(f.put("k.csv", "x").header("access-control-allow-origin") == "*");
  const HttpResponse refused = f.send("HEAD", "/storage/v1/upload/resumable/sign/x", {});
  CHECK(refused.header("access-control-allow-origin") == "*");
  CHECK(refused.header("access-control-expose-headers").find("Upload-Offset") != std::string::npos);
}

TEST_CASE("stand-in storage: an answer to a body nobody read leaves the connection usable",
          "[standin][storage]") {
  StandInFixture f;
  CHECK(f.put("k.csv", "x").status == 200);
  // Large enough that it is still under way when the refusal is decided.
  check_refused(f.put("k.csv", std::string(8'000'000, 'y')), "409", "KeyAlreadyExists");
  CHECK(f.get_as_service("k.csv").body == "x");
  RawClient client(f);
  client.send(
      "PUT " + f.signed_target("k.csv") +
      " HTTP/1.1\r\nHost: x\r\nContent-Length: 29\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n\r\n");
  CHECK(client.receive("KeyAlreadyExists").find("400 Bad Request") != std::string::npos);
  client.send("GET /storage/v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string rest = client.receive("nothing more");
  CHECK(rest.find("200 OK") != std::string::npos);
  CHECK(rest.find("404") == std::string::npos);  // the body was not taken for a request
}

TEST_CASE("stand-in storage: a failing trigger is 500 and leaves no file", "[standin][storage]") {
  StandInFixture f;
  f.database.exec_script(
      "CREATE FUNCTION public.say_no() RETURNS trigger LANGUAGE plpgsql AS "
      "$$BEGIN RAISE EXCEPTION 'no room'; END$$;"
      "CREATE TRIGGER say_no BEFORE INSERT ON storage.objects FOR EACH ROW "
      "EXECUTE FUNCTION public.say_no()");
  const HttpResponse response = f.put("k.csv", "x");
  CHECK(response.status == 500);
  CHECK(json_of(response)["code"] == "DatabaseError");
  CHECK(f.object_files() == 0);
}

TEST_CASE("stand-in: only loopback unless it is told otherwise", "[standin][security]") {
  const auto folder = fresh_folder();
  const auto start = [&](const std::string& listen) {
    const standin::StandIn server({.database_url = "postgresql:///none?host=/nowhere",
                                   .objects_folder = folder / "objects",
                                   .keys = standin::make_keys(),
                                   .listen = listen});
  };
  for (const char* listen : {"0.0.0.0:0", "[::]:0", "192.0.2.1:80", "nonsense", "127.0.0.1"}) {
    CAPTURE(listen);
    try {
      start(listen);
      FAIL("it started");
    } catch (const Error& error) {
      CHECK(error.code().id == "WB-5006");
    }
  }
  try {
    start("127.0.0.1:0");
    FAIL("it started without a database");
  } catch (const Error& error) {
    CHECK(error.code().id == "WB-5001");
  }
  std::filesystem::remove_all(folder);
}

}  // namespace waybill
