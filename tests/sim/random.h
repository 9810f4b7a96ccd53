// Random: the one source of everything that happens by chance in a simulation.
//
// Place:    tests/sim.
// Rule:     the same seed gives the same numbers on every machine, so nothing of <random> is used:
//           its distributions differ between libraries.
#pragma once

#include <cstdint>
#include <vector>

namespace waybill::sim {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  /// SplitMix64 (Steele, Lea, Flood 2014).
  std::uint64_t next() {
    state_ += 0x9E3779B97F4A7C15ULL;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9ULL;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBULL;
    return mixed ^ (mixed >> 31);
  }
  /// 0 .. bound - 1; 0 when there is nothing to choose from.
  std::int64_t below(std::int64_t bound) {
    return bound <= 0 ? 0 : static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(bound));
  }
  std::int64_t between(std::int64_t low, std::int64_t high) { return low + below(high - low + 1); }
  bool permille(std::int64_t chance) { return chance > 0 && below(1'000) < chance; }
  bool percent(std::int64_t chance) { return permille(chance * 10); }
  double fraction() { return static_cast<double>(next() >> 11) / static_cast<double>(1ULL << 53); }

  template <class T>
  const T& one_of(const std::vector<T>& choices) {
    return choices[static_cast<std::size_t>(below(static_cast<std::int64_t>(choices.size())))];
  }

 private:
  std::uint64_t state_;
};

}  // namespace waybill::sim
