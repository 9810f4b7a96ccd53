#include "tests/sim/report.h"

namespace waybill::sim {

Outcome simulate(const SimulationOptions& options) {
  Simulation simulation(options);
  Outcome out;
  try {
    simulation.run();
  } catch (const std::exception& broken) {
    out.headline = fmt::format("seed {} day {} step {}: {}", options.seed, simulation.day(),
                               simulation.step(), broken.what());
    out.failure = "\n";
    for (const std::string& line : simulation.trace().last())
      out.failure += fmt::format("    {}\n", line);
    out.failure +=
        fmt::format("{}\n  replay: build/release/bin/simulate --seed {} --days {} --trace\n",
                    out.headline, options.seed, options.days);
  }
  out.digest = simulation.trace().digest();
  out.days = std::min(simulation.day(), options.days);
  out.steps = simulation.step();
  return out;
}

}  // namespace waybill::sim
