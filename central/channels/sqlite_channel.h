// SqliteChannel: the rows of one table of an SQLite database, in the order of their rowid.
//
// Place:    central/channels, made by open_channel(); TableRows in core takes the rows.
// Rule:     the database is a stranger's: opened read-only and immutable from a scratch file,
// without
//           views, triggers, extensions or functions of its own, and checked before a row is read.
//           Only the database file itself counts; a -wal or -journal file beside it does not
//           travel.
#pragma once

#include <memory>

#include "central/channels/channel.h"

namespace waybill {

[[nodiscard]] std::unique_ptr<Channel> open_sqlite(const FileSpec& spec, RowSink sink,
                                                   std::int64_t first_source_row,
                                                   const ChannelOptions& options);

}  // namespace waybill
