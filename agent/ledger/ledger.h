// Ledger: the agent's record of every file it has seen, in one SQLite database.
//
// Place:    the engine above, SQLite below. All ledger SQL is in this folder, nowhere else.
// Owner:    the engine. One Ledger, one connection, one thread; a second process is WB-1101.
// Source:   schema/ledger/*.sql; field names are column names.
// Units:    *_ms are UTC milliseconds since 1970; *_bytes are octets.
// Durable:  a method that has returned has committed (WAL, synchronous = FULL).
// Errors:   every method throws Error after rolling back; SQLite::Exception never leaves.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "agent/ledger/delivery_record.h"
#include "agent/ledger/event_chain.h"
#include "agent/ledger/fetch_record.h"
#include "agent/ledger/identity.h"
#include "agent/ledger/job_file.h"
#include "agent/ledger/path_record.h"
#include "core/clock.h"
#include "core/delivery_plan.h"
#include "core/file_system.h"
#include "core/wire.h"

namespace waybill {

class LedgerDatabase;

/// How we heard of a withdrawal: a direct answer is of now, a change may be older than what we did
/// since.
enum class Told : std::uint8_t { kInAnswer, kInChange };

/// Names in the table meta.
namespace meta {
inline constexpr const char* kAgentId = "agent_id";
inline constexpr const char* kTenantId = "tenant_id";
inline constexpr const char* kTenantSlug = "tenant_slug";
inline constexpr const char* kTenantName = "tenant_name";
inline constexpr const char* kTimeZone = "time_zone";
inline constexpr const char* kAgentName = "agent_name";
inline constexpr const char* kProjectUrl = "project_url";
inline constexpr const char* kSyncCursor = "sync_cursor";
inline constexpr const char* kSpecsDigest = "specs_digest";
inline constexpr const char* kSettings = "settings";           ///< central's, JSON, last good
inline constexpr const char* kDeliveryPlan = "delivery_plan";  ///< JSON, last good; '' for none
inline constexpr const char* kCentralDeliveries = "central_deliveries";  ///< JSON, as last told
inline constexpr const char* kPlanSince = "plan_since";  ///< first date deliveries are expected of
inline constexpr const char* kTenantState = "tenant_state";  ///< "active", "halted", "closed" or ''
inline constexpr const char* kTenantReason = "tenant_reason";
inline constexpr const char* kLastContactAtMs = "last_contact_at_ms";
inline constexpr const char* kLastScanAtMs = "last_scan_at_ms";
inline constexpr const char* kExportRootId = "export_root_id";  ///< of the last good scan's folder
inline constexpr const char* kLastScanFiles = "last_scan_files";
inline constexpr const char* kContactProblem = "contact_problem";  ///< JSON {code, message} or ''
inline constexpr const char* kFolderProblem = "folder_problem";    ///< JSON {code, message} or ''
inline constexpr const char* kClockProblem = "clock_problem";      ///< JSON {code, message} or ''
inline constexpr const char* kWatchProblem = "watch_problem";      ///< JSON {code, message} or ''
inline constexpr const char* kDiskProblem = "disk_problem";        ///< JSON {code, message} or ''
inline constexpr const char* kWrittenAtMs = "written_at_ms";       ///< proof that it can be written
inline constexpr const char* kBackupProblem = "backup_problem";    ///< JSON {code, message} or ''
inline constexpr const char* kRebuildAfter =
    "rebuild_after";  ///< inventory is known up to it; '': done
inline constexpr const char* kSetAsideAs = "set_aside_as";   ///< the damaged ledger before this one
inline constexpr const char* kLedgerId = "ledger_id";        ///< made with the ledger
inline constexpr const char* kHead = "head";                 ///< last event: "<seq> <hash>"
inline constexpr const char* kPendingHead = "pending_head";  ///< told central, no answer yet
inline constexpr const char* kAnchoredHead = "anchored_head";  ///< the last central acknowledged
}  // namespace meta

/// What one sync brought, to be stored as one.
struct SyncResult {
  /// News of a file that moves nothing, but need not be looked at again.
  struct Seen {
    FileId file;
    JobFileId job_file_id;
    std::int64_t central_seq = 0;
  };

