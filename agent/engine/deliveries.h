// Deliveries: which delivery a file belongs to, what a delivery still lacks, and when it is over.
//
// Place:    agent/engine; decides by central's delivery plan and the agency's clocks, keeps what it
//           finds in the ledger. Asks nobody: it also works while central cannot be reached.
// Rule:     without a plan files of one local day belong together and nothing is ever missed.
// Events:   file_unexpected, file_surplus, file_late once for each such file; delivery_opened,
//           _complete, _late (and file_missing for each tag), _partial, _closed once each time.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/ledger/ledger.h"
#include "core/delivery_plan.h"
#include "core/local_day.h"

namespace waybill {

/// The name of a delivery while central has published no plan.
inline constexpr const char* kDeliveryNameWithoutPlan = "nightly";

/// What is not there of what the plan requires: "recipe", or "recipe 2, 4 of 5" when some chunks of
/// a set have come. A set that has begun is missed also when its tag is not required.
/// On a date that is none of the plan's weekdays nothing is required.
[[nodiscard]] std::vector<std::string> missing_files(const DeliveryPlan& plan,
                                                     const std::string& date,
                                                     const std::vector<Arrived>& arrived);

/// The moment until which the files of that date are expected.
[[nodiscard]] std::int64_t deadline_of(const DeliveryPlan& plan, const LocalDay& local_day,
                                       const std::string& date);

class Deliveries {
 public:
  Deliveries(const Clock& clock, const LocalDay& local_day, Ledger& ledger);

  /// Central's plan has come or changed.
  void use_plan(std::optional<DeliveryPlan> plan);

  /// Finds the delivery of files that have none yet, a bounded number. True when there was one.
  bool decide();

  /// Looks at each delivery that is not closed and records what has changed since.
  void look();

  /// Why an idle job may be closed now; nothing when something of its delivery may still come.
  [[nodiscard]] std::optional<std::string> reason_to_close(const Job& job);

 private:
  [[nodiscard]] DeliveryChoice choose(const JobFile& file);
  [[nodiscard]] std::vector<std::string> remarks_on(const JobFile& file, const std::string& date);
  void expect_deliveries();
  void look_at(DeliveryRecord delivery);
  void note(DeliveryRecord& delivery, DeliveryState state);

  const Clock& clock_;
  const LocalDay& local_day_;
  Ledger& ledger_;
  std::optional<DeliveryPlan> plan_;
};

}  // namespace waybill
