// The stand-in killed in the middle of resumable uploads: what it told, it has.
#include <Poco/Net/NetException.h>
#include <Poco/Net/ServerSocket.h>
#include <Poco/Process.h>

#include <chrono>
#include <cstdlib>
#include <random>
#include <thread>

#include "central/standin/partial_file.h"
#include "central/standin/server.h"
#include "core/error.h"
#include "tests/integration/standin_fixture.h"

namespace waybill {
namespace {

constexpr const char* kCollection = "/storage/v1/upload/resumable/sign";

std::int64_t number_from_environment(const char* name, std::int64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::stoll(text);
}

/// A stand-in in a process of its own, which can be killed and started again on the same files.
class KillableStandIn {
 public:
  KillableStandIn()
      : folder_(fresh_folder()),
        keys_(standin::make_keys()),
        database_url_(PrivatePostgres::shared().fresh_database()),
        database_(database_url_) {
    standin::write_keys(folder_ / "keys.json", keys_);
    const Poco::Net::ServerSocket taken(Poco::Net::SocketAddress("127.0.0.1", 0));
    address_ = "127.0.0.1:" + std::to_string(taken.address().port());
  }
  ~KillableStandIn() {
    kill();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  KillableStandIn(const KillableStandIn&) = delete;
  KillableStandIn& operator=(const KillableStandIn&) = delete;

  void start() {
    const std::string self = std::filesystem::read_symlink("/proc/self/exe");
    child_ = std::make_unique<Poco::ProcessHandle>(
        Poco::Process::launch(self, {"standin child process"}, "/", nullptr, nullptr, nullptr,
                              {{"WAYBILL_CHILD_DATABASE", database_url_},
                               {"WAYBILL_CHILD_FOLDER", folder_.string()},
                               {"WAYBILL_CHILD_LISTEN", address_}}));
    for (int tries = 0; tries < 800 && !listens(); ++tries) {
      std::this_thread::sleep_for(std::chrono::milliseconds(25));
    }
    REQUIRE(listens());
  }
  void kill() {
    if (!child_) return;
    Poco::Process::kill(*child_);  // SIGKILL
    child_->wait();
    child_.reset();
  }

  [[nodiscard]] std::string url() const { return "http://" + address_; }
  [[nodiscard]] std::filesystem::path objects() const { return folder_ / "objects"; }
  [[nodiscard]] const standin::ProjectKeys& keys() const { return keys_; }
  pg::Connection& database() { return database_; }

 private:
  [[nodiscard]] bool listens() const {
    try {
      const Poco::Net::StreamSocket probe((Poco::Net::SocketAddress(address_)));
      return true;
    } catch (const Poco::Exception&) {
      return false;
    }
  }

  const std::filesystem::path folder_;
  const standin::ProjectKeys keys_;
  const std::string database_url_;
  pg::Connection database_;
  std::string address_;
  std::unique_ptr<Poco::ProcessHandle> child_;
};

/// A client that goes on where HEAD says, as the agent does.
class ResumingClient {
 public:
  ResumingClient(const KillableStandIn& server, std::string key)
      : server_(server), key_(std::move(key)), http_(HttpOptions{}) {
    token_ = standin::sign_jwt({{"url", std::string(StandInFixture::kBucket) + "/" + key_},
                                {"upsert", false},
                                {"scope", "upload"},
                                {"exp", StandInFixture::now_s() + 3600}},
                               server.keys().jwt_secret);
  }

  /// Throws Error when the server dies meanwhile.
  void send_all(const std::string& bytes, std::size_t chunk_bytes) {
    if (target_.empty()) target_ = create(bytes.size());
    std::int64_t offset = tell_offset();
    CHECK(offset >= told_);  // nothing that was told is ever taken back
    do {
      const std::string chunk = bytes.substr(static_cast<std::size_t>(offset), chunk_bytes);
      const HttpResponse response = send("PATCH", target_,
                                         {{"upload-offset", std::to_string(offset)},
                                          {"content-type", "application/offset+octet-stream"}},
                                         chunk);
      REQUIRE(response.status == 204);
      offset = std::stoll(std::string(response.header("upload-offset")));
      told_ = offset;
    } while (offset < static_cast<std::int64_t>(bytes.size()));
  }

