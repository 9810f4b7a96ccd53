// read_rows: reads bytes by a spec and shows what came of it in lines that compare well.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/read/row_reader.h"

namespace waybill {

/// What came of reading a file.
struct ReadResult {
  std::vector<std::string> rows;      ///< "7 KEY {payload}", the key "-" when there is none
  std::vector<std::string> findings;  ///< "WB-3005 row 2 line 3 byte 17 column 2 Quantity"
  std::vector<std::string> messages;
  std::vector<std::string> set_aside;  ///< "2 WB-3005 line 3 byte 17: its bytes"; of channels
  ReadSummary summary;
};

inline std::string show(const Finding& finding) {
  std::string text = std::string(finding.code->id) + " row " + std::to_string(finding.row) +
                     " line " + std::to_string(finding.line) + " byte " +
                     std::to_string(finding.byte_offset);
  if (finding.column_number > 0) text += " column " + std::to_string(finding.column_number);
  if (!finding.column.empty()) text += " " + finding.column;
  return text;
}

inline std::string show(const QuarantinedRow& row) {
  return std::to_string(row.source_row) + " " + std::string(row.code->id) + " line " +
         std::to_string(row.line) + " byte " + std::to_string(row.byte_offset) + ": " +
         std::string(row.bytes);
}

inline std::string show(const StagingRow& row) {
  return std::to_string(row.source_row) + " " + std::string(row.natural_key.value_or("-")) + " " +
         std::string(row.payload_json);
}

/// Feeds anything that reads like a RowReader in cuts of `cut_bytes`; 0: in one.
template <typename Reader>
void feed_in_cuts(Reader& reader, std::string_view bytes, std::size_t cut_bytes) {
  if (cut_bytes == 0) cut_bytes = bytes.size() + 1;
  for (std::size_t from = 0; from < bytes.size(); from += cut_bytes) {
    // A copy of its own for every cut, so that a sanitizer sees a read beyond it.
    const std::string cut(bytes.substr(from, cut_bytes));
    reader.feed(cut);
  }
  reader.finish();
}

template <typename Reader>
void take_outcome(const Reader& reader, ReadResult& result) {
  for (const Finding& finding : reader.findings()) {
    result.findings.push_back(show(finding));
    result.messages.push_back(finding.message);
  }
  result.summary = reader.summary();
}

inline ReadResult read_rows(const FileSpec& spec, std::string_view bytes, std::size_t cut_bytes = 0,
                            std::int64_t first_source_row = 1) {
  ReadResult result;
  RowReader reader(
      spec, [&](const StagingRow& row) { result.rows.push_back(show(row)); }, first_source_row);
  feed_in_cuts(reader, bytes, cut_bytes);
  take_outcome(reader, result);
  return result;
}

using Shown = std::vector<std::string>;

}  // namespace waybill
