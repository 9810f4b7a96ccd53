// KeySet: which keys a file has had so far, in bounded memory.
//
// Place:    core; RowBuilder asks for unique columns and natural keys.
// Owner:    one file, one thread.
// Memory:   8 octets a key at a load of at most 3/4, at most 16 MiB; allocated as keys come.
// Rule:     beyond kKeysMax keys nothing is remembered any more, and full() says so: the rest is
//           for central, which has an index. Keys are kept as 64-bit hashes: that one of a million
//           different keys is taken for another happens once in thirty million files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace waybill {

inline constexpr std::size_t kKeysMax = std::size_t{3} << 19;  // 3/4 of 2^21 slots

class KeySet {
 public:
  /// False when `key` of the same `space` (a column, or the natural key) was inserted before.
  bool insert(std::size_t space, std::string_view key);
  [[nodiscard]] bool full() const { return count_ == kKeysMax; }

 private:
  void grow();

  std::vector<std::uint64_t> slots_;  ///< 0: free
  std::size_t count_ = 0;
};

}  // namespace waybill