 private:
  std::string create(std::size_t size_bytes) {
    const auto base64 = [](const std::string& text) {
      // These names need neither '+' nor '/'.
      std::string out = base64url_encode(text);
      return out + std::string((4 - out.size() % 4) % 4, '=');
    };
    const HttpResponse created =
        send("POST", server_.url() + kCollection,
             {{"upload-length", std::to_string(size_bytes)},
              {"upload-metadata",
               "bucketName " + base64(StandInFixture::kBucket) + ",objectName " + base64(key_)}});
    REQUIRE(created.status == 201);
    return std::string(created.header("location"));
  }
  std::int64_t tell_offset() {
    const HttpResponse head = send("HEAD", target_, {});
    REQUIRE(head.status == 200);
    return std::stoll(std::string(head.header("upload-offset")));
  }
  HttpResponse send(const std::string& method, const std::string& url, HttpHeaders headers,
                    const std::string& body = {}) {
    HttpRequest request;
    request.method = method;
    request.url = url;
    request.headers = std::move(headers);
    request.headers.emplace_back("tus-resumable", "1.0.0");
    request.headers.emplace_back("x-signature", token_);
    if (method == "PATCH") {
      request.upload_size_bytes = static_cast<std::int64_t>(body.size());
      request.upload_source = [rest = std::string_view(body)](char* into,
                                                              std::size_t capacity) mutable {
        const std::size_t count = rest.copy(into, std::min<std::size_t>(capacity, 16'384));
        rest.remove_prefix(count);
        return count;
      };
    }
    return http_.send(request);
  }

  const KillableStandIn& server_;
  const std::string key_;
  std::string token_;
  HttpClient http_;
  std::string target_;
  std::int64_t told_ = 0;
};

}  // namespace

TEST_CASE("standin child process", "[.child]") {
  const char* folder = std::getenv("WAYBILL_CHILD_FOLDER");
  if (folder == nullptr) return;
  const standin::StandIn server(
      {.database_url = std::getenv("WAYBILL_CHILD_DATABASE"),
       .objects_folder = std::filesystem::path(folder) / "objects",
       .keys = standin::read_keys(std::filesystem::path(folder) / "keys.json"),
       .listen = std::getenv("WAYBILL_CHILD_LISTEN"),
       .threads = 8,
       .connections = 4});
  for (;;) std::this_thread::sleep_for(std::chrono::hours(1));  // until killed
}

// Goal:   a stand-in killed at any moment takes back no byte it told of, has no object without its
//         bytes, and the upload goes on to the same content.
// Method: one upload after another; SIGKILL after a random pause, then a new process on the same
//         files. WAYBILL_KILLS says how often, WAYBILL_SEED from where.
TEST_CASE("stand-in tus: killed at random again and again, every upload ends with its bytes",
          "[standin][tus][fault]") {
  const std::int64_t kills = number_from_environment("WAYBILL_KILLS", 12);
  const std::int64_t seed = number_from_environment("WAYBILL_SEED", std::random_device()());
  WARN("seed " << seed << ", kills " << kills);
  std::mt19937 random(static_cast<std::uint32_t>(seed));
  std::uniform_int_distribution<int> pause_ms(0, 60);
  KillableStandIn server;
  server.start();
  std::string bytes(1'500'000, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());

  std::int64_t killed = 0;
  std::int64_t uploads = 0;
  while (killed < kills) {
    ResumingClient client(server, "k/" + std::to_string(uploads) + ".bin");
    for (bool is_done = false; !is_done;) {
      std::jthread killer;
      if (killed < kills) {
        ++killed;
        killer = std::jthread([&server, wait_ms = pause_ms(random)] {
          std::this_thread::sleep_for(std::chrono::milliseconds(wait_ms));  // the very subject
          server.kill();
        });
      }
      try {
        client.send_all(bytes, 400'000);
        is_done = true;
      } catch (const Error&) {
        is_done = false;  // died under us
      }
      if (killer.joinable()) {
        killer.join();
        server.start();
      }
      const pg::Result rows = server.database().exec("SELECT version FROM storage.objects");
      for (int row = 0; row < rows.rows(); ++row) {
        const std::string version = rows.string(row, 0);
        CHECK(std::filesystem::file_size(server.objects() / version.substr(0, 2) / version) ==
              bytes.size());
      }
    }
    ++uploads;
  }
  REQUIRE(server.database().exec("SELECT count(*) FROM storage.objects").integer(0, 0) == uploads);
  const pg::Result rows = server.database().exec("SELECT version FROM storage.objects");
  for (int row = 0; row < rows.rows(); ++row) {
    const std::string version = rows.string(row, 0);
    CHECK(read_whole_file(system_file_system(), server.objects() / version.substr(0, 2) / version,
                          bytes.size()) == bytes);
  }
}

// Goal:   what a crash can leave half made is gone or finished after the next start.
// Method: the files as a kill leaves them at the two moments that no pause hits reliably.
TEST_CASE("stand-in tus: a crash in creation leaves nothing, one before the row can be finished",
          "[standin][tus][fault]") {
  KillableStandIn server;
  server.start();
  const std::string bytes = "the bytes of one upload";
  ResumingClient client(server, "k/x.bin");
  client.send_all(bytes, 1'000);
  server.kill();

  {
    pg::Transaction transaction(server.database());
    server.database().exec("SELECT set_config('storage.allow_delete_query', 'true', true)");
    server.database().exec("DELETE FROM storage.objects");
    transaction.commit();
  }
  const std::filesystem::path orphan = server.objects() / "uploads" / random_uuid();
  standin::make_partial_file(orphan);
  server.start();
  CHECK_FALSE(std::filesystem::exists(orphan));
  client.send_all(bytes, 1'000);  // HEAD tells the full length; an empty PATCH makes the row
  CHECK(server.database().exec("SELECT count(*) FROM storage.objects").integer(0, 0) == 1);
}

}  // namespace waybill
