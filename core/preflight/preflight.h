// Preflight: one pass over a whole export: its findings, its drift; the report.
//
// Place:    core/preflight; the agent before it sends, `waybill check` at the partner's desk.
// Owner:    one file, one thread. FileSpec is copied.
// Memory:   as RowReader, and 16 MiB at most for keys that must be unique.
// Rule:     the same reader as central's, so both ends find the same; never a value of the file.
// Limits:   what is wrapped (gzip, zip) or a dump is opened and judged at central only.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/crypto.h"
#include "core/file_spec.h"
#include "core/preflight/drift.h"
#include "core/preflight/quarantine_writer.h"
#include "core/read/row_reader.h"

namespace waybill {

/// The notice that travels to central with a file is never longer than this.
inline constexpr std::size_t kPreflightNoticeBytesMax = std::size_t{48} << 10;

struct PreflightResult {
  std::int64_t size_bytes = 0;
  ReadSummary summary;
  std::vector<Finding> findings;  ///< the first kFindingsMax
  std::vector<ColumnChange> drift;

  [[nodiscard]] bool is_accepted() const { return summary.is_accepted(); }
};

/// Can the file be judged before it is sent?
[[nodiscard]] bool can_preflight(const FileSpec& spec);

class Preflight {
 public:
  /// A spec that can_preflight().
  explicit Preflight(const FileSpec& spec);

  /// Takes the records that are set aside; before the first feed().
  void set_quarantine(QuarantineSink sink) { reader_.set_quarantine(std::move(sink)); }
  /// The same as a file that a person can mend (QuarantineWriter); its bytes go to `write`, the
  /// last of them in finish().
  void write_quarantine(QuarantineWriter::Write write);
  void feed(std::string_view bytes) { reader_.feed(bytes); }
  [[nodiscard]] PreflightResult finish();

 private:
  FileSpec spec_;
  RowReader reader_;
  std::optional<QuarantineWriter> quarantine_;
};

/// The preflight report, for people and programs at the desk: what validation_report() has, and
/// {report: "preflight", content_sha256, size_bytes, keys_unchecked_from_row, drift:[...]}.
[[nodiscard]] nlohmann::json preflight_report(const FileSpec& spec, const PreflightResult& result,
                                              const Sha256Hex& content_sha256);

/// What the agent tells central of it, an artifact of the file: {spec_version, outcome: "accepted"|
/// "refused", rows, rows_quarantined, bytes, complete, findings_count, groups, drift, error};
/// `error`, when it is refused, is the first finding that refuses: {code, message, row, line,
/// column, column_number, byte_offset, count}. Drift and later groups are left out, with a mark
/// (left_out), when it would be longer than kPreflightNoticeBytesMax.
[[nodiscard]] nlohmann::json preflight_notice(const FileSpec& spec, const PreflightResult& result,
                                              std::int32_t spec_version);

/// The same as one page for a person; `name` is the file's, ready for a terminal.
[[nodiscard]] std::string preflight_page(std::string_view name, const FileSpec& spec,
                                         const PreflightResult& result,
                                         const Sha256Hex& content_sha256);

}  // namespace waybill
