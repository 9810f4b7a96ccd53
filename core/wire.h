// The JSON that agent and central speak: bodies and answers of the ingest_* functions.
//
// Place:    core; used by sync/ (HTTP) and by tests. schema/wire/ says the same to other readers.
// Units:    *_ms are UTC milliseconds since 1970 here, RFC 3339 text on the wire; *_bytes octets.
// Errors:   an answer that lacks what we need, or has it in another type, is Error WB-1206. Keys we
//           do not know are ignored, so central may say more tomorrow.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/crypto.h"
#include "core/ids.h"

namespace waybill::wire {

using Json = nlohmann::json;

/// What central says about a file that it did not take. `details` is central's object as it came:
/// row, column, line and the like; never a value of the file.
struct FileProblem {
  std::string code;     ///< "WB-3002"
  std::string message;  ///< one sentence
  Json details = Json::object();
};

enum class UploadMethod : std::uint8_t {
  kPut,        ///< one signed PUT
  kResumable,  ///< TUS, in chunks; it goes on where it broke off
};

/// Where to send a file's bytes. Holds a token: never log it, never store it.
/// Signed by central (sign_url empty): url of a PUT holds the token; for TUS it is `token`.
/// Signed by Storage (sign_url given): POST there first, with the publishable key.
struct UploadTarget {
  UploadMethod method = UploadMethod::kPut;
  std::string bucket;
  ObjectPath path;
  std::string url;       ///< relative to the project's URL
  std::string token;     ///< of a TUS upload, goes in x-signature; "" otherwise
  std::string sign_url;  ///< relative to the project's URL; "" when central has signed
  std::int64_t expires_at_ms = 0;
};

struct Specs {
  std::string digest;  ///< central's name for exactly this set
  struct Entry {
    FileTag file_tag;
    std::int32_t version = 0;
    Json spec;
  };
  std::vector<Entry> specs;
  Json delivery_plan{};  ///< as core/delivery_plan.h reads it; null when the agency has none
};

// ingest_enroll
struct EnrollRequest {
  std::string code;
  std::string agent_name;
  Sha256Hex secret_hash;
  Json machine = Json::object();
};
struct Tenant {
  TenantId tenant_id;
  std::string slug;
  std::string display_name;
  std::string time_zone;  ///< IANA name
};
struct EnrollAnswer {
  AgentId agent_id;
  Tenant tenant;
  std::int64_t server_time_ms = 0;
  Json settings = Json::object();
  Specs file_specs;
};

// ingest_open_job
inline constexpr std::size_t kOpenFilesMax = 500;  ///< files in one call
struct OfferedFile {
  std::string relative_path;
  FileTag file_tag;
  Sha256Hex content_sha256;
  std::int64_t size_bytes = 0;
  std::int64_t modified_at_ms = 0;
  Sha256Hex original_sha256{};   ///< of the partner's whole file; "" when this is the whole file
  std::int32_t part_number = 1;  ///< of the parts that we cut the file into
  std::int32_t part_count = 1;
  std::int64_t first_source_row = 1;  ///< number in the whole file of this part's first row
  std::int32_t chunk_number = 1;      ///< of the files that the partner delivers as one set
  std::int32_t chunk_count = 1;
  Json preflight{};  ///< preflight_notice() of the whole file, with its first part; or null
};
/// What a delivery is: tonight's, or a piece of history that is loaded beside it.
enum class DeliveryKind : std::uint8_t {
  kNightly,
  kHistoryAhead,   ///< nightly files wait until it is done
  kHistoryBehind,  ///< it is staged only while no nightly file is due
};
struct OpenJobRequest {
  JobKey job_key;
  std::string delivery_date;  ///< "YYYY-MM-DD" in the agency's time zone
  std::string delivery_name;
  DeliveryKind kind = DeliveryKind::kNightly;
  bool allow_older = false;  ///< stage also what is older than the newest processed of its tag
  std::vector<OfferedFile> files;
};
enum class OpenOutcome : std::uint8_t { kUpload, kDuplicate, kKnown, kRefused };
struct OpenedFile {
  std::size_t index = 0;  ///< in the request
  JobFileId job_file_id;
  std::string state;  ///< central's name
  OpenOutcome outcome = OpenOutcome::kUpload;
  std::optional<UploadTarget> upload;  ///< always there for kUpload
  Json duplicate_of;                   ///< {job_file_id, job_key, relative_path, state} or null
  std::optional<FileProblem> error;
};
struct OpenJobAnswer {
  JobId job_id;
  std::string state;
  std::vector<OpenedFile> files;  ///< as many as asked, in that order
};

// ingest_renew_uploads, ingest_confirm_uploads
struct FileAnswer {
  JobFileId job_file_id;
  std::string state;  ///< empty when central does not know the file (problem WB-2104)
  std::optional<UploadTarget> upload;
  std::optional<FileProblem> problem;
};
struct ConfirmedFile {
  JobFileId job_file_id;
  std::int64_t size_bytes = 0;
};

// ingest_withdraw_files
enum class WithdrawReason : std::uint8_t { kChanged, kRemoved };
struct WithdrawnFile {
  JobFileId job_file_id;
  WithdrawReason reason = WithdrawReason::kChanged;
};

// ingest_close_job
struct CloseJobAnswer {
  JobId job_id;
  std::string state;
};

// ingest_sync, ingest_inventory
struct LedgerHead {
  std::int64_t seq = 0;
  Sha256Hex hash;
};
/// Proof that a ledger is the one central knows: it compares `anchored` with the newest head it
/// keeps of the agent. An agent sends one head until central has acknowledged it.
struct LedgerProof {
  std::string ledger_id;  ///< made with the ledger; another one is another history
  LedgerHead head;
  std::optional<LedgerHead> anchored;  ///< the head that central acknowledged last
  std::string public_key;              ///< PEM; what the agent signs its manifests with
};
struct SyncRequest {
  std::int64_t cursor = 0;
  Json health = Json::object();
  LedgerProof ledger;
  std::string specs_digest;
};
/// A file's state at central after one of its events.
struct Change {
  std::int64_t seq = 0;
  std::int64_t at_ms = 0;
  JobFileId job_file_id;
  JobKey job_key;
  std::string relative_path;
  Sha256Hex content_sha256;
  std::int32_t part_number = 1;
  std::string state;
  std::string entity;
  std::int64_t rows_staged = -1;  ///< -1: not known (yet)
  std::optional<FileProblem> error;
};
/// A delivery as central sees it.
struct DeliveryStatus {
  std::string date;
  std::string name;
  std::string state;                 ///< open, complete, late, partial or closed
  std::vector<std::string> missing;  ///< tags of required files that have not come
  std::int64_t deadline_at_ms = 0;   ///< 0: none
};
struct SyncAnswer {
  std::int64_t server_time_ms = 0;
  std::int64_t cursor = 0;
  bool more = false;
  std::vector<Change> changes;
  std::optional<Specs> file_specs;  ///< nothing when the digest we sent is current
  Json settings = Json::object();
  std::vector<DeliveryStatus> deliveries;  ///< of the last days, newest first
  std::string tenant_state = "active";     ///< active, halted or closed
  std::string tenant_state_reason;
  /// WB-2007: central refuses this ledger; nothing else of the answer counts.
  std::optional<FileProblem> ledger_problem;
};
/// A file as central holds it: enough to write it into a ledger that was lost.
struct HeldFile {
  std::int64_t seq = 0;  ///< of its newest event
  std::int64_t opened_at_ms = 0;
  JobFileId job_file_id;
  JobId job_id;
  JobKey job_key;
  bool is_job_open = false;
  std::string delivery_date;
  std::string delivery_name;
  std::string relative_path;
  FileTag file_tag;
  std::int32_t spec_version = 0;
  Sha256Hex content_sha256;
  Sha256Hex original_sha256;
  std::int32_t part_number = 1;
  std::int32_t part_count = 1;
  std::int64_t first_source_row = 1;
  std::int32_t chunk_number = 1;
  std::int32_t chunk_count = 1;
  std::int64_t size_bytes = 0;
  std::int64_t modified_at_ms = 0;
  std::string state;
  std::string entity;
  std::int64_t rows_staged = -1;
  Json duplicate_of = Json::object();
  std::optional<FileProblem> error;
};
struct InventoryAnswer {
  std::vector<HeldFile> files;
  std::int64_t after = 0;
  bool more = false;
  std::int64_t cursor = 0;            ///< for the first sync: what came before is in `files`
  std::optional<EnrollAnswer> agent;  ///< who we are; told with the first page
  std::string agent_name;             ///< ... and our name
};

[[nodiscard]] Json to_json(const EnrollRequest& request);
[[nodiscard]] Json to_json(const OpenJobRequest& request);
[[nodiscard]] Json to_json(const SyncRequest& request);
[[nodiscard]] Json renew_request(const std::vector<JobFileId>& files);
[[nodiscard]] Json confirm_request(const std::vector<ConfirmedFile>& files);
[[nodiscard]] Json withdraw_request(const std::vector<WithdrawnFile>& files);

[[nodiscard]] EnrollAnswer parse_enroll_answer(const Json& body);
/// `asked` is the number of files in the request; an answer for more or fewer is malformed.
[[nodiscard]] OpenJobAnswer parse_open_job_answer(const Json& body, std::size_t asked);
[[nodiscard]] std::vector<FileAnswer> parse_file_answers(const Json& body, std::string_view rpc);
[[nodiscard]] CloseJobAnswer parse_close_job_answer(const Json& body);
[[nodiscard]] SyncAnswer parse_sync_answer(const Json& body);
[[nodiscard]] InventoryAnswer parse_inventory_answer(const Json& body);

}  // namespace waybill::wire
