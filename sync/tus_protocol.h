// What TUS 1.0 says, as the Storage API speaks it: headers, metadata, and what answers mean.
//
// Place:    sync; pure functions, used by TusUpload.
// Source:   https://tus.io/protocols/resumable-upload, and what the real Storage API was seen to
//           do: real HTTP statuses, text bodies, the token looked at with every request.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/wire.h"
#include "sync/http/http_client.h"

namespace waybill {

enum class TusVerdict : std::uint8_t {
  kGood,
  kOffsetWrong,   ///< storage has another number of bytes than we said: ask
  kGone,          ///< the upload is not known, or has ended long ago
  kTokenRefused,  ///< expired, or not for this path
  kBusy,          ///< not now: 5xx, too many requests, or another connection holds the upload
  kDeclined,      ///< storage will not take it
};

[[nodiscard]] TusVerdict read_tus_answer(const HttpResponse& response);

/// One sentence for people about an answer that is not good; nothing of its body, which is not
/// ours.
[[nodiscard]] std::string tus_sentence(const HttpResponse& response);

/// A header that holds a number of bytes; nothing when it is absent or no number.
[[nodiscard]] std::optional<std::int64_t> bytes_in(const HttpResponse& response,
                                                   std::string_view header);

/// The value of Upload-Metadata: keys, each with its value in base64.
[[nodiscard]] std::string upload_metadata(const wire::UploadTarget& target);

/// The place of a new upload relative to the project's URL, from the Location that storage gave;
/// nothing when it lies elsewhere or carries what must not be kept. `asked_url` is where we asked,
/// relative to the project's URL.
[[nodiscard]] std::optional<std::string> upload_url_of(const std::string& project_url,
                                                       const std::string& asked_url,
                                                       std::string_view location);

}  // namespace waybill
