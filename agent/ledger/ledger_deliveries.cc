#include "agent/ledger/database.h"
#include "agent/ledger/event_draft.h"
#include "agent/ledger/ledger.h"
#include "agent/ledger/rows.h"
#include "core/error.h"

namespace waybill {

namespace sql {

constexpr const char* kFilesWithoutDelivery = WAYBILL_SELECT_JOB_FILE
    "WHERE f.state = 'ready' AND f.delivery_name = '' ORDER BY f.file_number LIMIT :limit";

constexpr const char* kDecideDelivery = R"sql(
  UPDATE job_file
     SET delivery_date = :date, delivery_name = :name, backfill_number = :backfill_number,
         remark = :remark
   WHERE file_number = :file_number
)sql";

constexpr const char* kFindAnotherLike = R"sql(
  SELECT 1 FROM job_file
   WHERE delivery_date = :date AND file_tag = :file_tag AND backfill_number = 0
     AND delivery_name = :name AND chunk_number = :chunk_number AND chunk_count = :chunk_count
     AND state NOT IN ('superseded', 'vanished', 'refused', 'duplicate')
     AND NOT (relative_path = :relative_path AND original_sha256 = :original_sha256)
   LIMIT 1
)sql";

constexpr const char* kDatesWithoutDelivery = R"sql(
  SELECT DISTINCT j.delivery_date FROM job AS j
   WHERE j.delivery_name = :name AND j.backfill_number = 0 AND j.state = 'open'
     AND NOT EXISTS (SELECT 1 FROM delivery AS d WHERE d.delivery_date = j.delivery_date
                                                   AND d.delivery_name = j.delivery_name)
)sql";

constexpr const char* kFindDelivery =
    WAYBILL_SELECT_DELIVERY "WHERE delivery_date = :date AND delivery_name = :name";

constexpr const char* kAddDelivery = R"sql(
  INSERT INTO delivery (delivery_date, delivery_name, deadline_at_ms, opened_at_ms, updated_at_ms)
  VALUES (:date, :name, :deadline_at_ms, :now_ms, :now_ms)
  ON CONFLICT DO NOTHING
)sql";

constexpr const char* kDeliveriesToWatch = WAYBILL_SELECT_DELIVERY
    "WHERE state <> 'closed' AND updated_at_ms > :since_ms ORDER BY delivery_date";

constexpr const char* kArrived = R"sql(
  SELECT DISTINCT file_tag, chunk_number, chunk_count FROM job_file
   WHERE delivery_date = :date AND delivery_name = :name AND backfill_number = 0
     AND state NOT IN ('superseded', 'vanished', 'refused')
)sql";

constexpr const char* kTally = R"sql(
  SELECT (SELECT count(*) FROM job
           WHERE delivery_date = :date AND delivery_name = :name AND backfill_number = 0),
         (SELECT count(*) FROM job
           WHERE delivery_date = :date AND delivery_name = :name AND backfill_number = 0
             AND state = 'open'),
         (SELECT count(*) FROM job_file
           WHERE delivery_date = :date AND delivery_name = :name AND backfill_number = 0
             AND state NOT IN ('processed', 'archived', 'duplicate', 'refused', 'superseded',
                               'vanished'))
)sql";

constexpr const char* kPutDelivery = R"sql(
  UPDATE delivery
     SET state = :state, missing = :missing, deadline_at_ms = :deadline_at_ms,
         updated_at_ms = :now_ms
   WHERE delivery_date = :date AND delivery_name = :name
)sql";

}  // namespace sql

namespace {
constexpr std::int64_t kWatchForMs = std::int64_t{30} * 86'400'000;
}

std::vector<JobFile> Ledger::files_without_delivery(std::size_t limit) {
  return database_->guarded("list", "files without delivery", [&] {
    std::vector<JobFile> out;
    Prepared list = database_->prepared(sql::kFilesWithoutDelivery);
    list->bind(":limit", static_cast<std::int64_t>(limit));
    while (auto* row = list.next()) out.push_back(read_job_file(*row));
    return out;
  });
}

void Ledger::decide_deliveries(std::span<const DeliveryChoice> choices) {
  if (choices.empty()) return;
  database_->transact("decide delivery of", std::to_string(choices.front().file.value), [&] {
    for (const DeliveryChoice& choice : choices) {
      Prepared decide = database_->prepared(sql::kDecideDelivery);
      decide->bind(":date", choice.date);
      decide->bind(":name", choice.name);
      decide->bind(":backfill_number", choice.backfill_number);
      decide->bind(":remark", choice.remarks.empty() ? "" : choice.remarks.front());
      decide->bind(":file_number", choice.file.value);
      decide->exec();
      if (choice.remarks.empty()) continue;
      const std::optional<JobFile> file = find(choice.file);
      if (file->part.number > 1) continue;  // told once for the whole file
      for (const std::string& remark : choice.remarks) {
        const std::string kind = "file_" + remark;
        append_event({.kind = kind,
                      .relative_path = file->relative_path,
                      .content_sha256 = file->content_sha256,
                      .file_number = choice.file,
                      .detail = {{"file_tag", file->file_tag.value},
                                 {"delivery_date", choice.date},
                                 {"delivery_name", choice.name}}});
      }
    }
  });
}

