// Registry: the worker's calls of the ingest.* functions, each one statement.
//
// Place:    central/worker, over central/pg. All SQL of the worker is here and in staging_writer.
// Owner:    one thread, with the Connection it is given, whose role is service_role.
// Source:   schema/supabase/migrations. Every finish_* checks lease and fence and gives the lease
//           back; what a lost lease tries is refused with WB-5002.
// Errors:   a refusal by our own functions is Error with their code; others as central/pg says.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "central/pg/connection.h"

namespace waybill {

enum class Step : std::uint8_t { kVerify, kSplit, kStage, kRename, kArchive };

/// "verify", "split", "stage", "rename", "archive".
[[nodiscard]] std::string_view to_string(Step step);

/// One step on one file, leased to this worker until the lease expires or the step is finished.
struct Claim {
  std::string tenant_id;
  std::string tenant;      ///< slug, for people
  std::int64_t fence = 0;  ///< proves that the lease is ours; grows with every claim
  Step step = Step::kVerify;
  std::string job_id;
  std::string job_file_id;
  std::string relative_path;  ///< the partner's own name
  std::string bucket;
  std::string object_path;
  std::string target_path;  ///< kRename and kArchive: where the object shall be
  std::string content_sha256;
  std::int64_t size_bytes = 0;
  std::string entity;
  std::int64_t first_source_row = 1;
  std::int32_t part_count = 1;  ///< 1: the whole file
  nlohmann::json spec;  ///< kSplit, kStage: the file spec of the version the file was opened with
  bool skip_known_rows = false;  ///< kStage: leave out rows that staging has already (history)
  std::int64_t attempt = 0;
};

/// Staged rows that a check found, and the numbers of the first of them.
struct RowsFound {
  std::int64_t rows = 0;
  std::int64_t keys = 0;  ///< different keys that they name; of unknown_references()
  std::vector<std::int64_t> first_rows;
};

/// How many rows the recent files of a tag have.
struct UsualRowCount {
  std::int64_t files = 0;       ///< that were looked at, at most seven; 0 for a chunk or history
  std::int64_t median = 0;      ///< of their rows, those of all parts together
  std::int64_t other_rows = 0;  ///< read in the other parts of the claim's file
};

/// A stored object that no file wants any more, recorded and due to be removed.
struct Orphan {
  std::int64_t id = 0;
  std::string tenant;  ///< slug, for people
  std::string bucket;
  std::string object_path;
  std::string reason;  ///< "withdrawn", "duplicate", ...; see ingest.orphan
};

class Registry {
 public:
  /// `database` must outlive the Registry.
  explicit Registry(pg::Connection& database) : database_(database) {}

  /// Takes the role that may call all below. After every (re)connect.
  void become_service_role();

  /// Files whose object has arrived unannounced move to received; how many did.
  std::int64_t note_arrivals();
  /// Deadlines, missing and late files, sets that will not become whole; how many things it noted.
  std::int64_t sweep();
  /// The next due step of a tenant that nobody works for, or nothing.
  std::optional<Claim> claim_next(const std::string& worker, std::int64_t lease_s);
  /// Extends the lease from now; false when it is lost.
  bool heartbeat(const std::string& tenant_id, std::int64_t fence, std::int64_t lease_s);

  // Each ends the step and returns the file's new state.
  std::string finish_verify(const Claim& claim, const std::string& sha256, std::int64_t size_bytes);
  /// Inside the transaction that staged the rows. `rejected` is null when no row was set aside.
  std::string finish_stage(const Claim& claim, std::int64_t rows, const std::string& sha256,
                           const nlohmann::json& report, const nlohmann::json& rejected);
  std::string refuse_file(const Claim& claim, const nlohmann::json& error,
                          const nlohmann::json& report, const nlohmann::json& rejected);
  std::string finish_move(const Claim& claim);
  /// `parts` is an array of {part_number, size_bytes, content_sha256, first_source_row}; one part
  /// says that the file fits as it is.
  std::string finish_split(const Claim& claim, const nlohmann::json& parts);
  /// Where the object of a part of the claim's file belongs.
  std::string part_path(const Claim& claim, std::int32_t part_number);

  // What staging knows of the rows that this transaction has added for the claim's file. Nothing:
  // the file is none to ask this of, or not before the other parts of its original are staged.
  std::optional<UsualRowCount> usual_row_count(const Claim& claim);
  /// Rows whose natural key another content of the same delivery date or before has brought.
  std::optional<RowsFound> known_keys(const Claim& claim);
  /// Rows whose natural key an earlier row of the original has: in another part, or from row
  /// `unchecked_from` on (0: none) in this one.
  std::optional<RowsFound> repeated_keys(const Claim& claim, std::int64_t unchecked_from);
  /// Rows whose payload `keys` name no staged row of the entity.
  std::optional<RowsFound> unknown_references(const Claim& claim, const std::string& entity,
                                              const std::vector<std::string>& keys);

  /// The step could not be done now: counted, and due again at the time returned (as text).
  std::string fail_step(const Claim& claim, const nlohmann::json& error, bool is_transient);
  /// Gives the lease back with the step undone and not counted; it is due again at once.
  void release(const Claim& claim);

  /// Alerts that are due, an array, at most `limit`; each is this holder's for a minute.
  nlohmann::json next_alerts(const std::string& holder, std::int64_t limit);
  /// The alert went out, or `problem` says why not; then it is due again later.
  void finish_alert(std::int64_t alert_id, const std::string& problem);

  /// Looks at up to `limit` objects of a bucket whose walk is due; how many orphans it recorded.
  std::int64_t find_orphans(std::int64_t limit);
  /// Orphans to remove now, at most `limit`; each is the caller's for some minutes.
  std::vector<Orphan> next_orphans(std::int64_t limit);
  /// True when the object is gone; else it is due again later, for `problem` or because it is
  /// still there.
  bool finish_orphan(std::int64_t orphan_id, const std::string& problem);

 private:
  pg::Result call(std::string_view sql, const pg::Params& params);
  std::optional<RowsFound> find_rows(std::string_view sql, const pg::Params& params);

  pg::Connection& database_;
};

}  // namespace waybill
