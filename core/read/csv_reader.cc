#include "core/read/csv_reader.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include "core/read/csv_scan.h"

namespace waybill {

namespace {

/// What is wrong is a byte that is read as content all the same.
constexpr bool is_content(CsvProblemKind kind) {
  return kind == CsvProblemKind::kNulByte || kind == CsvProblemKind::kQuoteInsideUnquoted ||
         kind == CsvProblemKind::kControlCharacter;
}

}  // namespace

std::string_view CsvRecord::text(const CsvField& field, std::string& scratch) const {
  const std::string_view content = bytes.substr(field.begin, field.end - field.begin);
  if (!field.has_quotes) return content;
  scratch.clear();
  for (std::size_t from = 0; from < content.size();) {
    std::size_t at = content.find(quote, from);
    if (at == std::string_view::npos) at = content.size() - 1;
    scratch.append(content.substr(from, at + 1 - from));
    const bool is_doubled =
        at + 1 < content.size() && content[at] == quote && content[at + 1] == quote;
    from = at + (is_doubled ? 2 : 1);
  }
  return scratch;
}

std::int64_t CsvRecord::line_at(std::size_t offset) const {
  std::int64_t found = line;
  const std::string_view before = bytes.substr(0, offset);
  for (std::size_t i = 0; i < before.size(); ++i) {
    const bool is_crlf = before[i] == '\n' && i > 0 && before[i - 1] == '\r';
    if (before[i] == '\r' || (before[i] == '\n' && !is_crlf)) ++found;
  }
  return found;
}

CsvReader::CsvReader(const CsvDialect& dialect, RecordSink on_record, ProblemSink on_problem,
                     std::int64_t first_byte_offset, std::size_t record_bytes_max)
    : dialect_(dialect),
      on_record_(std::move(on_record)),
      on_problem_(std::move(on_problem)),
      record_bytes_max_(static_cast<std::int64_t>(record_bytes_max)),
      block_begin_(first_byte_offset),
      record_begin_(first_byte_offset),
      field_begin_(first_byte_offset) {}

void CsvReader::feed(std::string_view bytes) {
  if (stopped_ || bytes.empty()) return;
  block_ = bytes;
  if (line_end_is_cut_) compare_cut_line_end(bytes.front() == '\n');
  if (!stopped_) scan(bytes);
  if (!stopped_) {
    const std::int64_t open_from = std::max<std::int64_t>(record_begin_ - block_begin_, 0);
    carry_.append(bytes.substr(static_cast<std::size_t>(open_from)));
  }
  block_begin_ += static_cast<std::int64_t>(bytes.size());
  block_ = {};
}

void CsvReader::scan(std::string_view bytes) {
  const CsvScan scan(dialect_.delimiter, dialect_.quote.value_or(dialect_.delimiter));
  std::array<char, kScanChunkBytes> last_chunk{};
  for (std::size_t from = 0; from < bytes.size(); from += kScanChunkBytes) {
    const char* chunk = bytes.data() + from;
    const std::size_t size = std::min(bytes.size() - from, kScanChunkBytes);
    std::uint64_t valid = ~std::uint64_t{0};
    if (size < kScanChunkBytes) {
      std::memcpy(last_chunk.data(), chunk, size);
      chunk = last_chunk.data();
      valid >>= kScanChunkBytes - size;
    }
    const CsvMarks found = scan.find(chunk);
    chunk_begin_ = block_begin_ + static_cast<std::int64_t>(from);
    chunk_non_ascii_ = found.non_ascii & valid;
    if (chunk_non_ascii_ != 0) record_is_ascii_ = false;
    for (std::uint64_t marks = found.marks & valid; marks != 0; marks &= marks - 1) {
      const int at = std::countr_zero(marks);
      on_mark(chunk[at], chunk_begin_ + at);
      if (stopped_) return;
    }
    if (chunk_begin_ + static_cast<std::int64_t>(size) - record_begin_ > record_bytes_max_) {
      report(CsvProblemKind::kRecordTooLong, record_begin_, record_line_, CsvProblem::kNoField);
      return;
    }
  }
}

inline void CsvReader::on_mark(char mark, std::int64_t at) {
  if (at - record_begin_ > record_bytes_max_) {
    report(CsvProblemKind::kRecordTooLong, record_begin_, record_line_, CsvProblem::kNoField);
  } else if (in_quotes_) {
    on_mark_in_quotes(mark, at);
  } else if (mark == dialect_.delimiter) {
    end_field(at);
  } else if (mark == '\n' || mark == '\r') {
    end_record(at);
    compare_line_end(mark, at);
    count_line_end(mark, at);
    begin_record(at + 1);
  } else if (mark != dialect_.quote) {
    report_control(mark, at);
  } else if (at == field_begin_) {
    in_quotes_ = true;
    quote_line_ = line_;
  } else if (dialect_.quote_rule == QuoteRule::kStrict) {
    report(CsvProblemKind::kQuoteInsideUnquoted, at, line_, field_count_);
  }
}

void CsvReader::on_mark_in_quotes(char mark, std::int64_t at) {
  const bool is_quote = mark == dialect_.quote;
  if (last_quote_ != kNone) {
    // What follows a quote tells what it was: the first half of a pair, the end, or content.
    const bool ends_field = mark == dialect_.delimiter || mark == '\n' || mark == '\r';
    const bool follows = at == last_quote_ + 1 && (is_quote || ends_field);
    if (follows && is_quote) {
      field_has_quotes_ = true;
      last_quote_ = kNone;
      return;
    }
    if (follows) {
      end_quoted_field();
      on_mark(mark, at);
      return;
    }
    if (dialect_.quote_rule == QuoteRule::kStrict) {
      report(CsvProblemKind::kTextAfterQuote, last_quote_, line_, field_count_);
      return;
    }
    field_has_quotes_ = true;
    last_quote_ = kNone;
  }
  if (is_quote) {
    last_quote_ = at;
  } else if (mark == '\n' || mark == '\r') {
    count_line_end(mark, at);
  } else if (mark != dialect_.delimiter) {
    report_control(mark, at);
  }
}

/// A control character that is content; a TAB is as good as a blank.
void CsvReader::report_control(char mark, std::int64_t at) {
  if (mark == '\t') return;
  const bool is_nul = mark == '\0';
  report(is_nul ? CsvProblemKind::kNulByte : CsvProblemKind::kControlCharacter, at, line_,
         field_count_);
}

/// The field behind `field_begin_` ends before `at`; a quoted one has been pushed already.
inline void CsvReader::end_field(std::int64_t at) {
  if (!field_is_pushed_) push_field(field_begin_, at, false);
  field_is_pushed_ = false;
  field_begin_ = at + 1;
}

void CsvReader::end_quoted_field() {
  push_field(field_begin_ + 1, last_quote_, true);
  field_is_pushed_ = true;
  in_quotes_ = false;
  field_has_quotes_ = false;
  last_quote_ = kNone;
}

inline void CsvReader::push_field(std::int64_t begin, std::int64_t end, bool quoted) {
  ++field_count_;
  if (fields_.size() == kFieldsMax) return;
  fields_.push_back({static_cast<std::uint32_t>(begin - record_begin_),
                     static_cast<std::uint32_t>(end - record_begin_), quoted, field_has_quotes_});
}

/// Hands over the record that ends before `at`; an empty line is none.
void CsvReader::end_record(std::int64_t at) {
  if (at == record_begin_) return;
  end_field(at);
  CsvRecord record;
  record.number = record_number_++;
  record.line = record_line_;
  record.byte_offset = record_begin_;
  if (record_begin_ >= block_begin_) {
    record.bytes = block_.substr(static_cast<std::size_t>(record_begin_ - block_begin_),
                                 static_cast<std::size_t>(at - record_begin_));
  } else {
    carry_.append(block_.substr(0, static_cast<std::size_t>(at - block_begin_)));
    record.bytes = carry_;
  }
  record.fields = fields_;
  record.field_count = field_count_;
  record.is_ascii = record_is_ascii_;
  record.quote = dialect_.quote.value_or('"');
  on_record_(record);
}

inline void CsvReader::begin_record(std::int64_t at) {
  carry_.clear();
  fields_.clear();
  field_count_ = 0;
  record_begin_ = at;
  record_line_ = line_;
  field_begin_ = at;
  problems_reported_ = 0;
  const std::int64_t into_chunk = at - chunk_begin_;
  record_is_ascii_ = into_chunk >= static_cast<std::int64_t>(kScanChunkBytes) ||
                     (chunk_non_ascii_ >> into_chunk) == 0;
}

inline void CsvReader::count_line_end(char mark, std::int64_t at) {
  if (mark == '\r') {
    carriage_return_ = at;
  } else if (carriage_return_ != kNone && carriage_return_ + 1 == at) {
    return;
  }
  ++line_;
}

/// `mark` ends a line outside quotes. Behind a CR the next byte tells what the line end is.
inline void CsvReader::compare_line_end(char mark, std::int64_t at) {
  if (line_ends_are_mixed_ || stopped_) return;
  if (mark == '\n') {
    const bool is_second_half = carriage_return_ != kNone && carriage_return_ + 1 == at;
    if (!is_second_half) compare_line_end(LineEnd::kLineFeed, at, line_);
    return;
  }
  const auto next = static_cast<std::size_t>(at + 1 - block_begin_);
  line_end_is_cut_ = next == block_.size();
  if (line_end_is_cut_) return;
  compare_line_end(block_[next] == '\n' ? LineEnd::kBoth : LineEnd::kCarriageReturn, at, line_);
}

/// The block before ended with a CR that ended a line.
void CsvReader::compare_cut_line_end(bool line_feed_follows) {
  line_end_is_cut_ = false;
  compare_line_end(line_feed_follows ? LineEnd::kBoth : LineEnd::kCarriageReturn, carriage_return_,
                   line_ - 1);
}

void CsvReader::compare_line_end(LineEnd line_end, std::int64_t at, std::int64_t line) {
  if (first_line_end_ == LineEnd::kUnknown) first_line_end_ = line_end;
  if (line_end == first_line_end_) return;
  line_ends_are_mixed_ = true;
  // What ended here was handed over already: a record, or a blank line behind one.
  on_problem_({CsvProblemKind::kLineEndsMixed, std::max<std::int64_t>(record_number_ - 1, 1), line,
               at, CsvProblem::kNoField});
}

/// Says what is wrong, each kind once a record, and ends the reading where no record end can be
/// trusted any more.
void CsvReader::report(CsvProblemKind kind, std::int64_t at, std::int64_t line,
                       std::size_t field_index) {
  if (!is_content(kind)) stop();
  const unsigned bit = 1U << static_cast<unsigned>(kind);
  if ((problems_reported_ & bit) != 0) return;
  problems_reported_ |= bit;
  on_problem_({kind, record_number_, line, at, field_index});
}

std::string_view CsvReader::line_end() const {
  switch (first_line_end_) {
    case LineEnd::kLineFeed:
      return "\n";
    case LineEnd::kCarriageReturn:
      return "\r";
    case LineEnd::kBoth:
      return "\r\n";
    case LineEnd::kUnknown:
      break;
  }
  return "";
}

void CsvReader::finish() {
  if (stopped_) return;
  if (line_end_is_cut_) compare_cut_line_end(false);
  const std::int64_t end = block_begin_;
  if (in_quotes_) {
    if (last_quote_ != kNone && last_quote_ + 1 == end) {
      end_quoted_field();
    } else if (last_quote_ != kNone && dialect_.quote_rule == QuoteRule::kStrict) {
      report(CsvProblemKind::kTextAfterQuote, last_quote_, line_, field_count_);
      return;
    } else {
      report(CsvProblemKind::kQuoteUnbalanced, field_begin_, quote_line_, field_count_);
      return;
    }
  }
  end_record(end);
  stop();
}

}  // namespace waybill
