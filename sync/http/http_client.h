// HttpClient: one HTTP request at a time over libcurl, with TLS verified and stalls noticed.
//
// Place:    sync/http; the only owner of libcurl. sync/ and central/storage/ send through it.
// Owner:    one HttpClient, one thread. It keeps connections alive between requests.
// Units:    *_ms are milliseconds, *_bytes are octets.
// Safety:   TLS >= 1.2 and verified, always; plain http to loopback only; no redirect is followed.
// Errors:   any HTTP status is a value. WB-1005 insecure address (nothing was sent), WB-1201 no
//           connection or no answer, WB-1205 the transfer broke, stalled or was stopped, WB-1206
//           the answer is larger than the limit, WB-1209 TLS, WB-1211 the proxy. Messages name host
//           and path, never the query: that is where signed URLs keep their token.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace waybill {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

/// One request. `body` is sent when it is not empty, or `upload_source` when a size is given.
struct HttpRequest {
  std::string method = "GET";
  std::string url;  ///< https://..., or http:// to loopback
  HttpHeaders headers;
  std::string body;

  /// Fills up to `capacity` bytes, returns how many; 0 ends the upload. May throw to abort it: the
  /// exception comes out of send(). Asked only when upload_size_bytes >= 0.
  std::function<std::size_t(char* into, std::size_t capacity)> upload_source;
  /// >= 0: exactly this many bytes of upload_source go out, announced as Content-Length. A source
  /// that ends earlier breaks the transfer (WB-1205); what it holds beyond is not asked for.
  std::int64_t upload_size_bytes = -1;

  /// Takes the body of a 2xx answer piece by piece; any other answer is collected in `body` of the
  /// response. May throw to abort: the exception comes out of send().
  std::function<void(std::string_view)> on_body;

  std::size_t body_limit_bytes = std::size_t{16} << 20;  ///< of a collected answer
  std::int64_t timeout_ms = 60'000;                      ///< for everything together; 0: none
  std::int64_t stall_timeout_ms = 60'000;  ///< without a byte in either direction; 0: none
};

struct HttpResponse {
  int status = 0;
  HttpHeaders headers;  ///< names in lower case, in the order they came
  std::string body;     ///< empty when on_body took it

  /// The first header of this lower-case name, or "".
  [[nodiscard]] std::string_view header(std::string_view name) const;
  [[nodiscard]] bool is_success() const { return status >= 200 && status < 300; }
};

struct HttpOptions {
  std::string user_agent{};
  const std::atomic<bool>* stop = nullptr;  ///< once true, send() ends within about 50 ms
  std::string ca_file{};                    ///< PEM bundle instead of the system's; "" = system's
  std::string client_certificate{};         ///< PEM; "" = none
  std::string client_key{};                 ///< PEM, of the certificate
  std::string proxy{};  ///< for https only; "" = as the environment says, "" there = none
  /// How many of so many bytes of an upload_source may go now; 0: none for a moment. Waiting for it
  /// is no stall. Empty: no limit.
  std::function<std::size_t(std::size_t wanted)> allowance{};
};

/// What can carry a request: HttpClient, or a model of the other side in tests.
class HttpPort {
 public:
  virtual ~HttpPort() = default;
  /// Sends one request and waits for its whole answer.
  virtual HttpResponse send(const HttpRequest& request) = 0;

 protected:
  HttpPort() = default;
  HttpPort(const HttpPort&) = default;
  HttpPort(HttpPort&&) = default;
  HttpPort& operator=(const HttpPort&) = default;
  HttpPort& operator=(HttpPort&&) = default;
};

class HttpClient final : public HttpPort {
 public:
  explicit HttpClient(HttpOptions options);
  ~HttpClient() override;
  HttpClient(HttpClient&&) noexcept;
  HttpClient& operator=(HttpClient&&) noexcept;

  /// A request is never repeated by itself once bytes of an answer arrived; a connection the server
  /// closed while idle is replaced silently.
  HttpResponse send(const HttpRequest& request) override;

 private:
  struct Handles;
  std::unique_ptr<Handles> handles_;
  HttpOptions options_;
};

/// The URL without query, fragment and credentials, as messages may show it.
[[nodiscard]] std::string url_for_people(std::string_view url);

/// Throws WB-1005 unless `url` is https, or http to loopback (localhost, 127.0.0.0/8, [::1]).
void check_url_is_safe(const std::string& url);

}  // namespace waybill
