#include "core/delivery_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/config_object.h"
#include "core/file_name.h"
#include "core/local_day.h"

namespace waybill {

namespace {

using nlohmann::json;

constexpr std::string_view kWhat = "delivery plan";
constexpr std::array<std::string_view, 8> kPlanKeys = {
    "name", "day_starts", "deadline", "deadline_days", "weekdays", "wait_s", "older_files", "files",
};
constexpr std::array<std::string_view, 4> kFileKeys = {"file_tag", "rank", "required", "many"};
constexpr std::array<std::string_view, 2> kOlderFiles = {"refuse", "accept"};
constexpr std::size_t kFilesMax = 500;
constexpr std::int64_t kRankMax = 1'000'000;
constexpr std::int64_t kWaitMaxS = 7 * 24 * 3600;
constexpr std::int64_t kDeadlineDaysMax = 7;

/// "HH:MM" of a day, in minutes after midnight.
std::int32_t parse_time(const ConfigObject& plan, const char* key, const char* otherwise) {
  const std::string text = plan.has(key) ? plan.text(key) : otherwise;
  const std::optional<std::int32_t> minutes = parse_time_of_day(text);
  plan.require(minutes.has_value(), plan.at(key), "must be a time of day from 00:00 to 23:59");
  return *minutes;
}

std::string format_time(std::int32_t minutes) {
  return fmt::format("{:02}:{:02}", minutes / 60, minutes % 60);
}

void parse_weekdays(const ConfigObject& object, DeliveryPlan& plan) {
  plan.weekdays.fill(!object.has("weekdays"));
  for (const std::string& day : object.texts("weekdays")) {
    const std::optional<std::size_t> number = parse_weekday(day);
    object.require(number.has_value(), object.at("weekdays"),
                   "allowed are: mon, tue, wed, thu, fri, sat, sun");
    plan.weekdays[*number] = true;
  }
  object.require(std::count(plan.weekdays.begin(), plan.weekdays.end(), true) > 0,
                 object.at("weekdays"), "must name at least one day");
}

void parse_files(const ConfigObject& object, DeliveryPlan& plan) {
  const json& list = object.need("files");
  object.require(list.is_array() && !list.empty() && list.size() <= kFilesMax, "files",
                 fmt::format("must be a list of 1 to {} expected files", kFilesMax));
  for (const json& value : list) {
    const std::string place = fmt::format("files[{}]", plan.files.size());
    const ConfigObject entry(kWhat, value, place, kFileKeys);
    ExpectedFile file;
    file.file_tag = FileTag(entry.text("file_tag"));
    entry.require(is_file_tag(file.file_tag.value), entry.at("file_tag"),
                  "must be a lower-case letter, then up to 62 of a-z, 0-9 and _");
    entry.require(plan.find(file.file_tag) == nullptr, entry.at("file_tag"),
                  "is in the list twice");
    file.rank = static_cast<std::int32_t>(entry.number("rank", 0, 0, kRankMax));
    file.required = entry.flag("required", true);
    file.many = entry.flag("many", false);
    plan.files.push_back(std::move(file));
  }
}

}  // namespace

const ExpectedFile* DeliveryPlan::find(const FileTag& tag) const {
  const auto found = std::find_if(files.begin(), files.end(),
                                  [&](const ExpectedFile& file) { return file.file_tag == tag; });
  return found == files.end() ? nullptr : &*found;
}

DeliveryPlan parse_delivery_plan(const json& value) {
  const ConfigObject object(kWhat, value, "", kPlanKeys);
  DeliveryPlan plan;
  if (object.has("name")) plan.name = object.name("name");
  object.require(plan.name.size() <= 100, "name", "must be at most 100 characters");
  plan.day_starts_min = parse_time(object, "day_starts", "00:00");
  plan.deadline_min = parse_time(object, "deadline", "00:00");
  plan.deadline_days =
      static_cast<std::int32_t>(object.number("deadline_days", 1, 0, kDeadlineDaysMax));
  object.require(plan.deadline_days > 0 || plan.deadline_min > plan.day_starts_min, "deadline",
                 "must come after day_starts when deadline_days is 0");
  parse_weekdays(object, plan);
  plan.wait_s = object.number("wait_s", 300, 0, kWaitMaxS);
  plan.accepts_older_files = object.choice("older_files", kOlderFiles) == 1;
  parse_files(object, plan);
  return plan;
}

json to_json(const DeliveryPlan& plan) {
  json weekdays = json::array();
  for (std::size_t i = 0; i < kWeekdayNames.size(); ++i) {
    if (plan.weekdays[i]) weekdays.push_back(kWeekdayNames[i]);
  }
  json files = json::array();
  for (const ExpectedFile& file : plan.files) {
    files.push_back({{"file_tag", file.file_tag.value},
                     {"rank", file.rank},
                     {"required", file.required},
                     {"many", file.many}});
  }
  return {{"name", plan.name},
          {"day_starts", format_time(plan.day_starts_min)},
          {"deadline", format_time(plan.deadline_min)},
          {"deadline_days", plan.deadline_days},
          {"weekdays", std::move(weekdays)},
          {"wait_s", plan.wait_s},
          {"older_files", kOlderFiles[plan.accepts_older_files ? 1 : 0]},
          {"files", std::move(files)}};
}

}  // namespace waybill
