// CsvReader: cuts a stream of bytes into records and fields (RFC 4180 and its dialects).
//
// Place:    core; RowReader above. Knows nothing of encodings, headers or types.
// Owner:    one reader, one file, one thread.
// Units:    *_bytes and byte_offset are octets of the original file; line and number start at 1.
// Memory:   at most one record is kept between two feeds, so at most kRecordBytesMax.
// Errors:   what is wrong with the file is reported as CsvProblem, never thrown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace waybill {

/// The longest record that is read. One quote that is never closed makes the rest of a file one
/// record; this limit ends the search for its end.
inline constexpr std::size_t kRecordBytesMax = std::size_t{2} * 1024 * 1024;

/// Fields of one record that are kept; more are counted, not kept.
inline constexpr std::size_t kFieldsMax = std::size_t{16} * 1024;

enum class QuoteRule : std::uint8_t {
  kStrict,   ///< quotes inside a field are doubled; anything else is a problem
  kLenient,  ///< a quote that neither opens nor ends a field is content
};

/// How an export separates what it holds. Delimiter and quote are ASCII.
struct CsvDialect {
  char delimiter = ',';
  std::optional<char> quote = '"';  ///< nothing: no quoting, every byte is content
  QuoteRule quote_rule = QuoteRule::kStrict;
};

/// One field as a place in its record. Without the quotes around it, doubled quotes still doubled.
struct CsvField {
  std::uint32_t begin = 0;  ///< offset of the content in CsvRecord::bytes
  std::uint32_t end = 0;
  bool quoted = false;
  bool has_quotes =
      false;  ///< the content of a quoted field holds quotes: CsvRecord::text() undoubles
};

/// One record; valid only during the call that hands it over.
struct CsvRecord {
  std::int64_t number = 0;       ///< 1-based among records; blank lines are none
  std::int64_t line = 0;         ///< physical line its first byte is on
  std::int64_t byte_offset = 0;  ///< of its first byte
  std::string_view bytes;        ///< as in the file, without the line end
  std::span<const CsvField> fields;
  std::size_t field_count = 0;  ///< as found; larger than fields.size() beyond kFieldsMax
  bool is_ascii = true;         ///< false: some byte may be >= 0x80
  char quote = '"';

  /// The field's content as bytes of the file's encoding; `scratch` holds it when quotes had to be
  /// undoubled.
  [[nodiscard]] std::string_view text(const CsvField& field, std::string& scratch) const;
  /// The physical line of the byte at `offset` of `bytes`.
  [[nodiscard]] std::int64_t line_at(std::size_t offset) const;
};

enum class CsvProblemKind : std::uint8_t {
  kQuoteUnbalanced,      ///< the file ends inside a quoted field; reading ended
  kTextAfterQuote,       ///< strict: content behind the closing quote; reading ended
  kQuoteInsideUnquoted,  ///< strict: a quote in an unquoted field; read as content
  kRecordTooLong,        ///< longer than the limit; reading ended
  kNulByte,              ///< a NUL; read as content
  kControlCharacter,     ///< one of ASCII's others, but TAB, CR and LF; read as content
  kLineEndsMixed,        ///< the first line end that is not like the file's first one
};

/// Something wrong, and where. Each kind is reported once a record, mixed line ends once a file.
/// Problems of a record come before the record itself; that of its line end comes behind it.
struct CsvProblem {
  CsvProblemKind kind = CsvProblemKind::kQuoteUnbalanced;
  std::int64_t record_number = 0;
  std::int64_t line = 0;         ///< physical line of the place
  std::int64_t byte_offset = 0;  ///< of the place: the quote, the NUL, the record's start
  std::size_t field_index = 0;   ///< 0-based; kNoField when it is about the record
  static constexpr std::size_t kNoField = std::numeric_limits<std::size_t>::max();
};

/// Feed the file in any cut, then finish(). The same records and problems come out for every cut.
class CsvReader {
 public:
  using RecordSink = std::function<void(const CsvRecord&)>;
  using ProblemSink = std::function<void(const CsvProblem&)>;

  /// `first_byte_offset`: bytes of the file in front of what is fed, such as a byte order mark.
  CsvReader(const CsvDialect& dialect, RecordSink on_record, ProblemSink on_problem,
            std::int64_t first_byte_offset = 0, std::size_t record_bytes_max = kRecordBytesMax);

  void feed(std::string_view bytes);
  /// The end of the file: hands over a last record without line end.
  void finish();
  /// No more records will come: the rest was given up, or the owner called stop().
  [[nodiscard]] bool stopped() const { return stopped_; }
  void stop() { stopped_ = true; }
  /// The first line end outside quotes, "" until there is one: "\n", "\r\n" or "\r".
  [[nodiscard]] std::string_view line_end() const;

 private:
  static constexpr std::int64_t kNone = -1;

  enum class LineEnd : std::uint8_t { kUnknown, kLineFeed, kCarriageReturn, kBoth };

  void scan(std::string_view bytes);
  void on_mark(char mark, std::int64_t at);
  void on_mark_in_quotes(char mark, std::int64_t at);
  void push_field(std::int64_t begin, std::int64_t end, bool quoted);
  void end_field(std::int64_t at);
  void end_quoted_field();
  void end_record(std::int64_t at);
  void begin_record(std::int64_t at);
  void report_control(char mark, std::int64_t at);
  void count_line_end(char mark, std::int64_t at);
  void compare_line_end(char mark, std::int64_t at);
  void compare_line_end(LineEnd line_end, std::int64_t at, std::int64_t line);
  void compare_cut_line_end(bool line_feed_follows);
  void report(CsvProblemKind kind, std::int64_t at, std::int64_t line, std::size_t field_index);

  CsvDialect dialect_;
  RecordSink on_record_;
  ProblemSink on_problem_;
  std::int64_t record_bytes_max_;
  bool stopped_ = false;

  // What is being scanned. All positions are offsets in the file, so a cut changes none of them.
  std::int64_t block_begin_;
  std::string_view block_;
  std::int64_t chunk_begin_ = 0;
  std::uint64_t chunk_non_ascii_ = 0;
  std::string carry_;  ///< the open record's bytes from earlier blocks

  // Lines: line_ is that of the next byte; a line feed behind carriage_return_ ends none.
  std::int64_t line_ = 1;
  std::int64_t carriage_return_ = kNone;

  // Line ends outside quotes.
  LineEnd first_line_end_ = LineEnd::kUnknown;
  bool line_ends_are_mixed_ = false;
  bool line_end_is_cut_ = false;  ///< the last byte so far was a CR that ends a line

  // The open record.
  std::int64_t record_begin_;
  std::int64_t record_number_ = 1;
  std::int64_t record_line_ = 1;
  bool record_is_ascii_ = true;
  unsigned problems_reported_ = 0;  ///< one bit a kind
  std::vector<CsvField> fields_;
  std::size_t field_count_ = 0;

  // The open field.
  std::int64_t field_begin_;
  bool in_quotes_ = false;
  bool field_has_quotes_ = false;
  bool field_is_pushed_ = false;     ///< its closing quote has been seen
  std::int64_t quote_line_ = 0;      ///< where it was opened
  std::int64_t last_quote_ = kNone;  ///< in quotes: one that may be the closing one
};

}  // namespace waybill
