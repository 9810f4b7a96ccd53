#include "central/worker/steps.h"

#include <fmt/format.h>

#include <functional>
#include <string>

#include "central/worker/staging_writer.h"
#include "core/clock.h"
#include "core/crypto.h"
#include "core/error.h"
#include "core/log.h"
#include "core/read/row_reader.h"

namespace waybill {

namespace {

/// The registry takes no longer natural key; a file that has one is refused, not failed on.
constexpr std::size_t kNaturalKeyBytesMax = 1000;

/// How often a vanished object is looked for again before the agent is asked to send it again.
constexpr std::int64_t kObjectMissingAttemptsMax = 3;

/// What was read of an object: the measure that the ledger's own is held against.
struct Measured {
  Sha256Hex sha256;
  std::int64_t size_bytes = 0;
};

/// Streams the object once, through the hash and to `taker`, for as long as the lease is ours.
Measured read_object(const StepTools& tools, const Claim& claim, const LeaseKeeper::Hold& hold,
                     const std::function<void(std::string_view)>& taker) {
  Sha256 hash;
  Measured measured;
  tools.storage.read(claim.bucket, claim.object_path, [&](std::string_view bytes) {
    if (hold.lost()) {
      throw Error(error_code::kLeaseLost, to_string(claim.step), claim.relative_path,
                  "the lease ran out while the object was read");
    }
    hash.update(bytes);
    measured.size_bytes += static_cast<std::int64_t>(bytes.size());
    if (taker) taker(bytes);
  });
  measured.sha256 = hash.finish();
  return measured;
}

std::string seconds_since(std::int64_t started_ms) {
  const double seconds = static_cast<double>(SystemClock().steady_ms() - started_ms) / 1000;
  return fmt::format("{:.2f} s", seconds);
}

/// Rows of the file that is being staged, and what the writer itself found wrong with them.
struct Staging {
  FileSpec spec;
  StagingWriter writer;
  std::int64_t key_too_long_row = 0;  ///< first row with a natural key beyond the limit; 0: none
  RowReader reader;

  Staging(pg::Connection& database, const Claim& claim)
      : spec(parse_file_spec(claim.spec)),
        writer(database, claim),
        reader(
            spec, [this](const StagingRow& row) { take(row); }, claim.first_source_row) {}

  void take(const StagingRow& row) {
    if (row.natural_key && row.natural_key->size() > kNaturalKeyBytesMax) {
      if (key_too_long_row == 0) key_too_long_row = row.source_row;
    } else if (key_too_long_row == 0) {
      writer.write(row);
    }
  }

