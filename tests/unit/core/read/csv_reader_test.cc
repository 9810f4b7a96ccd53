#include "core/read/csv_reader.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

using namespace waybill;

namespace {

/// Everything a reader said about some bytes, as text that compares.
using Story = std::vector<std::string>;

std::string show(const CsvRecord& record) {
  std::string scratch;
  std::string text = "record " + std::to_string(record.number) + " line " +
                     std::to_string(record.line) + " byte " + std::to_string(record.byte_offset) +
                     ":";
  for (const CsvField& field : record.fields) {
    text += " <" + std::string(record.text(field, scratch)) + ">";
  }
  return text;
}

std::string show(const CsvProblem& problem) {
  constexpr const char* kNames[] = {"unbalanced", "text-after-quote", "quote-inside", "too-long",
                                    "nul",        "control",          "mixed"};
  std::string text = std::string(kNames[static_cast<std::size_t>(problem.kind)]) + " in record " +
                     std::to_string(problem.record_number) + " line " +
                     std::to_string(problem.line) + " byte " + std::to_string(problem.byte_offset);
  if (problem.field_index != CsvProblem::kNoField) {
    text += " field " + std::to_string(problem.field_index);
  }
  return text;
}

Story read(const std::vector<std::string>& pieces, const CsvDialect& dialect = {},
           std::size_t record_bytes_max = kRecordBytesMax) {
  Story story;
  CsvReader reader(
      dialect, [&](const CsvRecord& record) { story.push_back(show(record)); },
      [&](const CsvProblem& problem) { story.push_back(show(problem)); }, 0, record_bytes_max);
  for (const std::string& piece : pieces) reader.feed(piece);
  reader.finish();
  return story;
}

CsvDialect dialect(char delimiter, std::optional<char> quote, QuoteRule rule = QuoteRule::kStrict) {
  return {delimiter, quote, rule};
}

std::vector<std::string> byte_by_byte(const std::string& bytes) {
  std::vector<std::string> pieces;
  for (const char c : bytes) pieces.emplace_back(1, c);
  return pieces;
}

/// Small files with everything that can lie across a cut.
std::vector<std::string> awkward_files() {
  using namespace std::string_literals;
  return {
      "",
      "\n",
      "\r\n\r\n",
      "a",
      "a,b\r\nc,d",
      "a,b\rc,d\r",
      "a\n\nb\n\n\nc",
      "\"\"",
      "\"\",\"\"\r\n,",
      "\"a\"\"b\",\"\"\"\",\"\"\"x\"\"\"\n",
      "\"line\r\nbreak\",\"cr\ronly\",\"lf\nonly\"\r\nnext,\"\n\n\",z\n",
      "x,\"open\nfield\nto the end",
      "a,\"b\"c,d\ne,f\n",
      "a,b\"c,d\"e\nf,g\n",
      "nul\0here,b\n\"in\0quotes\",c\0\n"s,
      "\"q\"\0,a\n"s,
      "\"q\"\x1F,a\n",
      "\x01x,\"\x02y\x7F\"\r\n\tz\x0B\r\x0C\n",
      "a\r\n\rb\nc\r",
      "\r\r\n",
      "\"\r\",\"\n\"\r\n\"\r\n\"\n",
      "caf\xC3\xA9,\"\xE6\x97\xA5\xE6\x9C\xAC\"\r\n\xF0\x9F\x8D\x9E,\xFF\n",
      std::string(70, 'x') + "," + std::string(130, 'y') + "\r\n\"" + std::string(63, 'z') +
          "\"\"\",\"" + std::string(64, ',') + "\"\n",
  };
}

}  // namespace

