#include "agent/ledger/database.h"
#include "agent/ledger/event_draft.h"
#include "agent/ledger/ledger.h"
#include "agent/ledger/rows.h"

namespace waybill {

namespace sql {

constexpr const char* kFindPath = WAYBILL_SELECT_PATH "WHERE relative_path = :relative_path";

constexpr const char* kListPathsIn = WAYBILL_SELECT_PATH
    "WHERE state = :state AND state <> 'recorded' ORDER BY hashed_at_ms, relative_path LIMIT "
    ":limit";

constexpr const char* kListPathsToReread =
    WAYBILL_SELECT_PATH "WHERE state = 'recorded' ORDER BY hashed_at_ms LIMIT :limit";

constexpr const char* kListPathNames = "SELECT relative_path FROM path";

constexpr const char* kPutPath = R"sql(
  INSERT INTO path (relative_path, state, size_bytes, mtime_ns, file_id, file_tag, error_code,
                    first_seen_at_ms, at_rest_at_ms, change_ns, hashed_at_ms)
  VALUES (:relative_path, :state, :size_bytes, :mtime_ns, :file_id, :file_tag, :error_code,
          :now_ms, :at_rest_at_ms, :change_ns, :hashed_at_ms)
  ON CONFLICT (relative_path) DO UPDATE
     SET state = excluded.state, size_bytes = excluded.size_bytes, mtime_ns = excluded.mtime_ns,
         file_id = excluded.file_id, file_tag = excluded.file_tag,
         error_code = excluded.error_code, at_rest_at_ms = excluded.at_rest_at_ms,
         change_ns = excluded.change_ns, hashed_at_ms = excluded.hashed_at_ms
)sql";

constexpr const char* kDropPath = "DELETE FROM path WHERE relative_path = :relative_path";

constexpr const char* kRematchPaths = R"sql(
  UPDATE path SET state = 'settling', error_code = '' WHERE state IN ('unknown', 'ambiguous')
)sql";

// Its newest version was refused by an older version of the spec: the same bytes get another try.
constexpr const char* kReconsiderRefused = R"sql(
  UPDATE path SET state = 'settling'
   WHERE state = 'recorded'
     AND EXISTS (SELECT 1 FROM job_file AS f JOIN file_spec AS s ON s.file_tag = f.file_tag
                  WHERE f.relative_path = path.relative_path AND f.state = 'refused'
                    AND f.spec_version < s.version
                    AND NOT EXISTS (SELECT 1 FROM job_file AS newer
                                     WHERE newer.relative_path = f.relative_path
                                       AND newer.file_number > f.file_number
                                       AND newer.part_number <= f.part_number))
)sql";

}  // namespace sql

std::optional<PathRecord> Ledger::find_path(const std::string& relative_path) {
  return database_->guarded("find path", relative_path, [&]() -> std::optional<PathRecord> {
    Prepared find = database_->prepared(sql::kFindPath);
    find->bind(":relative_path", relative_path);
    auto* row = find.next();
    if (row == nullptr) return std::nullopt;
    return read_path(*row);
  });
}

std::vector<PathRecord> Ledger::paths_in(PathState state, std::size_t limit) {
  return database_->guarded("list paths", to_string(state), [&] {
    std::vector<PathRecord> out;
    Prepared list = database_->prepared(sql::kListPathsIn);
    list->bind(":state", std::string(to_string(state)));
    list->bind(":limit", static_cast<std::int64_t>(limit));
    while (auto* row = list.next()) out.push_back(read_path(*row));
    return out;
  });
}

std::vector<PathRecord> Ledger::paths_to_reread(std::size_t limit) {
  return database_->guarded("list", "paths to read again", [&] {
    std::vector<PathRecord> out;
    Prepared list = database_->prepared(sql::kListPathsToReread);
    list->bind(":limit", static_cast<std::int64_t>(limit));
    while (auto* row = list.next()) out.push_back(read_path(*row));
    return out;
  });
}

void Ledger::for_each_path(const std::function<void(const std::string&)>& visit) {
  database_->guarded("list paths", "", [&] {
    Prepared list = database_->prepared(sql::kListPathNames);
    while (auto* row = list.next()) visit(row->getColumn(0).getString());
  });
}

void Ledger::record_paths(std::span<const PathRecord> paths) {
  if (paths.empty()) return;
  database_->transact("record paths", paths.front().relative_path, [&] {
    for (const PathRecord& path : paths) {
      const std::optional<PathRecord> before = find_path(path.relative_path);
      Prepared put = database_->prepared(sql::kPutPath);
      put->bind(":relative_path", path.relative_path);
      put->bind(":state", std::string(to_string(path.state)));
      put->bind(":size_bytes", path.size_bytes);
      put->bind(":mtime_ns", path.mtime_ns);
      put->bind(":file_id", path.file_id);
      put->bind(":file_tag", path.file_tag.value);
      put->bind(":error_code", path.error_code);
      put->bind(":now_ms", clock_.now_ms());
      put->bind(":at_rest_at_ms", path.at_rest_at_ms);
      put->bind(":change_ns", path.change_ns);
      put->bind(":hashed_at_ms", path.hashed_at_ms);
      put->exec();
      const bool is_news =
          !path.error_code.empty() &&
          (!before || before->error_code != path.error_code ||
           before->size_bytes != path.size_bytes || before->mtime_ns != path.mtime_ns);
      if (is_news) {
        append_event({.kind = to_string(path.state),
                      .relative_path = path.relative_path,
                      .detail = {{"code", path.error_code}, {"size_bytes", path.size_bytes}}});
      }
    }
  });
}

void Ledger::forget_paths(std::span<const std::string> relative_paths) {
  if (relative_paths.empty()) return;
  database_->transact("forget paths", relative_paths.front(), [&] {
    for (const std::string& relative_path : relative_paths) {
      Prepared drop = database_->prepared(sql::kDropPath);
      drop->bind(":relative_path", relative_path);
      drop->exec();
      give_up_unsent(relative_path, "", FileEvent::kRemoved);
    }
  });
}

void Ledger::rematch_paths() {
  database_->transact("match paths again", "", [&] {
    database_->prepared(sql::kRematchPaths)->exec();
    database_->prepared(sql::kReconsiderRefused)->exec();
  });
}

}  // namespace waybill
