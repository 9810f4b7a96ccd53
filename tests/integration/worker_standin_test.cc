// The worker with nothing in between replaced: agent's calls over HTTP, signed PUT, stand-in,
// registry, staging.
#include <catch2/catch.hpp>

#include "central/storage/storage_client.h"
#include "core/error.h"
#include "sync/http/http_client.h"
#include "tests/integration/worker_fixture.h"
#include "tests/integration/worker_standin.h"

namespace waybill::test {
namespace {

TEST_CASE("worker: through signed PUT and the stand-in to staging and archive",
          "[worker][standin]") {
  Central central;
  RunningStandIn standin(central);
  central.add_agency("harbor-kitchen", {spec_of("recipe")});
  const std::string content = export_of("R", 3000);
  const json opened = central.open("harbor-kitchen", "recipe", "recipe_1.csv", content);
  const std::string file = opened.at("job_file_id");
  HttpClient http({.user_agent = "waybill-test"});
  const std::string target = standin.url() + opened.at("upload").at("url").get<std::string>();
  CHECK(put(http, target, content).status == 200);

  RunningWorker worker(central, standin.url());
  REQUIRE(central.reaches(file, "processed"));
  CHECK(central.staged_rows(file) == 3000);
  CHECK(central.value("SELECT content_sha256 FROM staging.lineage($1::uuid, 3000)", {file}) ==
        sha256_hex(content));
  CHECK(central.value("SELECT name FROM storage.objects") == central.field(file, "object_path"));
}

// Goal:   a range is exactly the bytes asked for; an upload is whole or not there, and may be
//         repeated; the stand-in and the fake agree.
TEST_CASE("storage client: ranges and uploads on the stand-in as on the fake",
          "[storage][standin]") {
  Central central;
  RunningStandIn standin(central);
  FakeStorage fake;
  HttpClient http({.user_agent = "waybill-test"});
  std::string bytes;
  for (int i = 0; i < 100'000; ++i) bytes += std::to_string(i) + "\n";
  const auto from = [](const std::string& whole) {
    return [&whole, sent = std::size_t{0}](char* into, std::size_t room) mutable {
      const std::size_t count = whole.copy(into, room, sent);
      sent += count;
      return count;
    };
  };
  for (const std::string& url : {standin.url(), fake.url()}) {
    INFO((url == fake.url() ? "fake" : "stand-in"));
    StorageClient storage(http, {url, kServiceKey});
    const std::string path = "harbor-kitchen/job/file/unprocessed_x-part00001.csv";
    const std::string other = "another content";
    storage.upload(kBucket, path, static_cast<std::int64_t>(other.size()), from(other));
    storage.upload(kBucket, path, static_cast<std::int64_t>(bytes.size()), from(bytes));
    const auto range = [&](std::int64_t begin, std::int64_t end) {
      std::string read;
      storage.read_range(kBucket, path, begin, end,
                         [&](std::string_view piece) { read.append(piece); });
      return read;
    };
    const auto size = static_cast<std::int64_t>(bytes.size());
    CHECK(range(0, size) == bytes);
    CHECK(range(5, 5).empty());
    CHECK(range(5, 6) == bytes.substr(5, 1));
    CHECK(range(300'000, 450'001) == bytes.substr(300'000, 150'001));
    CHECK_THROWS_AS(range(size - 5, size + 5), Error);  // never less than asked for

    // A source that ends early, or throws, leaves what was there.
    CHECK_THROWS_AS(storage.upload(kBucket, path, size + 1, from(bytes)), Error);
    CHECK_THROWS_AS(storage.upload(kBucket, path, size,
                                   [](char*, std::size_t) -> std::size_t {
                                     throw Error(error_code::kLeaseLost, "test", "", "");
                                   }),
                    Error);
    CHECK(range(0, size) == bytes);
    CHECK_THROWS_AS(storage.upload("no-bucket", path, size, from(bytes)), Error);
    StorageClient stranger(http, {url, "sb_secret_wrong"});
    CHECK_THROWS_AS(stranger.upload(kBucket, path, size, from(bytes)), Error);
  }
  CHECK(central.value("SELECT metadata ->> 'size' FROM storage.objects") ==
        std::to_string(bytes.size()));
}

TEST_CASE("storage client: reads, looks and moves on the stand-in as on the fake",
          "[storage][standin]") {
  Central central;
  RunningStandIn standin(central);
  central.add_agency("harbor-kitchen", {spec_of("recipe")});
  const std::string content = export_of("R", 3);
  const json opened = central.open("harbor-kitchen", "recipe", "recipe_1.csv", content);
  const std::string path = opened.at("upload").at("path");
  HttpClient http({.user_agent = "waybill-test"});
  REQUIRE(
      put(http, standin.url() + opened.at("upload").at("url").get<std::string>(), content).status ==
      200);
  FakeStorage fake;
  fake.put(path, content);

  for (const std::string& url : {standin.url(), fake.url()}) {
    INFO((url == fake.url() ? "fake" : "stand-in"));
    StorageClient storage(http, {url + "/", kServiceKey});
    std::string read;
    storage.read(kBucket, path, [&](std::string_view bytes) { read.append(bytes); });
    CHECK(read == content);
    CHECK(storage.info(kBucket, path)->size_bytes == static_cast<std::int64_t>(content.size()));
    CHECK_FALSE(storage.info(kBucket, path + "x"));

    const auto code_of = [](const std::function<void()>& call) -> std::string {
      try {
        call();
      } catch (const Error& error) {
        CHECK(std::string(error.what()).find(kServiceKey) == std::string::npos);
        return std::string(error.code().id);
      }
      return "none";
    };
    CHECK(code_of([&] { storage.read(kBucket, path + "x", {}); }) == "WB-4001");
    CHECK(code_of([&] { storage.read("no-bucket", path, {}); }) == "WB-4005");
    CHECK(code_of([&] { storage.move(kBucket, path + "x", path + "y"); }) == "WB-4001");
    CHECK(code_of([&] { storage.move(kBucket, path, path + ".moved"); }) == "none");
    CHECK(code_of([&] { storage.move(kBucket, path, path + ".moved"); }) == "none");  // again
    CHECK(storage.info(kBucket, path + ".moved"));
    CHECK_FALSE(storage.info(kBucket, path));
    StorageClient stranger(http, {url, "sb_secret_wrong"});
    CHECK(code_of([&] { stranger.read(kBucket, path + ".moved", {}); }) == "WB-4005");
  }
  StorageClient nobody(http, {"http://127.0.0.1:1", kServiceKey});
  try {
    nobody.read(kBucket, path, {});
    FAIL("nobody answered");
  } catch (const Error& error) {
    CHECK(&error.code() == &error_code::kStorageUnavailable);
  }
}

}  // namespace
}  // namespace waybill::test