  std::vector<Move> moves;
  std::vector<Seen> seen;
  std::vector<FileId> withdrawn{};  ///< central waits for their bytes no longer
  std::int64_t cursor = 0;
  std::optional<wire::Specs> specs;
  nlohmann::json settings = nlohmann::json::object();
  std::vector<wire::DeliveryStatus> deliveries{};  ///< as central sees them
  std::string tenant_state{};
  std::string tenant_reason{};
};

/// What becomes of a ledger that is damaged or foreign when it is opened.
enum class OnDamage : std::uint8_t {
  kRefuse,    ///< WB-1102; it is left as it is
  kSetAside,  ///< it is renamed, and a new ledger begins
};

class Ledger {
 public:
  /// Opens or makes `state_folder`/ledger.sqlite3 and takes `state_folder`/ledger.lock.
  /// Throws WB-1101 (another instance), WB-1102 (damaged or foreign), WB-1103 (newer).
  Ledger(FileSystem& files, const Clock& clock, const std::filesystem::path& state_folder,
         OnDamage on_damage = OnDamage::kRefuse);
  ~Ledger();

  // ---- single facts
  [[nodiscard]] std::string meta(const char* name);  ///< "" when never set
  [[nodiscard]] std::int64_t meta_number(const char* name);
  void set_meta(const std::vector<std::pair<const char*, std::string>>& facts);
  [[nodiscard]] std::optional<Identity> identity();
  /// Identity, specs and settings as enrolment gave them, in one.
  void enroll(const Identity& identity, const wire::Specs& specs, const nlohmann::json& settings);
  [[nodiscard]] std::vector<wire::Specs::Entry> specs();
  /// Central's last good plan; nothing when the agency has none.
  [[nodiscard]] std::optional<DeliveryPlan> delivery_plan();

  // ---- names in the export folder (ledger_paths.cc)
  [[nodiscard]] std::optional<PathRecord> find_path(const std::string& relative_path);
  [[nodiscard]] std::vector<PathRecord> paths_in(PathState state, std::size_t limit);
  void for_each_path(const std::function<void(const std::string& relative_path)>& visit);
  /// Recorded names, those whose bytes were read longest ago first.
  [[nodiscard]] std::vector<PathRecord> paths_to_reread(std::size_t limit);
  /// Adds or replaces; a name that has come into trouble gets an event.
  void record_paths(std::span<const PathRecord> paths);
  /// The names are gone: their rows go, and versions that were not on their way yet vanish.
  void forget_paths(std::span<const std::string> relative_paths);
  /// The specs have changed: names that matched none, or several, are looked at again, and so are
  /// files that were refused by an older version of their spec.
  void rematch_paths();

  // ---- versions of files (ledger_files.cc)
  /// Makes each hash a version (a row for each of its parts), or finds the one it is. In the order
  /// given.
  std::vector<Discovery> record_hashes(std::span<const HashedFile> files);
  /// All moves and their events, or none. Compare-and-set: WB-1105 when a file has left `from`
  /// or the move is not in core/file_state.h.
  void move(std::span<const Move> moves);
  /// At start: an upload that was running when we ended is unsettled. Returns how many.
  std::size_t interrupt_running_uploads();
  /// How far running uploads are. A byte farther than ever before is progress: tries before it do
  /// not count any more.
  void record_uploads(std::span<const UploadProgress> uploads);
  /// People ask for another try: of the file of that name, or of every file that was given up ("").
  /// What waits in our hands is due now and its tries count from nothing. Returns how many.
  std::size_t retry(const std::string& relative_path);
  /// Central has let go of the file, as we asked, or with a fellow part. What is given up is
  /// settled with that. What is not looks at the folder: it is offered again while its bytes are
  /// there.
  void note_withdrawn(FileId file, Told told);
  /// Puts off the next try of a file without moving it.
  void put_off(FileId file, std::int64_t next_attempt_at_ms, const wire::FileProblem& problem);

