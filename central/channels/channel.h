// Channel: reads a stored file by its spec into rows for staging, whatever format and container.
//
// Place:    central/channels, between the worker's stage step and core's readers.
// Owner:    one channel, one file, one thread; every call of the sink is made on that thread, in
//           feed() or in finish(). FileSpec is copied.
// Units:    as in core/read/row_reader.h. Lines and byte offsets of findings speak of the unpacked
//           content; summary().bytes is what was fed. A database has rows, no lines.
// Memory:   one record and a fixed window, whatever the file's size. Databases and zip archives are
//           kept in a scratch file until they are read, which happens in finish().
// Errors:   what is wrong with the file is a Finding. open_channel() throws WB-3110 (the spec names
//           a quirk we do not have); WB-1310: the scratch folder cannot be used. What the sink
//           throws passes through.
// Rule:     no finding, report or message ever holds a value of the file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string_view>
#include <vector>

#include "core/file_spec.h"
#include "core/read/row_reader.h"

namespace waybill {

/// Unpacked bytes that are always allowed, however small the archive.
inline constexpr std::int64_t kUnpackedBytesFree = std::int64_t{1} << 20;

struct ChannelOptions {
  std::filesystem::path scratch_folder = std::filesystem::temp_directory_path();
  /// Size of the stored file, for the limit on unpacking; 0: not known, what was fed counts.
  std::int64_t file_bytes = 0;
  /// Limits on what a container may unpack to: octets, and times the packed size.
  std::int64_t unpacked_bytes_max = std::int64_t{20} * 1024 * 1024 * 1024;
  std::int64_t unpacked_ratio_max = 200;
};

/// Feed the file in any cut, then finish(). After a finding that refuses the file no row reaches
/// the sink any more, and what was handed over must be undone by the owner.
class Channel {
 public:
  virtual ~Channel() = default;
  Channel() = default;
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  /// Takes the records that are set aside, as they stand in the unpacked content; before feed().
  virtual void set_quarantine(QuarantineSink sink) = 0;
  virtual void feed(std::string_view bytes) = 0;
  virtual void finish() = 0;
  [[nodiscard]] virtual const std::vector<Finding>& findings() const = 0;
  [[nodiscard]] virtual ReadSummary summary() const = 0;
};

/// The channel that a spec asks for. `first_source_row` is above 1 for a later part of a split
/// file.
[[nodiscard]] std::unique_ptr<Channel> open_channel(const FileSpec& spec, RowSink sink,
                                                    std::int64_t first_source_row,
                                                    const ChannelOptions& options);

/// The validation report of what the channel has read, as core/read/row_reader.h describes it.
[[nodiscard]] nlohmann::json validation_report(const FileSpec& spec, const Channel& channel);

}  // namespace waybill
