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

#include "central/pg/connection.h"

namespace waybill {

enum class Step : std::uint8_t { kVerify, kStage, kRename, kArchive };

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
  nlohmann::json spec;  ///< kStage: the file spec of the version the file was opened with
  std::int64_t attempt = 0;
};

class Registry {
 public:
  /// `database` must outlive the Registry.
  explicit Registry(pg::Connection& database) : database_(database) {}

  /// Takes the role that may call all below. After every (re)connect.
  void become_service_role();

  /// Files whose object has arrived unannounced move to received; how many did.
  std::int64_t note_arrivals();
  /// The next due step of a tenant that nobody works for, or nothing.
  std::optional<Claim> claim_next(const std::string& worker, std::int64_t lease_s);
  /// Extends the lease from now; false when it is lost.
  bool heartbeat(const std::string& tenant_id, std::int64_t fence, std::int64_t lease_s);

  // Each ends the step and returns the file's new state.
  std::string finish_verify(const Claim& claim, const std::string& sha256, std::int64_t size_bytes);
  /// Inside the transaction that staged the rows.
  std::string finish_stage(const Claim& claim, std::int64_t rows, const std::string& sha256,
                           const nlohmann::json& report);
  std::string refuse_file(const Claim& claim, const nlohmann::json& error,
                          const nlohmann::json& report);
  std::string finish_move(const Claim& claim);

  /// The step could not be done now: counted, and due again at the time returned (as text).
  std::string fail_step(const Claim& claim, const nlohmann::json& error, bool is_transient);
  /// Gives the lease back with the step undone; it is due again at once.
  void release(const Claim& claim);

 private:
  pg::Result call(std::string_view sql, const pg::Params& params);

  pg::Connection& database_;
};

}  // namespace waybill
