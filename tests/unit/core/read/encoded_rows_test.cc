// Rows of files that are not UTF-8: what comes out is as from UTF-8, and places are the file's own.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "read_rows.h"
#include "utf16.h"

using namespace waybill;

namespace {

FileSpec spec_in(const std::string& encoding) {
  return parse_file_spec(nlohmann::json::parse(R"({
    "file_tag": "component", "entity": "component", "file_name": "*", "columns": [
      {"name": "Item No", "to": "item_no", "required": true},
      {"name": "Quantity", "to": "quantity", "type": "decimal"},
      {"name": "Größe", "to": "size"}],
    "natural_key": ["item_no"], "encoding": ")" +
                                               encoding + R"("})"));
}

const std::u16string kHeader = u"Item No,Quantity,Größe\n";  // 23 units

}  // namespace

TEST_CASE("encoded rows: UTF-16 is read in both byte orders, with a mark or without",
          "[core][row_reader][encoding]") {
  const std::u16string text = kHeader + u"A1,1.5,\"a \"\"🍞\"\"\r\n日本\"\nB2,,\n";
  for (const bool is_big : {false, true}) {
    const FileSpec spec = spec_in(is_big ? "utf-16be" : "utf-16le");
    for (const std::u16string& mark : {std::u16string(), std::u16string(u"\uFEFF")}) {
      const std::string bytes = utf16_bytes(mark + text, is_big);
      const ReadResult result = read_rows(spec, bytes);
      CHECK(result.findings.empty());
      CHECK(result.rows == Shown{R"(1 A1 {"item_no":"A1","quantity":1.5,"size":"a \"🍞\"\r\n日本"})",
                                 R"(2 B2 {"item_no":"B2","quantity":null,"size":null})"});
      CHECK(result.summary.bytes == static_cast<std::int64_t>(bytes.size()));
    }
  }
}

TEST_CASE("encoded rows: a mark inside the file is content", "[core][row_reader][encoding]") {
  const ReadResult result =
      read_rows(spec_in("utf-16le"), utf16_bytes(u"\uFEFF" + kHeader + u"A,1,\uFEFFx\n", false));
  CHECK(result.rows == Shown{"1 A {\"item_no\":\"A\",\"quantity\":1,\"size\":\"\uFEFFx\"}"});
}

TEST_CASE("encoded rows: places in findings are octets of the UTF-16 file",
          "[core][row_reader][encoding]") {
  const auto findings_of = [](const std::u16string& rows, const std::string& tail = "") {
    const std::string bytes = utf16_bytes(u"\uFEFF" + kHeader + rows, true) + tail;
    return read_rows(spec_in("utf-16be"), bytes).findings;
  };
  // 48 bytes lie before the first row: mark and header.
  CHECK(findings_of(u"A,one,x\n") == Shown{"WB-3012 row 1 line 2 byte 52 column 2 Quantity"});
  CHECK(findings_of(u"🍞日,1,x\nB,one,\n") ==
        Shown{"WB-3012 row 2 line 3 byte 68 column 2 Quantity"});
  CHECK(findings_of(u"é,1\n") == Shown{"WB-3005 row 1 line 2 byte 48"});
  CHECK(findings_of(u"é🍞,1,\"open") == Shown{"WB-3002 row 1 line 2 byte 60 column 3 Größe"});
  CHECK(findings_of(u"é🍞,1,5\" x\n") == Shown{"WB-3013 row 1 line 2 byte 62 column 3 Größe"});
  CHECK(findings_of(std::u16string(u"é,1,") + u'\0' + u"\n") ==
        Shown{"WB-3011 row 1 line 2 byte 56 column 3 Größe"});
  // Half of a pair, at its own place; and half a unit at the end of the file.
  CHECK(findings_of(u"日,1,x\xD83C"
                    u"y\n") == Shown{"WB-3004 row 1 line 2 byte 58 column 3 Größe"});
  CHECK(findings_of(u"日,1,x", "z") == Shown{"WB-3004 row 1 line 2 byte 58 column 3 Größe"});
  CHECK(read_rows(spec_in("utf-16be"), utf16_bytes(kHeader.substr(0, 18), true) + "z").messages ==
        Shown{"this is no character of utf-16be"});
}

TEST_CASE("encoded rows: a mark that disagrees refuses the file", "[core][row_reader][encoding]") {
  const std::vector<std::pair<std::string, std::string>> marks = {
      {"utf-8", "\xEF\xBB\xBF"}, {"utf-16le", "\xFF\xFE"}, {"utf-16be", "\xFE\xFF"}};
  for (const char* encoding : {"utf-8", "utf-16le", "utf-16be", "windows-1252", "iso-8859-1"}) {
    for (const auto& [named, mark] : marks) {
      const ReadResult result = read_rows(spec_in(encoding), mark + "xx");
      INFO(encoding << " begins with the mark of " << named);
      REQUIRE(result.findings.size() == 1);
      CHECK((result.findings[0] == "WB-3004 row 0 line 1 byte 0") == (encoding != named));
    }
  }
}

