// simulate(): one world from its beginning to its end, and what is to be told about it.
//
// Place:    tests/sim; for the program and for the tests.
#pragma once

#include <cstdint>
#include <string>

#include "tests/sim/simulation.h"

namespace waybill::sim {

struct Outcome {
  std::string headline;      ///< one line when a promise was broken; "" otherwise
  std::string failure;       ///< the same with the last events and how to replay it
  std::uint64_t digest = 0;  ///< of all events
  int days = 0;
  std::int64_t steps = 0;
};

[[nodiscard]] Outcome simulate(const SimulationOptions& options);

}  // namespace waybill::sim
