#include "core/preflight/quarantine_writer.h"

#include <array>
#include <utility>

#include "core/read/transcoder.h"

namespace waybill {

namespace {

// In the order of ByteOrderMark.
constexpr std::array<std::string_view, 4> kMarks = {"", "\xEF\xBB\xBF", "\xFF\xFE", "\xFE\xFF"};

}  // namespace

QuarantineWriter::QuarantineWriter(Encoding encoding, Write write)
    : encoding_(encoding), write_(std::move(write)) {}

void QuarantineWriter::take(const QuarantinedRow& row) {
  if (rows_++ == 0) {
    if (row.form.mark != ByteOrderMark::kNone) {
      write_(kMarks.at(static_cast<std::size_t>(row.form.mark)));
    }
    if (!row.form.header.empty()) {
      write(row.form.header);
      write(row.form.line_end);
    }
  } else {
    write(row.form.line_end);
  }
  write(row.bytes);
}

/// Only here the line end of a file without header is known for sure, whatever the blocks it came
/// in. A file of a single line may have none.
void QuarantineWriter::finish(const FileForm& form) {
  if (rows_ > 0) write(form.line_end.empty() ? "\n" : form.line_end);
}

void QuarantineWriter::write(std::string_view text) {
  if (!is_utf16(encoding_)) return write_(text);
  utf16_.clear();
  append_utf16(encoding_ == Encoding::kUtf16Be ? Utf16Transcoder::ByteOrder::kBigEndian
                                               : Utf16Transcoder::ByteOrder::kLittleEndian,
               text, utf16_);
  write_(utf16_);
}

}  // namespace waybill
