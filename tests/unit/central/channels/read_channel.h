// read_channel: reads bytes through open_channel() and shows what came of it.
#pragma once

#include <string>
#include <string_view>

#include "central/channels/channel.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/core/read/read_rows.h"

namespace waybill {

inline ReadResult read_channel(const FileSpec& spec, std::string_view bytes,
                               std::size_t cut_bytes = 0, ChannelOptions options = {}) {
  const TemporaryFolder folder;
  options.scratch_folder = folder.path();
  ReadResult result;
  const auto channel = open_channel(
      spec, [&](const StagingRow& row) { result.rows.push_back(show(row)); }, 1, options);
  channel->set_quarantine(
      [&](const QuarantinedRow& row) { result.set_aside.push_back(show(row)); });
  feed_in_cuts(*channel, bytes, cut_bytes);
  take_outcome(*channel, result);
  return result;
}

}  // namespace waybill
