// File names of the central store: `unprocessed_2026-11-20T23_59_59_123456_raw_recipe_line.csv`.
//
// Place:    core. The RPC makes these names in SQL; this is the same grammar for reading them.
// Source:   design:
// <unprocessed|processed>_<YYYY-MM-DDTHH_MM_SS_ffffff>_raw_<tag>[-partNNNNN].<ext> Rule:     the
// state is a parsed field; nothing searches a name for a substring. Units:    utc_us are UTC
// microseconds since 1970.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/ids.h"

namespace waybill {

enum class ObjectState : std::uint8_t { kUnprocessed, kProcessed };

/// The parts of a name. Only what format_object_name() accepts can be written down.
struct ObjectName {
  ObjectState state = ObjectState::kUnprocessed;
  std::int64_t utc_us = 0;                  ///< years 0000 to 9999
  FileTag file_tag;                         ///< [a-z][a-z0-9_]{0,62}
  std::optional<std::int32_t> part_number;  ///< 1 to 99999; nothing when the file is whole
  std::string extension = "csv";            ///< [a-z0-9]{1,8}

  bool operator==(const ObjectName&) const = default;
};

/// Throws Error WB-9001 when a part is outside its grammar: names are made from checked parts.
[[nodiscard]] std::string format_object_name(const ObjectName& name);

/// The parts of `name`, or nothing when it is not exactly of the grammar.
[[nodiscard]] std::optional<ObjectName> parse_object_name(std::string_view name);

/// The extension central uses for a partner's file name: lower case, "csv" when it has none of
/// [A-Za-z0-9]{1,8}.
[[nodiscard]] std::string object_extension(std::string_view partner_name);

/// May this be a file tag: [a-z][a-z0-9_]{0,62}?
[[nodiscard]] bool is_file_tag(std::string_view text);

}  // namespace waybill
