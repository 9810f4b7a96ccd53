#include "central/channels/sql_lexer.h"

#include <algorithm>

#include "core/ascii.h"

namespace waybill {

namespace {

bool is_letter(char c) { return is_ascii_lower(to_ascii_lower(c)); }

bool begins_word(char c) {
  return is_letter(c) || is_ascii_digit(c) || c == '_' || c == '@' ||
         static_cast<unsigned char>(c) >= 0x80;
}

bool is_blank(char c) { return kAsciiBlanks.find(c) != std::string_view::npos; }

constexpr std::string_view kCommentsOfMySql[] = {"MySQL dump", "MariaDB dump",
                                                 "phpMyAdmin SQL Dump"};

}  // namespace

void SqlLexer::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t run = take_run(bytes);
    bytes.remove_prefix(run);
    if (bytes.empty()) return;
    const char c = bytes.front();
    take(c);
    ++offset_;
    if (c == '\n') end_line();
    bytes.remove_prefix(1);
  }
}

/// Long texts, data and comments are most of a dump.
std::size_t SqlLexer::take_run(std::string_view bytes) {
  std::string_view ends;
  if (state_ == State::kText) ends = text_escapes_ == SqlEscapes::kNone ? "'\n" : "'\\\n";
  if (state_ == State::kData || state_ == State::kLineComment) ends = "\n";
  if (state_ == State::kBlockComment) ends = "*\n";
  if (ends.empty()) return 0;
  const std::size_t run = std::min(bytes.find_first_of(ends), bytes.size());
  if (state_ != State::kBlockComment) {
    const std::size_t room = kRecordBytesMax - std::min(text_.size(), kRecordBytesMax);
    text_.append(bytes.substr(0, std::min(run, room)));
    if (run > room) is_cut_ = true;
  }
  offset_ += static_cast<std::int64_t>(run);
  return run;
}

void SqlLexer::take(char c) {
  switch (state_) {
    case State::kBetween:
      return take_between(c);
    case State::kWord:
      return take_word(c);
    case State::kText:
    case State::kTextEscape:
    case State::kTextQuote:
      return take_text(c);
    case State::kName:
    case State::kNameQuote:
      return take_name(c);
    case State::kDollarTag:
    case State::kDollarText:
      return take_dollar(c);
    case State::kDash:
    case State::kSlash:
    case State::kLineComment:
    case State::kBlockComment:
    case State::kBlockStar:
      return take_comment(c);
    case State::kClientLine:
      return take_client_line(c);
    case State::kForeign:
      return take_foreign(c);
    case State::kData:
      return take_data(c);
  }
}

void SqlLexer::begin(State state) {
  state_ = state;
  text_.clear();
  is_cut_ = false;
  begin_ = place();
}

void SqlLexer::keep(char c) {
  if (text_.size() < kRecordBytesMax) {
    text_.push_back(c);
  } else {
    is_cut_ = true;
  }
}

void SqlLexer::emit(SqlKind kind) {
  state_ = State::kBetween;
  statement_begins_ = kind == SqlKind::kSign && text_ == ";";
  const SqlEscapes escapes = kind == SqlKind::kText ? text_escapes_ : SqlEscapes::kNone;
  listener_.on_token({kind, text_, escapes, is_cut_, begin_});
}

void SqlLexer::take_between(char c) {
  const bool follows_e = word_is_e_;
  word_is_e_ = false;
  if (is_blank(c)) return;
  if (c == '\'') {
    begin(State::kText);
    text_escapes_ = follows_e ? SqlEscapes::kPostgres : escapes_;
  } else if (c == '"' || c == '`' || c == '[') {
    begin(State::kName);
    quote_ = c == '[' ? ']' : c;
    // Only MySQL quotes names so; its texts have backslashes.
    if (c == '`' && escapes_ == SqlEscapes::kNone) escapes_ = SqlEscapes::kMySql;
  } else if (c == '$') {
    begin(State::kDollarTag);
    dollar_tag_ = "$";
  } else if (c == '-') {
    begin(State::kDash);
  } else if (c == '/') {
    begin(State::kSlash);
  } else if (c == '#' && statement_begins_) {
    begin(State::kLineComment);
  } else if (c == '\\' && statement_begins_) {
    begin(State::kClientLine);
    is_delimiter_ = false;
  } else if (begins_word(c)) {
    begin(State::kWord);
    keep(c);
  } else {
    begin(State::kBetween);
    keep(c);
    emit(SqlKind::kSign);
  }
}

void SqlLexer::take_word(char c) {
  const bool is_number = is_ascii_digit(text_.front());
  if (begins_word(c) || c == '$' || (c == '.' && is_number)) return keep(c);
  if (statement_begins_ && equal_ignoring_case(text_, "delimiter")) {
    begin(State::kClientLine);
    is_delimiter_ = true;
    return take_client_line(c);
  }
  const bool is_e = c == '\'' && equal_ignoring_case(text_, "e");
  emit(SqlKind::kWord);
  word_is_e_ = is_e;
  take_between(c);
}

void SqlLexer::take_text(char c) {
  if (state_ == State::kTextEscape) {
    state_ = State::kText;
    keep(c);
  } else if (state_ == State::kTextQuote) {
    if (c == '\'') {
      state_ = State::kText;
      keep(c);
      return;
    }
    emit(SqlKind::kText);
    take_between(c);
  } else if (c == '\'') {
    state_ = State::kTextQuote;
  } else {
    if (c == '\\' && text_escapes_ != SqlEscapes::kNone) state_ = State::kTextEscape;
    keep(c);
  }
}

void SqlLexer::take_name(char c) {
  if (state_ == State::kNameQuote) {
    if (c == quote_) {
      state_ = State::kName;
      keep(c);
      return;
    }
    emit(SqlKind::kName);
    take_between(c);
  } else if (c == quote_) {
    state_ = State::kNameQuote;
  } else {
    keep(c);
  }
}

