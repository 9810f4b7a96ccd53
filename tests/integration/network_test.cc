// HttpClient through what sites put between: their own issuers, client certificates, proxies.
//
// Method: openssl makes the certificates and is the server; the proxy is ours; nothing is faked.
#include <Poco/Net/ServerSocket.h>
#include <Poco/Pipe.h>
#include <Poco/Process.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>

#include "core/clock.h"
#include "core/crypto.h"
#include "core/error.h"
#include "sync/http/http_client.h"
#include "sync/pacer.h"
#include "tests/support/connect_proxy.h"

using namespace waybill;

namespace {

namespace fs = std::filesystem;

constexpr const char* kIssuer = "Harbor Inspection CA";

/// Two authorities, a server's certificate and a client's, made by the openssl command.
class Certificates {
 public:
  Certificates() : folder_(fs::temp_directory_path() / ("waybill-tls-" + random_uuid())) {
    fs::create_directories(folder_);
    authority("trusted", kIssuer);
    authority("other", "Another CA");
    issue("server", "trusted", "subjectAltName=DNS:localhost,IP:127.0.0.1");
    issue("client", "other", "extendedKeyUsage=clientAuth");
  }
  ~Certificates() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;

  [[nodiscard]] std::string operator()(const std::string& name) const {
    return (folder_ / name).string();
  }
  static const Certificates& shared() {
    static const Certificates certificates;
    return certificates;
  }

 private:
  void run(const std::string& arguments) const {
    const std::string command =
        "cd '" + folder_.string() + "' && openssl " + arguments + " >>log 2>&1";
    REQUIRE(std::system(command.c_str()) == 0);  // NOLINT(concurrency-mt-unsafe): tests run alone
  }
  void authority(const std::string& name, const std::string& people) const {
    run("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -keyout " +
        name + ".key -out " + name + ".pem -subj '/O=Harbor/CN=" + people + "'");
  }
  void issue(const std::string& name, const std::string& issuer, const std::string& extension) {
    run("req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout " + name +
        ".key -out " + name + ".csr -subj '/CN=" + name + "'");
    std::ofstream(folder_ / (name + ".ext")) << extension << '\n';
    run("x509 -req -days 2 -in " + name + ".csr -CA " + issuer + ".pem -CAkey " + issuer +
        ".key -CAcreateserial -out " + name + ".pem -extfile " + name + ".ext");
  }

  fs::path folder_;
};

std::uint16_t free_port() {
  return Poco::Net::ServerSocket(Poco::Net::SocketAddress("127.0.0.1", 0)).address().port();
}

/// `openssl s_server`, which answers every GET with a page of its own.
class TlsServer {
 public:
  explicit TlsServer(const std::vector<std::string>& more = {}) : port_(free_port()) {
    const Certificates& made = Certificates::shared();
    std::vector<std::string> arguments = {"s_server",
                                          "-quiet",
                                          "-www",
                                          "-accept",
                                          "127.0.0.1:" + std::to_string(port_),
                                          "-cert",
                                          made("server.pem"),
                                          "-key",
                                          made("server.key")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    process_.emplace(Poco::Process::launch("openssl", arguments, nullptr, &out_, &out_));
    for (int i = 0; i < 500; ++i) {
      try {
        Poco::Net::StreamSocket probe(Poco::Net::SocketAddress("127.0.0.1", port_));
        return;
      } catch (const Poco::Exception&) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
      }
    }
    FAIL("openssl s_server does not listen");
  }
  ~TlsServer() {
    Poco::Process::kill(*process_);
    static_cast<void>(process_->wait());
  }
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  [[nodiscard]] std::string url() const {
    return "https://localhost:" + std::to_string(port_) + "/?token=secret";
  }

