// DeliveryPlan: which files an agency's delivery is made of, in which order, and until when.
//
// Place:    core; the agent groups files and closes jobs by it, central orders and waits by it.
// Source:   the key "delivery" of config/agencies/<tenant>/_agency.json; versioned at central and
//           told to agents beside the file specs. config/agency.schema.json describes it.
// Units:    *_min are minutes after midnight in the agency's own zone; *_s are seconds.
// Errors:   parse_delivery_plan() throws Error WB-3014 naming the place and what is allowed there.
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/ids.h"

namespace waybill {

struct ExpectedFile {
  FileTag file_tag;
  std::int32_t rank = 0;  ///< lower is staged first; equal ranks in order of arrival
  bool required = true;   ///< its absence at the deadline is missed
  bool many = false;      ///< several files of the tag in one delivery are no surplus
};

struct DeliveryPlan {
  std::string name = "nightly";
  std::int32_t day_starts_min = 0;   ///< what is at rest before it belongs to the day before
  std::int32_t deadline_min = 0;     ///< of the day `deadline_days` after the delivery's date
  std::int32_t deadline_days = 1;    ///< 0..7
  std::array<bool, 7> weekdays{};    ///< Monday first; on which dates a delivery is expected
  std::int64_t wait_s = 300;         ///< how long a file waits for expected ones of lower rank
  bool accepts_older_files = false;  ///< older than the newest processed of their tag
  std::vector<ExpectedFile> files;

  [[nodiscard]] const ExpectedFile* find(const FileTag& tag) const;
};

[[nodiscard]] DeliveryPlan parse_delivery_plan(const nlohmann::json& plan);

/// The plan with every key written out; parse_delivery_plan() of it gives the same plan.
[[nodiscard]] nlohmann::json to_json(const DeliveryPlan& plan);

}  // namespace waybill
