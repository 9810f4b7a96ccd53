// What the fuzz targets share: options taken off an input, cuts, and claims about readings of rows.
//
// Place:    tests/fuzz; one target a file beside it. ./dev fuzz runs them under libFuzzer, the test
//           fuzz_corpus replays the kept inputs.
// Rule:     a target is a pure function of its input. A claim that does not hold is thrown, and
//           nobody catches it but the replay.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "core/file_spec.h"
#include "core/preflight/preflight.h"
#include "core/read/row_reader.h"
#include "core/rules.h"

namespace waybill::fuzz {

void fuzz_csv(std::string_view input);
void fuzz_json_lines(std::string_view input);
void fuzz_fixed_width(std::string_view input);
void fuzz_transcoding(std::string_view input);
void fuzz_file_spec(std::string_view input);
void fuzz_file_names(std::string_view input);

inline void claim(bool holds, const char* what) {
  if (!holds) throw std::logic_error(what);
}

/// The input of one run: options at its front, a byte each, then the bytes to read.
class Input {
 public:
  explicit Input(std::string_view bytes) : rest_(bytes) {}

  /// 0 at the end.
  unsigned take_byte() {
    if (rest_.empty()) return 0;
    const auto byte = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    return byte;
  }
  bool take_flag() { return take_byte() % 2 != 0; }
  template <class List>
  const auto& take_choice(const List& list) {
    return list[take_byte() % std::size(list)];
  }
  /// Up to `separator`, which is left out, or to the end.
  std::string_view take_until(char separator) {
    const std::string_view text = rest_.substr(0, rest_.find(separator));
    rest_.remove_prefix(std::min(text.size() + 1, rest_.size()));
    return text;
  }
  [[nodiscard]] std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

/// Stands in a file's values and nowhere else: what may not reach any report.
inline constexpr std::string_view kMarker = "QZX7MARKER42";
/// What an input writes to have the marker planted there.
inline constexpr std::string_view kMarkerSeed = "QZ";

inline std::string plant_markers(std::string_view text) {
  std::string planted;
  while (!text.empty()) {
    const std::size_t at = text.find(kMarkerSeed);
    planted.append(text.substr(0, at));
    if (at == std::string_view::npos) break;
    planted.append(kMarker);
    text.remove_prefix(at + kMarkerSeed.size());
  }
  return planted;
}

/// Feeds `bytes` in pieces that `seed` chooses: 0 one byte each, below 128 short ones. Each piece
/// is a copy of its own, so that a read beyond its end is seen.
template <class Feed>
void feed_in_cuts(std::string_view bytes, unsigned seed, const Feed& feed) {
  std::uint32_t random = seed * 2654435761U + 1U;
  const std::uint32_t longest = seed == 0 ? 1 : seed < 128 ? 9 : 150;
  while (!bytes.empty()) {
    random = random * 1664525U + 1013904223U;
    const std::vector<char> piece(
        bytes.begin(),
        bytes.begin() + std::min<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(bytes.size()),
                                                 1 + (random >> 16U) % longest));
    feed(std::string_view(piece.data(), piece.size()));
    bytes.remove_prefix(piece.size());
  }
}

/// What findings mean, and checks beyond the columns' types, as two bytes of the input choose.
/// `has_names`: the file names its columns.
inline void add_rules(Input& input, bool has_names, nlohmann::json& spec) {
  using Preference = std::vector<RuleAction>;
  const std::vector<Preference> kPreferences = {
      {},
      {RuleAction::kQuarantineRow, RuleAction::kRefuseFile},
      {RuleAction::kIgnore, RuleAction::kWarn, RuleAction::kQuarantineRow},
      {RuleAction::kRefuseFile}};
  const Preference& preference = input.take_choice(kPreferences);
  for (const Rule& rule : rules()) {
    for (auto action = preference.rbegin(); action != preference.rend(); ++action) {
      if (rule.allows(*action))
        spec["on_finding"][std::string(rule.code->name)] = to_string(*action);
    }
  }
  const unsigned checks = input.take_byte();
  nlohmann::json& first = spec["columns"].front();
  nlohmann::json& last = spec["columns"].back();
  if ((checks & 1U) != 0) first["pattern"] = "[A-Z].*";
  if ((checks & 2U) != 0) spec["natural_key_unique"] = true;
  if ((checks & 4U) != 0) spec["row_count"] = {{"min", 2}, {"max", 3}};
  if ((checks & 8U) != 0) first["known_values"] = {"K1", "K2", ""};
  if ((checks & 16U) != 0) last["unique"] = true;
  if ((checks & 32U) != 0 && has_names) last["optional"] = true;
  if ((checks & 64U) != 0 && has_names) last["renamed_from"] = {"other"};
}

/// What RowReader made of a file.
struct Reading {
  std::vector<std::string> rows;  ///< source row, natural key and payload in one text
  std::vector<std::string> set_aside;
  std::vector<Finding> findings;
  ReadSummary summary;
  std::string report;
};

enum class Use { kStage, kCheckOnly };

template <class Feed>
Reading read_rows(const FileSpec& spec, Use use, const Feed& feed_all) {
  Reading reading;
  std::int64_t last_row = 0;
  const RowSink stage = [&](const StagingRow& row) {
    claim(row.source_row > last_row, "row numbers grow");
    last_row = row.source_row;
    claim(nlohmann::json::accept(row.payload_json), "a payload is JSON in UTF-8");
    claim(row.payload_json.find_first_of("\r\n") == std::string_view::npos, "... on one line");
    claim(row.payload_json.find('\0') == std::string_view::npos, "... without NUL");
    reading.rows.push_back(fmt::format("{}\x1e{}\x1e{}", row.source_row,
                                       row.natural_key.value_or("null"), row.payload_json));
  };
  RowReader reader(spec, use == Use::kStage ? stage : RowSink());
  reader.set_quarantine([&](const QuarantinedRow& row) {
    reading.set_aside.push_back(
        fmt::format("{}\x1e{}\x1e{}", row.source_row, row.byte_offset, row.bytes));
  });
  reader.expect_rows(spec.row_count);
  feed_all([&](std::string_view piece) { reader.feed(piece); });
  reader.finish();
  reading.findings = reader.findings();
  reading.summary = reader.summary();
  reading.report = validation_report(spec, reader).dump();  // throws on bytes that are no UTF-8
  return reading;
}

inline void claim_places(const Reading& reading, std::string_view file) {
  const auto size = static_cast<std::int64_t>(file.size());
  const auto lines =
      1 + std::count_if(file.begin(), file.end(), [](char c) { return c == '\n' || c == '\r'; });
  const ReadSummary& summary = reading.summary;
  claim(summary.bytes == size, "all bytes are counted");
  claim(summary.findings_count >= static_cast<std::int64_t>(reading.findings.size()),
        "all findings are counted");
  for (const Finding& finding : reading.findings) {
    claim(finding.code != nullptr && !finding.message.empty(), "a finding says what it is");
    claim(finding.byte_offset >= 0 && finding.byte_offset <= size, "offsets lie in the file");
    claim(finding.line >= 0 && finding.line <= lines, "lines lie in the file");
    // The record that ended the reading may not count as read.
    claim(finding.row >= 0 && finding.row <= summary.rows + 1, "rows lie in the file");
    claim(finding.column_number >= 0, "a column has a number or none");
  }
  const auto handed_over = static_cast<std::int64_t>(reading.rows.size());
  const auto set_aside = static_cast<std::int64_t>(reading.set_aside.size());
  claim(handed_over + set_aside <= summary.rows, "no row is handed over twice");
  claim(set_aside == summary.rows_quarantined, "every row that is set aside is handed over, too");
  claim(summary.is_accepted() || summary.refusal, "what refuses the file is told");
  claim(!summary.is_accepted() || handed_over + set_aside == summary.rows,
        "no row of an accepted file is lost");
  if (summary.findings_count == 0) {
    claim(summary.complete, "what ends the reading is a finding");
    claim(handed_over == summary.rows, "a good file's rows are all handed over");
  }
  for (const ColumnSummary& column : summary.columns) {
    claim(column.filled >= 0 && column.null >= 0 && column.filled + column.null <= summary.rows,
          "a column is counted once a row");
  }
}

/// Reads the file whole and in cuts and compares; the claims about it hold.
inline Reading claim_same_in_cuts(const FileSpec& spec, std::string_view file, unsigned cut_seed) {
  const auto feed_cuts = [&](const auto& feed) { feed_in_cuts(file, cut_seed, feed); };
  Reading whole = read_rows(spec, Use::kStage, [&](const auto& feed) { feed(file); });
  const Reading cut = read_rows(spec, Use::kStage, feed_cuts);
  claim(whole.rows == cut.rows, "every cut gives the same rows");
  claim(whole.set_aside == cut.set_aside, "... and sets the same ones aside");
  claim(whole.report == cut.report, "every cut gives the same findings and summary");
  claim(whole.report == read_rows(spec, Use::kCheckOnly, feed_cuts).report,
        "checking alone finds the same");
  claim_places(whole, file);
  return whole;
}

/// Neither the validation report nor what `waybill check` shows holds a value; the quarantine file
/// holds each row that is set aside, and nothing when there is none.
inline void claim_no_marker(const FileSpec& spec, std::string_view file, const Reading& reading) {
  claim(reading.report.find(kMarker) == std::string::npos, "no value of the file is in a report");
  Preflight preflight(spec);
  std::size_t quarantine_bytes = 0;
  preflight.write_quarantine([&](std::string_view bytes) { quarantine_bytes += bytes.size(); });
  preflight.feed(file);
  const PreflightResult result = preflight.finish();
  claim((quarantine_bytes > 0) == (result.summary.rows_quarantined > 0),
        "a quarantine file holds what is set aside");
  claim(preflight_report(spec, result, "").dump().find(kMarker) == std::string::npos,
        "... nor in the preflight report");
  claim(preflight_page("file", spec, result, "").find(kMarker) == std::string::npos,
        "... nor on its page");
  const std::string notice = preflight_notice(spec, result, 1).dump();
  claim(notice.find(kMarker) == std::string::npos, "... nor in what central is told");
  claim(notice.size() <= kPreflightNoticeBytesMax, "... which is bounded");
}

}  // namespace waybill::fuzz
