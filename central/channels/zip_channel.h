// ZipChannel: content that is one entry of a zip archive.
//
// Place:    central/channels, made by open_channel(); libarchive reads the archive.
// Rule:     the archive's own directory decides what is in it, not what stands between the entries;
//           it is at the end, so the archive is kept in a scratch file and read in finish().
//           Entries are never written to disk. Every entry's name is looked at, one is read.
#pragma once

#include <memory>
#include <string>

#include "central/channels/channel.h"

namespace waybill {

/// `entry_pattern` is compared with an entry's base name, or with its whole path when the pattern
/// has a slash itself.
[[nodiscard]] std::unique_ptr<Channel> open_zip(std::unique_ptr<Channel> content,
                                                const std::string& entry_pattern,
                                                const ChannelOptions& options);

}  // namespace waybill
