// CentralModel: central's registry and storage in memory, as schema/supabase keeps them.
//
// Place:    tests/support; the CentralApi port for tests of the agent, and StorageModel beside it.
// Faults:   `before_call` and `after_call` are asked at every call and request, by name (those of
//           storage are in storage_model.h); what they throw goes out, so an answer can be lost
//           after the work was done.
// Clock:    central's own; it does not notice when somebody sets the agent's wall clock.
#pragma once

#include <fmt/core.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/error.h"
#include "sync/central_api.h"
#include "sync/uploader.h"
#include "tests/support/ledger_rules.h"
#include "tests/support/storage_model.h"

namespace waybill {

class CentralModel final : public CentralApi {
 public:
  explicit CentralModel(const Clock& clock)
      : clock_(clock), began_ms_(clock.now_ms() - clock.steady_ms()) {
    storage.before_call = [this](const std::string& call) {
      ++calls[call];
      before_call(call);
    };
    storage.after_call = [this](const std::string& call) { after_call(call); };
    storage.on_piece = [this](std::size_t sent_bytes) {
      if (on_piece) on_piece(sent_bytes);
    };
    storage.now_ms = [this] { return now_ms(); };
    storage.may_sign = [this](const std::string& path) { return is_reserved(path); };
  }
  CentralModel(const CentralModel&) = delete;
  CentralModel& operator=(const CentralModel&) = delete;

  struct File {
    JobFileId id;
    JobKey job_key;
    wire::OfferedFile offer;
    std::string state;
    std::string path;
    std::int32_t upload_count = 1;
    std::int64_t rows = -1;
    std::optional<wire::FileProblem> problem{};
    std::string duplicate_of{};
    std::string delivery_date{};
    std::string delivery_name{};
    std::int64_t opened_at_ms = 0;
    std::int64_t seq = 0;     ///< of its newest change
    bool is_retired = false;  ///< its rows were taken out again; the same may be registered anew
  };

  std::function<void(const std::string& call)> before_call = [](const std::string&) {};
  std::function<void(const std::string& call)> after_call = [](const std::string&) {};
  wire::Specs specs;
  std::string refused_word = "BROKEN";  ///< content holding it is refused when it is read
  bool preflight_stops = true;          ///< what its spec refuses at the agency is not asked for
  std::vector<wire::SyncRequest> syncs{};
  std::map<std::string, int> calls{};  ///< how often each was made
  StorageModel storage;
  std::map<std::string, std::string>& objects = storage.objects;
  std::map<std::string, std::string> jobs{};               ///< job key -> "open" | "closed"
  bool& tokens_expire = storage.tokens_expire;             ///< every token is refused
  std::function<void(std::size_t sent_bytes)> on_piece{};  ///< while an upload runs
  LedgerRules ledger_rules{};
  std::size_t inventory_page_max = 500;
  wire::Json settings = wire::Json::object();
  std::int64_t resumable_above_bytes = 6 * 1024 * 1024;
  std::int64_t targets_live_ms = 7'200'000;
  bool storage_signs = false;       ///< signing mode "storage"
  std::int64_t clock_ahead_ms = 0;  ///< of the agent's when that is right

  [[nodiscard]] std::int64_t now_ms() const {
    return began_ms_ + clock_.steady_ms() + clock_ahead_ms;
  }

  // ---- what the worker does: one step of one file; true when there was one

  bool work() {
    for (File& file : files_) {
      if (file.state == "received") return verify(file);
    }
    for (File& file : files_) {
      if (file.state == "verified" && is_set_whole(file)) return stage(file);
      if (file.state == "staged") return set(file, "processed");
      if (file.state == "processed") return set(file, "archived");
    }
    return false;
  }

