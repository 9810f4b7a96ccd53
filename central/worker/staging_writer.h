// StagingWriter: rows of one file into its entity's staging table, by one binary COPY.
//
// Place:    central/worker, below RowReader, over pg::CopyIn.
// Owner:    one stage step, inside its transaction. A writer destroyed before finish() ends the
//           COPY without rows, and the transaction with it.
// Memory:   one buffer for the whole file; nothing is allocated per row.
#pragma once

#include <cstdint>

#include "central/pg/copy_in.h"
#include "central/worker/registry.h"
#include "core/read/row_reader.h"

namespace waybill {

class StagingWriter {
 public:
  StagingWriter(pg::Connection& database, const Claim& claim);

  void write(const StagingRow& row) {
    copy_.begin_row(kColumns);
    copy_.put_uuid(tenant_id_);
    copy_.put_uuid(job_id_);
    copy_.put_uuid(job_file_id_);
    copy_.put_int64(row.source_row);
    if (row.natural_key) {
      copy_.put_text(*row.natural_key);
    } else {
      copy_.put_null();
    }
    copy_.put_jsonb(row.payload_json);
  }

  /// How many rows the server took.
  std::int64_t finish() { return copy_.finish(); }

 private:
  static constexpr std::int16_t kColumns = 6;

  const pg::UuidBytes tenant_id_;
  const pg::UuidBytes job_id_;
  const pg::UuidBytes job_file_id_;
  pg::CopyIn copy_;
};

}  // namespace waybill
