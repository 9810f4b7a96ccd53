#include "central/standin/server.h"

#include <Poco/Exception.h>
#include <Poco/Net/HTTPRequestHandler.h>
#include <Poco/Net/HTTPRequestHandlerFactory.h>
#include <Poco/Net/HTTPServer.h>
#include <Poco/Net/HTTPServerParams.h>
#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerRequestImpl.h>
#include <Poco/Net/HTTPServerResponse.h>
#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/ThreadPool.h>
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>

#include "central/pg/connection_pool.h"
#include "central/standin/caller.h"
#include "central/standin/cors.h"
#include "central/standin/exchange.h"
#include "central/standin/object_store.h"
#include "central/standin/request_body.h"
#include "central/standin/rest_error.h"
#include "central/standin/rpc_service.h"
#include "central/standin/storage_error.h"
#include "central/standin/upload_store.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/file_system.h"
#include "core/log.h"
#include "core/utf8.h"

namespace waybill::standin {

namespace {

constexpr int kSocketTimeoutS = 60;     ///< a peer silent for longer is given up
constexpr int kKeepAliveTimeoutS = 20;  ///< an idle connection gives its thread back
constexpr int kQueuedMax = 256;         ///< connections waiting for a thread
constexpr std::string_view kRpcPrefix = "/rest/v1/rpc/";
constexpr std::string_view kRestPrefix = "/rest/v1";
constexpr std::string_view kStoragePrefix = "/storage/v1/";
constexpr std::string_view kResumablePrefix = "/storage/v1/upload/resumable";

namespace net = Poco::Net;

std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  }
  return text;
}

/// A path as one line of the log may show it.
std::string for_log(const std::string& path) {
  std::string out = replace_invalid_utf8(path);
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c >= 0 && (c < 0x20 || c == 0x7F); }, '?');
  return out;
}

Reply bad_request(const char* message) {
  return rest_failure({.status = 400, .code = "PGRST100", .message = message});
}

void read_query(std::string_view text, Request& out) {
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
    const std::size_t equals = pair.find('=');
    std::string name;
    std::string value;
    if (!percent_decode(pair.substr(0, equals), true, name) ||
        (equals != std::string_view::npos &&
         !percent_decode(pair.substr(equals + 1), true, value))) {
      throw Refusal(bad_request("The query is malformed"));
    }
    if (!name.empty()) out.query.emplace_back(std::move(name), std::move(value));
  }
}

void read_head(const net::HTTPServerRequest& raw, Request& out) {
  out.method = raw.getMethod();
  for (const auto& [name, value] : raw) {
    std::string& kept = out.headers[lower(name)];
    kept += (kept.empty() ? "" : ", ") + value;
  }
  const std::string& uri = raw.getURI();
  const std::size_t question = uri.find('?');
  if (!percent_decode(std::string_view(uri).substr(0, question), false, out.path)) {
    throw Refusal(bad_request("The path is malformed"));
  }
  if (question != std::string::npos) read_query(std::string_view(uri).substr(question + 1), out);
}

/// What all handlers share; lives as long as the server.
struct Services {
  RpcService& rpc;
  StorageService& storage;
  TusService& resumable;
  const ProjectKeys& keys;
  const Clock& clock;
};

Reply dispatch(const Services& services, Request& request) {
  if (is_preflight(request)) return answer_preflight(request);
  const std::string& path = request.path;
  if (path.starts_with(kRpcPrefix) && path.size() > kRpcPrefix.size()) {
    const Caller caller =
        decide_rest_caller(request, services.keys, services.clock.now_ms() / 1000);
    return services.rpc.call(path.substr(kRpcPrefix.size()), request, caller);
  }
  if (path.starts_with(kResumablePrefix) &&
      (path.size() == kResumablePrefix.size() || path[kResumablePrefix.size()] == '/')) {
    return services.resumable.serve(std::string_view(path).substr(kResumablePrefix.size()),
                                    request);
  }
  if (path.starts_with(kStoragePrefix)) {
    return services.storage.serve(path.substr(kStoragePrefix.size()), request);
  }
  if (path.starts_with(kRestPrefix)) {
    (void)decide_rest_caller(request, services.keys, services.clock.now_ms() / 1000);
    return rest_failure(
        {.status = 404, .code = "PGRST125", .message = "Only /rest/v1/rpc/ is served here"});
  }
  return storage_failure(kNoSuchRoute, "nothing is served at this path");
}

