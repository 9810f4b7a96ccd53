// StepReport: what a step of the engine or the rebuilder tells the program's loop.
//
// Place:    agent/engine.
#pragma once

#include <cstdint>

namespace waybill {

struct StepReport {
  bool worked = false;       ///< call again at once
  std::int64_t wait_ms = 0;  ///< otherwise: nothing is due for so long, unless something happens
};

}  // namespace waybill
