#include "agent/fetch/fetch_page.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/ascii.h"
#include "core/error.h"
#include "sync/central_error.h"
#include "sync/http_central_api.h"

namespace waybill {

namespace {

constexpr std::size_t kHeadersBytesMax = 64 * 1024;

std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool is_plain = is_ascii_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          c == '-' || c == '.' || c == '_' || c == '~';
    if (is_plain) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string url_of(const PageRequest& request) {
  if (request.cursor.empty()) return request.url;
  const char joint = request.url.find('?') == std::string::npos ? '?' : '&';
  return request.url + joint + request.cursor_parameter + "=" + percent_encoded(request.cursor);
}

bool is_header_text(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return false;
  }
  return true;
}

HttpHeaders read_headers(FileSystem& files, const PageRequest& request) {
  HttpHeaders out = {{"accept", "application/json"}};
  if (request.headers_file.empty()) return out;
  const auto refuse = [&](const std::string& cause) -> Error {
    return {error_code::kFetchRefused, "read headers file of", request.fetch_name, cause};
  };
  try {
    if (!files.is_private(request.headers_file)) {
      throw refuse("others than its owner may read it");
    }
    const std::string text = read_whole_file(files, request.headers_file, kHeadersBytesMax);
    const nlohmann::json headers = nlohmann::json::parse(text, nullptr, false);
    if (!headers.is_object()) throw refuse("it is not a JSON object of names and values");
    for (const auto& [name, value] : headers.items()) {
      const bool is_good = !name.empty() && value.is_string() && is_header_text(name) &&
                           name.find(':') == std::string::npos &&
                           is_header_text(value.get_ref<const std::string&>());
      if (!is_good) throw refuse("a name or value in it cannot stand in a header");
      out.emplace_back(name, value.get<std::string>());
    }
  } catch (const Error& error) {
    if (error.code().id == error_code::kFetchRefused.id) throw;
    throw refuse("it cannot be read");
  }
  return out;
}

HttpResponse send(HttpClient& http, const HttpRequest& request, const std::string& name) {
  try {
    return http.send(request);
  } catch (const Error& error) {
    const bool is_too_large = error.code().id == error_code::kAnswerNotUnderstood.id;
    throw Error(is_too_large ? error_code::kFetchAnswerInvalid : error_code::kFetchFailed, "fetch",
                name, error.cause());
  }
}

}  // namespace

PageLines fetch_page(FileSystem& files, HttpClient& http, const PageRequest& request) {
  HttpRequest page;
  page.url = url_of(request);
  page.headers = read_headers(files, request);
  const HttpResponse answer = send(http, page, request.fetch_name);
  const std::string said = fmt::format("it answered with status {}", answer.status);
  if (answer.status == 401 || answer.status == 403) {
    throw Error(error_code::kFetchRefused, "fetch", request.fetch_name, said);
  }
  if (answer.status >= 500 || answer.status == 429 || answer.status == 408) {
    throw CentralError(error_code::kFetchFailed, "fetch", request.fetch_name, said,
                       retry_after_ms(answer));
  }
  if (!answer.is_success()) {
    throw Error(error_code::kFetchAnswerInvalid, "fetch", request.fetch_name, said);
  }
  return read_page(request.fetch_name, answer.body, request.shape);
}

}  // namespace waybill
