#include "central/worker/rejected_rows.h"

#include "core/crypto.h"
#include "core/utf8.h"

namespace waybill {

void RejectedRows::take(const QuarantinedRow& row) {
  if (rows_.size() == kRowsMax) {
    is_truncated_ = true;
    return;
  }
  nlohmann::json entry = {
      {"row", row.source_row}, {"line", row.line}, {"byte_offset", row.byte_offset}};
  if (row.code != nullptr) entry["code"] = row.code->id;
  if (!row.bytes.empty()) entry["bytes"] = row.bytes.size();
  if (with_text_ && !row.bytes.empty()) add_text(row.bytes, entry);
  rows_.push_back(std::move(entry));
}

void RejectedRows::add_text(std::string_view bytes, nlohmann::json& row) {
  if (text_bytes_ + bytes.size() > kTextBytesMax) {
    is_truncated_ = true;
    return;
  }
  text_bytes_ += bytes.size();
  // PostgreSQL's jsonb holds no NUL.
  const bool is_text = bytes.find('\0') == std::string_view::npos && is_valid_utf8(bytes);
  if (is_text) {
    row["text"] = bytes;
  } else {
    row["base64"] = base64_encode(bytes);
  }
}

nlohmann::json RejectedRows::to_json() const {
  if (rows_.empty()) return nullptr;
  return {{"rows", rows_}, {"truncated", is_truncated_}};
}

}  // namespace waybill
