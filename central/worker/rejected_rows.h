// RejectedRows: the rows of one file that were set aside, as the artifact rejected_rows shows them.
//
// Place:    central/worker, below the stage step; a channel's quarantine sink fills it.
// Memory:   kRowsMax places and kTextBytesMax octets of text, whatever the file.
// Rule:     the text of a row is kept only when the file spec says so (send_quarantined_rows); the
//           registry drops it otherwise, too. It goes into the artifact and nowhere else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "core/read/rows.h"

namespace waybill {

class RejectedRows {
 public:
  static constexpr std::size_t kRowsMax = 1000;
  static constexpr std::size_t kTextBytesMax = std::size_t{256} * 1024;

  explicit RejectedRows(bool with_text) : with_text_(with_text) {}

  void take(const QuarantinedRow& row);

  /// {rows: [{row, line, byte_offset, bytes, code, text or base64}], truncated}; null when no row
  /// was set aside. `bytes` counts the row's octets and is left out for a row of a dump. `text` is
  /// the row as it stands; what JSON text cannot hold (other encodings, NUL) is `base64`.
  [[nodiscard]] nlohmann::json to_json() const;

 private:
  void add_text(std::string_view bytes, nlohmann::json& row);

  bool with_text_;
  nlohmann::json rows_ = nlohmann::json::array();
  std::size_t text_bytes_ = 0;
  bool is_truncated_ = false;  ///< a row, or the text of one, was left out
};

}  // namespace waybill