  /// Central's operator lets a refused file try again; its object is still stored.
  void retry(const std::string& relative_path) {
    for (File& file : files_) {
      if (file.offer.relative_path != relative_path || file.state != "refused") continue;
      file.problem.reset();
      set(file, "received");
    }
  }
  /// Central's operator takes the file's rows out again.
  void retire(const std::string& relative_path) {
    for (File& file : files_) {
      if (file.offer.relative_path == relative_path) set(file, "refused");
    }
  }

  /// Central's operator accepts the ledger that was refused.
  void accept_ledger() { ledger_rules.accept(); }
  /// The same for one file, and for the other parts of it.
  void retire(const JobFileId& id) {
    const wire::OfferedFile offer = need(id).offer;
    for (File& file : files_) {
      const bool is_part = original_of(file.offer) == original_of(offer) && is_live(file) &&
                           file.offer.file_tag == offer.file_tag;
      if (!is_part || file.state == "verified") continue;
      file.problem = {"WB-2117", "central's operator took its rows out again", {}};
      file.is_retired = true;
      set(file, "refused");
    }
  }
  void retry(const JobFileId& id) {
    File& file = need(id);
    file.problem.reset();
    if (objects.contains(file.path)) {
      set(file, "received");
    } else {
      await_again(file);  // its bytes were never sent
    }
  }
  /// The time of sets that are not whole is up.
  void give_up_sets() {
    for (std::size_t i = 0; i < files_.size(); ++i) {
      const File file = files_[i];
      if (file.state == "verified" && !is_set_whole(file)) refuse_set(file);
    }
  }
  [[nodiscard]] std::int64_t last_seq() const { return static_cast<std::int64_t>(changes_.size()); }

  /// Files of earlier days, in the state they have come to.
  void hold(const wire::OpenJobRequest& request, const std::string& state) {
    jobs[request.job_key.value] = "closed";
    for (const wire::OfferedFile& offer : request.files) {
      files_.push_back({.id = JobFileId(fmt::format("file-{}", files_.size() + 1)),
                        .job_key = request.job_key,
                        .offer = offer,
                        .state = state,
                        .path = fmt::format("riverside/{}-1", files_.size() + 1),
                        .rows = 1,
                        .delivery_date = request.delivery_date,
                        .delivery_name = request.delivery_name,
                        .opened_at_ms = clock_.now_ms()});
      set(files_.back(), state);
    }
  }

  /// An object arrives altered by something on the way.
  void corrupt(const std::string& path) { objects.at(path) += "x"; }

  [[nodiscard]] const std::vector<File>& files() const { return files_; }
  [[nodiscard]] std::vector<File> files_of(const std::string& relative_path) const {
    std::vector<File> out;
    for (const File& file : files_) {
      if (file.offer.relative_path == relative_path) out.push_back(file);
    }
    return out;
  }
  /// How often rows of this content were staged: more than once is a broken promise.
  [[nodiscard]] int stagings(const Sha256Hex& content) const {
    const auto found = stagings_.find(content);
    return found == stagings_.end() ? 0 : found->second;
  }

  // ---- CentralApi

  wire::EnrollAnswer enroll(const wire::EnrollRequest& /*request*/) override {
    return {AgentId("agent"), {TenantId("tenant"), "riverside", "Riverside", "UTC"}, 0, {}, specs};
  }

  wire::OpenJobAnswer open_job(const wire::OpenJobRequest& request) override {
    const Call call(*this, "open_job");
    refuse_diverged();
    std::string& job = jobs.try_emplace(request.job_key.value, "open").first->second;
    if (job == "closed") {
      throw Error(error_code::kJobClosed, "call", "ingest_open_job", "this job is closed");
    }
    wire::OpenJobAnswer answer{JobId("job:" + request.job_key.value), "open", {}};
    for (const wire::OfferedFile& offer : request.files) {
      answer.files.push_back(answer_for(take(request, offer), answer.files.size()));
    }
    call.done();
    return answer;
  }

  std::vector<wire::FileAnswer> renew_uploads(const std::vector<JobFileId>& ids) override {
    const Call call(*this, "renew_uploads");
    refuse_diverged();
    std::vector<wire::FileAnswer> out;
    for (const JobFileId& id : ids) {
      const File& file = need(id);
      out.push_back({id, file.state, target(file), file.problem});
    }
    call.done();
    return out;
  }

