#include "agent/ledger/ledger_audit.h"

#include "agent/ledger/database.h"
#include "agent/ledger/facts.h"
#include "agent/ledger/ledger.h"
#include "agent/ledger/rows.h"
#include "core/crypto.h"
#include "core/error.h"

namespace waybill {

#define WAYBILL_IS_DELIVERED                                                             \
  "f.state IN ('received', 'verified', 'staged', 'processed', 'archived', 'duplicate') " \
  "AND (:from = '' OR f.delivery_date >= :from) AND (:to = '' OR f.delivery_date <= :to) "

namespace sql {

constexpr const char* kBeginReading = "BEGIN";
constexpr const char* kAllEvents = WAYBILL_SELECT_EVENT "ORDER BY seq";
constexpr const char* kHashOf = "SELECT hash FROM event WHERE seq = :seq";

constexpr const char* kFirstAstray = R"sql(
  SELECT f.file_number, f.relative_path, f.state,
         coalesce((SELECT e.to_state FROM event AS e
                    WHERE e.file_number = f.file_number AND e.to_state <> ''
                    ORDER BY e.seq DESC LIMIT 1), '') AS last_state
    FROM job_file AS f
   WHERE last_state <> f.state
   ORDER BY f.file_number LIMIT 1
)sql";

/// What preflight found stands beside the events, one of which has its hash.
constexpr const char* kPreflights = R"sql(
  SELECT e.seq, json_extract(e.detail, '$.preflight.report_sha256'), coalesce(p.report, ''),
         p.is_refused = (json_extract(e.detail, '$.preflight.outcome') = 'refused')
         AND p.row_count = json_extract(e.detail, '$.preflight.rows')
         AND p.quarantined_count = json_extract(p.report, '$.rows_quarantined')
         AND p.finding_count = json_extract(p.report, '$.findings_count')
         AND p.spec_version = json_extract(p.report, '$.spec_version')
    FROM event AS e LEFT JOIN preflight AS p ON p.file_number = e.file_number
   WHERE json_extract(e.detail, '$.preflight.report_sha256') IS NOT NULL
   ORDER BY e.seq
)sql";
constexpr const char* kPreflightWithoutEvent = R"sql(
  SELECT p.file_number FROM preflight AS p
   WHERE NOT EXISTS (SELECT 1 FROM event AS e WHERE e.file_number = p.file_number
                        AND json_extract(e.detail, '$.preflight.report_sha256') IS NOT NULL)
   LIMIT 1
)sql";

constexpr const char* kDelivered =
    WAYBILL_SELECT_JOB_FILE "WHERE " WAYBILL_IS_DELIVERED "ORDER BY f.relative_path, f.file_number";

constexpr const char* kPresent =
    "SELECT f.relative_path, f.original_sha256 FROM job_file AS f "
    "WHERE f.part_number = 1 AND f.backfill_number = 0 AND " WAYBILL_IS_DELIVERED
    "AND NOT EXISTS (SELECT 1 FROM job_file AS newer WHERE newer.relative_path = f.relative_path "
    "                   AND newer.part_number = 1 AND newer.file_number > f.file_number) "
    "AND NOT EXISTS (SELECT 1 FROM job_file AS part WHERE part.relative_path = f.relative_path "
    "                   AND part.original_sha256 = f.original_sha256 "
    "                   AND part.export_number = f.export_number "
    "                   AND part.state NOT IN ('received', 'verified', 'staged', 'processed', "
    "                                          'archived', 'duplicate')) "
    "ORDER BY f.relative_path";

}  // namespace sql

namespace {

[[noreturn]] void broken(const std::string& subject, const std::string& cause) {
  throw Error(error_code::kChainBroken, "verify", subject, cause);
}

void check_event(const LedgerEvent& event, const wire::LedgerHead& before) {
  const std::string subject = "event " + std::to_string(event.seq);
  if (event.seq != before.seq + 1) {
    broken(subject,
           "it follows event " + std::to_string(before.seq) + "; what was between is gone");
  }
  if (event.prev_hash != before.hash) broken(subject, "its prev_hash is not the hash before it");
  if (event.hash != chain_hash(event)) broken(subject, "its hash is not the hash of its fields");
}

}  // namespace

