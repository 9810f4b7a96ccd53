// Chance: the port to everything random, so that a simulated day can be replayed.
//
// Place:    agent/engine; SystemChance for programs, a seeded one in tests.
#pragma once

#include <memory>
#include <string>

namespace waybill {

class Chance {
 public:
  virtual ~Chance() = default;
  /// Evenly from [0, 1).
  [[nodiscard]] virtual double fraction() = 0;
  /// A random UUID, lower case with hyphens.
  [[nodiscard]] virtual std::string uuid() = 0;
};

class SystemChance final : public Chance {
 public:
  [[nodiscard]] double fraction() override;
  [[nodiscard]] std::string uuid() override;
};

}  // namespace waybill
