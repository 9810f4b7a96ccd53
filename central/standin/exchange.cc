#include "central/standin/exchange.h"

#include <algorithm>
#include <array>
#include <istream>
#include <nlohmann/json.hpp>

#include "core/crypto.h"

namespace waybill::standin {

namespace {

int hex_value(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

[[noreturn]] void refuse_too_large() {
  Reply reply;
  reply.status = 413;
  reply.body = nlohmann::json{
      {"code", "PGRST102"},
      {"message", "The request's body is too large"},
      {"details", nullptr},
      {"hint",
       nullptr}}.dump();
  throw Refusal(std::move(reply));
}

}  // namespace

std::string RequestBody::read_all(std::size_t limit_bytes) {
  if (declared_bytes && *declared_bytes > static_cast<std::int64_t>(limit_bytes)) {
    refuse_too_large();
  }
  std::string text;
  if (declared_bytes) text.reserve(static_cast<std::size_t>(*declared_bytes));
  std::array<char, 64 * 1024> block{};
  while (*stream) {
    stream->read(block.data(), static_cast<std::streamsize>(block.size()));
    text.append(block.data(), static_cast<std::size_t>(stream->gcount()));
    if (text.size() > limit_bytes) refuse_too_large();
  }
  if (!is_complete()) throw ClientGone();
  return text;
}

std::string Request::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? std::string() : found->second;
}

std::string Request::headers_as_json() const {
  nlohmann::json out = nlohmann::json::object();
  for (const auto& [name, value] : headers) {
    if (name != "cookie") out[name] = value;
  }
  return out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::optional<std::string> Request::parameter(std::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name) return value;
  }
  return std::nullopt;
}

std::optional<std::string> base64_decode(std::string text) {
  while (!text.empty() && text.back() == '=') text.pop_back();
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  std::string bytes;
  if (!base64url_decode(text, bytes)) return std::nullopt;
  return bytes;
}

std::string base64_encode(std::string_view bytes) {
  std::string text = base64url_encode(bytes);
  std::replace(text.begin(), text.end(), '-', '+');
  std::replace(text.begin(), text.end(), '_', '/');
  text.append((4 - text.size() % 4) % 4, '=');
  return text;
}

bool percent_decode(std::string_view text, bool plus_is_blank, std::string& out) {
  out.clear();
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_blank) {
      out.push_back(' ');
    } else if (text[i] != '%') {
      out.push_back(text[i]);
    } else {
      if (i + 2 >= text.size()) return false;
      const int high = hex_value(text[i + 1]);
      const int low = hex_value(text[i + 2]);
      if (high < 0 || low < 0 || (high == 0 && low == 0)) return false;
      out.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    }
  }
  return true;
}

}  // namespace waybill::standin
