#include "agent/engine/deliveries.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "agent/watch/export_folders.h"
#include "core/error.h"
#include "core/log.h"

namespace waybill {

namespace {

constexpr std::size_t kDecidePerStep = 500;
constexpr std::int32_t kLookBackDays = 8;  // deadlines are at most 7 days after the date
constexpr std::int64_t kDayMs = 86'400'000;

bool is_expected_on(const DeliveryPlan& plan, const std::string& date) {
  return plan.weekdays[weekday_of(date)];
}

}  // namespace

std::vector<std::string> missing_files(const DeliveryPlan& plan, const std::string& date,
                                       const std::vector<Arrived>& arrived) {
  std::vector<std::string> out;
  const bool is_expected = is_expected_on(plan, date);
  for (const ExpectedFile& expected : plan.files) {
    std::map<std::int32_t, std::set<std::int32_t>> sets;  // chunks that are there, by their count
    for (const Arrived& file : arrived) {
      if (file.file_tag == expected.file_tag) sets[file.chunk_count].insert(file.chunk_number);
    }
    const bool is_whole = std::any_of(sets.begin(), sets.end(), [](const auto& set) {
      return static_cast<std::int32_t>(set.second.size()) == set.first;
    });
    if (is_whole || (sets.empty() && !(expected.required && is_expected))) continue;
    if (sets.empty()) {
      out.push_back(expected.file_tag.value);
      continue;
    }
    const auto& [count, there] = *sets.rbegin();
    std::vector<std::int32_t> gaps;
    for (std::int32_t number = 1; number <= count && gaps.size() < 10; ++number) {
      if (!there.contains(number)) gaps.push_back(number);
    }
    out.push_back(
        fmt::format("{} {} of {}", expected.file_tag.value, fmt::join(gaps, ", "), count));
  }
  return out;
}

std::int64_t deadline_of(const DeliveryPlan& plan, const LocalDay& local_day,
                         const std::string& date) {
  return local_day.utc_ms_of(shifted_date(date, plan.deadline_days), plan.deadline_min);
}

Deliveries::Deliveries(const Clock& clock, const LocalDay& local_day, Ledger& ledger)
    : clock_(clock), local_day_(local_day), ledger_(ledger) {}

void Deliveries::use_plan(std::optional<DeliveryPlan> plan) { plan_ = std::move(plan); }

// ---- files into deliveries

bool Deliveries::decide() {
  const std::vector<JobFile> files = ledger_.files_without_delivery(kDecidePerStep);
  if (files.empty()) return false;
  for (const JobFile& file : files) {
    const DeliveryChoice choice = choose(file);
    const std::array one = {choice};
    ledger_.decide_deliveries(one);
    for (const std::string& remark : choice.remarks) {
      log_warning(file.relative_path + ": " + remark + " in the delivery of " + choice.date);
    }
  }
  return true;
}

DeliveryChoice Deliveries::choose(const JobFile& file) {
  DeliveryChoice out;
  out.file = file.file_number;
  out.date = file.delivery_date;
  if (const std::optional<std::int64_t> number = backfill_number_of(file.relative_path)) {
    const std::optional<Backfill> backfill = ledger_.backfill(*number);
    if (backfill) {
      out.backfill_number = *number;
      out.name = backfill->delivery_name;
      if (out.date.empty()) out.date = backfill->as_of;
      return out;
    }
  }
  out.name = plan_ ? plan_->name : kDeliveryNameWithoutPlan;
  if (out.date.empty()) {
    // The moment its bytes were known, also when central could not be reached for days.
    out.date = delivery_date_of(local_day_, file.updated_at_ms, plan_ ? plan_->day_starts_min : 0);
  }
  if (plan_) out.remarks = remarks_on(file, out.date);
  return out;
}

std::vector<std::string> Deliveries::remarks_on(const JobFile& file, const std::string& date) {
  std::vector<std::string> out;
  const ExpectedFile* expected = plan_->find(file.file_tag);
  if (expected == nullptr) {
    out.emplace_back(remark::kUnexpected);
  } else if (!expected->many && ledger_.has_another_like(file, date, plan_->name)) {
    out.emplace_back(remark::kSurplus);
  }
  if (expected != nullptr && file.updated_at_ms >= deadline_of(*plan_, local_day_, date)) {
    out.emplace_back(remark::kLate);
  }
  return out;
}

// ---- deliveries

void Deliveries::look() {
  if (!plan_) return;
  expect_deliveries();
  for (DeliveryRecord& delivery : ledger_.deliveries_to_watch()) look_at(std::move(delivery));
}

/// A row for each date on which a delivery is expected or has begun. Nothing is expected of days
/// before the plan was first known, nor of one whose deadline had passed by then.
void Deliveries::expect_deliveries() {
  const std::int64_t now = clock_.now_ms();
  const std::string today = delivery_date_of(local_day_, now, plan_->day_starts_min);
  std::string since = ledger_.meta(meta::kPlanSince);
  if (since.empty()) {
    since = now < deadline_of(*plan_, local_day_, today) ? today : shifted_date(today, 1);
    ledger_.set_meta({{meta::kPlanSince, since}});
  }
  std::set<std::string> dates;
  for (std::int32_t days = kLookBackDays; days >= 0; --days) {
    const std::string date = shifted_date(today, -days);
    if (date >= since && is_expected_on(*plan_, date)) dates.insert(date);
  }
  dates.merge(ledger_.dates_without_delivery(plan_->name));
  for (const std::string& date : dates) {
    DeliveryRecord delivery;
    delivery.date = date;
    delivery.name = plan_->name;
    delivery.deadline_at_ms = deadline_of(*plan_, local_day_, date);
    if (ledger_.add_delivery(delivery)) log_info("delivery of " + date + " is expected");
  }
}

void Deliveries::look_at(DeliveryRecord delivery) {
  const std::int64_t now = clock_.now_ms();
  delivery.deadline_at_ms = deadline_of(*plan_, local_day_, delivery.date);
  std::vector<std::string> missing =
      missing_files(*plan_, delivery.date, ledger_.arrived(delivery.date, delivery.name));
  const bool has_changed = missing != delivery.missing;
  delivery.missing = std::move(missing);
  const DeliveryTally tally = ledger_.tally(delivery.date, delivery.name);
  const bool is_over = tally.job_count > 0 && tally.open_job_count == 0;
  const bool needs_something = !missing_files(*plan_, delivery.date, {}).empty();

  if (delivery.missing.empty() && delivery.state != DeliveryState::kComplete &&
      (needs_something || is_over)) {
    note(delivery, DeliveryState::kComplete);
  } else if (!delivery.missing.empty()) {
    // Complete stays complete: what had come and was refused is shown as a refused file.
    const bool is_past = now >= delivery.deadline_at_ms;
    if (delivery.state == DeliveryState::kOpen && is_past) note(delivery, DeliveryState::kLate);
    const bool is_given_up = now >= delivery.deadline_at_ms + kDayMs;
    if (delivery.state == DeliveryState::kLate && (is_over || is_given_up)) {
      note(delivery, DeliveryState::kPartial);
    }
  }
  if (delivery.state == DeliveryState::kComplete && is_over && tally.unfinished_count == 0) {
    note(delivery, DeliveryState::kClosed);
  } else if (has_changed) {
    ledger_.put_delivery(delivery, "");
  }
}

void Deliveries::note(DeliveryRecord& delivery, DeliveryState state) {
  delivery.state = state;
  ledger_.put_delivery(delivery, fmt::format("delivery_{}", to_string(state)));
  const std::string line = fmt::format(
      "delivery of {} is {}{}", delivery.date, to_string(state),
      delivery.missing.empty() ? ""
                               : fmt::format("; missing: {}", fmt::join(delivery.missing, "; ")));
  const bool is_trouble = state == DeliveryState::kLate || state == DeliveryState::kPartial;
  log_line(is_trouble ? LogLevel::kWarning : LogLevel::kInfo, line);
}

std::optional<std::string> Deliveries::reason_to_close(const Job& job) {
  if (job.backfill_number != 0) return "everything of this date is delivered";
  if (!plan_ || job.delivery_name != plan_->name) return "nothing left to send";
  const std::vector<Arrived> arrived = ledger_.arrived(job.delivery_date, job.delivery_name);
  if (missing_files(*plan_, job.delivery_date, arrived).empty()) return "the delivery is complete";
  if (clock_.now_ms() >= deadline_of(*plan_, local_day_, job.delivery_date)) {
    return "its deadline has passed";
  }
  return std::nullopt;
}

}  // namespace waybill
