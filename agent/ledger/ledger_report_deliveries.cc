#include "agent/ledger/database.h"
#include "agent/ledger/ledger.h"
#include "agent/ledger/ledger_report.h"
#include "agent/ledger/rows.h"

namespace waybill {

namespace sql {

constexpr const char* kDeliveryRecords =
    WAYBILL_SELECT_DELIVERY "ORDER BY delivery_date DESC, delivery_name LIMIT :limit";

constexpr const char* kBackfills =
    WAYBILL_SELECT_BACKFILL "ORDER BY backfill_number DESC LIMIT :limit";

constexpr const char* kBackfillFiles = R"sql(
  SELECT count(*),
         count(*) FILTER (WHERE state NOT IN ('ready', 'queued', 'uploading', 'uploaded',
                                              'unsettled', 'refused', 'superseded', 'vanished')),
         count(*) FILTER (WHERE state = 'refused')
    FROM job_file WHERE backfill_number = :backfill_number AND backfill_number > 0
)sql";

constexpr const char* kFetches = WAYBILL_SELECT_FETCH "ORDER BY name";

}  // namespace sql

std::int32_t LedgerReport::day_starts_min() {
  const std::string plan = meta(meta::kDeliveryPlan);
  return plan.empty() ? 0 : parse_delivery_plan(nlohmann::json::parse(plan)).day_starts_min;
}

std::vector<DeliveryRecord> LedgerReport::delivery_records(std::size_t limit) {
  return database_->guarded("list", "deliveries", [&] {
    std::vector<DeliveryRecord> out;
    Prepared list = database_->prepared(sql::kDeliveryRecords);
    list->bind(":limit", static_cast<std::int64_t>(limit));
    while (auto* row = list.next()) out.push_back(read_delivery(*row));
    return out;
  });
}

std::vector<BackfillReport> LedgerReport::backfills(std::size_t limit) {
  return database_->guarded("list", "backfills", [&] {
    std::vector<BackfillReport> out;
    Prepared list = database_->prepared(sql::kBackfills);
    list->bind(":limit", static_cast<std::int64_t>(limit));
    while (auto* row = list.next()) out.push_back({read_backfill(*row)});
    for (BackfillReport& entry : out) {
      Prepared count = database_->prepared(sql::kBackfillFiles);
      count->bind(":backfill_number", entry.backfill.backfill_number);
      auto* row = count.next();
      entry.file_count = row->getColumn(0).getInt64();
      entry.delivered_count = row->getColumn(1).getInt64();
      entry.refused_count = row->getColumn(2).getInt64();
    }
    return out;
  });
}

std::vector<FetchRecord> LedgerReport::fetches() {
  return database_->guarded("list", "fetches", [&] {
    std::vector<FetchRecord> out;
    Prepared list = database_->prepared(sql::kFetches);
    while (auto* row = list.next()) out.push_back(read_fetch(*row));
    return out;
  });
}

}  // namespace waybill
