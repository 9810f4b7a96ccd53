#include "agent/config/live_bandwidth.h"

#include <catch2/catch.hpp>

#include "agent/config/agent_config.h"
#include "core/log.h"
#include "tests/support/fake_clock.h"
#include "tests/support/memory_file_system.h"

using namespace waybill;

namespace {

constexpr std::int64_t kHour = 3'600'000;

/// One hour ahead of UTC until the last Sunday of March 2026, 01:00 UTC; two from then on.
class SpringDay final : public LocalDay {
 public:
  static std::int64_t change_ms() { return utc_midnight_ms("2026-03-29") + kHour; }
  [[nodiscard]] std::string date_of(std::int64_t utc_ms) const override {
    return format_utc(utc_ms + (utc_ms < change_ms() ? kHour : 2 * kHour)).substr(0, 10);
  }
  [[nodiscard]] std::int64_t utc_ms_of(const std::string& date,
                                       std::int32_t minutes) const override {
    const std::int64_t local = utc_midnight_ms(date) + std::int64_t{minutes} * 60'000;
    return local - kHour < change_ms() ? local - kHour : local - 2 * kHour;
  }
};

BandwidthWindow window(std::initializer_list<std::size_t> days, std::int32_t from, std::int32_t to,
                       std::int64_t limit) {
  BandwidthWindow out{.from_minute = from, .to_minute = to, .limit_kbit_s = limit};
  for (const std::size_t day : days) out.weekdays[day] = true;
  return out;
}

std::string config_with(const std::string& bandwidth) {
  return R"({"project_url":"http://localhost","publishable_key":"k","export_folder":"/e",)"
         R"("state_folder":"/s","upload":{"bandwidth":)" +
         bandwidth + "}}";
}

}  // namespace

TEST_CASE("bandwidth: the first window that is open counts, by local time", "[agent][bandwidth]") {
  const SpringDay day;
  BandwidthConfig config{.limit_kbit_s = 50};
  config.windows = {window({0, 1, 2, 3, 4}, 8 * 60, 18 * 60, 10),
                    window({0, 1, 2, 3, 4, 5, 6}, 22 * 60, 6 * 60, 0)};
  const auto at = [&](const std::string& utc) { return limit_kbit_s(config, day, parse_utc(utc)); };
  CHECK(at("2026-03-02T06:59:59Z") == 50);  // Monday, 07:59:59
  CHECK(at("2026-03-02T07:00:00Z") == 10);
  CHECK(at("2026-03-02T16:59:59Z") == 10);
  CHECK(at("2026-03-02T17:00:00Z") == 50);
  CHECK(at("2026-03-02T21:00:00Z") == 0);
  CHECK(at("2026-03-03T04:59:00Z") == 0);  // of the night that began on Monday
  CHECK(at("2026-03-03T05:00:00Z") == 50);
  CHECK(at("2026-03-07T12:00:00Z") == 50);  // Saturday
  config.windows = {window({6}, 0, 0, 7)};  // a whole Sunday
  CHECK(at("2026-03-07T22:59:59Z") == 50);
  CHECK(at("2026-03-07T23:00:00Z") == 7);
  CHECK(at("2026-03-08T22:59:59Z") == 7);
  CHECK(at("2026-03-08T23:00:00Z") == 50);
}

TEST_CASE("bandwidth: when the clocks are put forward, windows follow the clocks",
          "[agent][bandwidth]") {
  const SpringDay day;
  BandwidthConfig config{.limit_kbit_s = 50};
  config.windows = {window({6}, 8 * 60, 10 * 60, 10)};
  const auto at = [&](const std::string& utc) { return limit_kbit_s(config, day, parse_utc(utc)); };
  CHECK(at("2026-03-22T07:00:00Z") == 10);  // the Sunday before: 08:00 is 07:00 UTC
  CHECK(at("2026-03-29T05:59:59Z") == 50);
  CHECK(at("2026-03-29T06:00:00Z") == 10);  // the Sunday itself: 06:00 UTC
  CHECK(at("2026-03-29T08:00:00Z") == 50);
  config.windows = {window({5}, 22 * 60, 4 * 60, 10)};  // over the change
  CHECK(at("2026-03-29T01:59:59Z") == 10);
  CHECK(at("2026-03-29T02:00:00Z") == 50);
}

TEST_CASE("bandwidth: an edit counts while the agent runs; a bad one changes nothing",
          "[agent][bandwidth]") {
  start_log("bandwidth-test", LogLevel::kError);
  FakeClock clock;
  MemoryFileSystem files(clock);
  const SpringDay day;
  const std::filesystem::path file = "/etc/waybill.json";
  files.write(file, config_with(R"({"limit_kbit_s":8})"));
  LiveBandwidth live(files, clock, day, file, read_agent_config(files, file).upload.bandwidth);
  CHECK(live.limit_bytes_s() == 1'000);
  const auto edit = [&](const std::string& text) {
    clock.advance(1'100);
    files.write(file, text);
    clock.advance(1'100);
    live.look();
    return live.limit_bytes_s();
  };
  CHECK(edit(config_with(R"({"limit_kbit_s":16})")) == 2'000);
  CHECK(edit(config_with(R"({"limit_kbit_s":"fast"})")) == 2'000);
  CHECK(edit("{") == 2'000);
  files.remove(file);
  clock.advance(1'100);
  live.look();
  CHECK(live.limit_bytes_s() == 2'000);
  CHECK(edit(config_with("{}")) == 0);
}
