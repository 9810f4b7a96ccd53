#include "agent/cli/delivery_view.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "agent/cli/status_view.h"
#include "agent/ledger/ledger.h"
#include "core/clock.h"
#include "core/error_code.h"

namespace waybill {

namespace {

using Json = nlohmann::json;

constexpr std::size_t kDeliveriesShown = 7;
constexpr std::size_t kBackfillsShown = 5;
constexpr std::int64_t kLateShownMs = std::int64_t{3} * 86'400'000;

Json time_or_null(std::int64_t utc_ms) {
  return utc_ms == 0 ? Json(nullptr) : Json(format_utc(utc_ms));
}

Json expected_json(LedgerReport& report) {
  Json out = Json::array();
  for (const DeliveryRecord& delivery : report.delivery_records(kDeliveriesShown)) {
    out.push_back({{"date", delivery.date},
                   {"name", delivery.name},
                   {"state", to_string(delivery.state)},
                   {"missing", delivery.missing},
                   {"deadline_at", time_or_null(delivery.deadline_at_ms)}});
  }
  return out;
}

Json central_json(LedgerReport& report) {
  Json deliveries = Json::array();
  const Json told = Json::parse(report.meta(meta::kCentralDeliveries), nullptr, false);
  if (told.is_array()) {
    for (const Json& delivery : told) {
      Json line = {{"date", delivery.value("date", "")},
                   {"name", delivery.value("name", "")},
                   {"state", delivery.value("state", "")},
                   {"missing", delivery.value("missing", Json::array())}};
      line["deadline_at"] = time_or_null(delivery.value("deadline_at_ms", std::int64_t{0}));
      deliveries.push_back(std::move(line));
    }
  }
  const std::string state = report.meta(meta::kTenantState);
  return {{"agency_state", state.empty() ? Json(nullptr) : Json(state)},
          {"agency_reason", report.meta(meta::kTenantReason)},
          {"deliveries", std::move(deliveries)}};
}

Json backfills_json(LedgerReport& report) {
  Json out = Json::array();
  for (const BackfillReport& entry : report.backfills(kBackfillsShown)) {
    const Backfill& backfill = entry.backfill;
    out.push_back({{"number", backfill.backfill_number},
                   {"folder", backfill.folder},
                   {"state", kBackfillStateNames[static_cast<std::size_t>(backfill.state)]},
                   {"name", backfill.delivery_name},
                   {"as_of", backfill.as_of},
                   {"ahead", backfill.is_ahead},
                   {"file_count", entry.file_count},
                   {"delivered_count", entry.delivered_count},
                   {"refused_count", entry.refused_count},
                   {"left_alone_count", backfill.left_alone_count},
                   {"requested_at", time_or_null(backfill.requested_at_ms)},
                   {"done_at", time_or_null(backfill.done_at_ms)}});
  }
  return out;
}

Json fetches_json(LedgerReport& report) {
  Json out = Json::array();
  for (const FetchRecord& fetch : report.fetches()) {
    out.push_back({{"name", fetch.name},
                   {"state", kFetchStateNames[static_cast<std::size_t>(fetch.state)]},
                   {"last_good_at", time_or_null(fetch.last_good_at_ms)},
                   {"last_row_count", fetch.last_row_count},
                   {"page_count", fetch.page_count},
                   {"row_count", fetch.row_count},
                   {"file_name", fetch.file_name},
                   {"next_try_at", time_or_null(fetch.next_try_at_ms)},
                   {"failures", fetch.failures},
                   {"problem", fetch.problem ? problem_json(*fetch.problem) : Json(nullptr)}});
  }
  return out;
}

std::string missing_text(const Json& delivery) {
  return fmt::format("{}", fmt::join(delivery["missing"].get<std::vector<std::string>>(), "; "));
}

/// "2026-11-21 05:00 UTC"
std::string minute_text(const Json& time) {
  if (!time.is_string()) return "?";
  const std::string text = time.get<std::string>();
  return text.substr(0, 10) + " " + text.substr(11, 5) + " UTC";
}

bool is_late(const Json& delivery) {
  return delivery["state"] == "late" || delivery["state"] == "partial";
}

/// Late and not long ago: a person may still do something about it.
bool is_late_now(const Json& delivery, std::int64_t now_ms) {
  return is_late(delivery) && delivery["deadline_at"].is_string() &&
         parse_utc(delivery["deadline_at"].get<std::string>()) > now_ms - kLateShownMs;
}

}  // namespace

void add_delivery_facts(Json& status, LedgerReport& report) {
  status["expected"] = expected_json(report);
  status["central"] = central_json(report);
  status["backfills"] = backfills_json(report);
  status["fetches"] = fetches_json(report);
}

void judge_delivery(Json& status, std::int64_t now_ms) {
  Json& today = status["today"];
  bool has_trouble = status["central"]["agency_state"] == "halted" ||
                     status["central"]["agency_state"] == "closed";
  for (const Json& fetch : status["fetches"]) has_trouble |= !fetch["problem"].is_null();
  for (const Json& delivery : status["expected"]) {
    has_trouble |= is_late_now(delivery, now_ms);
    if (delivery["date"] != today["date"]) continue;
    today["missing"] = delivery["missing"];
    today["deadline_at"] = delivery["deadline_at"];
    if (delivery["missing"].empty()) continue;
    const std::string until = is_late(delivery) ? "were expected until " : "expected until ";
    today["sentence"] = today["sentence"].get<std::string>() +
                        "; missing: " + missing_text(delivery) + " (" + until +
                        minute_text(delivery["deadline_at"]) + ")";
    if (today["verdict"] == "complete") today["verdict"] = "waiting";
  }
  if (has_trouble) today["verdict"] = "attention";
}

std::string delivery_trouble_text(const Json& status, std::int64_t now_ms) {
  std::string out;
  const Json& central = status["central"];
  if (central["agency_state"] == "halted") {
    out += fmt::format("\n  Central has halted this agency: {}\n",
                       central["agency_reason"].get<std::string>());
    out += "      Nothing is lost: files are still taken and kept.\n";
    out += "      What to do: ask the central team; they resume it.\n";
  } else if (central["agency_state"] == "closed") {
    out += fmt::format("\n  Central has closed this agency: {}\n",
                       central["agency_reason"].get<std::string>());
    out += "      What to do: ask the central team.\n";
  }
  for (const Json& delivery : status["expected"]) {
    if (!is_late_now(delivery, now_ms)) continue;
    out +=
        fmt::format("\n  Delivery of {} is {}: missing {}\n", delivery["date"].get<std::string>(),
                    delivery["state"].get<std::string>(), missing_text(delivery));
    out +=
        "      What to do: export what is missing into the export folder; it is taken at any "
        "time.\n";
  }
  for (const Json& fetch : status["fetches"]) {
    if (fetch["problem"].is_null()) continue;
    out += fmt::format("\n  fetch {}: {}\n", fetch["name"].get<std::string>(),
                       fetch["problem"].value("message", ""));
    out += fmt::format("      What to do: {}\n", fetch["problem"].value("what_to_do", ""));
  }
  return out;
}

std::string delivery_text(const Json& status) {
  std::string out;
  const Json& central = status["central"]["deliveries"];
  if (!central.empty()) {
    out += "\nAt central:\n";
    for (const Json& delivery : central) {
      out += fmt::format("  {}  {:<8}  {}{}\n", delivery["date"].get<std::string>(),
                         delivery["state"].get<std::string>(), delivery["name"].get<std::string>(),
                         delivery["missing"].empty() ? "" : "  missing: " + missing_text(delivery));
    }
  }
  if (!status["backfills"].empty()) out += "\nHistory:\n";
  for (const Json& backfill : status["backfills"]) {
    out += fmt::format(
        "  {}  {:<8}{} of {} files delivered{}{}\n", backfill["folder"].get<std::string>(),
        backfill["state"].get<std::string>(), backfill["delivered_count"].get<std::int64_t>(),
        backfill["file_count"].get<std::int64_t>(),
        backfill["refused_count"] == 0
            ? ""
            : fmt::format(", {} refused", backfill["refused_count"].get<std::int64_t>()),
        backfill["left_alone_count"] == 0
            ? ""
            : fmt::format(", {} belong to no file spec",
                          backfill["left_alone_count"].get<std::int64_t>()));
  }
  if (!status["fetches"].empty()) out += "\nFetches:\n";
  for (const Json& fetch : status["fetches"]) {
    out +=
        fmt::format("  {:<20}  {:<8}  last good run {}, {} rows\n",
                    fetch["name"].get<std::string>(), fetch["state"].get<std::string>(),
                    fetch["last_good_at"].is_null() ? "never" : minute_text(fetch["last_good_at"]),
                    fetch["last_row_count"].get<std::int64_t>());
  }
  return out;
}

}  // namespace waybill
