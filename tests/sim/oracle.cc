#include "tests/sim/oracle.h"

#include <sqlite3.h>

#include <algorithm>

#include "agent/ledger/event_chain.h"
#include "core/file_state.h"

namespace waybill::sim {

namespace {

/// Reads a ledger's file through a connection of its own.
class Look {
 public:
  explicit Look(const std::filesystem::path& file) {
    sqlite3_open_v2(file.c_str(), &handle_, SQLITE_OPEN_READONLY, nullptr);
  }
  ~Look() {
    sqlite3_finalize(statement_);
    sqlite3_close(handle_);
  }
  Look(const Look&) = delete;
  Look& operator=(const Look&) = delete;

  void ask(const std::string& sql) {
    sqlite3_finalize(statement_);
    statement_ = nullptr;
    if (sqlite3_prepare_v2(handle_, sql.c_str(), -1, &statement_, nullptr) != SQLITE_OK) {
      throw BrokenPromise(fmt::format("the ledger cannot be read: {}", sqlite3_errmsg(handle_)));
    }
  }
  [[nodiscard]] bool next() { return sqlite3_step(statement_) == SQLITE_ROW; }
  [[nodiscard]] std::string text(int column) const {
    const unsigned char* text = sqlite3_column_text(statement_, column);
    return text == nullptr ? "" : reinterpret_cast<const char*>(text);
  }
  [[nodiscard]] std::int64_t number(int column) const {
    return sqlite3_column_int64(statement_, column);
  }
  [[nodiscard]] bool is_null(int column) const {
    return sqlite3_column_type(statement_, column) == SQLITE_NULL;
  }