TEST_CASE("csv: fields, quotes and line ends are read as RFC 4180 says", "[core][csv]") {
  CHECK(read({"a,b\r\n\"c,d\",\"e\"\"f\"\r\n"}) ==
        Story{"record 1 line 1 byte 0: <a> <b>", "record 2 line 2 byte 5: <c,d> <e\"f>"});
  CHECK(read({"\"x\r\ny\",z\n1,2"}) ==
        Story{"record 1 line 1 byte 0: <x\r\ny> <z>", "record 2 line 3 byte 9: <1> <2>"});
  CHECK(read({"a,\n,b\n"}) ==
        Story{"record 1 line 1 byte 0: <a> <>", "record 2 line 2 byte 3: <> <b>"});
}

TEST_CASE("csv: CR, LF and CRLF each end one line, also mixed in one file", "[core][csv]") {
  CHECK(read({"a\rb\nc\r\nd"}) ==
        Story{"record 1 line 1 byte 0: <a>", "record 2 line 2 byte 2: <b>",
              "mixed in record 2 line 2 byte 3", "record 3 line 3 byte 4: <c>",
              "record 4 line 4 byte 7: <d>"});
  CHECK(read({"\"a\rb\nc\r\nd\"\nz"}) ==
        Story{"record 1 line 1 byte 0: <a\rb\nc\r\nd>", "record 2 line 5 byte 11: <z>"});
}

TEST_CASE("csv: an empty line is no record but counts as a line", "[core][csv]") {
  CHECK(read({"\n\na\n\nb\n\n"}) ==
        Story{"record 1 line 3 byte 2: <a>", "record 2 line 5 byte 5: <b>"});
  CHECK(read({"\"\"\n"}) == Story{"record 1 line 1 byte 0: <>"});
  CHECK(read({""}).empty());
}

TEST_CASE("csv: without a quote character every quote is content", "[core][csv]") {
  CHECK(read({"\"a\tb\"\n"}, dialect('\t', std::nullopt)) ==
        Story{"record 1 line 1 byte 0: <\"a> <b\">"});
  CHECK(read({"~a^b~^\"c\n"}, dialect('^', '~')) == Story{"record 1 line 1 byte 0: <a^b> <\"c>"});
}

TEST_CASE("csv: a quote left open is found at the place it was opened", "[core][csv]") {
  CHECK(read({"a,b\nc,\"d\ne\nf,g\n"}) ==
        Story{"record 1 line 1 byte 0: <a> <b>", "unbalanced in record 2 line 2 byte 6 field 1"});
  CHECK(read({"\"a\n\",\"b\n"}) == Story{"unbalanced in record 1 line 2 byte 5 field 1"});
  CHECK(read({"\""}) == Story{"unbalanced in record 1 line 1 byte 0 field 0"});
}

TEST_CASE("csv: strict quotes name what stands where it must not", "[core][csv]") {
  SECTION("content behind a closing quote ends the reading") {
    CHECK(
        read({"a\n\"b\"c,d\ne\n"}) ==
        Story{"record 1 line 1 byte 0: <a>", "text-after-quote in record 2 line 2 byte 4 field 0"});
    CHECK(read({"a,\"b\"x"}) == Story{"text-after-quote in record 1 line 1 byte 4 field 1"});
  }
  SECTION("a quote in an unquoted field is named once a record, and reading goes on") {
    CHECK(read({"5\" pipe,6\"\nb\n7\"\n"}) ==
          Story{"quote-inside in record 1 line 1 byte 1 field 0",
                "record 1 line 1 byte 0: <5\" pipe> <6\">", "record 2 line 2 byte 11: <b>",
                "quote-inside in record 3 line 3 byte 14 field 0",
                "record 3 line 3 byte 13: <7\">"});
  }
}

TEST_CASE("csv: lenient quotes are content unless they open or end a field", "[core][csv]") {
  const CsvDialect lenient = dialect(',', '"', QuoteRule::kLenient);
  CHECK(read({"5\" pipe,\"a \"b\" c\",\"x\"\"y\"\n"}, lenient) ==
        Story{"record 1 line 1 byte 0: <5\" pipe> <a \"b\" c> <x\"y>"});
  CHECK(read({"\"a\"b,c\"\nd\n"}, lenient) ==
        Story{"record 1 line 1 byte 0: <a\"b,c>", "record 2 line 2 byte 8: <d>"});
  CHECK(read({"\"a\"b"}, lenient) == Story{"unbalanced in record 1 line 1 byte 0 field 0"});
}

