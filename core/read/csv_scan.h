// CsvScan: finds the bytes that mean something in CSV, 64 at a time.
//
// Place:    core; CsvReader's inner loop, nobody else's. SSE2 where the compiler has it (every
//           x86-64), the same answer in plain C++ elsewhere.
// Units:    bit i of a mask speaks of byte i of the chunk.
#pragma once

#include <cstddef>
#include <cstdint>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace waybill {

inline constexpr std::size_t kScanChunkBytes = 64;

struct CsvMarks {
  std::uint64_t marks = 0;      ///< delimiter, quote, or a control character (NUL, TAB, CR, LF too)
  std::uint64_t non_ascii = 0;  ///< 0x80 and above
};

/// Control characters of ASCII: up to the last one below the blank, and DEL.
inline constexpr char kLastControl = '\x1F';
inline constexpr char kDelete = '\x7F';

/// The bytes a dialect looks for, ready to compare. Without quoting, `quote` repeats the delimiter.
class CsvScan {
 public:
  CsvScan(char delimiter, char quote) : delimiter_(delimiter), quote_(quote) {}

  /// Reads exactly kScanChunkBytes from `chunk`.
  [[nodiscard]] CsvMarks find(const char* chunk) const {
    CsvMarks found;
#ifdef __SSE2__
    const __m128i delimiter = _mm_set1_epi8(delimiter_);
    const __m128i quote = _mm_set1_epi8(quote_);
    const __m128i last_control = _mm_set1_epi8(kLastControl);
    const __m128i del = _mm_set1_epi8(kDelete);
    for (unsigned at = 0; at < kScanChunkBytes; at += 16) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(chunk + at));
      // One minimum finds 32 characters at once, line ends among them.
      const __m128i controls = _mm_or_si128(
          _mm_cmpeq_epi8(_mm_min_epu8(bytes, last_control), bytes), _mm_cmpeq_epi8(bytes, del));
      const __m128i inner =
          _mm_or_si128(_mm_cmpeq_epi8(bytes, delimiter), _mm_cmpeq_epi8(bytes, quote));
      const __m128i any = _mm_or_si128(controls, inner);
      found.marks |= std::uint64_t{static_cast<unsigned>(_mm_movemask_epi8(any))} << at;
      found.non_ascii |= std::uint64_t{static_cast<unsigned>(_mm_movemask_epi8(bytes))} << at;
    }
#else
    for (unsigned at = 0; at < kScanChunkBytes; ++at) {
      const char c = chunk[at];
      const bool is_control = static_cast<unsigned char>(c) <= kLastControl || c == kDelete;
      const bool is_mark = is_control || c == delimiter_ || c == quote_;
      found.marks |= std::uint64_t{is_mark ? 1U : 0U} << at;
      found.non_ascii |= std::uint64_t{static_cast<unsigned char>(c) >> 7U} << at;
    }
#endif
    return found;
  }

 private:
  char delimiter_;
  char quote_;
};

}  // namespace waybill
