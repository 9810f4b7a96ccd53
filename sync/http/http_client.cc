#include "sync/http/http_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <exception>
#include <mutex>
#include <type_traits>

#include "core/clock.h"
#include "core/error.h"
#include "sync/http/untrusted_issuer.h"

namespace waybill {

namespace {

constexpr int kPollMs = 50;      // how late a stop, a stall or a timeout may be noticed
constexpr int kHeldPollMs = 20;  // how often a limited upload asks whether it may go on
constexpr long kUploadBufferBytes = 512L * 1024;
constexpr long kDownloadBufferBytes = 256L * 1024;
constexpr std::string_view kLineEnds{"\r\n\0", 3};  // what would end a header line early
constexpr std::string_view kOperation = "send to";
constexpr std::string_view kFailedToConnect = "Failed to connect to ";

void start_curl_once() {
  static std::once_flag once;
  std::call_once(once, [] {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
      throw Error(error_code::kInternal, "start", "libcurl", "it refused to start");
    }
  });
}

struct CurlUrlFree {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using CurlUrl = std::unique_ptr<CURLU, CurlUrlFree>;

CurlUrl parse_url(const std::string& text) {
  CurlUrl url(curl_url());
  if (!url || curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) return nullptr;
  return url;
}

std::string part_of(const CurlUrl& url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url.get(), part, &text, 0) != CURLUE_OK) return "";
  std::string copy(text);
  curl_free(text);
  return copy;
}

bool is_ipv4_loopback(std::string_view host) {
  // curl has normalised the address (no octal, no short forms), so the first part decides.
  if (host.substr(0, 4) != "127.") return false;
  return host.find_first_not_of("0123456789.") == std::string_view::npos &&
         std::count(host.begin(), host.end(), '.') == 3;
}

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "[::1]" || is_ipv4_loopback(host);
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

bool is_tls_failure(CURLcode code) {
  switch (code) {
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CRL_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_USE_SSL_FAILED:
      return true;
    default:
      return false;
  }
}

bool is_openssl() {
  const curl_version_info_data* version = curl_version_info(CURLVERSION_NOW);
  return version->ssl_version != nullptr &&
         std::string_view(version->ssl_version).starts_with("OpenSSL");
}

CURLcode on_ssl_context(CURL* /*easy*/, void* context, void* user) {
  watch_issuers(context, *static_cast<std::string*>(user));
  return CURLE_OK;
}

/// What one send() is doing. The callbacks below are its only other writers; none lets an
/// exception through libcurl's C frames: it is kept here and rethrown by send().
struct Exchange {
  const HttpRequest& request;
  const HttpOptions& options;
  HttpResponse response;
  std::exception_ptr failure;
  SystemClock clock;
  std::int64_t started_ms = clock.steady_ms();
  std::int64_t last_byte_ms = started_ms;
  std::int64_t sent_bytes = 0;
  bool is_held = false;  ///< libcurl has been told that there is no byte for a moment
  char curl_says[CURL_ERROR_SIZE] = {};

  Exchange(const HttpRequest& to_send, const HttpOptions& how) : request(to_send), options(how) {}
  [[nodiscard]] bool uploads() const { return request.upload_size_bytes >= 0; }
  [[nodiscard]] Error broken(std::string_view cause) const {
    return {error_code::kUploadInterrupted, kOperation, url_for_people(request.url), cause};
  }
  /// Bytes moved: the transfer broke. None moved: nobody was there.
  [[nodiscard]] const ErrorCode& failure_code() const {
    const bool moved = sent_bytes > 0 || response.status != 0;
    return moved ? error_code::kUploadInterrupted : error_code::kNetworkUnreachable;
  }
};

std::size_t on_upload(char* into, std::size_t size, std::size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  const std::int64_t left = exchange.request.upload_size_bytes - exchange.sent_bytes;
  std::size_t wanted = std::min<std::size_t>(size * count, static_cast<std::size_t>(left));
  if (wanted == 0) return 0;
  try {
    if (exchange.options.allowance) wanted = exchange.options.allowance(wanted);
    if (wanted == 0) {
      exchange.is_held = true;
      return CURL_READFUNC_PAUSE;
    }
    const std::size_t got = exchange.request.upload_source(into, wanted);
    if (got == 0) {
      throw exchange.broken("the source ended " + std::to_string(left) + " bytes early");
    }
    if (got > wanted) {
      throw Error(error_code::kInternal, kOperation, url_for_people(exchange.request.url),
                  "the source gave more bytes than there was room for");
    }
    exchange.sent_bytes += static_cast<std::int64_t>(got);
    exchange.last_byte_ms = exchange.clock.steady_ms();
    return got;
  } catch (...) {
    exchange.failure = std::current_exception();
    return CURL_READFUNC_ABORT;
  }
}

