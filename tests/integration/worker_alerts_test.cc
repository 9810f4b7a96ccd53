// Alerts on their way to people: to a webhook, to a command, and again when either is in trouble.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "central/worker/alert_sender.h"
#include "tests/integration/worker_fixture.h"

namespace waybill::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kAgency = "harbor-kitchen";
constexpr const char* kSecret = "hook-secret-8d1f";

/// A webhook that answers as told and keeps what it was sent.
class FakeWebhook {
 public:
  FakeWebhook()
      : server_(new Factory(*this),
                Poco::Net::ServerSocket(Poco::Net::SocketAddress("127.0.0.1", 0)),
                new Poco::Net::HTTPServerParams) {
    server_.start();
  }
  ~FakeWebhook() { server_.stopAll(true); }
  FakeWebhook(const FakeWebhook&) = delete;
  FakeWebhook& operator=(const FakeWebhook&) = delete;

  [[nodiscard]] std::string url() const {
    return "http://127.0.0.1:" + std::to_string(server_.port()) + "/hook/" + kSecret;
  }
  void answer_with(int status) { status_ = status; }
  [[nodiscard]] std::vector<std::string> bodies() const {
    const std::lock_guard lock(mutex_);
    return bodies_;
  }

 private:
  struct Factory : Poco::Net::HTTPRequestHandlerFactory {
    explicit Factory(FakeWebhook& to_serve) : webhook(to_serve) {}
    Poco::Net::HTTPRequestHandler* createRequestHandler(
        const Poco::Net::HTTPServerRequest&) override {
      return new Handler(webhook);
    }
    FakeWebhook& webhook;
  };
  struct Handler : Poco::Net::HTTPRequestHandler {
    explicit Handler(FakeWebhook& to_serve) : webhook(to_serve) {}
    void handleRequest(Poco::Net::HTTPServerRequest& request,
                       Poco::Net::HTTPServerResponse& response) override {
      std::string body;
      Poco::StreamCopier::copyToString(request.stream(), body);
      {
        const std::lock_guard lock(webhook.mutex_);
        webhook.bodies_.push_back(body);
      }
      response.setStatus(static_cast<Poco::Net::HTTPResponse::HTTPStatus>(webhook.status_.load()));
      response.setContentLength(0);
      response.send();
    }
    FakeWebhook& webhook;
  };

  std::atomic<int> status_{200};
  mutable std::mutex mutex_;
  std::vector<std::string> bodies_;
  Poco::Net::HTTPServer server_;
};

struct Scratch {
  Scratch() : path(fs::temp_directory_path() / ("waybill-alerts-" + random_uuid())) {
    fs::create_directories(path);
  }
  ~Scratch() { fs::remove_all(path); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  /// A program that appends its standard input to `inbox` and ends with `exit_code`.
  [[nodiscard]] std::string program(int exit_code) const {
    const fs::path file = path / "alert";
    std::ofstream(file) << "#!/bin/sh\ncat >> '" << (path / "inbox").string() << "'\nexit "
                        << exit_code << "\n";
    fs::permissions(file, fs::perms::owner_all);
    return file.string();
  }
  [[nodiscard]] std::string inbox() const {
    std::ostringstream text;
    text << std::ifstream(path / "inbox").rdbuf();
    return text.str();
  }
  fs::path path;
};

/// An agency that a poisoned file halts.
struct World {
  Central central;
  FakeStorage storage;
  FakeWebhook webhook;
  Scratch scratch;