  std::vector<wire::FileAnswer> confirm_uploads(
      const std::vector<wire::ConfirmedFile>& confirmed) override {
    const Call call(*this, "confirm_uploads");
    refuse_diverged();
    std::vector<wire::FileAnswer> out;
    for (const wire::ConfirmedFile& entry : confirmed) {
      File& file = need(entry.job_file_id);
      std::optional<wire::FileProblem> problem = file.problem;
      if (file.state == "awaiting_upload") problem = arrive(file);
      out.push_back({file.id, file.state, std::nullopt, problem});
    }
    call.done();
    return out;
  }

  std::vector<wire::FileAnswer> withdraw_files(
      const std::vector<wire::WithdrawnFile>& withdrawn) override {
    const Call call(*this, "withdraw_files");
    refuse_diverged();
    std::vector<wire::FileAnswer> out;
    for (const wire::WithdrawnFile& entry : withdrawn) {
      File& file = need(entry.job_file_id);
      if (file.state == "awaiting_upload") let_go(file);
      out.push_back({file.id, file.state, std::nullopt, file.problem});
    }
    call.done();
    return out;
  }

  wire::CloseJobAnswer close_job(const JobKey& key, const std::string& /*reason*/) override {
    const Call call(*this, "close_job");
    refuse_diverged();
    const auto job = jobs.find(key.value);
    if (job == jobs.end()) {
      throw Error(error_code::kJobNotFound, "call", "ingest_close_job", "no job has this key");
    }
    job->second = "closed";
    call.done();
    return {JobId("job:" + key.value), "closed"};
  }

  wire::SyncAnswer sync(const wire::SyncRequest& request) override {
    const Call call(*this, "sync");
    syncs.push_back(request);
    wire::SyncAnswer answer;
    answer.server_time_ms = now_ms();
    if (!ledger_rules.take(request.ledger)) {
      answer.ledger_problem = {"WB-2007", "the ledger does not continue the one known here", {}};
      call.done();
      return answer;
    }
    answer.settings = settings;
    answer.cursor = static_cast<std::int64_t>(changes_.size());
    for (const wire::Change& change : changes_) {
      if (change.seq > request.cursor) answer.changes.push_back(change);
    }
    if (request.specs_digest != specs.digest) answer.file_specs = specs;
    call.done();
    return answer;
  }

  wire::InventoryAnswer inventory(std::int64_t after) override {
    const Call call(*this, "inventory");
    refuse_diverged();
    wire::InventoryAnswer answer;
    answer.after = after;
    answer.cursor = static_cast<std::int64_t>(changes_.size());
    for (std::size_t i = static_cast<std::size_t>(after); i < files_.size(); ++i) {
      if (answer.files.size() == inventory_page_max) {
        answer.more = true;
        break;
      }
      answer.files.push_back(held(files_[i]));
      answer.after = static_cast<std::int64_t>(i) + 1;
    }
    if (after == 0) {
      answer.agent = enroll({});
      answer.agent_name = "server";
    }
    call.done();
    return answer;
  }

 private:
  /// Asks the fault hooks around one call.
  class Call {
   public:
    Call(CentralModel& model, std::string name) : model_(model), name_(std::move(name)) {
      ++model_.calls[name_];
      model_.before_call(name_);
    }
    void done() const { model_.after_call(name_); }

   private:
    CentralModel& model_;
    std::string name_;
  };

  void refuse_diverged() const {
    if (!ledger_rules.is_refused()) return;
    throw Error(error_code::kLedgerDiverged, "call", "central", "this ledger is not accepted");
  }