void take_header_line(HttpResponse& response, std::string_view line) {
  if (line.substr(0, 5) == "HTTP/") {  // a 1xx may have come before: the last status line counts
    response.headers.clear();
    const std::string_view rest = line.substr(std::min(line.find(' '), line.size()));
    response.status = 0;
    for (const char c : trim(rest).substr(0, 3)) {
      if (c >= '0' && c <= '9') response.status = response.status * 10 + (c - '0');
    }
    return;
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return;
  response.headers.emplace_back(lower_case(trim(line.substr(0, colon))),
                                std::string(trim(line.substr(colon + 1))));
}

std::size_t on_header(char* bytes, std::size_t size, std::size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  try {
    take_header_line(exchange.response, std::string_view(bytes, size * count));
    exchange.last_byte_ms = exchange.clock.steady_ms();
    return size * count;
  } catch (...) {
    exchange.failure = std::current_exception();
    return 0;
  }
}

std::size_t on_download(char* bytes, std::size_t size, std::size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  const std::string_view piece(bytes, size * count);
  try {
    exchange.last_byte_ms = exchange.clock.steady_ms();
    if (exchange.request.on_body && exchange.response.is_success()) {
      exchange.request.on_body(piece);
      exchange.last_byte_ms = exchange.clock.steady_ms();  // the taker's own time is no stall
    } else {
      if (piece.size() > exchange.request.body_limit_bytes - exchange.response.body.size()) {
        throw Error(
            error_code::kAnswerNotUnderstood, "read answer of",
            url_for_people(exchange.request.url),
            "it is larger than " + std::to_string(exchange.request.body_limit_bytes) + " bytes");
      }
      exchange.response.body.append(piece);
    }
    return piece.size();
  } catch (...) {
    exchange.failure = std::current_exception();
    return piece.size() == 0 ? 1 : 0;
  }
}

struct SlistFree {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using HeaderList = std::unique_ptr<curl_slist, SlistFree>;

void append_line(HeaderList& list, const std::string& line) {
  curl_slist* longer = curl_slist_append(list.get(), line.c_str());
  if (longer == nullptr) throw std::bad_alloc();
  static_cast<void>(list.release());
  list.reset(longer);
}

HeaderList header_lines(const HttpRequest& request) {
  HeaderList lines;
  bool has_content_type = false;
  for (const auto& [name, value] : request.headers) {
    if (name.find_first_of(kLineEnds) != std::string::npos ||
        value.find_first_of(kLineEnds) != std::string::npos) {
      throw Error(error_code::kInternal, kOperation, url_for_people(request.url),
                  "a header holds a line break");
    }
    has_content_type = has_content_type || lower_case(name) == "content-type";
    append_line(lines, value.empty() ? name + ";" : name + ": " + value);
  }
  append_line(lines, "Expect:");  // the round trip costs more than a refused body
  if (!has_content_type) append_line(lines, "Content-Type:");  // curl would call it a web form
  return lines;
}

}  // namespace

std::string url_for_people(std::string_view url) {
  std::string shown(url.substr(0, url.find_first_of("?#")));
  const std::size_t scheme_end = shown.find("://");
  if (scheme_end == std::string::npos) return shown;
  const std::size_t host = scheme_end + 3;
  const std::size_t host_end = std::min(shown.find('/', host), shown.size());
  const std::size_t at = shown.substr(0, host_end).rfind('@');
  if (at != std::string::npos && at >= host) shown.erase(host, at + 1 - host);
  return shown;
}

void check_url_is_safe(const std::string& url) {
  const CurlUrl parsed = parse_url(url);
  const std::string scheme = parsed ? part_of(parsed, CURLUPART_SCHEME) : "";
  if (scheme == "https") return;
  if (scheme == "http" && is_loopback(lower_case(part_of(parsed, CURLUPART_HOST)))) return;
  throw Error(error_code::kInsecureUrl, kOperation, url_for_people(url),
              "only https, or http to this machine itself, is allowed");
}

std::string_view HttpResponse::header(std::string_view name) const {
  for (const auto& [own_name, value] : headers) {
    if (own_name == name) return value;
  }
  return {};
}

/// The easy handle is used again for every request, so that its settings stay in one place; the
/// multi handle keeps the connections and lets us wait in slices short enough to notice a stop.
struct HttpClient::Handles {
  CURL* easy = curl_easy_init();
  CURLM* multi = curl_multi_init();
  mutable std::string issuer;  ///< that the last handshake did not trust; "" when it was trusted

  Handles() = default;
  Handles(const Handles&) = delete;
  Handles& operator=(const Handles&) = delete;
  ~Handles() {
    curl_easy_cleanup(easy);
    curl_multi_cleanup(multi);
  }

  template <class Value>
  void set(CURLoption option, Value value) const {
    static_assert(!std::is_same_v<Value, int>, "libcurl reads a long");
    const CURLcode code = curl_easy_setopt(easy, option, value);
    if (code != CURLE_OK) {
      throw Error(error_code::kInternal, "set up", "libcurl", curl_easy_strerror(code));
    }
  }

  void set_safety(const HttpOptions& options) const {
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    set(CURLOPT_SSL_VERIFYPEER, 1L);
    set(CURLOPT_SSL_VERIFYHOST, 2L);
    if (!options.ca_file.empty()) {
      set(CURLOPT_CAINFO, options.ca_file.c_str());
      set(CURLOPT_CAPATH,
          static_cast<const char*>(nullptr));  // instead of the system's, not beside
    }
    if (!options.client_certificate.empty()) {
      set(CURLOPT_SSLCERT, options.client_certificate.c_str());
      set(CURLOPT_SSLKEY, options.client_key.c_str());
    }
    issuer.clear();
    if (is_openssl()) {
      set(CURLOPT_SSL_CTX_FUNCTION, &on_ssl_context);
      set(CURLOPT_SSL_CTX_DATA, static_cast<void*>(&issuer));
    }
    set(CURLOPT_NOSIGNAL, 1L);
    // One request at a time on a connection gains nothing from HTTP/2.
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(CURLOPT_UPLOAD_BUFFERSIZE, kUploadBufferBytes);
    set(CURLOPT_BUFFERSIZE, kDownloadBufferBytes);
    set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    if (!options.user_agent.empty()) set(CURLOPT_USERAGENT, options.user_agent.c_str());
  }

  void set_address(const HttpRequest& request, const HttpOptions& options) const {
    set(CURLOPT_URL, request.url.c_str());
    if (lower_case(std::string_view(request.url).substr(0, 6)) != "https:") {
      set(CURLOPT_PROXY, "");  // what is meant for this machine never leaves it, proxy or not
    } else if (!options.proxy.empty()) {
      set(CURLOPT_PROXY, options.proxy.c_str());
      set(CURLOPT_NOPROXY, "");  // what is configured wins over no_proxy of the environment, too
    }
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout_ms));
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.stall_timeout_ms));
  }

  void set_exchange(Exchange& exchange, curl_slist* lines) const {
    const HttpRequest& request = exchange.request;
    set(CURLOPT_HTTPHEADER, lines);
    set(CURLOPT_ERRORBUFFER, &exchange.curl_says[0]);
    set(CURLOPT_HEADERFUNCTION, &on_header);
    set(CURLOPT_HEADERDATA, static_cast<void*>(&exchange));
    set(CURLOPT_WRITEFUNCTION, &on_download);
    set(CURLOPT_WRITEDATA, static_cast<void*>(&exchange));
    if (exchange.uploads()) {
      set(CURLOPT_UPLOAD, 1L);
      set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request.upload_size_bytes));
      set(CURLOPT_READFUNCTION, &on_upload);
      set(CURLOPT_READDATA, static_cast<void*>(&exchange));
    } else if (!request.body.empty() || request.method == "POST") {
      set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
      set(CURLOPT_POSTFIELDS, request.body.c_str());
    } else if (request.method == "HEAD") {
      set(CURLOPT_NOBODY, 1L);
    }
    set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }

  /// Drives the transfer to its end. Throws what a callback threw, or our own reason to abort.
  CURLcode drive(Exchange& exchange, const std::atomic<bool>* stop) const {
    for (;;) {
      int running = 0;
      const CURLMcode performed = curl_multi_perform(multi, &running);
      if (performed != CURLM_OK) {
        throw Error(error_code::kInternal, "drive", "libcurl", curl_multi_strerror(performed));
      }
      if (running == 0) break;
      if (exchange.is_held) exchange.last_byte_ms = exchange.clock.steady_ms();
      if (stop != nullptr && stop->load(std::memory_order_relaxed)) {
        // Without this the handle's removal would wait for a name lookup that is under way.
        set(CURLOPT_QUICK_EXIT, 1L);
        throw exchange.broken("stopped on request");
      }
      const std::int64_t silent_ms = exchange.clock.steady_ms() - exchange.last_byte_ms;
      if (exchange.request.stall_timeout_ms > 0 && silent_ms > exchange.request.stall_timeout_ms) {
        throw Error(exchange.failure_code(), kOperation, url_for_people(exchange.request.url),
                    "no byte moved for " + std::to_string(silent_ms) + " ms");
      }
      curl_multi_poll(multi, nullptr, 0, exchange.is_held ? kHeldPollMs : kPollMs, nullptr);
      if (std::exchange(exchange.is_held, false)) curl_easy_pause(easy, CURLPAUSE_CONT);
    }
    int left = 0;
    const CURLMsg* message = curl_multi_info_read(multi, &left);
    return message == nullptr ? CURLE_FAILED_INIT : message->data.result;
  }

  [[nodiscard]] Error to_error(const Exchange& exchange, CURLcode code) const {
    std::string cause = curl_easy_strerror(code);
    const std::string_view said(&exchange.curl_says[0]);
    if (!said.empty()) cause.append(": ").append(said.substr(0, said.find('?')));
    const std::string subject = url_for_people(exchange.request.url);
    if (const std::string proxy = proxy_failure(exchange, code); !proxy.empty()) {
      return {error_code::kProxyFailed, kOperation, subject, proxy};
    }
    if (is_tls_failure(code)) {
      if (!issuer.empty()) cause += "; the certificate shown was issued by " + issuer;
      return {error_code::kTlsFailed, kOperation, subject, cause};
    }
    return {exchange.failure_code(), kOperation, subject, cause};
  }

  /// What went wrong with the site's proxy; "" when it is not to blame.
  [[nodiscard]] std::string proxy_failure(const Exchange& exchange, CURLcode code) const {
    if (code == CURLE_COULDNT_RESOLVE_PROXY) return "the proxy's name is not known here";
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &status);
    if (status == 407) return "the proxy asks for a sign-in (407)";
    if (status >= 300)
      return "the proxy would not connect us: it answered " + std::to_string(status);
    const std::string_view said(&exchange.curl_says[0]);
    const bool is_unconnected = said.starts_with(kFailedToConnect);
    if (!is_unconnected || said.starts_with(std::string(kFailedToConnect) + peer_of(exchange))) {
      return "";
    }
    return "the proxy cannot be reached: " + std::string(said);  // it names host and port alone
  }

  /// "host port 443": the server that is meant, as libcurl names it.
  [[nodiscard]] static std::string peer_of(const Exchange& exchange) {
    const CurlUrl url = parse_url(exchange.request.url);
    if (!url) return "";
    char* port = nullptr;
    if (curl_url_get(url.get(), CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK) return "";
    std::string host = part_of(url, CURLUPART_HOST);
    if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
    std::string peer = host + " port " + port + " ";
    curl_free(port);
    return peer;
  }
};

