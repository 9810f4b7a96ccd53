#include "agent/cli/preflight_view.h"

#include <fmt/core.h>

#include "agent/engine/quarantine.h"
#include "core/clock.h"
#include "core/count_of.h"
#include "core/printable.h"

namespace waybill {

namespace {

using Json = nlohmann::json;

constexpr std::size_t kRemarksShown = 10;

std::string place_text(const Json& place) {
  const auto row = place.value("row", std::int64_t{0});
  const auto line = place.value("line", std::int64_t{0});
  if (line == 0 && row == 0) return "the file as a whole";
  return fmt::format("{}, line {}, byte {}", row == 0 ? "header" : fmt::format("row {}", row), line,
                     place.value("byte_offset", std::int64_t{0}));
}

std::string group_lines(const Json& group) {
  std::string column = group.value("column", "");
  if (!column.empty()) column = fmt::format(", column \"{}\"", printable(column));
  std::string out =
      fmt::format("    {} {}: {} x {}{}\n      {}\n", group.value("code", ""),
                  group.value("rule", ""), group.value("count", std::int64_t{0}),
                  group.value("action", ""), column, printable(group.value("message", "")));
  for (const Json& place : group.value("places", Json::array())) {
    out += fmt::format("      at {}\n", place_text(place));
  }
  return out + fmt::format("      what to do: {}\n", group.value("what_to_do", ""));
}

}  // namespace

Json preflight_json(const PreflightRecord& record) {
  Json out = Json::parse(record.report, nullptr, false);
  if (!out.is_object()) out = Json::object();
  if (!record.quarantine_file.empty()) out["quarantine_file"] = record.quarantine_file;
  return out;
}

std::string preflight_lines(const Json& preflight) {
  const auto count = [&](const char* key) { return preflight.value(key, std::int64_t{0}); };
  std::string out =
      fmt::format("  preflight  {}: {}, {} set aside, {}\n", preflight.value("outcome", ""),
                  count_of(count("rows"), "row"), count("rows_quarantined"),
                  count_of(count("findings_count"), "finding"));
  for (const Json& group : preflight.value("groups", Json::array())) out += group_lines(group);
  for (const Json& change : preflight.value("drift", Json::array())) {
    out += fmt::format("    column {}: \"{}\"\n", change.value("change", ""),
                       printable(change.value("column", "")));
  }
  if (preflight.contains("quarantine_file")) {
    const std::string file = preflight.value("quarantine_file", "");
    const bool is_there = preflight.value("quarantine_is_there", true);
    out += fmt::format("    the {}rows set aside {} in {} of the state folder{}\n",
                       is_cut_copy(file) ? "first 64 MiB of the " : "", is_there ? "are" : "were",
                       file, is_there ? "" : "; it was removed");
  }
  return out;
}

Json remarks_json(LedgerReport& report, std::int64_t since_ms) {
  Json out = Json::array();
  for (const RemarkedFile& file : report.remarked_files(since_ms, kRemarksShown)) {
    out.push_back({{"relative_path", file.relative_path},
                   {"findings_count", file.finding_count},
                   {"rows_quarantined", file.quarantined_count},
                   {"at", format_utc(file.discovered_at_ms)}});
  }
  return out;
}

std::string remarks_text(const Json& remarks) {
  if (remarks.empty()) return "";
  std::string out = "\nSent with remarks (waybill trace FILE shows them):\n";
  for (const Json& remark : remarks) {
    out += fmt::format("  {}: {}", printable(remark["relative_path"].get<std::string>()),
                       count_of(remark["findings_count"].get<std::int64_t>(), "finding"));
    const auto aside = remark["rows_quarantined"].get<std::int64_t>();
    out += aside > 0 ? fmt::format(", {} set aside\n", count_of(aside, "row")) : "\n";
  }
  return out;
}

}  // namespace waybill
