#include "central/authoring/sample.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/named_file.h"
#include "core/read/encoding.h"
#include "core/read/transcoder.h"

namespace waybill::authoring {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kBlockBytes = std::size_t{256} << 10;
constexpr std::array kDelimiters = {',', ';', '\t', '|', '^', '~'};
constexpr std::array kQuotes = {'"', '^', '~', '\'', '|'};

/// How one dialect cuts a head.
struct Cut {
  CsvDialect dialect;
  std::size_t fields = 0;  ///< that most records have
  std::int64_t alike = 0;  ///< records that have so many
  std::int64_t records = 0;
  std::int64_t problems = 0;
  std::int64_t quoted_fields = 0;

  [[nodiscard]] double share() const {
    return records == 0 ? 0 : static_cast<double>(alike) / static_cast<double>(records);
  }
};

Cut cut(std::string_view head, const CsvDialect& dialect) {
  Cut out;
  out.dialect = dialect;
  std::map<std::size_t, std::int64_t> counts;
  CsvReader reader(
      dialect,
      [&](const CsvRecord& record) {
        ++out.records;
        ++counts[record.field_count];
        out.quoted_fields += std::count_if(record.fields.begin(), record.fields.end(),
                                           [](const CsvField& field) { return field.quoted; });
      },
      [&](const CsvProblem& /*problem*/) { ++out.problems; });
  reader.feed(head);
  reader.finish();
  for (const auto& [fields, count] : counts) {
    if (count > out.alike) out.alike = count, out.fields = fields;
  }
  return out;
}

/// More records alike is better; of two as good the one that finds more fields.
bool is_better(const Cut& left, const Cut& right) {
  if ((left.problems == 0) != (right.problems == 0)) return left.problems == 0;
  if ((left.fields > 1) != (right.fields > 1)) return left.fields > 1;
  if (left.share() != right.share()) return left.share() > right.share();
  return left.fields > right.fields;
}

/// The character that most lines begin with, when it is one that exports quote with.
char find_quote(std::string_view head) {
  std::int64_t lines = 0;
  std::map<char, std::int64_t> beginnings;
  for (std::size_t from = 0; from < head.size();) {
    const std::size_t end = std::min(head.find_first_of("\r\n", from), head.size());
    if (end > from) {
      ++lines;
      ++beginnings[head[from]];
    }
    from = end + 1;
  }
  for (const char quote : {'~', '\''}) {
    if (2 * beginnings[quote] > lines) return quote;
  }
  return '"';
}

/// The dialect that cuts best, and the delimiters that cut the records alike as well as its own.
struct Found {
  Cut best;
  std::vector<Cut> rivals;
};

bool is_rival(const Cut& best, const Cut& other) {
  return other.dialect.delimiter != best.dialect.delimiter &&
         other.dialect.quote == best.dialect.quote && other.problems == best.problems &&
         other.fields > 1 && best.fields > 1 && other.records == best.records &&
         other.alike == best.alike;
}

Found find_dialect(std::string_view head) {
  const char quote = find_quote(head);
  Cut best;
  std::vector<Cut> tried;
  const auto try_all = [&](std::optional<char> with_quote, QuoteRule rule) {
    for (const char delimiter : kDelimiters) {
      if (delimiter == with_quote) continue;
      const Cut other = cut(head, {delimiter, with_quote, rule});
      const bool is_used = !with_quote || with_quote == quote || other.quoted_fields > 0;
      if (!is_used) continue;
      tried.push_back(other);
      if (best.records == 0 || is_better(other, best)) best = other;
    }
  };
  const auto found = [&] {
    std::erase_if(tried, [&](const Cut& other) { return !is_rival(best, other); });
    return Found{best, std::move(tried)};
  };
  try_all(quote, QuoteRule::kStrict);
  if (best.problems == 0) return found();
  // Where most fields are bare, no line tells by its beginning what the others are quoted with.
  for (const char other : kQuotes) try_all(other, QuoteRule::kStrict);
  try_all(quote, QuoteRule::kLenient);
  try_all(std::nullopt, QuoteRule::kStrict);
  return found();
}

/// UTF-16 of a Western language without a mark: every second byte is NUL.
std::optional<Encoding> find_utf16(std::string_view head, ByteOrderMark mark) {
  if (mark == ByteOrderMark::kUtf16Little) return Encoding::kUtf16Le;
  if (mark == ByteOrderMark::kUtf16Big) return Encoding::kUtf16Be;
  std::array<std::size_t, 2> nuls{};
  for (std::size_t i = 0; i < head.size(); ++i) nuls[i % 2] += head[i] == '\0' ? 1U : 0U;
  const std::size_t half = head.size() / 2;
  if (4 * nuls[1] > 3 * half && 4 * nuls[0] < half) return Encoding::kUtf16Le;
  if (4 * nuls[0] > 3 * half && 4 * nuls[1] < half) return Encoding::kUtf16Be;
  return std::nullopt;
}

Encoding find_encoding(std::string_view head, Json& evidence) {
  const ByteOrderMark mark = detect_byte_order_mark(head);
  if (const auto utf16 = find_utf16(head, mark)) {
    evidence["encoding"] = mark == ByteOrderMark::kNone
                               ? "UTF-16: every second byte is NUL"
                               : fmt::format("{} by its mark", to_string(mark));
    return *utf16;
  }
  if (head.find('\0') != std::string_view::npos) {
    throw Error(error_code::kSpecInvalid, "learn", "sample", "the file is no text");
  }
  const auto is_fit = [&](Encoding encoding) {
    return find_invalid_byte(encoding, head) == std::string_view::npos;
  };
  if (mark == ByteOrderMark::kUtf8 || is_fit(Encoding::kUtf8)) {
    evidence["encoding"] =
        mark == ByteOrderMark::kUtf8 ? "UTF-8 by its mark" : "UTF-8: every byte is valid in it";
    return Encoding::kUtf8;
  }
  if (is_fit(Encoding::kWindows1252)) {
    evidence["encoding"] = "Windows-1252: not valid in UTF-8, and no byte that it leaves undefined";
    return Encoding::kWindows1252;
  }
  evidence["encoding"] = "ISO-8859-1: neither valid in UTF-8 nor in Windows-1252";
  return Encoding::kIso88591;
}

Utf16Transcoder transcoder_of(Encoding encoding) {
  return Utf16Transcoder(encoding == Encoding::kUtf16Be
                             ? Utf16Transcoder::ByteOrder::kBigEndian
                             : Utf16Transcoder::ByteOrder::kLittleEndian);
}

bool is_json_lines(std::string_view head) {
  const std::size_t first = head.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos || head[first] != '{') return false;
  const std::string_view line = head.substr(first, head.find('\n', first) - first);
  return nlohmann::json::accept(line);
}

