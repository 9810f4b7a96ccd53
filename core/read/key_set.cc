#include "core/read/key_set.h"

#include <functional>

namespace waybill {

namespace {

constexpr std::size_t kSlotsMin = 1024;
constexpr std::uint64_t kSpaceStep = 0x9E3779B97F4A7C15;  // 2^64 / golden ratio: far apart

std::uint64_t hash_of(std::size_t space, std::string_view key) {
  static_assert(sizeof(std::size_t) == sizeof(std::uint64_t));
  const std::uint64_t hash = std::hash<std::string_view>{}(key) ^ (space * kSpaceStep);
  return hash == 0 ? 1 : hash;
}

/// Puts the hash into its slot; false when it is there already.
bool place(std::vector<std::uint64_t>& slots, std::uint64_t hash) {
  const std::size_t mask = slots.size() - 1;
  std::size_t at = static_cast<std::size_t>(hash) & mask;
  while (slots[at] != 0) {
    if (slots[at] == hash) return false;
    at = (at + 1) & mask;
  }
  slots[at] = hash;
  return true;
}

}  // namespace

bool KeySet::insert(std::size_t space, std::string_view key) {
  if (full()) return true;
  if (4 * (count_ + 1) > 3 * slots_.size()) grow();
  if (!place(slots_, hash_of(space, key))) return false;
  ++count_;
  return true;
}

void KeySet::grow() {
  std::vector<std::uint64_t> larger(slots_.empty() ? kSlotsMin : 2 * slots_.size());
  for (const std::uint64_t hash : slots_) {
    if (hash != 0) place(larger, hash);
  }
  slots_ = std::move(larger);
}

}  // namespace waybill