/// Our own failure: logged whole, told without its inside.
Reply failure_of(const std::string& path, const Error& error) {
  log_error(error);
  if (path.starts_with(kStoragePrefix)) {
    return storage_failure(kInternalError, error.code().name);
  }
  return rest_failure({.status = error.is_transient() ? 503 : 500,
                       .code = error.code().id,
                       .message = std::string(error.code().name)});
}

class Handler : public net::HTTPRequestHandler {
 public:
  explicit Handler(const Services& services) : services_(services) {}

  void handleRequest(net::HTTPServerRequest& raw, net::HTTPServerResponse& response) override {
    const auto started = std::chrono::steady_clock::now();
    ReceivedBody body(raw);
    Request request;
    request.body = body.view();
    Reply reply;
    try {
      reply = answer(raw, body, request);
      allow_pages(request, reply);
      send(reply, request, body, response);
    } catch (const ClientGone&) {
      reply.status = 499;  // in the log only: there is nobody to answer
      response.setKeepAlive(false);
      dynamic_cast<net::HTTPServerRequestImpl&>(raw).socket().shutdown();
    }
    const auto spent = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - started);
    log_info(fmt::format("{} {} {} {} ms", request.method, for_log(request.path), reply.status,
                         spent.count()));
  }

 private:
  Reply answer(const net::HTTPServerRequest& raw, const ReceivedBody& body,
               Request& request) const {
    try {
      read_head(raw, request);
      if (body.is_malformed()) return bad_request("The length of the body is malformed");
      return dispatch(services_, request);
    } catch (const Refusal& refusal) {
      return refusal.reply();
    } catch (const Error& error) {
      return failure_of(request.path, error);
    } catch (const nlohmann::json::exception& error) {
      return failure_of(request.path, Error(error_code::kInternal, "read JSON", "", error.what()));
    }
  }

  static void send(const Reply& reply, const Request& request, ReceivedBody& body,
                   net::HTTPServerResponse& response) {
    // A body that nobody read stays on the connection and would be taken for the next request.
    if (!body.is_drained() && body.is_short()) body.drain();
    if (!body.is_drained()) response.setKeepAlive(false);

    response.setStatus(static_cast<net::HTTPResponse::HTTPStatus>(reply.status));
    response.setReason(net::HTTPResponse::getReasonForStatus(response.getStatus()));
    for (const auto& [name, value] : reply.headers) response.set(name, value);
    if (!reply.content_type.empty()) response.setContentType(reply.content_type);
    const std::int64_t size =
        reply.stream ? reply.stream_bytes : static_cast<std::int64_t>(reply.body.size());
    if (reply.status != 204) response.setContentLength64(size);
    std::ostream& to = response.send();
    if (request.method != "HEAD" && reply.status != 204) {
      if (reply.stream) {
        reply.stream(to);
      } else {
        to.write(reply.body.data(), static_cast<std::streamsize>(reply.body.size()));
      }
    }
    to.flush();
    if (!body.is_drained()) body.drain();
  }

  const Services& services_;
};

class HandlerFactory : public net::HTTPRequestHandlerFactory {
 public:
  explicit HandlerFactory(const Services& services) : services_(services) {}
  net::HTTPRequestHandler* createRequestHandler(const net::HTTPServerRequest& /*raw*/) override {
    return new Handler(services_);  // Poco deletes it
  }

 private:
  const Services& services_;
};

