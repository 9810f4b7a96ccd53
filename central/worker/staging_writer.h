// StagingWriter: rows of one file into its entity's staging table, by one binary COPY.
//
// Place:    central/worker, below the stage step, over pg::CopyIn.
// Owner:    one stage step, inside its transaction. A writer destroyed before finish() ends the
//           COPY without rows, and the transaction with it.
// Memory:   one buffer for the whole file; nothing is allocated per row.
// History:  a file that is loaded again to find what is new (Claim::skip_known_rows) goes into a
//           temporary table first. A row is known when the newest row of its natural key, among
//           those of deliveries up to the file's own date, has the same payload. A row without a
//           natural key is never known.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "central/pg/copy_in.h"
#include "central/worker/registry.h"
#include "core/read/row_reader.h"

namespace waybill {

struct StagedCount {
  std::int64_t rows = 0;     ///< rows that staging has taken
  std::int64_t skipped = 0;  ///< rows it had already
};

class StagingWriter {
 public:
  StagingWriter(pg::Connection& database, const Claim& claim);

  void write(const StagingRow& row) {
    copy_->begin_row(kColumns);
    copy_->put_uuid(tenant_id_);
    copy_->put_uuid(job_id_);
    copy_->put_uuid(job_file_id_);
    copy_->put_int64(row.source_row);
    if (row.natural_key) {
      copy_->put_text(*row.natural_key);
    } else {
      copy_->put_null();
    }
    copy_->put_jsonb(row.payload_json);
  }

  /// Ends the COPY and counts what the server took.
  [[nodiscard]] StagedCount finish();

 private:
  static constexpr std::int16_t kColumns = 6;

  [[nodiscard]] std::int64_t stage_unknown_rows();

  pg::Connection& database_;
  const Claim& claim_;
  const pg::UuidBytes tenant_id_;
  const pg::UuidBytes job_id_;
  const pg::UuidBytes job_file_id_;
  const std::string table_;  ///< staging.recipe, quoted
  std::optional<pg::CopyIn> copy_;
};

}  // namespace waybill
