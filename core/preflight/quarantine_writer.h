// QuarantineWriter: writes the rows that are set aside as a file like the one they came from, so
// that a person can open it, mend the rows and export them again.
//
// Place:    core/preflight; `waybill check --quarantine` and the agent's own preflight use it.
// Owner:    one file that is read, one thread.
// Rule:     byte order mark, header line, encoding and line ends are those of the original. Each
//           row stands as it stood there, quotes and all. It holds values: who keeps the file keeps
//           it from others.
// Memory:   nothing of the rows.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "core/read/encoding.h"
#include "core/read/rows.h"

namespace waybill {

class QuarantineWriter {
 public:
  using Write = std::function<void(std::string_view)>;

  /// `encoding`: of the file spec. `write` takes the file's bytes in order.
  QuarantineWriter(Encoding encoding, Write write);

  /// The next row that is set aside; for RowReader::set_quarantine().
  void take(const QuarantinedRow& row);
  /// Ends the last row's line; `form` is that of the file that was read to its end. Without rows
  /// nothing is written.
  void finish(const FileForm& form);

  [[nodiscard]] std::int64_t rows() const { return rows_; }

 private:
  void write(std::string_view text);

  Encoding encoding_;
  Write write_;
  std::string utf16_;
  std::int64_t rows_ = 0;
};

}  // namespace waybill