  [[nodiscard]] wire::HeldFile held(const File& file) const {
    wire::HeldFile out;
    out.seq = file.seq;
    out.opened_at_ms = file.opened_at_ms;
    out.job_file_id = file.id;
    out.job_id = JobId("job:" + file.job_key.value);
    out.job_key = file.job_key;
    out.is_job_open = jobs.at(file.job_key.value) == "open";
    out.delivery_date = file.delivery_date;
    out.delivery_name = file.delivery_name;
    out.relative_path = file.offer.relative_path;
    out.file_tag = file.offer.file_tag;
    out.spec_version = 1;
    out.content_sha256 = file.offer.content_sha256;
    out.original_sha256 = original_of(file.offer);
    out.part_number = file.offer.part_number;
    out.part_count = file.offer.part_count;
    out.first_source_row = file.offer.first_source_row;
    out.chunk_number = file.offer.chunk_number;
    out.chunk_count = file.offer.chunk_count;
    out.size_bytes = file.offer.size_bytes;
    out.modified_at_ms = file.offer.modified_at_ms;
    out.state = file.state;
    out.entity = file.offer.file_tag.value;
    out.rows_staged = file.rows;
    if (!file.duplicate_of.empty()) out.duplicate_of = {{"job_file_id", file.duplicate_of}};
    out.error = file.problem;
    return out;
  }

  File& need(const JobFileId& id) {
    for (File& file : files_) {
      if (file.id == id) return file;
    }
    throw Error(error_code::kJobFileNotFound, "call", "central", "no such file is registered here");
  }

  bool set(File& file, const std::string& state) {
    file.state = state;
    wire::Change change;
    change.seq = static_cast<std::int64_t>(changes_.size()) + 1;
    change.at_ms = now_ms();
    change.job_file_id = file.id;
    change.job_key = file.job_key;
    change.relative_path = file.offer.relative_path;
    change.content_sha256 = file.offer.content_sha256;
    change.part_number = file.offer.part_number;
    change.state = state;
    change.entity = file.offer.file_tag.value;
    change.rows_staged = file.rows;
    change.error = file.problem;
    changes_.push_back(change);
    file.seq = change.seq;
    return true;
  }

  /// Central waits for the file no longer, nor for its fellow parts; what of them is there already
  /// will not be staged.
  void let_go(const File& asked) {
    const JobFileId asked_id = asked.id;
    const JobKey job_key = asked.job_key;
    const wire::OfferedFile offer = asked.offer;
    for (File& file : files_) {
      const bool is_fellow = file.job_key == job_key &&
                             file.offer.relative_path == offer.relative_path &&
                             original_of(file.offer) == original_of(offer);
      const bool is_open = file.state == "awaiting_upload" || file.state == "received" ||
                           file.state == "verified" || file.state == "staged";
      if (!is_fellow || !is_open) continue;
      if (file.state == "staged") --stagings_[file.offer.content_sha256];
      file.problem = {"WB-2114", "the set of its parts was refused (WB-2115)", {}};
      if (file.id == asked_id) {
        file.problem = {"WB-2115", "it was changed or removed before it was sent", {}};
      }
      set(file, "refused");
    }
  }
  /// Refused only because it, or a fellow part, was withdrawn?
  [[nodiscard]] bool is_withdrawn(const File& file) const {
    const auto is_refused_for = [](const File& one, const char* code) {
      return one.state == "refused" && one.problem && one.problem->code == code;
    };
    if (is_refused_for(file, "WB-2115")) return true;
    if (!is_refused_for(file, "WB-2114")) return false;
    return std::none_of(files_.begin(), files_.end(), [&](const File& other) {
      return original_of(other.offer) == original_of(file.offer) && other.state == "refused" &&
             !is_refused_for(other, "WB-2114") && !is_refused_for(other, "WB-2115");
    });
  }

  static Sha256Hex original_of(const wire::OfferedFile& offer) {
    return offer.original_sha256.empty() ? offer.content_sha256 : offer.original_sha256;
  }
  static bool is_same_content(const wire::OfferedFile& one, const wire::OfferedFile& other) {
    return original_of(one) == original_of(other) && one.part_number == other.part_number;
  }