void SqlLexer::take_dollar(char c) {
  if (state_ == State::kDollarText) {
    keep(c);
    if (c != '$' || !text_.ends_with(dollar_tag_)) return;
    text_.resize(text_.size() - dollar_tag_.size());
    text_escapes_ = SqlEscapes::kNone;
    emit(SqlKind::kText);
    return;
  }
  if (c == '$' || is_letter(c) || c == '_' || is_ascii_digit(c)) {
    dollar_tag_ += c;
    if (c == '$') state_ = State::kDollarText;
    return;
  }
  text_ = "$";  // a dollar that opens nothing
  emit(SqlKind::kSign);
  take_between(c);
}

void SqlLexer::take_comment(char c) {
  const bool was_sign = state_ == State::kDash || state_ == State::kSlash;
  if (state_ == State::kDash && c == '-') {
    state_ = State::kLineComment;
  } else if (state_ == State::kSlash && c == '*') {
    state_ = State::kBlockComment;
  } else if (was_sign) {
    text_ = state_ == State::kDash ? "-" : "/";
    emit(SqlKind::kSign);
    take_between(c);
  } else if (state_ == State::kLineComment) {
    if (c != '\n') return keep(c);
    state_ = State::kBetween;
    const std::string_view comment = text_;
    for (const std::string_view mark : kCommentsOfMySql) {
      if (comment.find(mark) != std::string_view::npos) escapes_ = SqlEscapes::kMySql;
    }
    listener_.on_comment(comment);
  } else if (c == '*') {
    state_ = State::kBlockStar;
  } else {
    state_ = state_ == State::kBlockStar && c == '/' ? State::kBetween : State::kBlockComment;
  }
}

/// A command of the client program takes the rest of its line.
void SqlLexer::take_client_line(char c) {
  if (c != '\n') return keep(c);
  const bool is_foreign = is_delimiter_ && trim_ascii_blanks(text_) != ";";
  begin(is_foreign ? State::kForeign : State::kBetween);
}

/// Statements with inner semicolons, as mysqldump writes routines: none of them holds rows.
void SqlLexer::take_foreign(char c) {
  if (c != '\n') {
    if (text_.size() < 32) text_.push_back(c);
    return;
  }
  constexpr std::string_view kEnd = "delimiter ;";
  const bool is_end = equal_ignoring_case(trim_ascii_blanks(text_), kEnd);
  begin(is_end ? State::kBetween : State::kForeign);
}

void SqlLexer::take_data(char c) {
  if (c != '\n') return keep(c);
  std::string_view line = text_;
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line == "\\.") {
    state_ = State::kBetween;
    return;
  }
  listener_.on_data_line(line, is_cut_, begin_);
}

void SqlLexer::end_line() {
  ++line_;
  if (data_follows_ && state_ == State::kBetween) {
    data_follows_ = false;
    state_ = State::kData;
  }
  if (state_ == State::kData || state_ == State::kForeign) begin(state_);
}

/// What only a line end closes is closed by the end of the dump too; a word or text that reaches it
/// lacks its statement's semicolon.
bool SqlLexer::finish() {
  if (state_ == State::kLineComment || state_ == State::kClientLine || state_ == State::kForeign) {
    take('\n');
  } else if (state_ == State::kData && trim_ascii_blanks(text_) == "\\.") {
    state_ = State::kBetween;
  }
  return state_ == State::kBetween && !data_follows_;
}

namespace {

int octal(char c) { return c >= '0' && c <= '7' ? c - '0' : -1; }

int hex(char c) {
  if (is_ascii_digit(c)) return c - '0';
  const char lower = to_ascii_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// Up to `most` digits of `text` from `at`, as one byte; moves `at` behind them.
template <typename Digit>
char take_byte(std::string_view text, std::size_t& at, std::size_t most, int base, Digit digit) {
  int value = 0;
  for (std::size_t i = 0; i < most && at < text.size() && digit(text[at]) >= 0; ++i, ++at) {
    value = value * base + digit(text[at]);
  }
  return static_cast<char>(value);
}

char plain_escape(char letter, SqlEscapes escapes) {
  switch (letter) {
    case 'b':
      return '\b';
    case 'f':
      return escapes == SqlEscapes::kPostgres ? '\f' : letter;
    case 'v':
      return escapes == SqlEscapes::kPostgres ? '\v' : letter;
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case '0':
      return '\0';
    case 'Z':
      return escapes == SqlEscapes::kMySql ? '\x1A' : letter;
    default:
      return letter;
  }
}

}  // namespace

std::string_view undo_escapes(std::string_view text, SqlEscapes escapes, std::string& scratch) {
  if (escapes == SqlEscapes::kNone || text.find('\\') == std::string_view::npos) return text;
  scratch.clear();
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] != '\\' || at + 1 == text.size()) {
      scratch.push_back(text[at++]);
      continue;
    }
    const char letter = text[at + 1];
    at += 2;
    if (escapes == SqlEscapes::kPostgres && octal(letter) >= 0) {
      --at;
      scratch.push_back(take_byte(text, at, 3, 8, octal));
    } else if (escapes == SqlEscapes::kPostgres && letter == 'x' && at < text.size() &&
               hex(text[at]) >= 0) {
      scratch.push_back(take_byte(text, at, 2, 16, hex));
    } else if (escapes == SqlEscapes::kMySql && (letter == '%' || letter == '_')) {
      scratch.push_back('\\');
      scratch.push_back(letter);
    } else {
      scratch.push_back(plain_escape(letter, escapes));
    }
  }
  return scratch;
}

}  // namespace waybill
