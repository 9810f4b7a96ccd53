// Sample: an export read without a spec: how its bytes are to be taken, and its records.
//
// Place:    central/authoring; SpecLearner above, core's CsvReader below.
// Memory:   the first kHeadBytes decide on encoding and dialect; then the file is streamed.
// Rule:     nothing is guessed that the bytes contradict; what was decided comes with its evidence.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/file_spec.h"
#include "core/file_system.h"

namespace waybill::authoring {

inline constexpr std::size_t kHeadBytes = std::size_t{4} << 20;

/// How a file is to be read, as a file spec says it.
struct Shape {
  Encoding encoding = Encoding::kUtf8;
  bool is_json_lines = false;
  CsvDialect dialect;
  std::size_t field_count = 0;  ///< that most records have
};

/// Decides from the file's head. `evidence` gets {encoding, delimiter, ...} with counts, and
/// {undecided: {delimiter}} when another one cuts the records as well.
/// Throws WB-3014 when the bytes are of no text, or of JSON that is not one object a line.
[[nodiscard]] Shape find_shape(std::string_view head, nlohmann::ordered_json& evidence);

/// The first bytes of a file, at most kHeadBytes, without a record cut short at the end.
[[nodiscard]] std::string read_head(FileSystem& files, const std::filesystem::path& path);

/// A record's fields as UTF-8; valid during the call. False: no more are wanted.
using FieldsSink = std::function<bool(const std::vector<std::string>&)>;

/// Every record of a delimited file, the header with it.
void read_records(FileSystem& files, const std::filesystem::path& path, const Shape& shape,
                  const FieldsSink& take);

}  // namespace waybill::authoring