bool Ledger::has_another_like(const JobFile& file, const std::string& date,
                              const std::string& name) {
  return database_->guarded("look for another file like", file.relative_path, [&] {
    Prepared find = database_->prepared(sql::kFindAnotherLike);
    find->bind(":date", date);
    find->bind(":name", name);
    find->bind(":file_tag", file.file_tag.value);
    find->bind(":chunk_number", file.chunk_number);
    find->bind(":chunk_count", file.chunk_count);
    find->bind(":relative_path", file.relative_path);
    find->bind(":original_sha256", file.original_sha256);
    return find.next() != nullptr;
  });
}

std::set<std::string> Ledger::dates_without_delivery(const std::string& name) {
  return database_->guarded("list", "dates without delivery", [&] {
    std::set<std::string> out;
    Prepared list = database_->prepared(sql::kDatesWithoutDelivery);
    list->bind(":name", name);
    while (auto* row = list.next()) out.insert(row->getColumn(0).getString());
    return out;
  });
}

bool Ledger::add_delivery(const DeliveryRecord& delivery) {
  const bool is_known = database_->guarded("find delivery of", delivery.date, [&] {
    Prepared find = database_->prepared(sql::kFindDelivery);
    find->bind(":date", delivery.date);
    find->bind(":name", delivery.name);
    return find.next() != nullptr;
  });
  if (is_known) return false;  // without the write lock, as nearly always
  bool is_new = false;
  database_->transact("open delivery of", delivery.date, [&] {
    Prepared add = database_->prepared(sql::kAddDelivery);
    add->bind(":date", delivery.date);
    add->bind(":name", delivery.name);
    add->bind(":deadline_at_ms", delivery.deadline_at_ms);
    add->bind(":now_ms", clock_.now_ms());
    is_new = add->exec() == 1;
    if (!is_new) return;
    append_event({.kind = "delivery_opened",
                  .detail = {{"delivery_date", delivery.date},
                             {"delivery_name", delivery.name},
                             {"deadline_at_ms", delivery.deadline_at_ms}}});
  });
  return is_new;
}

std::vector<DeliveryRecord> Ledger::deliveries_to_watch() {
  return database_->guarded("list", "deliveries", [&] {
    std::vector<DeliveryRecord> out;
    Prepared list = database_->prepared(sql::kDeliveriesToWatch);
    list->bind(":since_ms", clock_.now_ms() - kWatchForMs);
    while (auto* row = list.next()) out.push_back(read_delivery(*row));
    return out;
  });
}

std::vector<Arrived> Ledger::arrived(const std::string& date, const std::string& name) {
  return database_->guarded("list files of delivery", date, [&] {
    std::vector<Arrived> out;
    Prepared list = database_->prepared(sql::kArrived);
    list->bind(":date", date);
    list->bind(":name", name);
    while (auto* row = list.next()) {
      out.push_back({FileTag(row->getColumn(0).getString()), row->getColumn(1).getInt(),
                     row->getColumn(2).getInt()});
    }
    return out;
  });
}

DeliveryTally Ledger::tally(const std::string& date, const std::string& name) {
  return database_->guarded("count files of delivery", date, [&]() -> DeliveryTally {
    Prepared count = database_->prepared(sql::kTally);
    count->bind(":date", date);
    count->bind(":name", name);
    auto* row = count.next();
    return {row->getColumn(0).getInt64(), row->getColumn(1).getInt64(),
            row->getColumn(2).getInt64()};
  });
}

void Ledger::put_delivery(const DeliveryRecord& delivery, const std::string& event) {
  database_->transact("record delivery of", delivery.date, [&] {
    Prepared put = database_->prepared(sql::kPutDelivery);
    put->bind(":state", std::string(to_string(delivery.state)));
    put->bind(":missing", nlohmann::json(delivery.missing).dump());
    put->bind(":deadline_at_ms", delivery.deadline_at_ms);
    put->bind(":now_ms", clock_.now_ms());
    put->bind(":date", delivery.date);
    put->bind(":name", delivery.name);
    put->exec();
    if (event.empty()) return;
    const nlohmann::json detail = {{"delivery_date", delivery.date},
                                   {"delivery_name", delivery.name}};
    append_event({.kind = event, .detail = detail});
    if (delivery.state != DeliveryState::kLate) return;
    for (const std::string& missing : delivery.missing) {
      nlohmann::json of_file = detail;
      of_file["missing"] = missing;
      append_event({.kind = "file_missing", .detail = std::move(of_file)});
    }
  });
}

}  // namespace waybill
