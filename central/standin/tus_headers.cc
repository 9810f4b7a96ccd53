#include "central/standin/tus_headers.h"

#include <algorithm>
#include <charconv>

#include "central/standin/exchange.h"
#include "core/utf8.h"

namespace waybill::standin {

namespace {

constexpr std::size_t kCountDigitsMax = 16;  // as far as the real server's numbers are exact

bool is_metadata_key(std::string_view key) {
  return !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return static_cast<unsigned char>(c) <= 127 && c != ' ' && c != ',';
  });
}

std::optional<std::string> metadata_bytes(std::string_view base64) {
  const std::size_t padding = base64.size() - std::min(base64.find('='), base64.size());
  if (base64.size() % 4 != 0 || padding > 2) return std::nullopt;
  if (base64.find_first_of("-_") != std::string_view::npos) return std::nullopt;
  return base64_decode(std::string(base64));
}

bool is_allowed_value(const std::string& name, const std::string& value) {
  if (name == "upload-offset" || name == "upload-length") return parse_count(value).has_value();
  if (name == "upload-defer-length") return value == "1";
  if (name == "upload-metadata") return parse_upload_metadata(value).has_value();
  if (name == "upload-concat") return value == "partial" || value.starts_with("final;");
  if (name == "tus-resumable" || name == "tus-version") return value == "1.0.0";
  if (name == "x-forwarded-proto") return value == "http" || value == "https";
  if (name == "content-type") return value == "application/offset+octet-stream";
  return true;
}

}  // namespace

std::optional<UploadMetadata> parse_upload_metadata(std::string_view header) {
  UploadMetadata out;
  for (bool more = true; more;) {
    const std::size_t comma = header.find(',');
    const std::string_view pair = header.substr(0, comma);
    more = comma != std::string_view::npos;
    if (more) header.remove_prefix(comma + 1);

    const std::size_t blank = pair.find(' ');
    const std::string key(pair.substr(0, blank));
    if (!is_metadata_key(key)) return std::nullopt;
    if (std::any_of(out.begin(), out.end(), [&](const auto& one) { return one.first == key; })) {
      return std::nullopt;
    }
    const std::string_view text =
        blank == std::string_view::npos ? std::string_view() : pair.substr(blank + 1);
    const std::optional<std::string> bytes = metadata_bytes(text);
    if (!bytes) return std::nullopt;
    if (bytes->empty()) {
      out.emplace_back(key, std::nullopt);
    } else {
      out.emplace_back(key, replace_invalid_utf8(*bytes));
    }
  }
  return out;
}

std::string format_upload_metadata(const UploadMetadata& metadata) {
  std::string out;
  for (const auto& [key, value] : metadata) {
    if (!out.empty()) out += ',';
    out += value ? key + " " + base64_encode(*value) : key;
  }
  return out;
}

std::string metadata_value(const UploadMetadata& metadata, std::string_view key) {
  for (const auto& [name, value] : metadata) {
    if (name == key) return value.value_or("");
  }
  return {};
}

void set_metadata_value(UploadMetadata& metadata, const std::string& key, std::string value) {
  for (auto& [name, old] : metadata) {
    if (name == key) {
      old = std::move(value);
      return;
    }
  }
  metadata.emplace_back(key, std::move(value));
}

std::optional<std::int64_t> parse_count(std::string_view text) {
  if (text.empty() || text.size() > kCountDigitsMax) return std::nullopt;
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  std::int64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  if (text.front() == '-') return std::nullopt;  // "-0"
  return value;
}

std::vector<std::string> malformed_tus_headers(const std::string& method,
                                               const std::map<std::string, std::string>& headers) {
  std::vector<std::string> out;
  for (const auto& [name, value] : headers) {
    if (name == "content-type" && method != "PATCH") continue;
    if (!is_allowed_value(name, value)) out.push_back(name);
  }
  return out;
}

}  // namespace waybill::standin