 private:
  sqlite3* handle_ = nullptr;
  sqlite3_stmt* statement_ = nullptr;
};

const Sha256Hex& original_of(const wire::OfferedFile& offer) {
  return offer.original_sha256.empty() ? offer.content_sha256 : offer.original_sha256;
}

bool is_staged(const CentralModel::File& file) {
  return file.state == "staged" || file.state == "processed" || file.state == "archived";
}

bool is_of(const CentralModel::File& registered, const std::string& name, const Export& file) {
  return registered.offer.relative_path == name &&
         original_of(registered.offer) == sha256_hex(file.bytes);
}

/// Are all entries of this version at their end or refused for what they hold, the newest of them
/// for the export that is there?
bool is_delivered(const CentralModel& central, const std::string& name, const Export& file,
                  std::int64_t modified_at_ms) {
  bool is_of_this_export = false;
  for (const CentralModel::File& registered : central.files()) {
    if (!is_of(registered, name, file)) continue;
    const bool is_judged = registered.state == "refused" && registered.problem &&
                           registered.problem->code.starts_with("WB-30");
    const bool is_taken = registered.state == "archived" || registered.state == "duplicate";
    if (!is_taken && !is_judged) return false;
    is_of_this_export = registered.offer.modified_at_ms == modified_at_ms;
  }
  return is_of_this_export;
}

/// Alone, or with a fellow part.
bool is_withdrawn(const CentralModel::File& file) {
  return file.state == "refused" && file.problem &&
         (file.problem->code == "WB-2115" || file.problem->code == "WB-2114");
}

template <class... Args>
[[noreturn]] void broken(fmt::format_string<Args...> format, Args&&... args) {
  throw BrokenPromise(fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace

Oracle::Oracle(World world) : world_(std::move(world)), last_hash_(kChainStart) {}
Oracle::~Oracle() = default;

void Oracle::ledger_was_lost(LedgerLoss loss) {
  for (const CentralModel::File& file : world_.central.files()) excused_.insert(file.id.value);
  for (const auto& [key, state] : world_.central.jobs) excused_.insert(key);
  for (const auto& [path, bytes] : world_.central.objects) excused_.insert(path);
  for (const auto& [url, session] : world_.central.storage.sessions) excused_.insert(session.path);
  delivered_.clear();
  for (const auto& [name, file] : world_.agency.exports()) {
    const std::optional<std::int64_t> time = world_.agency.modified_at_ms(name);
    const bool is_known =
        loss == LedgerLoss::kWhole && time && is_delivered(world_.central, name, file, *time);
    if (is_known) delivered_[name] = {file.revision, registrations(name, file)};
  }
  may_be_refused_ |= loss == LedgerLoss::kOlder;
  last_state_.clear();
  last_seq_ = 0;
  last_hash_ = std::string(kChainStart);
}

void Oracle::check_refused_ledger() {
  if (!may_be_refused_) broken("central accepts a ledger that nobody has put back: it refuses it");
}

void Oracle::check() {
  read_ledger();
  check_events();
  check_in_our_hands();
  check_states_agree();
  check_jobs();
  check_staged_once();
  check_staged_is_complete();
  check_sessions();
  check_nothing_anew();
  check_exports();
  for (const std::string& path : world_.uploader.sent_again) {
    if (excused_.contains(path)) continue;
    broken("nothing is sent twice: the object {} was there already", path);
  }
  may_be_refused_ = false;
}

void Oracle::read_ledger() {
  Look look(world_.ledger_file);
  rows_.clear();
  by_central_id_.clear();
  paths_.clear();
  jobs_.clear();
  look.ask(
      "SELECT relative_path, original_sha256, state, coalesce(job_file_id, ''), error_code "
      "FROM job_file ORDER BY file_number");
  while (look.next()) {
    rows_.push_back({look.text(0), look.text(1), look.text(2), look.text(3), look.text(4)});
    if (!rows_.back().job_file_id.empty()) {
      by_central_id_[rows_.back().job_file_id] = rows_.size() - 1;
    }
  }
  look.ask("SELECT relative_path, state FROM path");
  while (look.next()) paths_[look.text(0)] = look.text(1);
  look.ask("SELECT job_key FROM job");
  while (look.next()) jobs_[look.text(0)] = 1;
}

// ---- the log of events

void Oracle::check_events() {
  Look look(world_.ledger_file);
  look.ask(
      "SELECT seq, at_ms, kind, relative_path, content_sha256, file_number, from_state, "
      "to_state, detail, prev_hash, hash FROM event WHERE seq > " +
      std::to_string(last_seq_) + " ORDER BY seq");
  while (look.next()) {
    LedgerEvent event;
    event.seq = look.number(0);
    event.at_ms = look.number(1);
    event.kind = look.text(2);
    event.relative_path = look.text(3);
    event.content_sha256 = look.text(4);
    if (!look.is_null(5)) event.file_number = FileId{look.number(5)};
    event.from_state = look.text(6);
    event.to_state = look.text(7);
    event.detail = look.text(8);
    event.prev_hash = look.text(9);
    event.hash = look.text(10);
    check_event(event);
  }
}

void Oracle::check_event(const LedgerEvent& event) {
  if (event.seq != last_seq_ + 1 || event.prev_hash != last_hash_ ||
      event.hash != chain_hash(event)) {
    broken("the event chain holds: it breaks at event {}", event.seq);
  }
  last_seq_ = event.seq;
  last_hash_ = event.hash;
  if (event.to_state.empty() || !event.file_number) return;
  std::string& before = last_state_[event.file_number->value];
  if (before != event.from_state) {
    broken("a file moves from where it was: {} was {}, event {} says {}", event.relative_path,
           before, event.seq, event.from_state);
  }
  before = event.to_state;
  if (event.from_state.empty()) return;  // its beginning
  for (const FileTransition& move : kFileTransitions) {
    if (to_string(move.from) == event.from_state && to_string(move.event) == event.kind &&
        to_string(move.to) == event.to_state) {
      return;
    }
  }
  broken("only legal moves: {} went from {} by {} to {}", event.relative_path, event.from_state,
         event.kind, event.to_state);
}

// ---- ledger and central

void Oracle::check_in_our_hands() const {
  for (const Row& row : rows_) {
    const auto state = parse_file_state(row.state);
    if (!state || is_in_our_hands(*state)) {
      broken("nothing stays in our hands: {} is {} ({})", row.relative_path, row.state,
             row.error_code);
    }
  }
  for (const auto& [name, state] : paths_) {
    if (state == "settling" || state == "due") broken("every name settles: {} is {}", name, state);
  }
}

void Oracle::check_states_agree() const {
  for (const CentralModel::File& file : world_.central.files()) {
    const auto found = by_central_id_.find(file.id.value);
    if (found == by_central_id_.end()) {
      // Withdrawn, and registered anew in a later job: the version has that one's id.
      if (excused_.contains(file.id.value) || is_withdrawn(file)) continue;
      // The answer was lost, and the job was closed before it was asked for again: no byte was
      // sent.
      const bool is_closed = world_.central.jobs.at(file.job_key.value) == "closed";
      if (is_closed && !world_.central.objects.contains(file.path)) continue;
      broken("the ledger knows what central knows: {} {} is {} there", file.id.value,
             file.offer.relative_path, file.state);
    }
    const Row& row = rows_[found->second];
    const bool is_given_up = row.state == "superseded" || row.state == "vanished";
    if (file.state == "awaiting_upload" && is_given_up) {
      broken("what will not come is withdrawn: central waits for {} {}, which is {}", file.id.value,
             row.relative_path, row.state);
    }
    if (is_given_up && is_withdrawn(file)) continue;
    if (row.state != file.state) {
      broken("ledger and central agree: {} {} is {} in the ledger, {} at central", file.id.value,
             row.relative_path, row.state, file.state);
    }
    if (file.state != "refused") continue;
    if (!file.problem || file.problem->code != row.error_code) {
      broken("a refusal is told with its reason at both ends: {} is \"{}\" here, \"{}\" at central",
             row.relative_path, row.error_code, file.problem ? file.problem->code : "");
    }
  }
}

void Oracle::check_jobs() const {
  for (const auto& [key, state] : world_.central.jobs) {
    if (!jobs_.contains(key) && !excused_.contains(key))
      broken("a job key is stored before it is sent: {} is not", key);
  }
}

void Oracle::check_staged_once() const {
  std::map<std::string, std::string> staged;  // what -> who
  for (const CentralModel::File& file : world_.central.files()) {
    if (!is_staged(file)) continue;
    const std::string what = fmt::format("{} {} {}", file.offer.file_tag.value,
                                         original_of(file.offer), file.offer.part_number);
    const auto [other, is_first] = staged.emplace(what, file.id.value);
    if (!is_first) broken("nothing is staged twice: {} and {}", other->second, file.id.value);
  }
}

void Oracle::check_staged_is_complete() const {
  for (const CentralModel::File& file : world_.central.files()) {
    if (!is_staged(file)) continue;
    if (sha256_hex(world_.central.objects.at(file.path)) != file.offer.content_sha256) {
      broken("what is staged is what was hashed: {}", file.offer.relative_path);
    }
    if (!world_.agency.was_complete(original_of(file.offer))) {
      broken("what is staged was complete: {} was never whole like this", file.offer.relative_path);
    }
  }
}

/// An upload in chunks goes on where it was: no second session of it has taken a byte.
void Oracle::check_sessions() const {
  std::map<std::string, std::string> begun;  // object path -> session
  for (const auto& [url, session] : world_.central.storage.sessions) {
    if (session.bytes.empty() || excused_.contains(session.path)) continue;
    const auto [other, is_first] = begun.emplace(session.path, url);
    if (!is_first) broken("an upload goes on where it was: {} was begun twice", session.path);
  }
}

/// A rebuilt ledger knows what was delivered: it is neither registered nor sent again.
void Oracle::check_nothing_anew() {
  for (const auto& [name, before] : delivered_) {
    const auto found = world_.agency.exports().find(name);
    if (found == world_.agency.exports().end()) continue;
    if (found->second.revision != before.first) continue;
    if (registrations(name, found->second) != before.second) {
      broken("a rebuilt ledger knows what was delivered: {} is registered anew", name);
    }
  }
  delivered_.clear();
}

/// Parts that came in several jobs may be told once more, as duplicates: no byte of them travels.
std::int64_t Oracle::registrations(const std::string& name, const Export& file) const {
  const auto& files = world_.central.files();
  return std::count_if(files.begin(), files.end(), [&](const CentralModel::File& other) {
    const bool is_told_part = other.offer.part_count > 1 && other.state == "duplicate";
    return is_of(other, name, file) && !is_told_part;
  });
}

// ---- the folder

void Oracle::check_exports() const {
  for (const auto& [name, file] : world_.agency.exports()) {
    if (!file.is_text || !file.is_complete) continue;
    check_export(name, file);
  }
}

/// Promise 1: staged exactly once, or refused with a reason at both ends.
void Oracle::check_export(const std::string& name, const Export& file) const {
  const auto path = paths_.find(name);
  if (path == paths_.end()) broken("every file is seen: {} is not in the ledger", name);
  if (file.file_tag.empty()) {
    if (path->second != "unknown") broken("an unknown name is shown: {} is {}", name, path->second);
    return;
  }
  const Sha256Hex original = sha256_hex(file.bytes);
  bool is_known = false;
  for (const Row& row : rows_) {
    is_known |= row.relative_path == name && row.original_sha256 == original &&
                row.state != "superseded" && row.state != "vanished";
  }
  if (!is_known) broken("a complete file is taken: {} ({}) is not", name, original.substr(0, 12));
  // Its states agree with central's, and a refusal is visible there: check_states_agree(). What is
  // left to hold is that its content is at central, or refused, whoever brought it.
  for (const CentralModel::File& other : world_.central.files()) {
    if (original_of(other.offer) != original || other.offer.file_tag != file.file_tag) continue;
    if (is_staged(other) || other.state == "refused") return;
  }
  broken("a complete file is staged or refused: {} ({}) is neither", name, original.substr(0, 12));
}

void Oracle::check_taken_away(const std::string& name, const Export& file) const {
  const Sha256Hex original = sha256_hex(file.bytes);
  for (const CentralModel::File& other : world_.central.files()) {
    if (original_of(other.offer) != original || other.offer.file_tag != file.file_tag) continue;
    if (is_staged(other) || other.is_retired) return;
  }
  broken("a local file is kept until it is processed: {} was taken away", name);
}

}  // namespace waybill::sim
