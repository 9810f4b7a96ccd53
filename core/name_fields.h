// NameFields: what a partner's file name tells: the delivery's date, and which chunk of how many.
//
// Place:    core; the agent reads names by it, central is told the result.
// Source:   the file spec's key name_fields, e.g. "recipes_%Y%m%d_%i_of_%n.csv".
// Grammar:  %Y four digits, %m %d %H %M %S two digits, %i and %n one to five digits (chunk number
//           and count), %% a percent sign, * any characters, ? one byte; all else stands for
//           itself, ASCII case ignored.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace waybill {

inline constexpr std::int32_t kChunkCountMax = 99'999;

struct NameFields {
  std::string date;               ///< "YYYY-MM-DD", or "" when the pattern has no date
  std::int32_t chunk_number = 1;  ///< 1-based; 1 of 1 when the pattern has no chunks
  std::int32_t chunk_count = 1;
  bool operator==(const NameFields&) const = default;
};

/// What is wrong with a pattern, for the person who wrote it; "" when nothing is.
[[nodiscard]] std::string name_fields_problem(std::string_view pattern);

/// The fields of `base_name`, or nothing when it does not fit the pattern, its date is none of the
/// calendar's, or its chunk is not one of its count.
[[nodiscard]] std::optional<NameFields> read_name_fields(std::string_view pattern,
                                                         std::string_view base_name);

}  // namespace waybill
