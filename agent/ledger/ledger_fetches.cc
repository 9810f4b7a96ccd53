#include "agent/ledger/database.h"
#include "agent/ledger/event_draft.h"
#include "agent/ledger/ledger.h"
#include "agent/ledger/rows.h"

namespace waybill {

namespace sql {

constexpr const char* kFindFetch = WAYBILL_SELECT_FETCH "WHERE name = :name";

constexpr const char* kPutFetch = R"sql(
  INSERT INTO fetch (name, state, cursor, run_cursor, file_name, started_at_ms, page_count,
                     row_count, last_good_at_ms, last_row_count, failures, next_try_at_ms, error)
  VALUES (:name, :state, :cursor, :run_cursor, :file_name, :started_at_ms, :page_count,
          :row_count, :last_good_at_ms, :last_row_count, :failures, :next_try_at_ms, :error)
  ON CONFLICT (name) DO UPDATE
     SET state = excluded.state, cursor = excluded.cursor, run_cursor = excluded.run_cursor,
         file_name = excluded.file_name, started_at_ms = excluded.started_at_ms,
         page_count = excluded.page_count, row_count = excluded.row_count,
         last_good_at_ms = excluded.last_good_at_ms, last_row_count = excluded.last_row_count,
         failures = excluded.failures, next_try_at_ms = excluded.next_try_at_ms,
         error = excluded.error
)sql";

}  // namespace sql

FetchRecord Ledger::fetch(const std::string& name) {
  return database_->guarded("find fetch", name, [&]() -> FetchRecord {
    Prepared find = database_->prepared(sql::kFindFetch);
    find->bind(":name", name);
    if (auto* row = find.next()) return read_fetch(*row);
    FetchRecord fresh;
    fresh.name = name;
    return fresh;
  });
}

void Ledger::put_fetch(const FetchRecord& record, const std::string& event) {
  database_->transact("record fetch", record.name, [&] {
    Prepared put = database_->prepared(sql::kPutFetch);
    put->bind(":name", record.name);
    put->bind(":state", std::string(kFetchStateNames[static_cast<std::size_t>(record.state)]));
    put->bind(":cursor", record.cursor);
    put->bind(":run_cursor", record.run_cursor);
    put->bind(":file_name", record.file_name);
    put->bind(":started_at_ms", record.started_at_ms);
    put->bind(":page_count", record.page_count);
    put->bind(":row_count", record.row_count);
    put->bind(":last_good_at_ms", record.last_good_at_ms);
    put->bind(":last_row_count", record.last_row_count);
    put->bind(":failures", record.failures);
    put->bind(":next_try_at_ms", record.next_try_at_ms);
    put->bind(":error", to_text(record.problem));
    put->exec();
    if (event.empty()) return;
    // The cursor is the partner's value and stays out of the log.
    nlohmann::json detail = {{"fetch", record.name},
                             {"file_name", record.file_name},
                             {"page_count", record.page_count},
                             {"row_count", record.row_count}};
    if (record.problem) detail["code"] = record.problem->code;
    append_event({.kind = event, .detail = std::move(detail)});
  });
}

}  // namespace waybill
