#include "sync/tus_protocol.h"

#include <algorithm>
#include <charconv>

#include "core/ascii.h"
#include "core/crypto.h"

namespace waybill {

namespace {

std::string base64(std::string_view bytes) {
  std::string text = base64url_encode(bytes);
  std::replace(text.begin(), text.end(), '-', '+');
  std::replace(text.begin(), text.end(), '_', '/');
  text.append((4 - text.size() % 4) % 4, '=');
  return text;
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), to_ascii_lower);
  return out;
}

bool speaks_of_token(const std::string& body) {
  const std::string text = lower_case(body);
  return text.find("jwt") != std::string::npos || text.find("signature") != std::string::npos;
}

/// Only what a path of an upload may hold: no query, no escape that hides a slash, no way up.
bool is_plain_path(std::string_view path) {
  const bool is_plain = std::all_of(path.begin(), path.end(), [](char c) {
    return is_ascii_digit(c) || is_ascii_lower(to_ascii_lower(c)) ||
           std::string_view("/-._~+=:@!$,").find(c) != std::string_view::npos;
  });
  return is_plain && path.find("/../") == std::string_view::npos && !path.ends_with("/..") &&
         path.find("//") == std::string_view::npos;
}

/// Scheme and authority of a URL, in lower case, without a port that goes without saying.
std::string origin_of(std::string_view url) {
  const std::size_t host = url.find("://");
  if (host == std::string_view::npos) return "";
  std::string origin = lower_case(url.substr(0, url.find('/', host + 3)));
  for (const auto& [scheme, port] :
       {std::pair<std::string_view, std::string_view>{"https://", ":443"}, {"http://", ":80"}}) {
    if (origin.starts_with(scheme) && origin.ends_with(port)) {
      origin.resize(origin.size() - port.size());
    }
  }
  return origin;
}

std::string path_of(std::string_view url) {
  const std::size_t host = url.find("://");
  const std::size_t path = host == std::string_view::npos ? 0 : url.find('/', host + 3);
  return path == std::string_view::npos ? "" : std::string(url.substr(path));
}

}  // namespace

TusVerdict read_tus_answer(const HttpResponse& response) {
  if (response.is_success()) return TusVerdict::kGood;
  switch (response.status) {
    case 409:
      return TusVerdict::kOffsetWrong;
    case 404:
    case 410:
      return TusVerdict::kGone;
    case 401:
      return TusVerdict::kTokenRefused;
    case 400:
    case 403:
      return speaks_of_token(response.body) ? TusVerdict::kTokenRefused : TusVerdict::kDeclined;
    case 408:
    case 423:
    case 429:
      return TusVerdict::kBusy;
    default:
      return response.status >= 500 ? TusVerdict::kBusy : TusVerdict::kDeclined;
  }
}

std::string tus_sentence(const HttpResponse& response) {
  return "storage answered " + std::to_string(response.status) + " to a resumable upload";
}

std::optional<std::int64_t> bytes_in(const HttpResponse& response, std::string_view header) {
  const std::string_view text = response.header(header);
  std::int64_t bytes = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bytes);
  if (error != std::errc() || end != text.data() + text.size() || bytes < 0) return std::nullopt;
  return bytes;
}

std::string upload_metadata(const wire::UploadTarget& target) {
  return "bucketName " + base64(target.bucket) + ",objectName " + base64(target.path.value) +
         ",contentType " + base64("application/octet-stream");
}

std::optional<std::string> upload_url_of(const std::string& project_url,
                                         const std::string& asked_url, std::string_view location) {
  const std::string root = path_of(project_url);
  std::string path;
  if (location.find("://") != std::string_view::npos) {
    if (origin_of(location) != origin_of(project_url)) return std::nullopt;
    path = path_of(location);
  } else if (location.starts_with('/')) {
    path = location;
  } else if (!location.empty()) {
    path = root + asked_url.substr(0, asked_url.rfind('/') + 1) + std::string(location);
  }
  if (!is_plain_path(path) || !path.starts_with(root + "/")) return std::nullopt;
  path.erase(0, root.size());
  return path.size() > 1 ? std::optional(path) : std::nullopt;
}

}  // namespace waybill
