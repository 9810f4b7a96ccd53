#include "agent/engine/deliveries.h"

#include <catch2/catch.hpp>

#include "agent/cli/status_view.h"
#include "tests/unit/agent/engine_fixture.h"

using namespace waybill;

namespace {

class UtcDay final : public LocalDay {
 public:
  [[nodiscard]] std::string date_of(std::int64_t utc_ms) const override {
    return format_utc(utc_ms).substr(0, 10);
  }
  [[nodiscard]] std::int64_t utc_ms_of(const std::string& date,
                                       std::int32_t minutes) const override {
    return utc_midnight_ms(date) + std::int64_t{minutes} * 60'000;
  }
};

/// A bakery's nights: recipe before party, a note may come. Days begin at noon, the deadline is six
/// in the morning after.
DeliveryPlan bakery() {
  return parse_delivery_plan({{"day_starts", "12:00"},
                              {"deadline", "06:00"},
                              {"weekdays", {"mon", "tue", "wed", "thu", "fri"}},
                              {"files",
                               {{{"file_tag", "recipe"}, {"rank", 1}},
                                {{"file_tag", "party"}, {"rank", 2}},
                                {{"file_tag", "note"}, {"required", false}}}}});
}

/// The real engine with a plan, on a Thursday afternoon (2025-11-20).
struct NightFixture : EngineFixture {
  UtcDay utc;

  explicit NightFixture(const DeliveryPlan& plan = bakery(),
                        const char* begins_at = "2025-11-20T13:00:00Z") {
    clock.step_wall_clock(parse_utc(begins_at) - clock.now_ms());
    central.specs.digest = "specs-2";
    nlohmann::json chunked = spec("party");
    chunked["name_fields"] = "party_%Y%m%d_%i_of_%n.csv";
    central.specs.specs = {{FileTag("recipe"), 2, spec("recipe")},
                           {FileTag("party"), 2, chunked},
                           {FileTag("extra"), 1, spec("variant")}};
    central.specs.specs[2].spec["file_tag"] = "extra";
    central.specs.delivery_plan = to_json(plan);
    begin();
  }
  void begin() {
    engine.reset();
    uploads.reset();
    ledger.reset();
    open();
    uploads = std::make_unique<InlineUploads>(folders, root, uploader);
    engine = std::make_unique<Engine>(
        EnginePorts{folders, clock, notifier, central, *uploads, pages, utc, chance}, settings,
        *ledger);
    run_steps(20);
  }
  std::string ask(const std::string& sql) { return SecondConnection(file()).ask(sql); }
  std::string delivery(const std::string& date) {
    return ask("SELECT state || ' ' || missing FROM delivery WHERE delivery_date = '" + date + "'");
  }
  std::string count(const std::string& kind) {
    return ask("SELECT count(*) FROM event WHERE kind = '" + kind + "'");
  }
  nlohmann::json status() {
    const auto report = LedgerReport::open(folder.path());
    return status_json(*report,
                       {.is_running = true,
                        .today = delivery_date_of(utc, clock.now_ms(), report->day_starts_min()),
                        .now_ms = clock.now_ms(),
                        .version = "test",
                        .export_folder = "/export"});
  }
};

}  // namespace

TEST_CASE("missing files: tags, chunks of a set, and sets that have begun", "[agent][delivery]") {
  const DeliveryPlan plan = bakery();
  const auto missing = [&](const std::string& date, const std::vector<Arrived>& arrived) {
    return missing_files(plan, date, arrived);
  };
  const std::string friday = "2025-11-21";
  using Tags = std::vector<std::string>;
  CHECK(missing(friday, {}) == Tags{"recipe", "party"});
  CHECK(missing(friday, {{FileTag("party")}}) == Tags{"recipe"});
  CHECK(
      missing(friday, {{FileTag("party"), 1, 5}, {FileTag("party"), 3, 5}, {FileTag("recipe")}}) ==
      Tags{"party 2, 4, 5 of 5"});
  CHECK(missing(friday, {{FileTag("recipe")}, {FileTag("party")}, {FileTag("note"), 1, 2}}) ==
        Tags{"note 2 of 2"});
  CHECK(missing("2025-11-22", {}).empty());  // a Saturday
}

TEST_CASE("delivery: it closes when everything required is there, not before",
          "[agent][delivery]") {
  NightFixture f;
  CHECK(f.delivery("2025-11-20") == R"(open ["recipe","party"])");
  f.put("recipe_1.csv", "code\nR1\n");
  f.run_steps(200);
  CHECK(f.states_of("recipe_1.csv") == "archived");
  CHECK(f.delivery("2025-11-20") == R"(open ["party"])");
  CHECK(f.ask("SELECT state FROM job") == "open");
  CHECK(f.status()["today"]["verdict"] == "waiting");
  CHECK(f.status()["today"]["missing"] == nlohmann::json::array({"party"}));

  f.put("party_20251120_1_of_2.csv", "code\nP1\n");
  f.run_steps(100);
  CHECK(f.delivery("2025-11-20") == R"(open ["party 2 of 2"])");
  f.put("party_20251120_2_of_2.csv", "code\nP2\n");
  f.run_steps(100);
  CHECK(f.ask("SELECT state FROM job") == "closed");
  CHECK(f.delivery("2025-11-20") == "closed []");
  CHECK(f.count("delivery_complete") == "1");
  CHECK(f.count("delivery_closed") == "1");
  CHECK(f.count("delivery_late") == "0");
  CHECK(f.status()["today"]["verdict"] == "complete");
  CHECK(f.central.files().back().offer.chunk_number == 2);
}

