#include "central/worker/staging_writer.h"

#include <algorithm>

#include "core/error.h"
#include "core/file_spec.h"

namespace waybill {

namespace {

std::string copy_statement(pg::Connection& database, const std::string& entity) {
  const auto& known = entity_names();
  if (std::find(known.begin(), known.end(), entity) == known.end()) {
    throw Error(error_code::kInternal, "stage", entity, "there is no such entity");
  }
  return "COPY staging." + database.quote_identifier(entity) +
         " (tenant_id, job_id, job_file_id, source_row, natural_key, payload)"
         " FROM STDIN (FORMAT binary)";
}

}  // namespace

StagingWriter::StagingWriter(pg::Connection& database, const Claim& claim)
    : tenant_id_(pg::parse_uuid(claim.tenant_id)),
      job_id_(pg::parse_uuid(claim.job_id)),
      job_file_id_(pg::parse_uuid(claim.job_file_id)),
      copy_(database, copy_statement(database, claim.entity)) {}

}  // namespace waybill
