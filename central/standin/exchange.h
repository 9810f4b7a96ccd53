// Request and Reply: what a service of the stand-in sees of HTTP.
//
// Place:    central/standin. server.cc makes a Request of what Poco parsed and sends the Reply; the
//           services know nothing of Poco.
// Rule:     `query` may hold tokens: it is never logged and never part of a message.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <iosfwd>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace waybill::standin {

/// The body still to be read. After it has been read to its end, `is_complete` says whether that
/// was the end the client meant, or its connection breaking off.
struct RequestBody {
  std::istream* stream = nullptr;
  std::optional<std::int64_t> declared_bytes;  ///< Content-Length; nothing when sent in chunks
  std::function<bool()> is_complete;
  /// From any thread while the body is being read: the reader meets the end at once.
  std::function<void()> cut_off;

  /// The whole body. Throws Refusal 413 when it is longer than `limit_bytes`.
  [[nodiscard]] std::string read_all(std::size_t limit_bytes);
};

struct Request {
  std::string method;
  std::string path;                                        ///< decoded; without the query
  std::vector<std::pair<std::string, std::string>> query;  ///< decoded, in order
  std::map<std::string, std::string> headers;              ///< lower-case names
  RequestBody body;

  [[nodiscard]] std::string header(const std::string& name) const;
  [[nodiscard]] bool has_header(const std::string& name) const { return headers.contains(name); }
  /// All headers but cookies, as row security and functions read them.
  [[nodiscard]] std::string headers_as_json() const;
  /// The first value of a query parameter, or nothing.
  [[nodiscard]] std::optional<std::string> parameter(std::string_view name) const;
};

struct Reply {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string content_type = "application/json; charset=utf-8";
  std::string body;

  /// When set, the body comes from here, `stream_bytes` octets of it, instead of `body`.
  std::function<void(std::ostream&)> stream;
  std::int64_t stream_bytes = 0;
};

/// Ends a request with an answer that is no success. Thrown below the services, caught in one
/// place: server.cc.
class Refusal : public std::exception {
 public:
  explicit Refusal(Reply reply) : reply_(std::move(reply)) {}
  [[nodiscard]] const char* what() const noexcept override { return "request refused"; }
  [[nodiscard]] const Reply& reply() const { return reply_; }

 private:
  Reply reply_;
};

/// The client went away in mid-request: there is nobody left to answer.
class ClientGone : public std::exception {
 public:
  [[nodiscard]] const char* what() const noexcept override { return "client gone"; }
};

/// Base64 (RFC 4648 section 4), with or without its padding; nothing on any other byte.
[[nodiscard]] std::optional<std::string> base64_decode(std::string text);
[[nodiscard]] std::string base64_encode(std::string_view bytes);

/// Percent-decodes; false on a malformed escape or a NUL. '+' is a blank in a query only.
[[nodiscard]] bool percent_decode(std::string_view text, bool plus_is_blank, std::string& out);

}  // namespace waybill::standin