/// The beginning of an array of objects or arrays, or of an object, on one line or many.
bool begins_like_json(std::string_view head) {
  const std::size_t first = head.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return false;
  const std::size_t second = head.find_first_not_of(" \t\r\n", first + 1);
  const char next = second == std::string_view::npos ? '\0' : head[second];
  const std::string_view inside = head[first] == '{' ? "\"}" : head[first] == '[' ? "[{\"]" : "";
  return inside.find(next) != std::string_view::npos;
}

}  // namespace

Shape find_shape(std::string_view head, Json& evidence) {
  Shape shape;
  shape.encoding = find_encoding(head, evidence);
  head.remove_prefix(size_bytes(detect_byte_order_mark(head)));
  std::string utf8;
  if (is_utf16(shape.encoding)) {
    utf8 = transcoder_of(shape.encoding).feed(head);
    head = utf8;
  }
  shape.is_json_lines = is_json_lines(head);
  if (shape.is_json_lines) {
    evidence["format"] = "JSON lines: the first line is an object";
    return shape;
  }
  if (begins_like_json(head)) {
    throw Error(error_code::kSpecInvalid, "learn", "sample",
                "it begins like JSON, but its first line is no object: JSON lines are needed, one "
                "object on each line");
  }
  const auto [best, rivals] = find_dialect(head);
  shape.dialect = best.dialect;
  shape.field_count = best.fields;
  evidence["delimiter"] = {{"chosen", std::string(1, best.dialect.delimiter)},
                           {"records", best.records},
                           {"fields", best.fields},
                           {"records_with_as_many", best.alike}};
  for (const Cut& rival : rivals) {
    evidence["undecided"]["delimiter"] =
        fmt::format("\"{}\" cuts as many records alike, into {} fields; choose the delimiter",
                    rival.dialect.delimiter, rival.fields);
  }
  if (!best.dialect.quote) {
    evidence["quote"] = "none: quotes stand where no quoting explains them";
  } else if (best.dialect.quote_rule == QuoteRule::kLenient) {
    evidence["quote"] = "lenient: some quotes are neither doubled nor around a field";
  }
  return shape;
}

std::string read_head(FileSystem& files, const std::filesystem::path& path) {
  const auto file = open_named_file(files, path);
  std::string head(kHeadBytes, '\0');
  std::size_t size = 0;
  while (size < head.size()) {
    const std::size_t count = file->read(head.data() + size, head.size() - size);
    if (count == 0) break;
    size += count;
  }
  head.resize(size);
  if (size < kHeadBytes) return head;
  head.resize(head.find_last_of("\r\n") + 1);
  return head;
}

void read_records(FileSystem& files, const std::filesystem::path& path, const Shape& shape,
                  const FieldsSink& take) {
  const auto file = open_named_file(files, path);
  std::vector<std::string> fields;
  std::string unquoted;
  CsvReader reader(
      shape.dialect,
      [&](const CsvRecord& record) {
        fields.resize(record.fields.size());
        for (std::size_t i = 0; i < fields.size(); ++i) {
          const std::string_view text = record.text(record.fields[i], unquoted);
          fields[i].clear();
          if (is_single_byte(shape.encoding)) {
            append_single_bytes(shape.encoding, text, fields[i]);
          } else {
            fields[i] = text;
          }
        }
        if (!take(fields)) reader.stop();
      },
      [](const CsvProblem& /*problem*/) {});
  std::string block(kBlockBytes, '\0');
  Utf16Transcoder transcoder = transcoder_of(shape.encoding);
  bool is_first = true;
  while (const std::size_t count = reader.stopped() ? 0 : file->read(block.data(), block.size())) {
    std::string_view bytes(block.data(), count);
    if (is_first) bytes.remove_prefix(size_bytes(detect_byte_order_mark(bytes)));
    is_first = false;
    reader.feed(is_utf16(shape.encoding) ? transcoder.feed(bytes) : bytes);
  }
  reader.finish();
}

}  // namespace waybill::authoring
