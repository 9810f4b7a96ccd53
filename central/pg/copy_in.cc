#include "central/pg/copy_in.h"

#include <libpq-fe.h>

#include <bit>
#include <concepts>
#include <utility>

#include "core/log.h"

namespace waybill::pg {

namespace {

constexpr std::size_t kFlushBytes = std::size_t{256} * 1024;

/// Signature, flags and the length of an extension area: none.
constexpr std::string_view kHeader{"PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19};

template <std::integral Integer>
void append_big_endian(std::string& buffer, Integer value) {
  const auto bits = static_cast<std::make_unsigned_t<Integer>>(value);
  for (int shift = static_cast<int>(sizeof(Integer)) * 8 - 8; shift >= 0; shift -= 8) {
    buffer.push_back(static_cast<char>((bits >> shift) & 0xFFU));
  }
}

int hex_value(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

}  // namespace

UuidBytes parse_uuid(std::string_view text) {
  UuidBytes out{};
  std::size_t digits = 0;
  for (const char c : text) {
    if (c == '-') continue;
    const int value = hex_value(c);
    if (value < 0 || digits >= 32) {
      digits = 0;
      break;
    }
    const int shifted = digits % 2 == 0 ? value << 4 : value;
    out[digits / 2] = static_cast<char>(static_cast<unsigned char>(out[digits / 2]) | shifted);
    ++digits;
  }
  if (digits != 32) throw Error(error_code::kInternal, "read a UUID", "", "it is no UUID");
  return out;
}

CopyIn::CopyIn(Connection& connection, std::string_view sql) : connection_(connection) {
  const Result started = connection_.exec(sql);
  if (PQtransactionStatus(connection_.raw_.get()) != PQTRANS_ACTIVE) {
    throw Error(error_code::kInternal, "start a COPY", "", "the statement is no COPY FROM STDIN");
  }
  buffer_.reserve(kFlushBytes + kFlushBytes / 4);
  buffer_.append(kHeader);
}

CopyIn::~CopyIn() {
  if (!open_) return;
  try {
    abort("the writer gave up");
  } catch (const Error&) {
    log_debug("a COPY found the connection lost while it was given up");
  }
}

void CopyIn::begin_row(std::int16_t columns) {
  flush_if_full();
  append_big_endian(buffer_, columns);
}

void CopyIn::put_length(std::int32_t length_bytes) { append_big_endian(buffer_, length_bytes); }

void CopyIn::put_null() { put_length(-1); }

void CopyIn::put_uuid(const UuidBytes& uuid) {
  put_length(static_cast<std::int32_t>(uuid.size()));
  buffer_.append(uuid.data(), uuid.size());
}

void CopyIn::put_int64(std::int64_t value) {
  put_length(8);
  append_big_endian(buffer_, value);
}

void CopyIn::put_int32(std::int32_t value) {
  put_length(4);
  append_big_endian(buffer_, value);
}

void CopyIn::put_text(std::string_view utf8) {
  put_length(static_cast<std::int32_t>(utf8.size()));
  buffer_.append(utf8);
}

void CopyIn::put_jsonb(std::string_view json) {
  put_length(static_cast<std::int32_t>(json.size() + 1));
  buffer_.push_back('\x01');  // the only version of the binary form: JSON text follows
  buffer_.append(json);
}

void CopyIn::flush_if_full() {
  if (buffer_.size() >= kFlushBytes) flush();
}

void CopyIn::flush() {
  const auto size = static_cast<int>(buffer_.size());
  if (PQputCopyData(connection_.raw_.get(), buffer_.data(), size) != 1) {
    open_ = false;
    connection_.fail_connection("send rows");
  }
  buffer_.clear();
}

std::int64_t CopyIn::finish() {
  append_big_endian(buffer_, std::int16_t{-1});
  flush();
  open_ = false;
  if (PQputCopyEnd(connection_.raw_.get(), nullptr) != 1) connection_.fail_connection("send rows");
  const Result result = connection_.check(PQgetResult(connection_.raw_.get()), "copy rows");
  while (pg_result* rest = PQgetResult(connection_.raw_.get())) PQclear(rest);
  return result.affected();
}

void CopyIn::abort(std::string_view reason) {
  open_ = false;
  if (PQputCopyEnd(connection_.raw_.get(), std::string(reason).c_str()) != 1) {
    connection_.fail_connection("give up a COPY");
  }
  while (pg_result* rest = PQgetResult(connection_.raw_.get())) PQclear(rest);
}

}  // namespace waybill::pg
