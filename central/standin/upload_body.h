// Upload bodies: raw bytes, or a form with one file part as browsers send it.
//
// Place:    central/standin; below storage_service.h. Uses Poco's reader of multipart bodies.
// Units:    sizes are octets of the file itself, without the form around it.
// Errors:   ClientGone when the connection broke before the end; Refusal EntityTooLarge,
//           InvalidMimeType or InvalidRequest.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "central/standin/exchange.h"

namespace waybill::standin {

/// What came beside the bytes.
struct UploadFacts {
  std::string mimetype;
  std::string cache_control;
  nlohmann::json user_metadata;  ///< an object, or null when none or malformed
  std::int64_t size_bytes = 0;
};

/// x-metadata: base64 of a JSON object. Null when there is none or it is malformed, which the real
/// service ignores too.
[[nodiscard]] nlohmann::json read_user_metadata(const std::string& base64);

struct UploadRules {
  std::int64_t size_limit_bytes = 0;
  std::optional<nlohmann::json> allowed_mime_types;  ///< array of "type/subtype" or "type/*"
};

/// Refusal InvalidMimeType when the bucket's list does not hold the type.
void judge_type(const std::string& mimetype,
                const std::optional<nlohmann::json>& allowed_mime_types);

/// Reads the body to its end and gives its bytes to `sink`. Judges the type before the first byte
/// goes to the sink, and the size while reading. As in the real service, a raw body sent in chunks
/// escapes the bucket's limit; only the stand-in's own bound holds then.
UploadFacts receive_upload(Request& request, const UploadRules& rules,
                           const std::function<void(std::string_view)>& sink);

}  // namespace waybill::standin