  // ---- due work (ledger_queries.cc); never more than `limit`, oldest first
  [[nodiscard]] std::optional<JobFile> find(FileId file);
  [[nodiscard]] std::optional<JobFile> find(const JobFileId& job_file_id);
  [[nodiscard]] std::optional<JobFile> find_in_job(const JobKey& job_key,
                                                   const std::string& relative_path,
                                                   const Sha256Hex& content_sha256,
                                                   std::int32_t part_number);
  /// Ready files whose delivery is decided. Nightly ones wait for history that is to go ahead;
  /// history waits until all of it is hashed, and goes one delivery date after the other. A file
  /// whose content another file of the same tag is carrying to central right now is held back: it
  /// may turn out a duplicate.
  [[nodiscard]] std::vector<JobFile> files_to_register(std::size_t limit);
  [[nodiscard]] std::vector<JobFile> files_to_upload(std::size_t limit);
  [[nodiscard]] std::vector<JobFile> files_to_confirm(std::size_t limit);
  /// What preflight found in the file; nothing when only central can read it, and of later parts.
  [[nodiscard]] std::optional<PreflightRecord> preflight(FileId file);
  /// Is another part of its file refused for what it holds, not because of its fellows?
  [[nodiscard]] bool has_refused_fellow(const JobFile& file);
  /// Given up, and central still waits for their bytes.
  [[nodiscard]] std::vector<JobFile> files_to_withdraw(std::size_t limit);
  /// Of a state in our hands; 0 for any other.
  [[nodiscard]] std::int64_t count(FileState state);
  /// When the next of our files is due, or nothing when none waits for a time.
  [[nodiscard]] std::optional<std::int64_t> next_due_at_ms();

  // ---- deliveries (ledger_jobs.cc)
  [[nodiscard]] std::optional<Job> open_job(const std::string& delivery_date,
                                            const std::string& delivery_name,
                                            std::int64_t backfill_number);
  [[nodiscard]] std::optional<Job> find_job(std::int64_t job_number);
  Job make_job(const JobKey& key, const std::string& delivery_date, const std::string& name,
               std::int64_t backfill_number = 0);
  /// Puts ready files into the delivery; the other parts of a split file come along.
  void assign_job(std::int64_t job_number, std::span<const JobFile> files);
  void job_opened(std::int64_t job_number, const JobId& central_job_id);
  void close_job(std::int64_t job_number, const std::string& reason);
  /// Central has closed the job: ours closes too, and its unregistered files look for another.
  void job_found_closed(std::int64_t job_number);
  /// Open jobs with nothing left in our hands that have rested for `idle_ms`; those of history
  /// do not wait.
  [[nodiscard]] std::vector<Job> jobs_to_close(std::int64_t idle_ms);

  // ---- local files that are done (ledger_tidy.cc)
  /// First parts of files that central is done with since before `done_before_ms` and whose names
  /// still stand for them; those that could not be moved before only `with_failed`.
  [[nodiscard]] std::vector<JobFile> files_to_tidy(std::int64_t done_before_ms, bool with_failed,
                                                   std::size_t limit);
  /// The file is about to be moved to `to`, or (empty) deleted.
  void note_leaving(const JobFile& file, const std::string& to);
  /// It has left the export folder; `kind` is the event's.
  void note_left(const JobFile& file, const char* kind, const std::string& to);
  /// It could not be moved or deleted (WB-1311); said once until it works.
  void note_stays(const JobFile& file, const std::string& why);

  // ---- what belongs to which delivery (ledger_deliveries.cc)
  [[nodiscard]] std::vector<JobFile> files_without_delivery(std::size_t limit);
  /// Their deliveries, with an event for each remark.
  void decide_deliveries(std::span<const DeliveryChoice> choices);
  /// Is another file of its tag and chunk in the delivery?
  [[nodiscard]] bool has_another_like(const JobFile& file, const std::string& date,
                                      const std::string& name);
  [[nodiscard]] std::set<std::string> dates_without_delivery(const std::string& name);
  /// False when the delivery is there already.
  bool add_delivery(const DeliveryRecord& delivery);
  /// Those that are not closed, of the last weeks, oldest first.
  [[nodiscard]] std::vector<DeliveryRecord> deliveries_to_watch();
  [[nodiscard]] std::vector<Arrived> arrived(const std::string& date, const std::string& name);
  [[nodiscard]] DeliveryTally tally(const std::string& date, const std::string& name);
  /// `event`: its kind; "" when it is none.
  void put_delivery(const DeliveryRecord& delivery, const std::string& event);

