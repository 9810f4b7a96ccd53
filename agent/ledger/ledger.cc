#include "agent/ledger/ledger.h"

#include "agent/ledger/damage.h"
#include "agent/ledger/database.h"
#include "agent/ledger/event_draft.h"
#include "agent/ledger/facts.h"
#include "core/error.h"
#include "core/log.h"

namespace waybill {

namespace sql {

constexpr const char* kPutMeta = R"sql(
  INSERT INTO meta (name, value) VALUES (:name, :value)
  ON CONFLICT (name) DO UPDATE SET value = excluded.value
)sql";

constexpr const char* kFindHead = "SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1";

constexpr const char* kAddEvent = R"sql(
  INSERT INTO event (seq, at_ms, kind, relative_path, content_sha256, file_number, from_state,
                     to_state, detail, prev_hash, hash)
  VALUES (:seq, :at_ms, :kind, :relative_path, :content_sha256, :file_number, :from_state,
          :to_state, :detail, :prev_hash, :hash)
)sql";

constexpr const char* kDropSpecs = "DELETE FROM file_spec";
constexpr const char* kAddSpec =
    "INSERT INTO file_spec (file_tag, version, spec) VALUES (:file_tag, :version, :spec)";

}  // namespace sql

namespace {

constexpr int kLockTries = 10;  // `waybill status` holds the lock for a moment to see who runs

/// Others of this machine have no business in the state folder; where it is not ours, a person has
/// arranged it.
void make_private_if_ours(FileSystem& files, const std::filesystem::path& path) {
  try {
    files.make_private(path);
  } catch (const Error& error) {
    log_error(error);
  }
}

std::unique_ptr<FileLock> take_lock(FileSystem& files, const std::filesystem::path& folder) {
  for (int i = 0; i < kLockTries; ++i) {
    if (auto lock = files.try_lock(folder / kLedgerLockName)) return lock;
  }
  throw Error(error_code::kLedgerBusy, "open ledger", folder.string(),
              "another instance of Waybill is using it");
}

}  // namespace

Ledger::Ledger(FileSystem& files, const Clock& clock, const std::filesystem::path& state_folder,
               OnDamage on_damage)
    : clock_(clock) {
  const std::filesystem::path file = state_folder / kLedgerFileName;
  files.make_folders(state_folder);
  make_private_if_ours(files, state_folder);
  lock_ = take_lock(files, state_folder);
  std::string set_aside_as;
  if (on_damage == OnDamage::kSetAside && is_known_damaged(files, state_folder)) {
    set_aside_as = set_aside_ledger(files, state_folder, clock.now_ms());
  }
  try {
    database_ = LedgerDatabase::open_for_writing(file);
  } catch (const Error& error) {
    const bool is_damaged = error.code().id == error_code::kLedgerCorrupt.id;
    if (!is_damaged || on_damage == OnDamage::kRefuse) throw;
    log_error(error);
    set_aside_as = set_aside_ledger(files, state_folder, clock.now_ms());
    database_ = LedgerDatabase::open_for_writing(file);
  }
  if (files.stat(file)) make_private_if_ours(files, file);  // -wal and -shm take after it
  begin_if_new(set_aside_as);
  forget_trouble(files, state_folder);
}

Ledger::~Ledger() = default;

/// Central tells ledgers apart by this id: a lost one that is made anew is another history.
void Ledger::begin_if_new(const std::string& set_aside_as) {
  if (!meta(meta::kLedgerId).empty()) return;
  database_->transact("begin", "ledger", [&] {
    const std::string ledger_id = random_uuid();
    nlohmann::json detail = {{"ledger_id", ledger_id}};
    if (!set_aside_as.empty()) detail["set_aside_as"] = set_aside_as;
    put_meta(meta::kLedgerId, ledger_id);
    put_meta(meta::kSetAsideAs, set_aside_as);
    append_event({.kind = "ledger_begun", .detail = std::move(detail)});
  });
}

std::string Ledger::meta(const char* name) { return read_meta(*database_, name); }

std::int64_t Ledger::meta_number(const char* name) { return to_number(meta(name)); }

std::optional<Identity> Ledger::identity() { return read_identity(*database_); }