LedgerAudit::LedgerAudit(const std::filesystem::path& ledger_file)
    : database_(LedgerDatabase::open_for_reading(ledger_file)) {
  database_->guarded("read", "ledger", [&] { database_->prepared(sql::kBeginReading)->exec(); });
}

LedgerAudit::~LedgerAudit() = default;

std::optional<Identity> LedgerAudit::identity() { return read_identity(*database_); }

std::string LedgerAudit::ledger_id() { return read_meta(*database_, meta::kLedgerId); }

wire::LedgerHead LedgerAudit::verify(const std::function<void(const LedgerEvent&)>& visit) {
  wire::LedgerHead last{0, std::string(kChainStart)};
  database_->guarded("verify", "events", [&] {
    Prepared list = database_->prepared(sql::kAllEvents);
    while (auto* row = list.next()) {
      const LedgerEvent event = read_event(*row);
      check_event(event, last);
      if (visit) visit(event);
      last = {event.seq, event.hash};
    }
  });
  check_heads(last);
  check_states();
  check_preflights();
  return last;
}

void LedgerAudit::check_heads(const wire::LedgerHead& last) {
  const auto noted = parse_head(read_meta(*database_, meta::kHead));
  if (noted && (noted->seq != last.seq || noted->hash != last.hash)) {
    broken("event " + std::to_string(last.seq + 1), "the last event was noted as number " +
                                                        std::to_string(noted->seq) +
                                                        "; the end of the chain is another");
  }
  for (const char* name : {meta::kAnchoredHead, meta::kPendingHead}) {
    const auto told = parse_head(read_meta(*database_, name));
    if (!told || told->seq == 0) continue;
    Prepared find = database_->prepared(sql::kHashOf);
    find->bind(":seq", told->seq);
    auto* row = find.next();
    if (row == nullptr || row->getColumn(0).getString() != told->hash) {
      broken("event " + std::to_string(told->seq), "central was told another hash of it");
    }
  }
}

void LedgerAudit::check_states() {
  database_->guarded("verify", "states", [&] {
    Prepared find = database_->prepared(sql::kFirstAstray);
    auto* row = find.next();
    if (row == nullptr) return;
    broken("file " + std::to_string(row->getColumn(0).getInt64()) + " (" +
               row->getColumn(1).getString() + ")",
           "its state is \"" + row->getColumn(2).getString() + "\", its last event left it \"" +
               row->getColumn(3).getString() + "\"");
  });
}

void LedgerAudit::check_preflights() {
  database_->guarded("verify", "preflight", [&] {
    Prepared list = database_->prepared(sql::kPreflights);
    while (auto* row = list.next()) {
      const bool is_same =
          row->getColumn(1).getString() == sha256_hex(row->getColumn(2).getString());
      if (is_same && row->getColumn(3).getInt() == 1) continue;
      broken("event " + std::to_string(row->getColumn(0).getInt64()),
             "what preflight found then was changed or removed");
    }
    Prepared find = database_->prepared(sql::kPreflightWithoutEvent);
    if (auto* row = find.next()) {
      broken("file " + std::to_string(row->getColumn(0).getInt64()),
             "it has a preflight that no event tells of");
    }
  });
}

void LedgerAudit::for_each_delivered(const std::string& from, const std::string& to,
                                     const std::function<void(const JobFile&)>& visit) {
  database_->guarded("list", "delivered files", [&] {
    Prepared list = database_->prepared(sql::kDelivered);
    list->bind(":from", from);
    list->bind(":to", to);
    while (auto* row = list.next()) visit(read_job_file(*row));
  });
}

void LedgerAudit::for_each_present(
    const std::string& from, const std::string& to,
    const std::function<void(const std::string&, const Sha256Hex&)>& visit) {
  database_->guarded("list", "delivered files", [&] {
    Prepared list = database_->prepared(sql::kPresent);
    list->bind(":from", from);
    list->bind(":to", to);
    while (auto* row = list.next()) {
      visit(row->getColumn(0).getString(), row->getColumn(1).getString());
    }
  });
}

}  // namespace waybill
