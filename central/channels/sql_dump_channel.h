// SqlDumpChannel: the rows that a SQL dump gives one table, by COPY or by INSERT ... VALUES.
//
// Place:    central/channels, made by open_channel(); SqlLexer below, TableRows in core takes rows.
// Source:   dumps of pg_dump (COPY or --inserts), mysqldump and SQLite's .dump. Nothing is run.
// Rule:     a dump that does not end where its program ends it is refused: inside a statement, in
//           COPY data, before the last comment of pg_dump or mysqldump, in an open transaction.
#pragma once

#include <memory>

#include "central/channels/channel.h"

namespace waybill {

[[nodiscard]] std::unique_ptr<Channel> open_sql_dump(const FileSpec& spec, RowSink sink,
                                                     std::int64_t first_source_row);

}  // namespace waybill