void Ledger::put_meta(const char* name, const std::string& value) {
  Prepared put = database_->prepared(sql::kPutMeta);
  put->bind(":name", name);
  put->bind(":value", value);
  put->exec();
}

void Ledger::set_meta(const std::vector<std::pair<const char*, std::string>>& facts) {
  database_->transact("record", "facts", [&] {
    for (const auto& [name, value] : facts) put_meta(name, value);
  });
}

void Ledger::enroll(const Identity& identity, const wire::Specs& specs,
                    const nlohmann::json& settings) {
  database_->transact("record enrolment of", identity.agent_id.value, [&] {
    store_identity(identity);
    put_meta(meta::kSettings, settings.dump());
    store_specs(specs);
    append_event({.kind = "enrolled",
                  .detail = {{"agent_id", identity.agent_id.value},
                             {"agency", identity.tenant_slug},
                             {"agent_name", identity.agent_name}}});
  });
}

void Ledger::store_identity(const Identity& identity) {
  put_meta(meta::kAgentId, identity.agent_id.value);
  put_meta(meta::kTenantId, identity.tenant_id.value);
  put_meta(meta::kTenantSlug, identity.tenant_slug);
  put_meta(meta::kTenantName, identity.tenant_name);
  put_meta(meta::kTimeZone, identity.time_zone);
  put_meta(meta::kAgentName, identity.agent_name);
  put_meta(meta::kProjectUrl, identity.project_url);
}

std::vector<wire::Specs::Entry> Ledger::specs() {
  return database_->guarded("read", "file specs", [&] { return read_specs(*database_); });
}

std::optional<DeliveryPlan> Ledger::delivery_plan() {
  const std::string text = meta(meta::kDeliveryPlan);
  if (text.empty()) return std::nullopt;
  return parse_delivery_plan(nlohmann::json::parse(text));
}

void Ledger::store_specs(const wire::Specs& specs) {
  database_->prepared(sql::kDropSpecs)->exec();
  for (const wire::Specs::Entry& entry : specs.specs) {
    Prepared add = database_->prepared(sql::kAddSpec);
    add->bind(":file_tag", entry.file_tag.value);
    add->bind(":version", entry.version);
    add->bind(":spec", entry.spec.dump());
    add->exec();
  }
  put_meta(meta::kSpecsDigest, specs.digest);
  put_meta(meta::kDeliveryPlan, specs.delivery_plan.is_object() ? specs.delivery_plan.dump() : "");
  append_event({.kind = "specs_received",
                .detail = {{"digest", specs.digest}, {"count", specs.specs.size()}}});
}

wire::LedgerHead Ledger::head() {
  return database_->guarded("read", "ledger head", [&]() -> wire::LedgerHead {
    Prepared find = database_->prepared(sql::kFindHead);
    auto* row = find.next();
    if (row == nullptr) return {0, std::string(kChainStart)};
    return {row->getColumn(0).getInt64(), row->getColumn(1).getString()};
  });
}

void Ledger::append_event(const EventDraft& draft) {
  const wire::LedgerHead last = head();
  LedgerEvent event;
  event.seq = last.seq + 1;
  event.at_ms = clock_.now_ms();
  event.kind = draft.kind;
  event.relative_path = draft.relative_path;
  event.content_sha256 = draft.content_sha256;
  event.file_number = draft.file_number;
  event.from_state = draft.from_state;
  event.to_state = draft.to_state;
  event.detail = draft.detail.dump();
  event.prev_hash = last.hash;
  event.hash = chain_hash(event);

  Prepared add = database_->prepared(sql::kAddEvent);
  add->bind(":seq", event.seq);
  add->bind(":at_ms", event.at_ms);
  add->bind(":kind", event.kind);
  add->bind(":relative_path", event.relative_path);
  add->bind(":content_sha256", event.content_sha256);
  if (event.file_number) add->bind(":file_number", event.file_number->value);
  add->bind(":from_state", event.from_state);
  add->bind(":to_state", event.to_state);
  add->bind(":detail", event.detail);
  add->bind(":prev_hash", event.prev_hash);
  add->bind(":hash", event.hash);
  add->exec();
  put_meta(meta::kHead, to_text({event.seq, event.hash}));
}

}  // namespace waybill