TEST_CASE(
    "delivery: past its deadline it is late, told once, closed, and mended by what comes then",
    "[agent][delivery]") {
  NightFixture f;
  f.put("recipe_1.csv", "code\nR1\n");
  f.run_steps(100);
  f.clock.advance(parse_utc("2025-11-21T05:59:00Z") - f.clock.now_ms());
  f.run_steps(20);
  CHECK(f.count("delivery_late") == "0");
  f.clock.advance(2 * 60'000);
  f.run_steps(100);
  CHECK(f.count("delivery_late") == "1");
  CHECK(f.count("file_missing") == "1");
  CHECK(f.delivery("2025-11-20") == R"(partial ["party"])");
  CHECK(f.ask("SELECT state FROM job") == "closed");
  CHECK(f.status()["today"]["verdict"] == "attention");
  const std::string text = status_text(f.status(), f.clock.now_ms());
  CHECK(text.find("Delivery of 2025-11-20 is partial: missing party") != std::string::npos);

  f.put("party_20251120_1_of_1.csv", "code\nP1\n");
  f.run_steps(200);
  CHECK(f.count("file_late") == "1");
  CHECK(f.delivery("2025-11-20") == "closed []");
  CHECK(f.count("delivery_late") == "1");
}

TEST_CASE("delivery: a night on which nothing comes is missed; a free day is not",
          "[agent][delivery]") {
  NightFixture f;
  f.clock.advance(parse_utc("2025-11-24T13:00:00Z") - f.clock.now_ms());  // Monday
  f.run_steps(100);
  CHECK(f.delivery("2025-11-19").empty());  // before the plan was known
  CHECK(f.delivery("2025-11-20") == R"(partial ["recipe","party"])");
  CHECK(f.delivery("2025-11-21") == R"(partial ["recipe","party"])");
  CHECK(f.delivery("2025-11-22").empty());
  CHECK(f.delivery("2025-11-24") == R"(open ["recipe","party"])");
  CHECK(f.count("delivery_late") == "2");
  CHECK(f.count("file_missing") == "4");
  f.begin();  // nothing is told a second time
  f.run_steps(50);
  CHECK(f.count("delivery_late") == "2");
}

TEST_CASE("delivery: a night that was over before the plan was known is not missed, the next is",
          "[agent][delivery]") {
  NightFixture f(bakery(), "2025-11-21T07:00:00Z");  // Friday, an hour after Thursday's deadline
  f.run_steps(20);
  CHECK(f.count("delivery_late") == "0");
  CHECK(f.delivery("2025-11-20").empty());
  f.clock.advance(24 * 3'600'000);  // Saturday: Friday's night is over
  f.run_steps(20);
  CHECK(f.delivery("2025-11-20").empty());
  CHECK_THAT(f.delivery("2025-11-21"), Catch::StartsWith("late"));
}

TEST_CASE("delivery: the day begins when the plan says, and a name's date wins",
          "[agent][delivery]") {
  NightFixture f;
  f.clock.advance(parse_utc("2025-11-21T11:00:00Z") - f.clock.now_ms());
  f.put("recipe_1.csv", "code\nR1\n");               // before noon: yesterday's
  f.put("party_20251118_1_of_1.csv", "code\nP1\n");  // Tuesday's, by its name
  f.run_steps(100);
  CHECK(f.newest("recipe_1.csv").delivery_date == "2025-11-20");
  CHECK(f.newest("party_20251118_1_of_1.csv").delivery_date == "2025-11-18");
  CHECK(f.ask("SELECT count(*) FROM job") == "2");
  CHECK(f.newest("party_20251118_1_of_1.csv").remark == "late");
}

TEST_CASE("delivery: unexpected and surplus files are told once and sent all the same",
          "[agent][delivery]") {
  NightFixture f;
  f.put("recipe_1.csv", "code\nR1\n");
  f.run_steps(60);
  f.put("recipe_2.csv", "code\nR2\n");
  f.put("variant_1.csv", "code\nV1\n");
  f.run_steps(100);
  CHECK(f.newest("recipe_1.csv").remark.empty());
  CHECK(f.newest("recipe_2.csv").remark == "surplus");
  CHECK(f.newest("variant_1.csv").remark == "unexpected");
  CHECK(f.count("file_surplus") == "1");
  CHECK(f.count("file_unexpected") == "1");
  CHECK(f.states_of("variant_1.csv") == "archived");
}

TEST_CASE("delivery: files found while central cannot be reached are not called missing",
          "[agent][delivery]") {
  NightFixture f;
  f.central.before_call = [](const std::string&) {
    throw Error(error_code::kNetworkUnreachable, "call", "central", "no route");
  };
  f.put("recipe_1.csv", "code\nR1\n");
  f.put("party_20251120_1_of_1.csv", "code\nP1\n");
  f.run_steps(100);
  CHECK(f.delivery("2025-11-20") == "complete []");
  f.clock.advance(parse_utc("2025-11-22T13:00:00Z") - f.clock.now_ms());
  f.central.before_call = [](const std::string&) {};
  f.run_steps(400);
  CHECK(f.newest("recipe_1.csv").delivery_date == "2025-11-20");  // not the day of the network
  CHECK(f.states_of("recipe_1.csv") == "archived");
}

TEST_CASE("plan: one that cannot be read leaves the last good one", "[agent][delivery]") {
  NightFixture f;
  f.central.specs.digest = "specs-3";
  f.central.specs.delivery_plan["deadline"] = "25:00";
  f.run_steps(20);
  REQUIRE(f.ledger->delivery_plan());
  CHECK(f.ledger->delivery_plan()->deadline_min == 6 * 60);
  f.central.specs.digest = "specs-4";
  f.central.specs.delivery_plan = nullptr;  // withdrawn
  f.run_steps(20);
  CHECK_FALSE(f.ledger->delivery_plan());
}