  /// Are all parts of the file's set there and verified?
  [[nodiscard]] bool is_set_whole(const File& file) const {
    const auto is_ready_member = [&](const File& other) {
      const bool is_member = original_of(other.offer) == original_of(file.offer) &&
                             other.offer.part_count == file.offer.part_count;
      return is_member && (other.state == "verified" || other.state == "staged" ||
                           other.state == "processed" || other.state == "archived");
    };
    return std::count_if(files_.begin(), files_.end(), is_ready_member) >= file.offer.part_count;
  }

  static bool is_live(const File& file) {
    return file.state == "verified" || file.state == "staged" || file.state == "processed" ||
           file.state == "archived";
  }

  void refuse_set(const File& of) {
    for (File& file : files_) {
      const bool is_member = original_of(file.offer) == original_of(of.offer) &&
                             file.offer.file_tag == of.offer.file_tag;
      const bool is_unstaged =
          file.state == "verified" || file.state == "received" || file.state == "awaiting_upload";
      if (!is_member || !is_unstaged) continue;
      file.problem = {"WB-2111", "the set is not whole", {}};
      set(file, "refused");
    }
  }

  [[nodiscard]] const File* live_copy(const wire::OfferedFile& offer) const {
    for (const File& file : files_) {
      if (is_live(file) && file.offer.file_tag == offer.file_tag &&
          is_same_content(file.offer, offer)) {
        return &file;
      }
    }
    return nullptr;
  }

  const File& take(const wire::OpenJobRequest& request, const wire::OfferedFile& offer) {
    const JobKey& key = request.job_key;
    for (File& file : files_) {
      const bool is_same = file.offer.relative_path == offer.relative_path &&
                           is_same_content(file.offer, offer) &&
                           file.offer.content_sha256 == offer.content_sha256 &&
                           file.offer.part_count == offer.part_count;
      if (is_same && !file.is_retired && file.job_key == key && is_withdrawn(file)) {
        file.problem.reset();
        await_again(file);
        return file;
      }
      if (is_same && !file.is_retired && (file.job_key == key || file.state == "awaiting_upload"))
        return file;
    }
    File file{.id = JobFileId(fmt::format("file-{}", files_.size() + 1)),
              .job_key = key,
              .offer = offer,
              .state = "awaiting_upload",
              .path = fmt::format("riverside/{}-1", files_.size() + 1)};
    if (offer.size_bytes == 0) {
      file.state = "refused";
      file.problem = {"WB-3001", "the file holds no bytes", {}};
    } else if (const File* first = live_copy(offer)) {
      file.state = "duplicate";
      file.duplicate_of = first->id.value;
    } else if (preflight_stops && is_refused_at_the_edge(offer)) {
      const wire::Json& error = offer.preflight.at("error");
      file.state = "refused";
      file.problem = {error.at("code"), error.at("message"), error};
    }
    file.delivery_date = request.delivery_date;
    file.delivery_name = request.delivery_name;
    file.opened_at_ms = now_ms();
    files_.push_back(file);
    set(files_.back(), file.state);
    return files_.back();
  }

  /// By the version of its spec that is in force.
  [[nodiscard]] bool is_refused_at_the_edge(const wire::OfferedFile& offer) const {
    if (!offer.preflight.is_object() || offer.preflight.at("outcome") != "refused") return false;
    return std::any_of(specs.specs.begin(), specs.specs.end(),
                       [&](const wire::Specs::Entry& entry) {
                         return entry.file_tag == offer.file_tag &&
                                offer.preflight.at("spec_version") == entry.version;
                       });
  }

