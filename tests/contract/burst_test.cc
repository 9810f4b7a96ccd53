// A burst of files on a real disk while the system grants no watch: all are found, and it is said.
#include <sys/resource.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iostream>

#include "tests/support/temporary_folder.h"
#include "tests/unit/agent/engine_fixture.h"

using namespace waybill;

namespace {

namespace fs = std::filesystem;

/// What a machine without free watches answers.
class NoWatchesLeft final : public ChangeNotifier {
 public:
  [[nodiscard]] std::optional<Error> watch(const fs::path& root) override {
    return Error(error_code::kWatchLimit, "watch", root.string(), "the limit is reached");
  }
  [[nodiscard]] bool take_hint() override { return false; }
};

/// The real engine over a real folder; central is away, so that only the edge's work is seen.
struct BurstFixture {
  TemporaryFolder disk;
  fs::path root = disk.path() / "export";
  NoWatchesLeft notifier;
  std::unique_ptr<EngineFixture> f;

  BurstFixture() {
    fs::create_directories(root);
    f = std::make_unique<EngineFixture>(&system_file_system(), root);
    f->central.before_call = [](const std::string& call) {
      throw Error(error_code::kNetworkUnreachable, "call", call, "the line is down");
    };
    f->engine = std::make_unique<Engine>(EnginePorts{f->folders, f->clock, notifier, f->central,
                                                     *f->uploads, f->pages, f->day, f->chance},
                                         f->settings, *f->ledger);
  }
  void write(int count) const {
    for (int i = 0; i < count; ++i) {
      const fs::path folder = root / std::to_string(i % 50);
      if (i < 50) fs::create_directories(folder);
      std::ofstream(folder / ("recipe_" + std::to_string(i) + ".csv"), std::ios::binary)
          << "code\n"
          << i << '\n';
    }
  }
  std::string ask(const std::string& sql) { return SecondConnection(f->file()).ask(sql); }
  /// Steps until as many versions are in the ledger.
  bool run_until(int versions) {
    for (int i = 0; i < 20'000; ++i) {
      const StepReport report = f->engine->step();
      if (!report.worked) f->clock.advance(std::min<std::int64_t>(report.wait_ms, 500));
      if (i % 20 == 0 && ask("SELECT count(*) FROM job_file") == std::to_string(versions)) {
        return true;
      }
    }
    return false;
  }
};

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

}  // namespace

TEST_CASE("burst: without a free watch all files are found, and status says why it takes longer",
          "[contract][burst]") {
  BurstFixture b;
  b.f->run_steps(1);
  b.write(2'000);
  REQUIRE(b.run_until(2'000));
  CHECK(b.f->ledger->meta(meta::kWatchProblem).find("WB-1307") != std::string::npos);
  CHECK(b.ask("SELECT count(*) FROM path WHERE state = 'recorded'") == "2000");
}

// Not run by default. WAYBILL_BURST=50000 contract_tests "[.measure]"
TEST_CASE("measure: a burst of files, then the cost of a step while nothing happens",
          "[.measure]") {
  const char* asked = std::getenv("WAYBILL_BURST");
  const int count = asked == nullptr ? 50'000 : std::atoi(asked);
  BurstFixture b;
  b.f->run_steps(1);
  b.write(count);
  double began = cpu_seconds();
  REQUIRE(b.run_until(count));
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  std::cout << count << " files hashed and recorded in " << cpu_seconds() - began << " s CPU, peak "
            << usage.ru_maxrss / 1024 << " MiB\n";
  const auto report = [&](const char* what, int rounds, std::int64_t advance_ms) {
    began = cpu_seconds();
    for (int i = 0; i < rounds; ++i) {
      b.f->engine->step();
      b.f->clock.advance(advance_ms);
    }
    std::cout << what << ": " << (cpu_seconds() - began) * 1000 / rounds << " ms CPU a step\n";
  };
  report("idle steps between scans", 19, 250);
  report("steps with a scan each", 10, 60'000);
  b.f->central.before_call = [](const std::string&) {};
  b.f->clock.advance(kRetryPauseMaxMs);
  report("steps while files are registered and sent", 200, 10);
}
