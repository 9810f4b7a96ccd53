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
  std::uint64_t marks = 0;      ///< delimiter, quote, CR, LF or NUL
  std::uint64_t non_ascii = 0;  ///< 0x80 and above
};

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
    const __m128i line_feed = _mm_set1_epi8('\n');
    const __m128i carriage_return = _mm_set1_epi8('\r');
    const __m128i nul = _mm_setzero_si128();
    for (unsigned at = 0; at < kScanChunkBytes; at += 16) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(chunk + at));
      const __m128i ends =
          _mm_or_si128(_mm_cmpeq_epi8(bytes, line_feed), _mm_cmpeq_epi8(bytes, carriage_return));
      const __m128i inner =
          _mm_or_si128(_mm_cmpeq_epi8(bytes, delimiter), _mm_cmpeq_epi8(bytes, quote));
      const __m128i any = _mm_or_si128(_mm_or_si128(ends, inner), _mm_cmpeq_epi8(bytes, nul));
      found.marks |= std::uint64_t{static_cast<unsigned>(_mm_movemask_epi8(any))} << at;
      found.non_ascii |= std::uint64_t{static_cast<unsigned>(_mm_movemask_epi8(bytes))} << at;
    }
#else
    for (unsigned at = 0; at < kScanChunkBytes; ++at) {
      const char c = chunk[at];
      const bool is_mark = c == delimiter_ || c == quote_ || c == '\n' || c == '\r' || c == '\0';
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
