// The rows that are set aside, written as a file like the one they came from.
#include "core/preflight/quarantine_writer.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/preflight/preflight.h"
#include "read/utf16.h"

using namespace waybill;
using nlohmann::json;

namespace {

FileSpec spec_of(const std::string& more = "") {
  json spec = json::parse(R"json({
    "file_tag": "component", "entity": "component", "file_name": "*",
    "columns": [{"name": "No", "to": "no", "required": true},
                {"name": "Qty", "to": "qty", "type": "integer"}],
    "on_finding": {"value-invalid": "quarantine_row", "value-missing": "quarantine_row",
                   "row-ragged": "quarantine_row", "encoding-invalid": "quarantine_row"}})json");
  if (!more.empty()) spec.update(json::parse(more));
  return parse_file_spec(spec);
}

/// The quarantine file, whatever the blocks the file is fed in.
std::string quarantine_of(const FileSpec& spec, const std::string& bytes) {
  std::vector<std::string> all;
  for (const std::size_t block : {std::size_t{1}, std::size_t{2}, std::size_t{7}, bytes.size()}) {
    std::string written;
    Preflight preflight(spec);
    preflight.write_quarantine([&](std::string_view more) { written += more; });
    for (std::size_t from = 0; from < bytes.size(); from += block) {
      const std::string copy = bytes.substr(from, block);
      preflight.feed(copy);
    }
    CHECK(preflight.finish().is_accepted());
    all.push_back(std::move(written));
    REQUIRE(all.back() == all.front());
  }
  return all.front();
}

}  // namespace

TEST_CASE("quarantine file: header first, rows as they stood, line ends as the file's",
          "[core][preflight][quarantine]") {
  const FileSpec spec = spec_of();
  CHECK(quarantine_of(spec, "No,Qty\nA,1\nB,many\nC,2\n\"D\",\"x\"\"y\"\n,3") ==
        "No,Qty\nB,many\n\"D\",\"x\"\"y\"\n,3\n");
  CHECK(quarantine_of(spec, "\r\nNo,\"Qty\"\r\nA,many\r\n\r\nB,1\r\nC,\"two\r\nlines\"\r\n") ==
        "No,\"Qty\"\r\nA,many\r\nC,\"two\r\nlines\"\r\n");
  CHECK(quarantine_of(spec, "No,Qty\rA,many\rB,1\rC,x\r") == "No,Qty\rA,many\rC,x\r");
  CHECK(quarantine_of(spec, "No,Qty\nA,1\n").empty());
  CHECK(quarantine_of(spec, "Qty,No\n1,A\nmany,B\n") == "Qty,No\nmany,B\n");  // the file's order
}

TEST_CASE("quarantine file: byte order mark and encoding are those of the original",
          "[core][preflight][quarantine]") {
  CHECK(quarantine_of(spec_of(), "\xEF\xBB\xBFNo,Qty\nK\xC3\xA4se,x\n\xFF,1\n") ==
        "\xEF\xBB\xBFNo,Qty\nK\xC3\xA4se,x\n\xFF,1\n");
  CHECK(quarantine_of(spec_of(R"({"encoding": "windows-1252"})"), "No,Qty\r\n\x80,x\r\nA,1\r\n") ==
        "No,Qty\r\n\x80,x\r\n");
  for (const bool is_big : {false, true}) {
    const FileSpec spec =
        spec_of(is_big ? R"({"encoding": "utf-16be"})" : R"({"encoding": "utf-16le"})");
    for (const std::u16string& mark : {std::u16string(), std::u16string(u"\uFEFF")}) {
      CHECK(quarantine_of(
                spec,
                utf16_bytes(mark + u"No,Qty\r\nA,1\r\n日本🍞,é\r\nB,2\r\nx\xD83Cy,3\r\n", is_big)) ==
            utf16_bytes(mark + u"No,Qty\r\n日本🍞,é\r\nx\xD83Cy,3\r\n", is_big));
    }
  }
}

TEST_CASE("quarantine file: without a header the rows alone, also the first and only one",
          "[core][preflight][quarantine]") {
  const FileSpec spec = spec_of(R"({"header": false})");
  CHECK(quarantine_of(spec, "A,many\r\nB,1\r\nC,x\r\n") == "A,many\r\nC,x\r\n");
  CHECK(quarantine_of(spec, "A,many\r\nB,1\r\n") == "A,many\r\n");
  CHECK(quarantine_of(spec, "A,many") == "A,many\n");
  const FileSpec lines = spec_of(R"({"format": "jsonl"})");
  CHECK(quarantine_of(lines, "{\"No\":\"A\",\"Qty\":1}\n{\"Qty\":2}\n") == "{\"Qty\":2}\n");
  const FileSpec fixed = spec_of(R"({"format": "fixed_width", "header": true, "columns": [
      {"name": "No", "to": "no", "start": 1, "width": 2},
      {"name": "Qty", "to": "qty", "type": "integer", "start": 3, "width": 2}]})");
  CHECK(quarantine_of(fixed, "NoQt\nA112\nA2xx\n") == "NoQt\nA2xx\n");
}

// Goal:   a mended quarantine file is a good export by the same spec.
TEST_CASE("quarantine file: mended, it is read by the same spec", "[core][preflight][quarantine]") {
  const FileSpec spec = spec_of();
  const std::string kept = quarantine_of(spec, "\xEF\xBB\xBFNo,Qty\r\nA,1\r\nB,many\r\n");
  const std::size_t bad = kept.find("many");
  REQUIRE(bad != std::string::npos);
  const std::string mended = kept.substr(0, bad) + "2" + kept.substr(bad + 4);
  Preflight preflight(spec);
  preflight.feed(mended);
  const PreflightResult result = preflight.finish();
  CHECK(result.is_accepted());
  CHECK(result.summary.findings_count == 0);
  CHECK(result.summary.rows == 1);
}
