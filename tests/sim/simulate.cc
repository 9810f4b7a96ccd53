// simulate: lives through many simulated worlds, or through one again to see what happened.
//
//   simulate                         worlds of ten days from seed 1 on, until one fails
//   simulate --minutes 20            for so long; --from N begins at seed N
//   simulate --seed S --days N       one world again; --trace prints its every event, with the
//                                    agent's log: this is how a seed that failed is looked at
//   --go-on                          many worlds, also after one has failed
//
// A failure prints the command that replays it. What was found is mended with a unit test of its
// own, and its seed goes into seeds.txt, which every test run lives through.
#include <spdlog/spdlog.h>

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <string>

#include "core/log.h"
#include "tests/sim/report.h"

using namespace waybill;
using namespace waybill::sim;

namespace {

struct Arguments {
  SimulationOptions options;
  bool is_one_world = false;
  double minutes = 1.0;
  std::uint64_t from = 1;
  bool goes_on = false;  ///< after a failure
};

Arguments read_arguments(int count, char** values) {
  Arguments out;
  for (int i = 1; i < count; ++i) {
    const std::string name = values[i];
    const std::string value = i + 1 < count ? values[i + 1] : "";
    if (name == "--trace") {
      out.options.prints = true;
      continue;
    }
    if (name == "--go-on") {
      out.goes_on = true;
      continue;
    }
    ++i;
    if (name == "--seed") {
      out.options.seed = std::strtoull(value.c_str(), nullptr, 10);
      out.is_one_world = true;
    } else if (name == "--days") {
      out.options.days = std::atoi(value.c_str());
    } else if (name == "--minutes") {
      out.minutes = std::atof(value.c_str());
    } else if (name == "--from") {
      out.from = std::strtoull(value.c_str(), nullptr, 10);
    } else {
      fmt::print("simulate: unknown option {}; see the head of tests/sim/simulate.cc\n", name);
      std::exit(2);
    }
  }
  return out;
}

int run_many(const Arguments& arguments) {
  const auto began = std::chrono::steady_clock::now();
  const auto passed_s = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  };
  SimulationOptions options = arguments.options;
  std::int64_t days = 0;
  int failures = 0;
  for (options.seed = arguments.from; passed_s() < arguments.minutes * 60; ++options.seed) {
    const Outcome outcome = simulate(options);
    days += outcome.days;
    if (outcome.failure.empty()) continue;
    ++failures;
    fmt::print("{}\n", arguments.goes_on ? outcome.headline : outcome.failure);
    if (!arguments.goes_on) break;
  }
  const double core_s = static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
  fmt::print("{} days in {:.0f} s, {:.0f} a minute of one core, seeds {} to {}, {} failed\n", days,
             passed_s(), static_cast<double>(days) * 60 / core_s, arguments.from, options.seed - 1,
             failures);
  return failures == 0 ? 0 : 1;
}

}  // namespace

int main(int count, char** values) {
  const Arguments arguments = read_arguments(count, values);
  if (arguments.options.prints) {
    start_log("agent", LogLevel::kInfo);
  } else {
    spdlog::set_level(spdlog::level::off);
  }
  if (!arguments.is_one_world) return run_many(arguments);
  const Outcome outcome = simulate(arguments.options);
  fmt::print("{}digest {:016x} after {} days, {} steps\n", outcome.failure, outcome.digest,
             outcome.days, outcome.steps);
  return outcome.failure.empty() ? 0 : 1;
}
