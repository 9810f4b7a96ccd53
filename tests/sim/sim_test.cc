// Days that are lived through in every test run: the same ones, those that once failed, and a new
// one.
#include <spdlog/spdlog.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <random>
#include <sstream>

#include "tests/sim/report.h"
#include "tests/support/source_folder.h"

using namespace waybill::sim;

namespace {

constexpr std::uint64_t kFixedWorlds = 25;  // of ten days each

const bool kIsQuiet = (spdlog::set_level(spdlog::level::off), true);  // faults are no news here

struct KeptSeed {
  std::uint64_t seed = 0;
  int days = 0;
  std::string why;
};

/// Lines of "seed days what it found".
std::vector<KeptSeed> kept_seeds() {
  std::ifstream file(waybill::source_folder() / "tests/sim/seeds.txt");
  std::vector<KeptSeed> out;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.front() == '#') continue;
    KeptSeed kept;
    std::istringstream(line) >> kept.seed >> kept.days;
    kept.why = line;
    out.push_back(kept);
  }
  return out;
}

void live_through(const SimulationOptions& options) {
  const Outcome outcome = simulate(options);
  INFO(outcome.failure);
  CHECK(outcome.headline.empty());
}

}  // namespace

TEST_CASE("simulation: a seed replays exactly", "[sim]") {
  for (const std::uint64_t seed : {7, 8, 9}) {
    const Outcome first = simulate({.seed = seed, .days = 3});
    const Outcome second = simulate({.seed = seed, .days = 3});
    CHECK(first.digest == second.digest);
    CHECK(first.steps == second.steps);
  }
  CHECK(simulate({.seed = 7, .days = 1}).digest != simulate({.seed = 8, .days = 1}).digest);
}

TEST_CASE("simulation: the promises are kept on fixed days", "[sim]") {
  for (std::uint64_t seed = 1; seed <= kFixedWorlds; ++seed) live_through({.seed = seed});
}

TEST_CASE("simulation: what was found once is not found again", "[sim]") {
  const std::vector<KeptSeed> seeds = kept_seeds();
  REQUIRE_FALSE(seeds.empty());
  for (const KeptSeed& kept : seeds) {
    INFO(kept.why);
    live_through({.seed = kept.seed, .days = kept.days});
  }
}

TEST_CASE("simulation: the promises are kept in a world nobody has seen", "[sim]") {
  const std::uint64_t seed = std::random_device()();
  WARN("seed " << seed);
  live_through({.seed = seed});
}