  /// What the partner has to hear of first, or null when the file is good.
  [[nodiscard]] nlohmann::json refusal() const {
    nlohmann::json error;
    if (!reader.findings().empty()) {
      error = to_json(reader.findings().front());
      error["count"] = reader.summary().findings_count;
    } else if (key_too_long_row != 0) {
      error = {
          {"code", error_code::kValueInvalid.id},
          {"message", fmt::format("the natural key is longer than {} bytes", kNaturalKeyBytesMax)},
          {"row", key_too_long_row},
          {"count", 1}};
    }
    return error;
  }
};

void log_refusal(const Claim& claim, const nlohmann::json& error) {
  std::string place;
  if (const std::int64_t row = error.value("row", std::int64_t{0}); row > 0) {
    place = fmt::format(", row {}", row);
  }
  if (const std::string column = error.value("column", ""); !column.empty()) {
    place += fmt::format(", column {}", column);
  }
  log_warning(fmt::format("refused {} {}: {} {}{}", claim.tenant, claim.relative_path,
                          error.value("code", ""), error.value("message", ""), place));
}

/// The stored bytes are no longer the verified ones. Nothing of them may be staged; the agency may
/// send the file again, and the record shows that the copy was altered centrally.
void refuse_altered(const StepTools& tools, const Claim& claim) {
  const nlohmann::json error = {
      {"code", error_code::kContentMismatch.id},
      {"message", "the stored bytes changed after they had been verified"}};
  tools.registry.refuse_file(claim, error, nullptr);
  log_refusal(claim, error);
}

void stage(const StepTools& tools, const Claim& claim, const LeaseKeeper::Hold& hold) {
  const std::int64_t started_ms = SystemClock().steady_ms();
  pg::Transaction transaction(tools.database);
  nlohmann::json refusal;
  nlohmann::json report;
  std::int64_t rows = 0;
  {
    Staging staging(tools.database, claim);
    const Measured measured = read_object(
        tools, claim, hold, [&](std::string_view bytes) { staging.reader.feed(bytes); });
    staging.reader.finish();
    if (measured.sha256 == claim.content_sha256) {
      refusal = staging.refusal();
      report = validation_report(staging.spec, staging.reader);
      if (refusal.is_null()) {
        rows = staging.writer.finish();
        if (rows != staging.reader.summary().rows) {
          throw Error(
              error_code::kStagingCountMismatch, "stage", claim.relative_path,
              fmt::format("{} rows were read, {} arrived", staging.reader.summary().rows, rows));
        }
        tools.registry.finish_stage(claim, rows, measured.sha256, report);
      }
    } else {
      refusal = {{"code", error_code::kContentMismatch.id}};
    }
  }
  if (refusal.is_null()) {
    transaction.commit();
    log_info(fmt::format("staged {} {}: {} row{} into {} ({})", claim.tenant, claim.relative_path,
                         rows, rows == 1 ? "" : "s", claim.entity, seconds_since(started_ms)));
    return;
  }
  transaction.rollback();
  if (report.is_null()) return refuse_altered(tools, claim);
  tools.registry.refuse_file(claim, refusal, report);
  log_refusal(claim, refusal);
}

void verify(const StepTools& tools, const Claim& claim, const LeaseKeeper::Hold& hold) {
  const std::int64_t started_ms = SystemClock().steady_ms();
  Measured measured;
  try {
    measured = read_object(tools, claim, hold, nullptr);
  } catch (const Error& error) {
    const bool is_gone = &error.code() == &error_code::kObjectMissing;
    if (!is_gone || claim.attempt < kObjectMissingAttemptsMax) throw;
    measured = {sha256_hex(""), 0};  // what is stored is nothing: let the agent send it again
  }
  const std::string state =
      tools.registry.finish_verify(claim, measured.sha256, measured.size_bytes);
  if (state == "verified") {
    log_info(fmt::format("verified {} {}: {} bytes, SHA-256 as promised ({})", claim.tenant,
                         claim.relative_path, measured.size_bytes, seconds_since(started_ms)));
  } else {
    const std::string what = measured.size_bytes == claim.size_bytes
                                 ? "the stored bytes have another SHA-256 than promised"
                                 : fmt::format("{} bytes are stored, {} were promised",
                                               measured.size_bytes, claim.size_bytes);
    log_warning(fmt::format("not verified {} {}: {}; the file is now {}", claim.tenant,
                            claim.relative_path, what, state));
  }
}

void move_object(const StepTools& tools, const Claim& claim) {
  tools.storage.move(claim.bucket, claim.object_path, claim.target_path);
  const std::string state = tools.registry.finish_move(claim);
  log_info(fmt::format("{} {} {}", state, claim.tenant, claim.relative_path));
}

}  // namespace

std::string_view to_string(Step step) {
  switch (step) {
    case Step::kVerify:
      return "verify";
    case Step::kStage:
      return "stage";
    case Step::kRename:
      return "rename";
    case Step::kArchive:
      return "archive";
  }
  return "unknown";
}

void run_step(const StepTools& tools, const Claim& claim, const LeaseKeeper::Hold& hold) {
  switch (claim.step) {
    case Step::kVerify:
      return verify(tools, claim, hold);
    case Step::kStage:
      return stage(tools, claim, hold);
    case Step::kRename:
    case Step::kArchive:
      return move_object(tools, claim);
  }
}

}  // namespace waybill
