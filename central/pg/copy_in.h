// CopyIn: rows into a table by COPY ... FROM STDIN (FORMAT binary).
//
// Place:    central/pg. Staging's way in; one at a time on a connection, inside a transaction.
// Units:    binary COPY as PostgreSQL documents it; numbers big-endian.
// Errors:   PgError when the server refuses the rows (often first seen in finish()), WB-5001 when
//           the connection is lost. A CopyIn destroyed before finish() tells the server to fail.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "central/pg/connection.h"

namespace waybill::pg {

using UuidBytes = std::array<char, 16>;

/// The 16 bytes of a UUID in its text form; throws WB-9001 when `text` is none.
[[nodiscard]] UuidBytes parse_uuid(std::string_view text);

class CopyIn {
 public:
  /// `sql` is COPY schema.table (columns) FROM STDIN (FORMAT binary).
  CopyIn(Connection& connection, std::string_view sql);
  ~CopyIn();
  CopyIn(const CopyIn&) = delete;
  CopyIn& operator=(const CopyIn&) = delete;

  /// Starts a row; exactly `columns` put_* calls follow.
  void begin_row(std::int16_t columns);
  void put_null();
  void put_uuid(const UuidBytes& uuid);
  void put_int64(std::int64_t value);
  void put_int32(std::int32_t value);
  void put_text(std::string_view utf8);
  void put_jsonb(std::string_view json);

  /// Sends what is left and waits for the server's word; the number of rows it took.
  std::int64_t finish();
  /// Ends the COPY without rows; the transaction is then aborted.
  void abort(std::string_view reason);

 private:
  void put_length(std::int32_t length_bytes);
  void flush_if_full();
  void flush();

  Connection& connection_;
  std::string buffer_;
  bool open_ = true;
};

}  // namespace waybill::pg