  [[nodiscard]] std::optional<wire::UploadTarget> target(const File& file) const {
    if (file.state != "awaiting_upload") return std::nullopt;
    wire::UploadTarget out;
    out.bucket = "bucket";
    out.path = ObjectPath(file.path);
    out.expires_at_ms = now_ms() + targets_live_ms;
    const bool is_large = file.offer.size_bytes > resumable_above_bytes;
    const std::string token = StorageModel::token(file.path, out.expires_at_ms);
    out.method = is_large ? wire::UploadMethod::kResumable : wire::UploadMethod::kPut;
    out.url = is_large ? StorageModel::kResumable : StorageModel::kSignedPath + file.path;
    if (storage_signs) {
      out.sign_url = StorageModel::kSignedPath + file.path;
    } else if (is_large) {
      out.token = token;
    } else {
      out.url += "?token=" + token;
    }
    return out;
  }

  /// What the policy asks before storage signs.
  [[nodiscard]] bool is_reserved(const std::string& path) const {
    return std::any_of(files_.begin(), files_.end(), [&](const File& file) {
      return file.path == path && file.state == "awaiting_upload";
    });
  }

  [[nodiscard]] wire::OpenedFile answer_for(const File& file, std::size_t index) const {
    wire::OpenedFile out;
    out.index = index;
    out.job_file_id = file.id;
    out.state = file.state;
    out.upload = target(file);
    out.error = file.problem;
    out.duplicate_of = wire::Json::object();
    out.outcome = wire::OpenOutcome::kKnown;
    if (file.state == "awaiting_upload") out.outcome = wire::OpenOutcome::kUpload;
    if (file.state == "refused") out.outcome = wire::OpenOutcome::kRefused;
    if (file.state == "duplicate") {
      out.outcome = wire::OpenOutcome::kDuplicate;
      out.duplicate_of = {{"job_file_id", file.duplicate_of}};
    }
    return out;
  }

  std::optional<wire::FileProblem> arrive(File& file) {
    const auto object = objects.find(file.path);
    if (object == objects.end()) {
      return wire::FileProblem{"WB-4001", "the object is not there", {}};
    }
    if (static_cast<std::int64_t>(object->second.size()) != file.offer.size_bytes) {
      await_again(file);
      return wire::FileProblem{"WB-4002", "the stored size is not the registered one", {}};
    }
    if (const File* first = live_copy(file.offer)) {
      file.duplicate_of = first->id.value;
      set(file, "duplicate");
    } else {
      set(file, "received");
    }
    return std::nullopt;
  }

  void await_again(File& file) {
    file.path = fmt::format("riverside/{}-{}", file.id.value, ++file.upload_count);
    set(file, "awaiting_upload");
  }

  bool verify(File& file) {
    if (sha256_hex(objects.at(file.path)) != file.offer.content_sha256) {
      await_again(file);
      return true;
    }
    const File* first = live_copy(file.offer);
    if (first != nullptr) file.duplicate_of = first->id.value;
    return set(file, first == nullptr ? "verified" : "duplicate");
  }

  bool stage(File& file) {
    const std::string& content = objects.at(file.path);
    if (content.find(refused_word) != std::string::npos) {
      file.problem = {"WB-3002", "a quote is not closed", {{"row", 4}, {"column", "notes"}}};
      return set(file, "refused");
    }
    ++stagings_[file.offer.content_sha256];
    file.rows = static_cast<std::int64_t>(std::count(content.begin(), content.end(), '\n'));
    return set(file, "staged");
  }

  const Clock& clock_;
  std::int64_t began_ms_;  // central's clock minus the steady one
  std::vector<File> files_;
  std::vector<wire::Change> changes_;
  std::map<Sha256Hex, int> stagings_;
};

/// The real uploader onto the model's storage.
class ModelUploader final : public Uploader {
 public:
  explicit ModelUploader(CentralModel& model) : uploader_(model_uploader(model.storage)) {}
  UploadAnswer send(const UploadRequest& request, const ByteSource& source,
                    const SessionListener& on_session) override {
    return uploader_.send(request, source, on_session);
  }
  void drop(const UploadRequest& request) override { uploader_.drop(request); }

 private:
  HttpUploader uploader_;
};

}  // namespace waybill