 private:
  std::uint16_t port_;
  Poco::Pipe out_;
  std::optional<Poco::ProcessHandle> process_;
};

HttpOptions trusting() {
  HttpOptions options;
  options.ca_file = Certificates::shared()("trusted.pem");
  return options;
}

int status_of(const std::string& url, const HttpOptions& options) {
  HttpRequest request;
  request.url = url;
  request.timeout_ms = 20'000;
  return HttpClient(options).send(request).status;
}

/// Code and sentence of the failure.
std::pair<std::string, std::string> failure_of(const std::string& url, const HttpOptions& options) {
  try {
    status_of(url, options);
  } catch (const Error& error) {
    INFO(error.what());
    CHECK(std::string(error.what()).find("secret") == std::string::npos);
    return {std::string(error.code().id), error.what()};
  }
  return {"none", ""};
}

/// Sets a variable of the environment for a while.
class Environment {
 public:
  Environment(const char* name, const std::string& value) : name_(name) {
    setenv(name, value.c_str(), 1);  // NOLINT(concurrency-mt-unsafe): no thread reads it meanwhile
  }
  ~Environment() { unsetenv(name_); }  // NOLINT(concurrency-mt-unsafe)
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  const char* name_;
};

bool says(const std::pair<std::string, std::string>& failure, const std::string& text) {
  INFO(failure.second);
  CHECK(failure.second.find(text) != std::string::npos);
  return failure.second.find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("network: a site's own issuer is trusted when it is configured, and named when not",
          "[network]") {
  const TlsServer server;
  CHECK(status_of(server.url(), trusting()) == 200);
  const auto unknown = failure_of(server.url(), {});
  CHECK(unknown.first == "WB-1209");
  CHECK(says(unknown, kIssuer));
  HttpOptions other;
  other.ca_file = Certificates::shared()("other.pem");
  CHECK(failure_of(server.url(), other).first == "WB-1209");
}

TEST_CASE("network: a gateway that asks for a client certificate gets it", "[network]") {
  const Certificates& made = Certificates::shared();
  const std::string version = GENERATE("-tls1_2", "-tls1_3");
  const TlsServer server(
      {version, "-Verify", "2", "-verify_return_error", "-CAfile", made("other.pem")});
  HttpOptions options = trusting();
  CHECK(failure_of(server.url(), options).first != "none");
  options.client_certificate = made("client.pem");
  options.client_key = made("client.key");
  CHECK(status_of(server.url(), options) == 200);
}

TEST_CASE("network: the configured proxy is used, whatever the environment says", "[network]") {
  const TlsServer server;
  ConnectProxy proxy;
  HttpOptions options = trusting();
  options.proxy = proxy.url();
  const Environment other("https_proxy", "http://127.0.0.1:1");
  const Environment none("no_proxy", "localhost");
  CHECK(status_of(server.url(), options) == 200);
  CHECK(proxy.asked() == 1);
}

TEST_CASE("network: without one the environment's proxy is used, and its exceptions", "[network]") {
  const TlsServer server;
  ConnectProxy proxy;
  const Environment ours("https_proxy", proxy.url());
  CHECK(status_of(server.url(), trusting()) == 200);
  CHECK(proxy.asked() == 1);
  const Environment except("no_proxy", "example.org,localhost");
  CHECK(status_of(server.url(), trusting()) == 200);
  CHECK(proxy.asked() == 1);
}

TEST_CASE("network: what is wrong with the proxy is said, and it is never gone round",
          "[network]") {
  const TlsServer server;
  HttpOptions options = trusting();
  const auto failure = [&](const std::string& proxy) {
    options.proxy = proxy;
    const auto found = failure_of(server.url(), options);
    CHECK(found.first == "WB-1211");
    CHECK(found.second.find("hunter2") == std::string::npos);
    return found;
  };
  CHECK(says(failure("http://nobody:hunter2@proxy.invalid:3128"), "name is not known"));
  const std::string closed = std::to_string(free_port());
  CHECK(says(failure("http://nobody:hunter2@127.0.0.1:" + closed), "cannot be reached"));
  CHECK(says(failure("http://127.0.0.1:" + closed), "port " + closed));
  const ConnectProxy asks("407 Proxy Authentication Required");
  CHECK(says(failure(asks.url()), "407"));
  const ConnectProxy forbids("403 Forbidden");
  CHECK(says(failure(forbids.url()), "403"));

  // From the environment it is told just the same; central that is away is not the proxy's fault.
  options.proxy.clear();
  const Environment ours("https_proxy", "http://127.0.0.1:" + closed);
  CHECK(failure_of(server.url(), options).first == "WB-1211");
  const Environment except("no_proxy", "localhost");
  CHECK(failure_of("https://localhost:" + std::to_string(free_port()) + "/", options).first ==
        "WB-1201");
}

TEST_CASE("network: a limited upload keeps to its limit, and waiting for it is no stall",
          "[network][pacer]") {
  Poco::Net::ServerSocket listener(Poco::Net::SocketAddress("127.0.0.1", 0));
  constexpr std::int64_t kBytes = 300'000;
  std::thread server([&] {
    Poco::Net::StreamSocket socket = listener.acceptConnection();
    std::vector<char> bytes(64 * 1024);
    std::int64_t got = 0;
    while (got < kBytes) {  // the head counts as well; what is left of the body is small
      const int count = socket.receiveBytes(bytes.data(), static_cast<int>(bytes.size()));
      if (count <= 0) return;
      got += count;
    }
    const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    socket.sendBytes(answer.data(), static_cast<int>(answer.size()));
    while (socket.receiveBytes(bytes.data(), static_cast<int>(bytes.size())) > 0) continue;
  });
  const SystemClock clock;
  std::atomic<std::int64_t> limit = 1;  // as good as nothing: it would take days
  Pacer pacer(clock, [&] { return limit.load(); });
  HttpOptions options;
  options.allowance = [&](std::size_t wanted) { return pacer.take(wanted); };
  HttpRequest request;
  request.method = "PUT";
  request.url = "http://127.0.0.1:" + std::to_string(listener.address().port()) + "/";
  request.upload_size_bytes = kBytes;
  request.upload_source = [](char* into, std::size_t capacity) {
    std::fill_n(into, capacity, 'x');
    return capacity;
  };
  request.stall_timeout_ms = 500;
  const std::int64_t began = clock.steady_ms();
  std::thread opening([&] {  // the window of the timetable ends while the upload runs
    std::this_thread::sleep_for(std::chrono::milliseconds(1'500));
    limit = 300'000;
  });
  CHECK(HttpClient(options).send(request).status == 200);
  const std::int64_t took = clock.steady_ms() - began;
  CHECK(took >= 2'200);
  CHECK(took < 20'000);
  opening.join();
  listener.close();
  server.join();
}
