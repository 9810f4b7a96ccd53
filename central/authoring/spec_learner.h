// SpecLearner: proposes a file spec from sample exports, with the evidence for each choice.
//
// Place:    central/authoring; `waybill-central spec learn` above.
// Rule:     what is proposed takes every sample; it is tried before it is handed out. The evidence
//           holds counts and names. Values stand in the proposal alone, where a spec lists words,
//           and only when asked for.
// Limits:   csv and JSON lines. Fixed width has no marks to learn from.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/file_system.h"

namespace waybill::authoring {

struct LearnOptions {
  std::string file_tag;
  std::string entity;
  bool with_known_values = false;  ///< propose lists of words that come again and again
  std::string time_zone = {};      ///< of times without an offset, "Europe/Paris"; "": not known
};

struct Learned {
  nlohmann::ordered_json spec;      ///< parse_file_spec() takes it
  nlohmann::ordered_json evidence;  ///< {files, encoding, delimiter, header, columns:[...], trial}
};

/// Throws WB-3014 when the samples have nothing to learn from, WB-1303 when one cannot be read.
[[nodiscard]] Learned learn_spec(FileSystem& files,
                                 const std::vector<std::filesystem::path>& samples,
                                 const LearnOptions& options);

}  // namespace waybill::authoring