  // ---- history (ledger_backfills.cc)
  [[nodiscard]] std::optional<Backfill> backfill(std::int64_t backfill_number);
  [[nodiscard]] std::vector<Backfill> open_backfills();
  /// False when the request is taken already.
  bool add_backfill(const Backfill& request);
  [[nodiscard]] BackfillTally tally(std::int64_t backfill_number);
  void put_backfill(const Backfill& backfill);

  // ---- HTTP APIs (ledger_fetches.cc)
  /// A fresh record when the fetch has never run.
  [[nodiscard]] FetchRecord fetch(const std::string& name);
  /// `event`: its kind; "" when it is none.
  void put_fetch(const FetchRecord& record, const std::string& event);

  // ---- rebuilding from what central holds (ledger_rebuild.cc)
  /// From now on, also after a restart, the ledger is to be filled from central's inventory.
  void want_rebuild();
  [[nodiscard]] bool wants_rebuild();
  /// A page of the inventory: its files as versions, and who we are when it tells it. Files that
  /// central still waits for are left out: hashing finds them, and they are registered again.
  void adopt(const wire::InventoryAnswer& page, const std::string& project_url);
  void finish_rebuild();
  [[nodiscard]] std::vector<Job> open_jobs();

  // ---- sync (ledger_sync.cc)
  /// What the next sync proves. The head in it is on disk before this returns, and stays the one
  /// that is told until a sync is answered: a lost answer is asked for, not overtaken.
  [[nodiscard]] wire::LedgerProof proof();
  /// What the sync brought, and that central has acknowledged the head it was told.
  void apply_sync(const SyncResult& result);
  [[nodiscard]] wire::LedgerHead head();

 private:
  struct EventDraft;

  void begin_if_new(const std::string& set_aside_as);
  void store_identity(const Identity& identity);
  void store_specs(const wire::Specs& specs);
  bool adopt_file(const wire::HeldFile& file);
  void expect_path(const std::string& relative_path);
  std::int64_t adopt_job_of(const wire::HeldFile& file);
  void learn_place(const HashedFile& file, const std::vector<JobFile>& parts);
  void put_meta(const char* name, const std::string& value);
  void append_event(const EventDraft& draft);
  void move_one(const Move& move);
  void withdraw(FileId number, Told told);
  [[nodiscard]] FileEvent fate_of(const JobFile& file);
  void mark_seen(const SyncResult::Seen& seen);
  void touch_job_of(FileId file);
  void append_local_event(const JobFile& file, const char* kind, nlohmann::json detail);
  Discovery record_hash(const HashedFile& file);
  bool give_up_other_cut(const HashedFile& file, const std::vector<JobFile>& parts);
  void add_version(const HashedFile& file, std::int32_t export_number);
  void add_preflight(FileId file_number, const PreflightRecord& record);
  void add_part(const HashedFile& file, const FilePart& part, std::int32_t export_number);
  [[nodiscard]] bool stands_for(const std::string& relative_path, const Sha256Hex& original_sha256);
  void doubt_path(const std::string& relative_path);
  [[nodiscard]] std::vector<JobFile> last_export(const HashedFile& file);
  Discovery see_again(const HashedFile& file, const std::vector<JobFile>& parts);
  void give_up_unsent(const std::string& relative_path, const Sha256Hex& except, FileEvent event);

  const Clock& clock_;
  std::unique_ptr<FileLock> lock_;
  std::unique_ptr<LedgerDatabase> database_;
};

/// The name of the ledger's file in the state folder.
inline constexpr const char* kLedgerFileName = "ledger.sqlite3";
inline constexpr const char* kLedgerLockName = "ledger.lock";

}  // namespace waybill