  World() {
    central.add_agency(kAgency, {with(spec_of("recipe"), {{"on_refusal", "halt"}})});
    central.deliver(storage, kAgency, "recipe", "recipe_1.csv",
                    export_of("R", 3) + "secret-value,Name,many,1,yes,20.11.2026\r\n");
  }
  [[nodiscard]] WorkerOptions options(AlertOptions alerts) const {
    WorkerOptions out = RunningWorker::options_of(central, storage.url(), 1, /*lease_s=*/60);
    out.alerts = std::move(alerts);
    return out;
  }
  std::string alert(const std::string& what) {
    return central.value("SELECT (" + what + ")::text FROM ingest.alert");
  }
};

TEST_CASE("alerts: a halted agency is told to webhook and command, once", "[worker][alerts]") {
  World world;
  RunningWorker worker(
      world.options({.webhook_url = world.webhook.url(), .command = world.scratch.program(0)}));
  REQUIRE(eventually([&] { return world.alert("sent_at IS NOT NULL") == "true"; }));
  REQUIRE(world.webhook.bodies().size() == 1);
  const json body = json::parse(world.webhook.bodies().front());
  CHECK(body.at("kind") == "tenant_halted");
  CHECK(body.at("tenant") == kAgency);
  CHECK(body.at("code") == "WB-3012");
  CHECK(body.at("alert_id") == std::stoll(world.alert("alert_id")));
  CHECK_FALSE(body.at("way_out").get<std::string>().empty());
  CHECK(body.at("text").get<std::string>().find("WB-3012") != std::string::npos);
  CHECK(body.dump().find("secret-value") == std::string::npos);
  CHECK(json::parse(world.scratch.inbox()) == body);
}

TEST_CASE("alerts: a channel in trouble is tried again, and its address is told to nobody",
          "[worker][alerts][fault]") {
  World world;
  world.webhook.answer_with(503);
  RunningWorker worker(
      world.options({.webhook_url = world.webhook.url(), .command = world.scratch.program(7)}));
  REQUIRE(eventually([&] { return !world.alert("last_problem").empty(); }));
  CHECK(world.alert("last_problem") == "the webhook answered 503; the alert command ended with 7");
  CHECK(world.alert("sent_at IS NULL AND next_attempt_at > now()") == "true");
  CHECK(world.central.value("SELECT count(*) FROM ingest.alert WHERE to_jsonb(alert)::text LIKE "
                            "'%' || $1 || '%'",
                            {kSecret}) == "0");
  world.webhook.answer_with(200);
  (void)world.scratch.program(0);
  world.central.value("UPDATE ingest.alert SET next_attempt_at = now()");
  REQUIRE(eventually([&] { return world.alert("sent_at IS NOT NULL") == "true"; }));
  CHECK(world.webhook.bodies().size() == 2);
  CHECK(json::parse(world.webhook.bodies()[0]).at("alert_id") ==
        json::parse(world.webhook.bodies()[1]).at("alert_id"));
}

TEST_CASE("alerts: a command that is not there is a problem of the alert, not of the worker",
          "[worker][alerts][fault]") {
  World world;
  RunningWorker worker(world.options({.command = (world.scratch.path / "none").string()}));
  REQUIRE(eventually([&] {
    return world.alert("last_problem").find("could not be started") != std::string::npos;
  }));
  CHECK(worker.ended_with().empty());
}

TEST_CASE("alerts: a tag that stays away is told once, with the side to look on",
          "[worker][alerts]") {
  Central central;
  FakeStorage storage;
  FakeWebhook webhook;
  central.add_agency(kAgency, {with(spec_of("recipe"), {{"stale_after_hours", 1}})});
  central.value(
      "CREATE OR REPLACE FUNCTION ingest.clock() RETURNS timestamptz LANGUAGE sql VOLATILE SET "
      "search_path = '' AS 'SELECT clock_timestamp() + interval ''2 hours'''");
  WorkerOptions options = RunningWorker::options_of(central, storage.url(), 1, /*lease_s=*/60);
  options.alerts = {.webhook_url = webhook.url(), .command = ""};
  RunningWorker worker(options);
  REQUIRE(eventually([&] { return webhook.bodies().size() == 1; }));
  const json body = json::parse(webhook.bodies().front());
  CHECK(body.at("kind") == "file_stale");
  CHECK(body.at("details").at("file_tag") == "recipe");
  CHECK(body.at("details").at("cause") == "agent_down");
  CHECK(body.at("text").get<std::string>().find("agent down") != std::string::npos);
  CHECK(central.value("SELECT file_tag FROM ingest.stale_tag") == "recipe");
  const std::string file =
      central.deliver(storage, kAgency, "recipe", "recipe_1.csv", export_of("R", 3));
  REQUIRE(central.reaches(file, "processed"));
  REQUIRE(
      eventually([&] { return central.value("SELECT count(*) FROM ingest.stale_tag") == "0"; }));
  CHECK(webhook.bodies().size() == 1);
}

TEST_CASE("alerts: the webhook's file is private, holds one address, and https it is",
          "[alerts][security]") {
  const Scratch scratch;
  const fs::path file = scratch.path / "webhook";
  const auto code_of = [&](const std::string& text, fs::perms rights) -> std::string {
    std::ofstream(file) << text;
    fs::permissions(file, rights);
    try {
      (void)read_webhook_file(file);
    } catch (const Error& error) {
      CHECK(std::string(error.what()).find(kSecret) == std::string::npos);
      return std::string(error.code().id);
    }
    return "";
  };
  const std::string good = std::string("https://hooks.example/") + kSecret;
  CHECK(code_of(good + "\n", fs::perms(0600)).empty());
  CHECK(read_webhook_file(file) == good);
  CHECK(code_of(good, fs::perms(0640)) == "WB-1006");
  CHECK(code_of(std::string("http://hooks.example/") + kSecret, fs::perms(0600)) == "WB-1005");
  CHECK(code_of(good + "\n" + good, fs::perms(0600)) == "WB-5006");
  CHECK(code_of("", fs::perms(0600)) == "WB-5006");
  fs::remove(file);
  CHECK_THROWS_AS(read_webhook_file(file), Error);
}

}  // namespace
}  // namespace waybill::test
