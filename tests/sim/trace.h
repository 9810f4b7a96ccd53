// Trace: what happened in a simulation, in order: a digest of all of it, and the last of it in
// words.
//
// Place:    tests/sim.
// Rule:     two runs of one seed have the same digest, or the simulation cannot be replayed.
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <cstdio>
#include <deque>
#include <string>
#include <utility>

namespace waybill::sim {

class Trace {
 public:
  explicit Trace(bool prints) : prints_(prints) {}

  template <class... Args>
  void note(fmt::format_string<Args...> format, Args&&... args) {
    add(fmt::format(format, std::forward<Args>(args)...));
  }

  [[nodiscard]] std::uint64_t digest() const { return digest_; }
  [[nodiscard]] std::int64_t count() const { return count_; }
  [[nodiscard]] const std::deque<std::string>& last() const { return last_; }

 private:
  static constexpr std::size_t kKept = 60;

  void add(std::string line) {
    for (const char c : line) {
      digest_ = (digest_ ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;  // FNV-1a
    }
    digest_ = (digest_ ^ '\n') * 0x100000001B3ULL;
    ++count_;
    if (prints_) fmt::print(stderr, "{:>7} {}\n", count_, line);  // the agent's log goes there
    last_.push_back(std::move(line));
    if (last_.size() > kKept) last_.pop_front();
  }

  bool prints_;
  std::uint64_t digest_ = 0xCBF29CE484222325ULL;
  std::int64_t count_ = 0;
  std::deque<std::string> last_;
};

}  // namespace waybill::sim