TEST_CASE("csv: a NUL byte is named with its place, once a record", "[core][csv]") {
  using namespace std::string_literals;
  CHECK(read({"a\0b,\0\nc,\"\0\"\n"s}) ==
        Story{"nul in record 1 line 1 byte 1 field 0", "record 1 line 1 byte 0: <a\0b> <\0>"s,
              "nul in record 2 line 2 byte 9 field 1", "record 2 line 2 byte 6: <c> <\0>"s});
}

TEST_CASE("csv: control characters are named with their place, once a record, TABs never",
          "[core][csv]") {
  CHECK(read({"a\tb,\x1F\x01\nc,\"\x7F\"\n"}) == Story{"control in record 1 line 1 byte 4 field 1",
                                                       "record 1 line 1 byte 0: <a\tb> <\x1F\x01>",
                                                       "control in record 2 line 2 byte 10 field 1",
                                                       "record 2 line 2 byte 7: <c> <\x7F>"});
  CHECK(read({"a\x1F\x01"
              "b\x1F"
              "c\x01\n"},
             dialect('\x1F', '\x01')) == Story{"record 1 line 1 byte 0: <a> <b\x1F"
                                               "c>"});
  // Behind a quote it is content, as any other character.
  CHECK(read({"\"a\"\tb\n"}) == Story{"text-after-quote in record 1 line 1 byte 2 field 0"});
  for (int code = 0; code < 256; ++code) {
    const bool is_control =
        (code > 0 && code < 0x20 && code != '\t' && code != '\n' && code != '\r') || code == 0x7F;
    const Story story = read({std::string(70, 'x') + static_cast<char>(code) + "y\n"});
    INFO(code);
    CHECK((story.front() == "control in record 1 line 1 byte 70 field 0") == is_control);
  }
}

TEST_CASE("csv: the first line end unlike the file's first one is named, once", "[core][csv]") {
  const auto mixed_in = [](const std::string& bytes) {
    std::string found;
    for (const std::string& line : read({bytes})) {
      if (line.starts_with("mixed")) found += line;
    }
    return found;
  };
  CHECK(mixed_in("a\r\nb\nc\rd\n") == "mixed in record 2 line 2 byte 4");
  CHECK(mixed_in("a\nb\r\nc\nd\r\n") == "mixed in record 2 line 2 byte 3");
  CHECK(mixed_in("a\nb\r") == "mixed in record 2 line 2 byte 3");
  CHECK(mixed_in("a\rb\r\n") == "mixed in record 2 line 2 byte 3");
  CHECK(mixed_in("a\r\r\nb") == "mixed in record 1 line 2 byte 2");
  CHECK(mixed_in("\n\ra") == "mixed in record 1 line 2 byte 1");
  // Line ends in quotes are content, and a last record without one is usual.
  CHECK(mixed_in("a,\"x\ny\rz\"\r\nb,\"\n\"\r\nc").empty());
  CHECK(mixed_in("a\rb\r").empty());
}

TEST_CASE("csv: a record beyond the limit ends the reading, one at the limit is read",
          "[core][csv]") {
  const std::string at_limit = std::string(50, 'x') + "," + std::string(49, 'y');
  for (const char* end : {"", "\n", "\r\n"}) {
    CHECK(read({at_limit + end}, {}, 100).size() == 1);
    CHECK(read({at_limit + end}, {}, 100).front().starts_with("record 1"));
    CHECK(read({"ok\n" + at_limit + "z" + end + "more\n"}, {}, 100) ==
          Story{"record 1 line 1 byte 0: <ok>", "too-long in record 2 line 2 byte 3"});
  }
}

