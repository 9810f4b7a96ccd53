// GzipChannel: content wrapped in gzip, unpacked while it is fed; no temporary file.
//
// Place:    central/channels, made by open_channel().
// Rule:     every member's check sum and length are checked (zlib does); several members one after
//           the other are one content, as `gzip -c a b` makes them; zeros behind them are padding.
#pragma once

#include <memory>

#include "central/channels/channel.h"

namespace waybill {

[[nodiscard]] std::unique_ptr<Channel> open_gzip(std::unique_ptr<Channel> content,
                                                 const ChannelOptions& options);

}  // namespace waybill
