// HttpClient against real sockets: a server that does, byte for byte, what each test says.
#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/StreamSocket.h>
#include <Poco/Process.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>

#include "core/error.h"
#include "core/file_system.h"
#include "sync/http/http_client.h"

namespace waybill {
namespace {

using Poco::Net::StreamSocket;

constexpr std::string_view kSecretQuery = "token=eyJhbGciOi-very-secret";

/// Accepts connections one after the other and gives each to `serve` with its request head.
class RawServer {
 public:
  using Serve = std::function<void(StreamSocket&, const std::string& head, std::string& body)>;

  explicit RawServer(Serve serve)
      : serve_(std::move(serve)),
        listener_(Poco::Net::SocketAddress("127.0.0.1", 0)),
        thread_([this] { run(); }) {}
  ~RawServer() {
    end_ = true;
    thread_.join();
  }
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;

  [[nodiscard]] std::string url(const std::string& path) const {
    return "http://127.0.0.1:" + std::to_string(listener_.address().port()) + path;
  }
  [[nodiscard]] bool ending() const { return end_; }
  [[nodiscard]] int connections() const { return connections_; }

 private:
  void run() {
    const Poco::Timespan slice(0, 20'000);
    while (!end_) {
      if (!listener_.poll(slice, Poco::Net::Socket::SELECT_READ)) continue;
      StreamSocket socket = listener_.acceptConnection();
      ++connections_;
      try {
        while (serve_one(socket)) continue;
      } catch (const Poco::Exception&) {
        continue;  // the client went away, which some tests want
      }
    }
  }

  /// False when the connection is over: the client closed it, or the test ends.
  bool serve_one(StreamSocket& socket) {
    const Poco::Timespan slice(0, 20'000);
    std::string bytes;
    std::size_t head_end = std::string::npos;
    while ((head_end = bytes.find("\r\n\r\n")) == std::string::npos) {
      if (end_) return false;
      if (!socket.poll(slice, Poco::Net::Socket::SELECT_READ)) continue;
      char piece[4096];
      const int got = socket.receiveBytes(piece, sizeof piece);
      if (got <= 0) return false;
      bytes.append(piece, static_cast<std::size_t>(got));
    }
    std::string body = bytes.substr(head_end + 4);
    serve_(socket, bytes.substr(0, head_end + 4), body);
    return socket.impl()->initialized();
  }

  Serve serve_;
  std::atomic<bool> end_{false};
  std::atomic<int> connections_{0};
  Poco::Net::ServerSocket listener_;
  std::thread thread_;
};

void say(StreamSocket& socket, std::string_view text) {
  while (!text.empty()) {
    const int sent = socket.sendBytes(text.data(), static_cast<int>(text.size()));
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void read_body(StreamSocket& socket, std::string& body, std::size_t size_bytes) {
  char piece[65536];
  while (body.size() < size_bytes) {
    const int got = socket.receiveBytes(piece, sizeof piece);
    if (got <= 0) return;
    body.append(piece, static_cast<std::size_t>(got));
  }
}

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/// The error send() ends with; fails the test when there is none or when it shows the query.
Error error_of(HttpClient& client, const HttpRequest& request) {
  try {
    client.send(request);
  } catch (const Error& error) {
    CHECK(std::string(error.what()).find("very-secret") == std::string::npos);
    CHECK(std::string(error.what()).find('?') == std::string::npos);
    return error;
  }
  FAIL("send() gave an answer where an error was due");
  return {error_code::kInternal, "", "", ""};
}

HttpRequest get(const std::string& url) {
  HttpRequest request;
  request.url = url;
  return request;
}

HttpRequest put_of(const std::string& url, const std::string& content) {
  HttpRequest request;
  request.method = "PUT";
  request.url = url;
  request.upload_size_bytes = static_cast<std::int64_t>(content.size());
  request.upload_source = [&content, sent = std::size_t{0}](char* into, std::size_t room) mutable {
    const std::size_t count = std::min(room, content.size() - sent);
    content.copy(into, count, sent);
    sent += count;
    return count;
  };
  return request;
}

std::string pattern(std::size_t size_bytes) {
  std::string bytes(size_bytes, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 131 + i / 251);
  return bytes;
}

TEST_CASE("http: an upload arrives whole, announced by its length", "[http]") {
  const std::string content = pattern(3'000'000);
  std::string head_seen;
  std::string body_seen;
  RawServer server([&](StreamSocket& socket, const std::string& head, std::string& body) {
    head_seen = head;
    read_body(socket, body, content.size());
    body_seen = body;
    say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Kind: Real\r\n\r\n{}");
  });
  HttpClient client({.user_agent = "waybill-test/1"});
  HttpRequest request = put_of(server.url("/o/a?" + std::string(kSecretQuery)), content);
  request.headers = {{"content-type", "text/csv"}};
  const HttpResponse response = client.send(request);
  CHECK(response.status == 200);
  CHECK(response.body == "{}");
  CHECK(response.header("x-kind") == "Real");
  CHECK(body_seen == content);
  CHECK(head_seen.find("PUT /o/a?" + std::string(kSecretQuery)) == 0);
  CHECK(head_seen.find("Content-Length: 3000000\r\n") != std::string::npos);
  CHECK(head_seen.find("content-type: text/csv\r\n") != std::string::npos);
  CHECK(head_seen.find("User-Agent: waybill-test/1\r\n") != std::string::npos);
  CHECK(head_seen.find("Expect") == std::string::npos);
  CHECK(head_seen.find("Transfer-Encoding") == std::string::npos);
}

TEST_CASE("http: a JSON call keeps its connection, and a refusal is a value", "[http]") {
  RawServer server([](StreamSocket& socket, const std::string& head, std::string& body) {
    read_body(socket, body, 7);
    CHECK(body == R"({"a":1})");
    CHECK(head.find("POST /rpc ") == 0);
    say(socket, "HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nnope");
  });
  HttpClient client({});
  HttpRequest request = get(server.url("/rpc"));
  request.method = "POST";
  request.body = R"({"a":1})";
  request.on_body = [](std::string_view) { FAIL("a refusal is no content"); };
  for (int i = 0; i < 3; ++i) {
    const HttpResponse response = client.send(request);
    CHECK(response.status == 403);
    CHECK(response.body == "nope");
  }
  CHECK(server.connections() == 1);
}

TEST_CASE("http: an empty upload says that it is empty", "[http]") {
  std::string head_seen;
  RawServer server([&](StreamSocket& socket, const std::string& head, std::string&) {
    head_seen = head;
    say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  });
  HttpClient client({});
  CHECK(client.send(put_of(server.url("/"), "")).status == 200);
  CHECK(head_seen.find("Content-Length: 0\r\n") != std::string::npos);
}

TEST_CASE("http: a download is streamed, and its taker may end it", "[http]") {
  const std::string content = pattern(5'000'000);
  RawServer server([&](StreamSocket& socket, const std::string&, std::string&) {
    say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n");
    say(socket, content);
  });
  HttpClient client({});
  HttpRequest request = get(server.url("/o"));
  std::string taken;
  request.body_limit_bytes = 10;  // counts for collected answers only
  request.on_body = [&](std::string_view piece) { taken.append(piece); };
  CHECK(client.send(request).body.empty());
  CHECK(taken == content);

  struct Enough {};
  request.on_body = [](std::string_view) { throw Enough{}; };
  CHECK_THROWS_AS(client.send(request), Enough);
  taken.clear();
  request.on_body = [&](std::string_view piece) { taken.append(piece); };
  client.send(request);  // and the client works on
  CHECK(taken == content);
}

TEST_CASE("http: a collected answer has a limit", "[http]") {
  RawServer server([](StreamSocket& socket, const std::string&, std::string&) {
    say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world");
  });
  HttpClient client({});
  HttpRequest request = get(server.url("/o?" + std::string(kSecretQuery)));
  request.body_limit_bytes = 11;
  CHECK(client.send(request).body == "hello world");
  request.body_limit_bytes = 10;
  CHECK(&error_of(client, request).code() == &error_code::kAnswerNotUnderstood);
}

TEST_CASE("http: the source's own exception comes out, and a short source breaks it", "[http]") {
  RawServer server([](StreamSocket& socket, const std::string&, std::string& body) {
    read_body(socket, body, 1000);
    say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  });
  HttpClient client({});
  const std::string content = pattern(999);
  HttpRequest request = put_of(server.url("/o?" + std::string(kSecretQuery)), content);
  request.upload_size_bytes = 1000;
  const Error error = error_of(client, request);
  CHECK(&error.code() == &error_code::kUploadInterrupted);
  CHECK(error.cause() == "the source ended 1 bytes early");

  request.upload_source = [](char*, std::size_t) -> std::size_t {
    throw Error(error_code::kFileChanged, "read", "file", "it grew");
  };
  CHECK(&error_of(client, request).code() == &error_code::kFileChanged);
}

TEST_CASE("http: a server that answers before the whole upload is heard", "[http]") {
  const std::string content = pattern(400'000);
  RawServer server([&](StreamSocket& socket, const std::string&, std::string& body) {
    say(socket, "HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
    read_body(socket, body, content.size());
    socket.close();
  });
  HttpClient client({});
  const HttpResponse response = client.send(put_of(server.url("/o"), content));
  CHECK(response.status == 400);
  CHECK(response.body == "no");
}

TEST_CASE("http: a stall ends the transfer after the time it may last", "[http]") {
  RawServer* self = nullptr;
  RawServer server([&](StreamSocket& socket, const std::string& head, std::string&) {
    if (head.find("GET /half") == 0) say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab");
    while (!self->ending()) {
      if (socket.poll(Poco::Timespan(0, 20'000), Poco::Net::Socket::SELECT_ERROR)) break;
      char rest[4096];
      if (socket.poll(Poco::Timespan(0, 20'000), Poco::Net::Socket::SELECT_READ) &&
          socket.receiveBytes(rest, sizeof rest) <= 0) {
        break;
      }
    }
    socket.close();
  });
  self = &server;
  HttpClient client({});
  HttpRequest request = get(server.url("/half?" + std::string(kSecretQuery)));
  request.stall_timeout_ms = 200;
  const std::int64_t before_ms = now_ms();
  CHECK(&error_of(client, request).code() == &error_code::kUploadInterrupted);
  CHECK(now_ms() - before_ms >= 200);
  CHECK(now_ms() - before_ms < 2'000);

  request.url = server.url("/silent?" + std::string(kSecretQuery));
  CHECK(&error_of(client, request).code() == &error_code::kNetworkUnreachable);
  request.stall_timeout_ms = 0;
  request.timeout_ms = 150;
  CHECK(&error_of(client, request).code() == &error_code::kNetworkUnreachable);
}

TEST_CASE("http: a request to stop ends a waiting transfer at once", "[http]") {
  std::atomic<bool> stop{false};
  RawServer server([&](StreamSocket& socket, const std::string&, std::string&) {
    stop = true;
    char byte = 0;
    socket.receiveBytes(&byte, 1);  // returns when the client hangs up
    socket.close();
  });
  HttpClient client({.stop = &stop});
  const std::int64_t before_ms = now_ms();
  const Error error = error_of(client, get(server.url("/?" + std::string(kSecretQuery))));
  CHECK(&error.code() == &error_code::kUploadInterrupted);
  CHECK(now_ms() - before_ms < 500);
  CHECK(&error_of(client, get(server.url("/"))).code() == &error_code::kUploadInterrupted);
}

TEST_CASE("http: a server that hangs up in mid-answer or at once is an error", "[http]") {
  RawServer server([](StreamSocket& socket, const std::string& head, std::string&) {
    if (head.find("GET /half") == 0) say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab");
    socket.close();
  });
  HttpClient client({});
  const std::string query = "?" + std::string(kSecretQuery);
  CHECK(&error_of(client, get(server.url("/half" + query))).code() ==
        &error_code::kUploadInterrupted);
  CHECK(&error_of(client, get(server.url("/none" + query))).code() ==
        &error_code::kNetworkUnreachable);
}

TEST_CASE("http: nobody listening is WB-1201", "[http]") {
  std::uint16_t port = 0;
  {
    const Poco::Net::ServerSocket taken(Poco::Net::SocketAddress("127.0.0.1", 0));
    port = taken.address().port();
  }
  HttpClient client({});
  const std::string url = "http://127.0.0.1:" + std::to_string(port) + "/x?";
  const Error error = error_of(client, get(url + std::string(kSecretQuery)));
  CHECK(&error.code() == &error_code::kNetworkUnreachable);
  CHECK(error.subject() == "http://127.0.0.1:" + std::to_string(port) + "/x");
}

TEST_CASE("http: plain http leaves this machine under no disguise", "[http]") {
  HttpClient client({});
  for (const char* url :
       {"http://example.org/x?very-secret", "http://127.0.0.1@example.org/?very-secret",
        "http://localhost.example.org/", "http://127.0.0.1.example.org/", "http://10.0.0.1/",
        "http://[::2]/", "http://0.0.0.0/", "ftp://127.0.0.1/", "file:///etc/passwd", "127.0.0.1/x",
        "https:/", "", "http://"}) {
    INFO(url);
    CHECK(&error_of(client, get(url)).code() == &error_code::kInsecureUrl);
  }
  CHECK_NOTHROW(check_url_is_safe("http://localhost:1/"));
  CHECK_NOTHROW(check_url_is_safe("HTTP://LOCALHOST:1/"));
  CHECK_NOTHROW(check_url_is_safe("http://127.1.2.3/"));
  CHECK_NOTHROW(check_url_is_safe("http://[::1]:8/"));
  CHECK_NOTHROW(check_url_is_safe("https://example.org/"));
}

TEST_CASE("http: a line break in a header goes nowhere", "[http]") {
  HttpClient client({});
  HttpRequest request = get("http://127.0.0.1:1/");
  request.headers = {{"x-agent-token", "a\r\nx-admin: 1"}};
  CHECK(&error_of(client, request).code() == &error_code::kInternal);
}

TEST_CASE("http: what people read of a URL is free of secrets", "[http]") {
  CHECK(url_for_people("https://a.example/b/c?token=t#f") == "https://a.example/b/c");
  CHECK(url_for_people("https://me:pass@a.example/b@c") == "https://a.example/b@c");
  CHECK(url_for_people("nonsense?x") == "nonsense");
}

/// `openssl s_server` with a certificate for 127.0.0.1 that nobody has signed but itself.
class TlsServer {
 public:
  TlsServer() {
    std::filesystem::create_directories(folder_);
    const std::string make =
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=waybill-test "
        "-addext subjectAltName=IP:127.0.0.1 -keyout " +
        key() + " -out " + certificate() + " 2>/dev/null";
    REQUIRE(std::system(make.c_str()) == 0);
    {
      const Poco::Net::ServerSocket taken(Poco::Net::SocketAddress("127.0.0.1", 0));
      port_ = taken.address().port();
    }
    process_ = std::make_unique<Poco::ProcessHandle>(Poco::Process::launch(
        "openssl", {"s_server", "-quiet", "-www", "-accept", "127.0.0.1:" + std::to_string(port_),
                    "-cert", certificate(), "-key", key()}));
    for (int tries = 0; tries < 200 && !listens(); ++tries) {
      std::this_thread::sleep_for(std::chrono::milliseconds(25));
    }
    REQUIRE(listens());
  }
  ~TlsServer() {
    Poco::Process::kill(*process_);
    process_->wait();
    std::filesystem::remove_all(folder_);
  }
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  [[nodiscard]] std::string certificate() const { return folder_ + "/certificate.pem"; }
  [[nodiscard]] std::string key() const { return folder_ + "/key.pem"; }
  [[nodiscard]] std::string url(const std::string& host) const {
    return "https://" + host + ":" + std::to_string(port_) + "/?" + std::string(kSecretQuery);
  }

 private:
  [[nodiscard]] bool listens() const {
    try {
      const StreamSocket socket(Poco::Net::SocketAddress("127.0.0.1", port_));
      return true;
    } catch (const Poco::Exception&) {
      return false;
    }
  }

  std::string folder_ = std::filesystem::temp_directory_path() /
                        ("waybill-tls-" + std::to_string(Poco::Process::id()));
  std::uint16_t port_ = 0;
  std::unique_ptr<Poco::ProcessHandle> process_;
};

TEST_CASE("http: an untrusted certificate or a wrong name is WB-1209, a trusted one serves",
          "[http][tls]") {
  TlsServer server;
  HttpClient stranger({});
  const Error error = error_of(stranger, get(server.url("127.0.0.1")));
  CHECK(&error.code() == &error_code::kTlsFailed);
  CHECK(error.cause().find("self-signed") != std::string::npos);

  HttpClient friendly({.ca_file = server.certificate()});
  CHECK(friendly.send(get(server.url("127.0.0.1"))).status == 200);
  CHECK(&error_of(friendly, get(server.url("localhost"))).code() == &error_code::kTlsFailed);
}

}  // namespace
}  // namespace waybill