TEST_CASE("csv: an open quote costs no more memory than the record limit", "[core][csv]") {
  Story story;
  CsvReader reader(
      {}, [&](const CsvRecord& record) { story.push_back(show(record)); },
      [&](const CsvProblem& problem) { story.push_back(show(problem)); });
  reader.feed("a,b\n\"");
  const std::string block(64 * 1024, 'x');
  std::size_t fed_bytes = 0;
  while (!reader.stopped() && fed_bytes < 4 * kRecordBytesMax) {
    reader.feed(block);
    fed_bytes += block.size();
  }
  CHECK(fed_bytes <= kRecordBytesMax + block.size());
  CHECK(story.back() == "too-long in record 2 line 2 byte 4");
}

TEST_CASE("csv: fields beyond the limit are counted, not kept", "[core][csv]") {
  std::size_t kept = 0;
  std::size_t counted = 0;
  CsvReader reader(
      {},
      [&](const CsvRecord& record) {
        kept = record.fields.size();
        counted = record.field_count;
      },
      [](const CsvProblem&) { FAIL("no problem is expected"); });
  reader.feed(std::string(kFieldsMax + 10, ','));
  reader.finish();
  CHECK(kept == kFieldsMax);
  CHECK(counted == kFieldsMax + 11);
}

// Goal:   where the input is cut changes nothing.
// Method: every two-way cut, byte by byte, and all at once, for files with everything that can lie
//         across a cut, under each dialect.
TEST_CASE("csv: every cut gives the same records and problems", "[core][csv]") {
  const std::vector<CsvDialect> dialects = {
      dialect(',', '"'), dialect(',', '"', QuoteRule::kLenient), dialect(',', std::nullopt)};
  for (const CsvDialect& each : dialects) {
    for (const std::string& file : awkward_files()) {
      for (const std::size_t limit : {kRecordBytesMax, std::size_t{20}}) {
        const Story whole = read({file}, each, limit);
        CHECK(read(byte_by_byte(file), each, limit) == whole);
        for (std::size_t at = 0; at <= file.size(); ++at) {
          INFO("cut at " << at << " of: " << file);
          REQUIRE(read({file.substr(0, at), file.substr(at)}, each, limit) == whole);
        }
      }
    }
  }
}

// Goal:   a truncated file is read or found broken; it never reads beyond its end.
// Method: each awkward file cut short at every byte, each time in memory of exactly its size.
TEST_CASE("csv: a file truncated at any byte gives a prefix of its records or a problem",
          "[core][csv]") {
  for (const std::string& file : awkward_files()) {
    const Story whole = read({file});
    for (std::size_t size = 0; size < file.size(); ++size) {
      const Story cut = read({file.substr(0, size)});
      REQUIRE(cut.size() <= whole.size() + 1);
      // All but what the truncation hit is as in the whole file.
      for (std::size_t i = 0; i + 1 < cut.size(); ++i) {
        INFO("size " << size << " of: " << file);
        REQUIRE(cut[i] == whole[i]);
      }
    }
  }
}

TEST_CASE("csv: records say whether they are ASCII, and on which line a byte is", "[core][csv]") {
  std::vector<bool> is_ascii;
  std::vector<std::int64_t> lines;
  CsvReader reader(
      {},
      [&](const CsvRecord& record) {
        is_ascii.push_back(record.is_ascii);
        lines.push_back(record.line_at(record.bytes.size()));
      },
      [](const CsvProblem&) {});
  reader.feed(std::string(255, 'a') + "\n\xC3\xA9\n" + std::string(200, 'b') +
              "\n\"1\r\n2\r3\n4\"\n");
  reader.finish();
  CHECK(is_ascii == std::vector<bool>{true, false, true, true});
  CHECK(lines == std::vector<std::int64_t>{1, 2, 3, 7});
}