// Goal:   where the input is cut changes neither rows nor findings.
// Method: every size of cut of UTF-16 files with pairs, quoted line ends and everything broken.
TEST_CASE("encoded rows: every cut of UTF-16 gives the same rows and findings",
          "[core][row_reader][encoding]") {
  const std::vector<std::u16string> texts = {
      kHeader + u"A,1,\"🍞\r\n日\"\r\nB,.5,é\r\n",
      kHeader + u"🍞,x,\xD83C\r\nB,2\r",
      kHeader + u"🍞,x,y\nB,2\n\nC,z,\"op\nen",
      u"\uFEFF" + kHeader + u"🍞,1,5\" x\n\xDC00,1,2",
      u"",
      u"I",
  };
  for (const std::u16string& text : texts) {
    for (const std::string& tail : {std::string(), std::string("t")}) {
      const std::string bytes = utf16_bytes(text, false) + tail;
      const ReadResult whole = read_rows(spec_in("utf-16le"), bytes);
      for (std::size_t cut_bytes = 1; cut_bytes < bytes.size(); ++cut_bytes) {
        const ReadResult cut = read_rows(spec_in("utf-16le"), bytes, cut_bytes);
        INFO("cuts of " << cut_bytes);
        REQUIRE(cut.rows == whole.rows);
        REQUIRE(cut.findings == whole.findings);
      }
    }
  }
}

TEST_CASE("encoded rows: places stay right over many blocks of a UTF-16 file",
          "[core][row_reader][encoding]") {
  std::u16string text = kHeader;
  constexpr int kRows = 20'000;
  for (int i = 0; i < kRows; ++i) text += u"Artikel 🍞,12.50,größer\n";
  text += u"A,bad,x\n";
  const std::string bytes = utf16_bytes(text, false);
  const ReadResult result = read_rows(spec_in("utf-16le"), bytes, 4096);
  CHECK(result.rows.size() == kRows);
  const std::size_t bad = bytes.size() - 2 * std::u16string(u"bad,x\n").size();
  CHECK(result.findings ==
        Shown{"WB-3012 row 20001 line 20002 byte " + std::to_string(bad) + " column 2 Quantity"});
}

TEST_CASE("encoded rows: ISO-8859-1 takes every byte", "[core][row_reader][encoding]") {
  const ReadResult result = read_rows(spec_in("iso-8859-1"),
                                      "Item No,Quantity,Gr\xF6\xDF"
                                      "e\nA,1,\xA0\xFF\n");
  CHECK(result.findings.empty());
  CHECK(result.rows == Shown{"1 A {\"item_no\":\"A\",\"quantity\":1,\"size\":\"\u00A0ÿ\"}"});
}

TEST_CASE("encoded rows: what ISO-8859-1 has for controls is told, as it is probably Windows-1252",
          "[core][row_reader][encoding]") {
  const std::string head =
      "Item No,Quantity,Gr\xF6\xDF"
      "e\n";
  const std::string file = head + "A,1,\x80 \x99\nB,2,\xFF\nC,3,\x9F\n";
  FileSpec spec = spec_in("iso-8859-1");
  for (const std::size_t cut_bytes : {0, 1, 5}) {
    const ReadResult result = read_rows(spec, file, cut_bytes);
    CHECK(result.findings == Shown{"WB-3015 row 1 line 2 byte 27 column 3 Größe",
                                   "WB-3015 row 3 line 4 byte 41 column 3 Größe"});
    CHECK_THAT(result.messages.at(0), Catch::Matchers::Contains("probably windows-1252"));
    CHECK(result.rows.size() == 3);
    CHECK(result.rows.at(0) == "1 A {\"item_no\":\"A\",\"quantity\":1,\"size\":\"\u0080 \u0099\"}");
  }
  CHECK(read_rows(spec_in("windows-1252"), file).findings.empty());
  CHECK(read_rows(spec,
                  "Item No,Quantity,Gr\xF6\xDF"
                  "e,\x85\n")
            .findings.at(0) == "WB-3015 row 0 line 1 byte 23 column 4");

  const std::size_t rule = find_rule("control-character");
  spec.on_finding.set(rule, RuleAction::kQuarantineRow);
  const ReadResult aside = read_rows(spec, file);
  CHECK(aside.rows.size() == 1);
  CHECK(aside.summary.rows_quarantined == 2);
  // Like other control characters: what else is wrong with such a row is not looked for.
  CHECK(read_rows(spec, head + "A,one,\x80\n").findings ==
        Shown{"WB-3015 row 1 line 2 byte 29 column 3 Größe"});
  // A header that asks for it refuses the file: it is no row that others could do without.
  CHECK_FALSE(read_rows(spec,
                        "Item No,Quantity,Gr\xF6\xDF"
                        "e\x85\nA,1,x\n")
                  .summary.is_accepted());
  spec.on_finding.set(rule, RuleAction::kIgnore);
  CHECK(read_rows(spec, file).findings.empty());
}