net::SocketAddress parse_address(const StandInOptions& options) {
  const auto refuse = [&](const std::string& cause) {
    throw Error(error_code::kCentralConfigInvalid, "listen on", options.listen, cause);
  };
  net::SocketAddress address;
  try {
    address = net::SocketAddress(options.listen);
  } catch (const Poco::Exception&) {
    refuse("it is not HOST:PORT");
  }
  if (!address.host().isLoopback() && !options.allow_remote) {
    refuse("it can be reached from other machines, in plain http; --allow-remote says you mean it");
  }
  return address;
}

net::ServerSocket open_socket(const net::SocketAddress& address, const std::string& listen) {
  try {
    net::ServerSocket socket;
    // Without the port's reuse: two stand-ins on one port would share its requests at random.
    socket.bind(address, /*reuseAddress=*/true, /*reusePort=*/false);
    socket.listen(kQueuedMax);
    return socket;
  } catch (const Poco::Exception& error) {
    throw Error(error_code::kListenFailed, "listen on", listen, error.displayText());
  }
}

Poco::AutoPtr<net::HTTPServerParams> server_params(int threads) {
  Poco::AutoPtr<net::HTTPServerParams> params(new net::HTTPServerParams);
  params->setMaxThreads(threads);
  params->setMaxQueued(kQueuedMax);
  params->setTimeout(Poco::Timespan(kSocketTimeoutS, 0));
  params->setKeepAliveTimeout(Poco::Timespan(kKeepAliveTimeoutS, 0));
  params->setKeepAlive(true);
  params->setSoftwareVersion("waybill-standin");
  return params;
}

}  // namespace

struct StandIn::Parts {
  explicit Parts(const StandInOptions& options)
      : keys(options.keys),
        connections(options.database_url, static_cast<std::size_t>(options.connections),
                    "waybill-central standin"),
        store(system_file_system(), options.objects_folder),
        uploads(system_file_system(), store),
        rpc(connections),
        storage(connections, store, keys, clock, options.limits),
        resumable({connections, store, uploads, keys, clock}, options.limits, options.resumable),
        services{rpc, storage, resumable, keys, clock},
        socket(open_socket(parse_address(options), options.listen)),
        threads(2, options.threads),
        server(new HandlerFactory(services), threads, socket, server_params(options.threads)) {}

  ProjectKeys keys;
  SystemClock clock;
  pg::ConnectionPool connections;
  ObjectStore store;
  UploadStore uploads;
  RpcService rpc;
  StorageService storage;
  TusService resumable;
  Services services;
  net::ServerSocket socket;
  Poco::ThreadPool threads;
  net::HTTPServer server;
  std::jthread sweeper;
};

namespace {

/// Until told to stop: away with what has expired, at the start and then every `interval_s`.
void sweep_regularly(const std::stop_token& stop, TusService& resumable, std::int64_t interval_s) {
  std::mutex mutex;
  std::condition_variable_any pause;
  while (!stop.stop_requested()) {
    try {
      resumable.sweep();
    } catch (const Error& error) {
      log_error(error);
    }
    std::unique_lock guard(mutex);
    pause.wait_for(guard, stop, std::chrono::seconds(interval_s), [] { return false; });
  }
}

}  // namespace

StandIn::StandIn(const StandInOptions& options) {
  (void)parse_address(options);
  parts_ = std::make_unique<Parts>(options);
  constexpr std::int64_t kFirstConnectionMs = 10'000;
  (void)parts_->connections.take(kFirstConnectionMs);
  parts_->server.start();
  parts_->sweeper = std::jthread(
      [this, interval_s = options.resumable.sweep_interval_s](const std::stop_token& stop) {
        sweep_regularly(stop, parts_->resumable, interval_s);
      });
}

StandIn::~StandIn() {
  parts_->sweeper = {};  // asks it to stop and waits
  parts_->server.stopAll(/*abortCurrent=*/true);
  parts_->threads.joinAll();
}

std::string StandIn::url() const { return "http://" + parts_->socket.address().toString(); }

}  // namespace waybill::standin
