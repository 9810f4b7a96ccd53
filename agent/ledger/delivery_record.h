// DeliveryRecord, Arrived, DeliveryChoice, Backfill: what the ledger tells of deliveries and of
// history.
//
// Place:    agent/ledger; values only, no SQL.
// Source:   rows of the ledger's tables delivery, job_file and backfill; field names are columns.
// Units:    *_ms are UTC milliseconds since 1970; dates are "YYYY-MM-DD" at the agency.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/ids.h"
#include "core/wire.h"

namespace waybill {

enum class DeliveryState : std::uint8_t {
  kOpen,      ///< before its deadline something required may still come
  kComplete,  ///< everything required is there
  kLate,      ///< its deadline has passed and something required is missing
  kPartial,   ///< over, with something missing
  kClosed,    ///< complete, and everything of it has come to its end
};

inline constexpr std::array<std::string_view, 5> kDeliveryStateNames = {"open", "complete", "late",
                                                                        "partial", "closed"};

[[nodiscard]] constexpr std::string_view to_string(DeliveryState state) {
  return kDeliveryStateNames[static_cast<std::size_t>(state)];
}

struct DeliveryRecord {
  std::string date;
  std::string name;
  DeliveryState state = DeliveryState::kOpen;
  std::vector<std::string> missing;  ///< required tags, "recipe" or "recipe 2, 4 of 5"
  std::int64_t deadline_at_ms = 0;
  std::int64_t opened_at_ms = 0;
  std::int64_t updated_at_ms = 0;
};

/// That at least one file of the tag and chunk is there; refused and given-up ones are not.
struct Arrived {
  FileTag file_tag;
  std::int32_t chunk_number = 1;
  std::int32_t chunk_count = 1;
};

/// How far the files and jobs of a delivery are.
struct DeliveryTally {
  std::int64_t job_count = 0;
  std::int64_t open_job_count = 0;
  std::int64_t unfinished_count = 0;  ///< files that have not come to their end
};

/// The delivery that a file was found to belong to.
struct DeliveryChoice {
  FileId file;
  std::string date;
  std::string name;
  std::int64_t backfill_number = 0;  ///< 0: a nightly file
  std::vector<std::string> remarks;  ///< in the order of their weight; see namespace remark
};

/// What the ledger notes beside a file that a delivery did not expect like this.
namespace remark {
inline constexpr const char* kUnexpected = "unexpected";  ///< its tag is not in the plan
inline constexpr const char* kSurplus = "surplus";        ///< another of its tag is there
inline constexpr const char* kLate = "late";              ///< it came after the deadline
}  // namespace remark

enum class BackfillState : std::uint8_t {
  kReading,  ///< its files are looked at, settled and hashed
  kSending,  ///< all of them are hashed; they travel date after date
  kDone,     ///< none of them is in our hands any more
};

inline constexpr std::array<std::string_view, 3> kBackfillStateNames = {"reading", "sending",
                                                                        "done"};

/// A folder of history that somebody asked to have loaded.
struct Backfill {
  std::int64_t backfill_number = 0;
  std::string request_id;  ///< made with the request: asked twice is asked once
  std::string folder;      ///< absolute
  std::string as_of;       ///< date of files whose names tell none
  std::string delivery_name;
  bool is_ahead = false;  ///< nightly files wait until it is done
  bool allow_older = false;
  BackfillState state = BackfillState::kReading;
  std::int64_t file_count = 0;        ///< files of it in deliveries; counted when all are hashed
  std::int64_t left_alone_count = 0;  ///< names in the folder that no file spec takes
  std::int64_t requested_at_ms = 0;
  std::int64_t done_at_ms = 0;
};

/// What is still to be done for a backfill.
struct BackfillTally {
  std::int64_t unread_count = 0;  ///< names that settle or wait to be hashed
  std::int64_t left_alone_count = 0;
  std::int64_t undecided_count = 0;
  std::int64_t file_count = 0;
  std::int64_t in_our_hands_count = 0;
  std::int64_t open_job_count = 0;
};

}  // namespace waybill
