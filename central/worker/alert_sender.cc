#include "central/worker/alert_sender.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/error_code.h"
#include "core/file_system.h"
#include "core/log.h"
#include "core/process.h"

namespace waybill {

namespace {

constexpr std::size_t kWebhookFileMaxBytes = 4096;
constexpr std::int64_t kWebhookTimeoutMs = 15'000;
constexpr std::int64_t kCommandTimeoutMs = 30'000;  // with the webhook's: within an alert's lease
constexpr std::int64_t kPauseMinMs = 250;
constexpr std::int64_t kPauseMaxMs = 15'000;
constexpr int kAlertsAtOnce = 1;  // each is leased for a minute from the moment it is asked for

std::string text_of(const nlohmann::json& from, const char* key) {
  const auto found = from.find(key);
  return found != from.end() && found->is_string() ? found->get<std::string>() : "";
}

nlohmann::json value_of(const nlohmann::json& from, const char* key) {
  const auto found = from.find(key);
  return found != from.end() ? *found : nlohmann::json();
}

}  // namespace

std::string read_webhook_file(const std::filesystem::path& path) {
  FileSystem& files = system_file_system();
  const auto refuse = [&path](const char* cause) {
    throw Error(error_code::kCentralConfigInvalid, "read the webhook's address", path.string(),
                cause);
  };
  if (!files.stat(path)) refuse("it is not there");
  if (!files.is_private(path)) {
    throw Error(error_code::kSecretFileUnsafe, "read the webhook's address", path.string(),
                "others than its owner may read it");
  }
  std::string url = read_whole_file(files, path, kWebhookFileMaxBytes);
  while (!url.empty() && (url.back() == '\n' || url.back() == '\r' || url.back() == ' ')) {
    url.pop_back();
  }
  if (url.empty() || url.find_first_of("\r\n") != std::string::npos) {
    refuse("it must hold one address on one line");
  }
  try {
    check_url_is_safe(url);
  } catch (const Error& error) {
    throw Error(error.code(), "read the webhook's address", path.string(), error.cause());
  }
  return url;
}

nlohmann::ordered_json alert_body(const nlohmann::json& alert) {
  const std::string code_id = text_of(alert, "code");
  const ErrorCode* code = find_error_code(code_id);
  const std::string way_out(code != nullptr ? code->way_out : "");
  std::string text = fmt::format("Waybill {}: {} {}", text_of(alert, "tenant"), code_id,
                                 text_of(alert, "message"));
  if (!way_out.empty()) text += ". What to do: " + way_out;
  nlohmann::ordered_json body;
  for (const char* key :
       {"alert_id", "tenant", "kind", "code", "message", "details", "created_at"}) {
    body[key] = value_of(alert, key);
  }
  body["way_out"] = way_out;
  body["text"] = text;
  return body;
}

AlertSender::AlertSender(Options options, StopSource& stop)
    : options_(std::move(options)),
      stop_(stop),
      http_({.user_agent = "waybill-central", .stop = &stop.flag(), .ca_file = options_.ca_file}),
      thread_([this] { run(); }) {}

AlertSender::~AlertSender() { thread_.join(); }

void AlertSender::run() {
  std::int64_t pause_ms = kPauseMinMs;
  while (!stop_.requested()) {
    try {
      if (!database_ || !database_->alive()) {
        database_ = std::make_unique<pg::Connection>(options_.database_url, options_.name);
        Registry(*database_).become_service_role();
      }
      if (!send_due()) stop_.wait_for(options_.poll_ms);
      pause_ms = kPauseMinMs;
    } catch (const Error& error) {
      log_error(error);
      stop_.wait_for(pause_ms);
      pause_ms = std::min(pause_ms * 2, kPauseMaxMs);
    }
  }
}

/// False when no alert is due.
bool AlertSender::send_due() {
  const nlohmann::json alerts = Registry(*database_).next_alerts(options_.name, kAlertsAtOnce);
  for (const nlohmann::json& alert : alerts) send(alert);
  return !alerts.empty();
}

void AlertSender::send(const nlohmann::json& alert) {
  const std::string body =
      alert_body(alert).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  std::string problem;
  if (!options_.channels.webhook_url.empty()) problem = try_webhook(body);
  if (!options_.channels.command.empty()) {
    const std::string of_command = try_command(body);
    if (!of_command.empty()) problem += (problem.empty() ? "" : "; ") + of_command;
  }
  if (stop_.requested() && !problem.empty()) return;  // its lease runs out; another one sends it
  Registry(*database_).finish_alert(alert.at("alert_id"), problem);
  const std::string what =
      fmt::format("alert {} {}", text_of(alert, "kind"), text_of(alert, "tenant"));
  if (problem.empty()) {
    log_info(what + ": sent");
  } else {
    log_warning(
        fmt::format("{}: {} {}; it is tried again", what, error_code::kAlertNotSent.id, problem));
  }
}

/// What went wrong, in words without the address; "" when the webhook took it.
std::string AlertSender::try_webhook(const std::string& body) {
  HttpRequest request;
  request.method = "POST";
  request.url = options_.channels.webhook_url;
  request.headers = {{"content-type", "application/json"}};
  request.body = body;
  request.timeout_ms = kWebhookTimeoutMs;
  request.stall_timeout_ms = kWebhookTimeoutMs;
  try {
    const HttpResponse response = http_.send(request);
    if (response.is_success()) return "";
    return fmt::format("the webhook answered {}", response.status);
  } catch (const Error& error) {
    return fmt::format("the webhook could not be reached ({} {})", error.code().id,
                       error.code().name);
  }
}

std::string AlertSender::try_command(const std::string& body) {
  try {
    const ProgramResult result = run_program({.program = options_.channels.command,
                                              .input = body + "\n",
                                              .timeout_ms = kCommandTimeoutMs,
                                              .stop = &stop_.flag()});
    switch (result.end) {
      case ProgramEnd::kExited:
        if (result.exit_code == 0) return "";
        return fmt::format("the alert command ended with {}", result.exit_code);
      case ProgramEnd::kSignalled:
        return "the alert command was ended by a signal";
      case ProgramEnd::kTimedOut:
        return fmt::format("the alert command took longer than {} s", kCommandTimeoutMs / 1000);
      case ProgramEnd::kStopped:
        return "the worker ends";
    }
    return "";
  } catch (const Error& error) {
    return fmt::format("the alert command could not be started: {}", error.cause());
  }
}

}  // namespace waybill
