// The headers of resumable uploads: what they may be, and what they say.
//
// Place:    central/standin; below tus_service.h. Knows no request, no disk and no database.
// Source:   tus 1.0.0, judged as the server library judges it that the Storage API is built on.
// Errors:   a malformed value is nothing, never an exception.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace waybill::standin {

/// Upload-Metadata in the order the client sent it; a key may come without a value.
using UploadMetadata = std::vector<std::pair<std::string, std::optional<std::string>>>;

/// Nothing when it is no list of "key base64", or a key comes twice.
[[nodiscard]] std::optional<UploadMetadata> parse_upload_metadata(std::string_view header);
[[nodiscard]] std::string format_upload_metadata(const UploadMetadata& metadata);

/// The value of a key, or empty.
[[nodiscard]] std::string metadata_value(const UploadMetadata& metadata, std::string_view key);
void set_metadata_value(UploadMetadata& metadata, const std::string& key, std::string value);

/// "0", "17"; nothing for signs, blanks, leading zeros and what does not fit.
[[nodiscard]] std::optional<std::int64_t> parse_count(std::string_view text);

/// The names of the headers whose value the protocol does not allow, in alphabetical order. The
/// content type counts for PATCH alone.
[[nodiscard]] std::vector<std::string> malformed_tus_headers(
    const std::string& method, const std::map<std::string, std::string>& headers);

}  // namespace waybill::standin
