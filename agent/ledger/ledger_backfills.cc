#include "agent/ledger/database.h"
#include "agent/ledger/event_draft.h"
#include "agent/ledger/ledger.h"
#include "agent/ledger/rows.h"

namespace waybill {

namespace sql {

constexpr const char* kFindBackfill =
    WAYBILL_SELECT_BACKFILL "WHERE backfill_number = :backfill_number";

constexpr const char* kOpenBackfills =
    WAYBILL_SELECT_BACKFILL "WHERE state <> 'done' ORDER BY backfill_number";

constexpr const char* kAddBackfill = R"sql(
  INSERT INTO backfill (request_id, folder, as_of, delivery_name, is_ahead, allow_older,
                        requested_at_ms)
  VALUES (:request_id, :folder, :as_of, :delivery_name, :is_ahead, :allow_older, :now_ms)
  ON CONFLICT (request_id) DO NOTHING
)sql";

// Names below its folder lie between "waybill-backfill-7/" and "waybill-backfill-70", '0' being
// the character after '/'.
constexpr const char* kTallyBackfill = R"sql(
  SELECT (SELECT count(*) FROM path
           WHERE relative_path > 'waybill-backfill-' || :backfill_number || '/'
             AND relative_path < 'waybill-backfill-' || :backfill_number || '0'
             AND state IN ('settling', 'due')),
         (SELECT count(*) FROM path
           WHERE relative_path > 'waybill-backfill-' || :backfill_number || '/'
             AND relative_path < 'waybill-backfill-' || :backfill_number || '0'
             AND state NOT IN ('settling', 'due', 'recorded')),
         (SELECT count(*) FROM job_file WHERE state = 'ready' AND delivery_name = ''),
         (SELECT count(*) FROM job_file
           WHERE backfill_number = :backfill_number AND backfill_number > 0),
         (SELECT count(*) FROM job_file
           WHERE backfill_number = :backfill_number AND backfill_number > 0
             AND state IN ('ready', 'queued', 'uploading', 'uploaded', 'unsettled')),
         (SELECT count(*) FROM job
           WHERE backfill_number = :backfill_number AND state = 'open')
)sql";

constexpr const char* kPutBackfill = R"sql(
  UPDATE backfill
     SET state = :state, file_count = :file_count, left_alone_count = :left_alone_count,
         done_at_ms = :done_at_ms
   WHERE backfill_number = :backfill_number
)sql";

}  // namespace sql

std::optional<Backfill> Ledger::backfill(std::int64_t backfill_number) {
  return database_->guarded("find", "backfill", [&]() -> std::optional<Backfill> {
    Prepared find = database_->prepared(sql::kFindBackfill);
    find->bind(":backfill_number", backfill_number);
    auto* row = find.next();
    if (row == nullptr) return std::nullopt;
    return read_backfill(*row);
  });
}

std::vector<Backfill> Ledger::open_backfills() {
  return database_->guarded("list", "backfills", [&] {
    std::vector<Backfill> out;
    Prepared list = database_->prepared(sql::kOpenBackfills);
    while (auto* row = list.next()) out.push_back(read_backfill(*row));
    return out;
  });
}

bool Ledger::add_backfill(const Backfill& request) {
  bool is_new = false;
  database_->transact("record backfill of", request.folder, [&] {
    Prepared add = database_->prepared(sql::kAddBackfill);
    add->bind(":request_id", request.request_id);
    add->bind(":folder", request.folder);
    add->bind(":as_of", request.as_of);
    add->bind(":delivery_name", request.delivery_name);
    add->bind(":is_ahead", request.is_ahead ? 1 : 0);
    add->bind(":allow_older", request.allow_older ? 1 : 0);
    add->bind(":now_ms", clock_.now_ms());
    is_new = add->exec() == 1;
    if (!is_new) return;
    append_event({.kind = "backfill_requested",
                  .detail = {{"backfill_number", database_->last_rowid()},
                             {"folder", request.folder},
                             {"as_of", request.as_of},
                             {"delivery_name", request.delivery_name},
                             {"is_ahead", request.is_ahead},
                             {"allow_older", request.allow_older}}});
  });
  return is_new;
}

BackfillTally Ledger::tally(std::int64_t backfill_number) {
  return database_->guarded("count files of", "backfill", [&]() -> BackfillTally {
    Prepared count = database_->prepared(sql::kTallyBackfill);
    count->bind(":backfill_number", backfill_number);
    auto* row = count.next();
    return {row->getColumn(0).getInt64(), row->getColumn(1).getInt64(),
            row->getColumn(2).getInt64(), row->getColumn(3).getInt64(),
            row->getColumn(4).getInt64(), row->getColumn(5).getInt64()};
  });
}

void Ledger::put_backfill(const Backfill& backfill) {
  database_->transact("record backfill of", backfill.folder, [&] {
    Prepared put = database_->prepared(sql::kPutBackfill);
    const std::string state(kBackfillStateNames[static_cast<std::size_t>(backfill.state)]);
    put->bind(":state", state);
    put->bind(":file_count", backfill.file_count);
    put->bind(":left_alone_count", backfill.left_alone_count);
    put->bind(":done_at_ms", backfill.done_at_ms);
    put->bind(":backfill_number", backfill.backfill_number);
    put->exec();
    const std::string kind = "backfill_" + state;
    append_event({.kind = kind,
                  .detail = {{"backfill_number", backfill.backfill_number},
                             {"file_count", backfill.file_count},
                             {"left_alone_count", backfill.left_alone_count}}});
  });
}

}  // namespace waybill
