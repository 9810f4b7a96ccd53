// LedgerReport: the ledger as people look at it, while the agent runs or not.
//
// Place:    agent/ledger; status and trace above. A read-only connection of its own: it never
//           changes anything and never holds up the agent.
// Units:    *_ms are UTC milliseconds since 1970.
// Errors:   as the ledger's: WB-1102, WB-1103, WB-1104, WB-1109.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/ledger/delivery_record.h"
#include "agent/ledger/event_chain.h"
#include "agent/ledger/fetch_record.h"
#include "agent/ledger/identity.h"
#include "agent/ledger/job_file.h"
#include "agent/ledger/path_record.h"

namespace waybill {

class LedgerDatabase;

struct StateCount {
  std::string state;
  std::int64_t count = 0;
};

/// A delivery and how its files stand.
struct DeliveryReport {
  Job job;
  std::vector<StateCount> states;  ///< of its files
};

/// A backfill and how its files stand.
struct BackfillReport {
  Backfill backfill;
  std::int64_t file_count = 0;
  std::int64_t delivered_count = 0;  ///< out of our hands and not refused
  std::int64_t refused_count = 0;
};

/// A file that was sent with findings, and how many.
struct RemarkedFile {
  std::string relative_path;
  std::int64_t finding_count = 0;
  std::int64_t quarantined_count = 0;  ///< rows set aside
  std::int64_t discovered_at_ms = 0;
};

class LedgerReport {
 public:
  /// nullptr when there is no ledger yet.
  [[nodiscard]] static std::unique_ptr<LedgerReport> open(
      const std::filesystem::path& state_folder);
  ~LedgerReport();

  [[nodiscard]] std::optional<Identity> identity();
  [[nodiscard]] std::string meta(const char* name);
  [[nodiscard]] std::int64_t meta_number(const char* name);

  /// The file specs as central last pushed them.
  [[nodiscard]] std::vector<wire::Specs::Entry> specs();

  /// When a delivery's day begins, as the plan last known says.
  [[nodiscard]] std::int32_t day_starts_min();

  /// Whole files; one in parts counts once, by its whole_state().
  [[nodiscard]] std::vector<StateCount> file_states();
  [[nodiscard]] std::vector<StateCount> path_states();
  /// When the file was met that waits longest for its way to central; 0 when none waits.
  [[nodiscard]] std::int64_t oldest_unsent_at_ms();
  /// The newest deliveries first.
  [[nodiscard]] std::vector<DeliveryReport> deliveries(std::size_t limit);
  /// What is expected and what has come of it, the newest first.
  [[nodiscard]] std::vector<DeliveryRecord> delivery_records(std::size_t limit);
  [[nodiscard]] std::vector<BackfillReport> backfills(std::size_t limit);
  [[nodiscard]] std::vector<FetchRecord> fetches();
  /// Files whose newest version has a problem, and that are still in the folder or had it since
  /// `since_ms`; newest first.
  [[nodiscard]] std::vector<JobFile> troubled_files(std::int64_t since_ms, std::size_t limit);
  /// The newest version of each name, those that moved last first.
  [[nodiscard]] std::vector<JobFile> newest_files(std::size_t limit);
  [[nodiscard]] std::int64_t count_names();
  /// Names in the folder whose present bytes are not a version: settling, due, unknown ...
  [[nodiscard]] std::vector<PathRecord> unrecorded_paths(std::size_t limit);
  [[nodiscard]] std::vector<PathRecord> troubled_paths(std::size_t limit);
  [[nodiscard]] std::int64_t count_troubled_files(std::int64_t since_ms);
  [[nodiscard]] std::int64_t count_troubled_paths();

  [[nodiscard]] std::optional<PathRecord> path(const std::string& relative_path);
  /// All versions of a name, oldest first, each with all its parts (group_parts() tells them).
  [[nodiscard]] std::vector<JobFile> versions(const std::string& relative_path);
  /// Events of one version, or (without) those of the name that belong to no version.
  [[nodiscard]] std::vector<LedgerEvent> events(const std::string& relative_path,
                                                std::optional<FileId> file);
  /// Files whose preflight found something and that were sent all the same, hashed since
  /// `since_ms`; newest first.
  [[nodiscard]] std::vector<RemarkedFile> remarked_files(std::int64_t since_ms, std::size_t limit);
  /// What preflight found in the file whose first part this is; nothing when it was not read.
  [[nodiscard]] std::optional<PreflightRecord> preflight(FileId file);
  [[nodiscard]] std::optional<Job> job(std::int64_t job_number);

 private:
  explicit LedgerReport(std::unique_ptr<LedgerDatabase> database);

  std::vector<StateCount> counts(const char* statement);
  std::vector<JobFile> parts_of(const JobFile& file);
  std::vector<PathRecord> list_paths(const char* statement, std::size_t limit);

  std::unique_ptr<LedgerDatabase> database_;
};

}  // namespace waybill
