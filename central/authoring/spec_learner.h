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
  bool with_known_values = false;  ///< propose lists of words that come again and again,
                                   ///< but of columns that tell of a person
  std::string time_zone = {};      ///< of times without an offset, "Europe/Paris"; "": not known
};

struct Learned {
  nlohmann::ordered_json spec;  ///< parse_file_spec() takes it
  /// {files, encoding, delimiter, header, columns:[...], trial, undecided:{header, ...}}: the last,
  /// when it is there, is what the proposal as a whole rests on and its author has to look at.
  nlohmann::ordered_json evidence;

  /// Nothing of that is there, and the proposal takes every sample. A column may still be
  /// undecided: it is text then.
  [[nodiscard]] bool is_settled() const;
};

/// Throws WB-3014 when the samples have nothing to learn from, WB-1303 or WB-1313 when one cannot
/// be read.
[[nodiscard]] Learned learn_spec(FileSystem& files,
                                 const std::vector<std::filesystem::path>& samples,
                                 const LearnOptions& options);

}  // namespace waybill::authoring
