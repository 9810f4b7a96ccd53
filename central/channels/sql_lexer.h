// SqlLexer: cuts a stream of SQL text into tokens, and the data lines of COPY.
//
// Place:    central/channels, below SqlDumpChannel.
// Owner:    one dump, one thread.
// Source:   dumps of pg_dump, mysqldump and SQLite's .dump. Quotes, comments, dollar quotes, client
//           commands (\connect, DELIMITER) are told apart; nothing is understood beyond that.
// Units:    line is 1-based, byte_offset counts octets of the dump from 0.
// Memory:   one token; of a longer one kRecordBytesMax octets are kept and is_cut is set.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/read/table_rows.h"

namespace waybill {

enum class SqlKind : std::uint8_t {
  kWord,  ///< a keyword, a name without quotes, a number without its sign
  kName,  ///< a name in "", `` or []; quotes undoubled
  kText,  ///< '...' or $$...$$; quotes undoubled, backslashes as they stand
  kSign,  ///< any other character
};

/// What a backslash in a text means.
enum class SqlEscapes : std::uint8_t { kNone, kMySql, kPostgres };

struct SqlToken {
  SqlKind kind = SqlKind::kWord;
  std::string_view text;
  SqlEscapes escapes = SqlEscapes::kNone;
  bool is_cut = false;  ///< longer than what is kept
  TablePlace place;
};

/// What the lexer found; called while it is fed.
class SqlListener {
 public:
  virtual ~SqlListener() = default;
  virtual void on_token(const SqlToken& token) = 0;
  /// A comment up to the end of its line, without the dashes.
  virtual void on_comment(std::string_view comment) = 0;
  /// A line of COPY data without its line end; is_cut as of a token.
  virtual void on_data_line(std::string_view line, bool is_cut, TablePlace place) = 0;
};

class SqlLexer {
 public:
  explicit SqlLexer(SqlListener& listener) : listener_(listener) {}

  void feed(std::string_view bytes);
  /// The end of the dump; false when it ends inside a quote, a comment or COPY data.
  [[nodiscard]] bool finish();

  /// From the listener: what follows this line is COPY data, up to a line of `\.`.
  void expect_data() { data_follows_ = true; }
  /// From the listener: plain texts have escapes from now on.
  void set_escapes(SqlEscapes escapes) { escapes_ = escapes; }
  [[nodiscard]] SqlEscapes escapes() const { return escapes_; }
  /// Bytes at the front that are no text, such as a byte order mark.
  void skip(std::size_t bytes) { offset_ += static_cast<std::int64_t>(bytes); }
  [[nodiscard]] TablePlace place() const { return {line_, offset_}; }

 private:
  enum class State : std::uint8_t {
    kBetween,
    kWord,
    kText,
    kTextEscape,
    kTextQuote,  ///< behind a quote in a text: the first of a pair, or the end
    kName,
    kNameQuote,
    kDollarTag,
    kDollarText,
    kDash,
    kSlash,
    kLineComment,
    kBlockComment,
    kBlockStar,
    kClientLine,  ///< \command, or what stands behind DELIMITER
    kForeign,     ///< between DELIMITER something and DELIMITER ;
    kData,
  };

  void take(char c);
  void take_between(char c);
  void take_word(char c);
  void take_text(char c);
  void take_name(char c);
  void take_dollar(char c);
  void take_comment(char c);
  void take_client_line(char c);
  void take_foreign(char c);
  void take_data(char c);
  void begin(State state);
  void keep(char c);
  void emit(SqlKind kind);
  void end_line();
  /// Takes from the front what changes no state; how many octets.
  [[nodiscard]] std::size_t take_run(std::string_view bytes);

  SqlListener& listener_;
  State state_ = State::kBetween;
  std::string text_;
  bool is_cut_ = false;
  TablePlace begin_;
  char quote_ = 0;          ///< what closes the open name
  std::string dollar_tag_;  ///< "$tag$"
  SqlEscapes escapes_ = SqlEscapes::kNone;
  SqlEscapes text_escapes_ = SqlEscapes::kNone;
  bool word_is_e_ = false;  ///< the token before is E, right before this character
  bool data_follows_ = false;
  bool statement_begins_ = true;
  bool is_delimiter_ = false;  ///< the open client line is DELIMITER's
  std::int64_t line_ = 1;
  std::int64_t offset_ = 0;
};

/// A text's content with its escapes undone; `scratch` holds it when it had some.
[[nodiscard]] std::string_view undo_escapes(std::string_view text, SqlEscapes escapes,
                                            std::string& scratch);

}  // namespace waybill
