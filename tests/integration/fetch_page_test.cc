// Fetching from a real HTTP server: credentials, cursors, and answers of every kind.
#include <Poco/Net/HTTPRequestHandler.h>
#include <Poco/Net/HTTPRequestHandlerFactory.h>
#include <Poco/Net/HTTPServer.h>
#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerResponse.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <functional>

#include "agent/fetch/background_pages.h"
#include "core/error.h"
#include "sync/central_error.h"
#include "tests/support/temporary_folder.h"

namespace waybill {
namespace {

using Poco::Net::HTTPServerRequest;
using Poco::Net::HTTPServerResponse;
using Answer = std::function<void(HTTPServerRequest&, HTTPServerResponse&)>;

class Handler final : public Poco::Net::HTTPRequestHandler {
 public:
  explicit Handler(const Answer& answer) : answer_(answer) {}
  void handleRequest(HTTPServerRequest& request, HTTPServerResponse& response) override {
    answer_(request, response);
  }

 private:
  const Answer& answer_;
};

class Factory final : public Poco::Net::HTTPRequestHandlerFactory {
 public:
  explicit Factory(const Answer& answer) : answer_(answer) {}
  Poco::Net::HTTPRequestHandler* createRequestHandler(const HTTPServerRequest& /*r*/) override {
    return new Handler(answer_);  // Poco deletes it
  }

 private:
  const Answer& answer_;
};

struct ApiFixture {
  Answer answer;
  Poco::Net::ServerSocket listener{Poco::Net::SocketAddress("127.0.0.1", 0)};
  Poco::Net::HTTPServer server{new Factory(answer), listener, new Poco::Net::HTTPServerParams};
  TemporaryFolder folder;
  HttpClient http{HttpOptions{.user_agent = "waybill-test"}};
  PageRequest request;

  ApiFixture() {
    server.start();
    request.fetch_name = "orders";
    request.url =
        "http://127.0.0.1:" + std::to_string(listener.address().port()) + "/orders?key=very-secret";
    request.cursor_parameter = "after";
    request.shape = {"/rows", "/next"};
  }
  ~ApiFixture() { server.stopAll(true); }

  void headers(const std::string& text, mode_t mode) {
    request.headers_file = folder.path() / "headers.json";
    std::ofstream(request.headers_file) << text;
    ::chmod(request.headers_file.c_str(), mode);
  }
  PageLines fetch() { return fetch_page(system_file_system(), http, request); }
  std::string code() {
    try {
      (void)fetch();
    } catch (const Error& error) {
      CHECK(std::string(error.what()).find("secret") == std::string::npos);
      return std::string(error.code().id);
    }
    return "";
  }
  static void say(HTTPServerResponse& response, int status, const std::string& body) {
    response.setStatus(static_cast<Poco::Net::HTTPResponse::HTTPStatus>(status));
    response.setContentLength64(static_cast<Poco::Int64>(body.size()));
    response.send() << body;
  }
};

}  // namespace

TEST_CASE("fetch page: cursor and credentials reach the API as they are", "[integration][fetch]") {
  ApiFixture f;
  std::string uri;
  std::string authorization;
  f.answer = [&](HTTPServerRequest& request, HTTPServerResponse& response) {
    uri = request.getURI();
    authorization = request.get("Authorization", "");
    ApiFixture::say(response, 200, R"({"rows": [{"a": 1.50}], "next": "x&y=1 +ü"})");
  };
  f.headers(R"({"Authorization": "Bearer very-secret"})", 0600);
  const PageLines page = f.fetch();
  CHECK(page.lines == "{\"a\":1.50}\n");
  CHECK(uri == "/orders?key=very-secret");
  CHECK(authorization == "Bearer very-secret");
  f.request.cursor = *page.next;
  (void)f.fetch();
  CHECK(uri == "/orders?key=very-secret&after=x%26y%3D1%20%2B%C3%BC");
}

TEST_CASE("fetch page: each kind of answer has its code, and no message holds a secret",
          "[integration][fetch]") {
  ApiFixture f;
  int status = 200;
  std::string body = "[]";
  f.answer = [&](HTTPServerRequest& /*request*/, HTTPServerResponse& response) {
    if (status == 302) response.set("Location", "http://127.0.0.1:1/elsewhere");
    if (status == 503) response.set("Retry-After", "7");
    ApiFixture::say(response, status, body);
  };
  const std::vector<std::pair<int, std::string>> codes = {
      {401, "WB-1402"}, {403, "WB-1402"}, {404, "WB-1403"}, {302, "WB-1403"},
      {429, "WB-1401"}, {500, "WB-1401"}, {200, "WB-1403"}};
  for (const auto& [answered, code] : codes) {
    INFO(answered);
    status = answered;
    CHECK(f.code() == code);
  }
  status = 503;
  const PageResult result = page_result([&](const PageRequest&) { return f.fetch(); }, f.request);
  REQUIRE(result.error);
  CHECK(result.retry_after_ms == 7'000);
  status = 200;
  body = std::string(std::size_t{17} << 20, ' ');
  CHECK(f.code() == "WB-1403");
  f.request.url = "http://127.0.0.1:1/?key=very-secret";
  CHECK(f.code() == "WB-1401");
}

TEST_CASE("fetch page: credentials that others may read, or that are none, are not used",
          "[integration][fetch]") {
  ApiFixture f;
  int asked = 0;
  f.answer = [&](HTTPServerRequest& /*request*/, HTTPServerResponse& response) {
    ++asked;
    ApiFixture::say(response, 200, R"({"rows": []})");
  };
  f.headers(R"({"Authorization": "very-secret"})", 0644);
  CHECK(f.code() == "WB-1402");
  f.headers("very-secret", 0600);
  CHECK(f.code() == "WB-1402");
  f.headers(R"({"Authorization": "very-secret\r\nX-Other: 1"})", 0600);
  CHECK(f.code() == "WB-1402");
  f.request.headers_file = f.folder.path() / "absent.json";
  CHECK(f.code() == "WB-1402");
  CHECK(asked == 0);
}

// Goal:   BackgroundPages answers every request once, in order, and ends while one is running.
TEST_CASE("background pages: every request is answered, in order", "[integration][fetch]") {
  ApiFixture f;
  std::atomic<int> answered = 0;
  f.answer = [&](HTTPServerRequest& /*request*/, HTTPServerResponse& response) {
    ApiFixture::say(response, 200, R"({"rows": [{"n": )" + std::to_string(++answered) + "}]}");
  };
  BackgroundPages pages([&](const PageRequest& request) {
    return fetch_page(system_file_system(), f.http, request);
  });
  for (int i = 0; i < 5; ++i) pages.start(f.request);
  std::string lines;
  int count = 0;
  while (count < 5) {
    for (const PageResult& result : pages.take_finished()) {
      REQUIRE_FALSE(result.error);
      lines += result.page.lines;
      ++count;
    }
    std::this_thread::yield();
  }
  CHECK(lines == "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n{\"n\":4}\n{\"n\":5}\n");
}

}  // namespace waybill