HttpClient::HttpClient(HttpOptions options) : options_(std::move(options)) {
  start_curl_once();
  handles_ = std::make_unique<Handles>();
  if (handles_->easy == nullptr || handles_->multi == nullptr) throw std::bad_alloc();
}

HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&&) noexcept = default;

HttpResponse HttpClient::send(const HttpRequest& request) {
  check_url_is_safe(request.url);
  if (options_.stop != nullptr && options_.stop->load(std::memory_order_relaxed)) {
    throw Error(error_code::kUploadInterrupted, kOperation, url_for_people(request.url),
                "stopped on request");
  }
  Exchange exchange(request, options_);
  const HeaderList lines = header_lines(request);
  curl_easy_reset(handles_->easy);
  handles_->set_safety(options_);
  handles_->set_address(request, options_);
  handles_->set_exchange(exchange, lines.get());

  // Removed on every way out: an unfinished transfer closes its connection with it.
  struct Attached {
    Handles& handles;
    explicit Attached(Handles& to_attach) : handles(to_attach) {
      curl_multi_add_handle(handles.multi, handles.easy);
    }
    ~Attached() { curl_multi_remove_handle(handles.multi, handles.easy); }
    Attached(const Attached&) = delete;
    Attached& operator=(const Attached&) = delete;
  } const attached(*handles_);

  const CURLcode code = handles_->drive(exchange, options_.stop);
  if (exchange.failure) std::rethrow_exception(exchange.failure);
  if (code != CURLE_OK) throw handles_->to_error(exchange, code);
  return std::move(exchange.response);
}

}  // namespace waybill
