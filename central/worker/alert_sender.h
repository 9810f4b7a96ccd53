// AlertSender: carries the registry's alerts to people: to a webhook, to a command, or to both.
//
// Place:    central/worker, over registry (ingest.next_alerts, ingest.finish_alert). Which alerts
//           there are, and when one is tried again, is the registry's business.
// Owner:    run_worker; one for the process, with one thread and one connection of its own, so that
//           a slow webhook delays no step.
// Body:     one JSON object: alert_id, tenant, kind, code, message, details, created_at, way_out,
//           and text, the whole in one line as chat services show it. Never a value of a row.
// Durable:  an alert counts as sent when every channel took it; one that was sent and not recorded
//           is sent again, with the same alert_id.
// Errors:   a channel in trouble is recorded with the alert (WB-5008) and logged. The webhook's
//           address may hold a secret: it is never in a message.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "central/pg/connection.h"
#include "central/worker/registry.h"
#include "core/termination.h"
#include "sync/http/http_client.h"

namespace waybill {

struct AlertOptions {
  std::string webhook_url{};  ///< https://...; "" = none
  std::string command{};      ///< a program that reads the JSON from its standard input; "" = none
  [[nodiscard]] bool is_enabled() const { return !webhook_url.empty() || !command.empty(); }
};

/// The address in a private file of one line. Throws WB-1006 when others may read it, WB-5006 when
/// there is none in it, WB-1005 when it is neither https nor of this machine.
[[nodiscard]] std::string read_webhook_file(const std::filesystem::path& path);

/// What goes out for one alert of ingest.next_alerts.
[[nodiscard]] nlohmann::ordered_json alert_body(const nlohmann::json& alert);

/// Sends alerts from construction until `stop` is requested; joins on destruction.
class AlertSender {
 public:
  struct Options {
    AlertOptions channels;
    std::string database_url;
    std::string ca_file;
    std::string name;  ///< who holds an alert while it is sent
    std::int64_t poll_ms = 500;
  };
  AlertSender(Options options, StopSource& stop);
  ~AlertSender();
  AlertSender(const AlertSender&) = delete;
  AlertSender& operator=(const AlertSender&) = delete;

 private:
  void run();
  bool send_due();
  void send(const nlohmann::json& alert);
  [[nodiscard]] std::string try_webhook(const std::string& body);
  [[nodiscard]] std::string try_command(const std::string& body);

  const Options options_;
  StopSource& stop_;
  HttpClient http_;
  std::unique_ptr<pg::Connection> database_;
  std::thread thread_;
};

}  // namespace waybill
