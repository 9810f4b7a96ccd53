#include "core/preflight/preflight.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "core/preflight/drift.h"

using namespace waybill;
using Catch::Matchers::Contains;
using nlohmann::json;

namespace {

FileSpec four_columns() {
  return parse_file_spec(json::parse(R"json({
    "file_tag": "component", "entity": "component", "file_name": "*.csv",
    "columns": [{"name": "Item No", "to": "item_no", "required": true},
                {"name": "Unit Price", "to": "price", "type": "decimal", "renamed_from": ["Price"]},
                {"name": "Unit", "to": "unit"}, {"name": "Note", "to": "note"}]})json"));
}

/// "renamed? Qty<Unit Price@2", one a change.
std::vector<std::string> drift(const std::vector<std::string>& names) {
  std::vector<std::string> out;
  for (const ColumnChange& change : find_drift(four_columns(), names)) {
    std::string text(to_string(change.kind));
    text += (change.is_certain ? " " : "? ") + change.name;
    if (!change.spec_name.empty() && change.kind == ChangeKind::kRenamed) {
      text += "<" + change.spec_name;
    }
    out.push_back(text + "@" + std::to_string(change.place));
  }
  return out;
}

using Changes = std::vector<std::string>;

PreflightResult preflight(const FileSpec& spec, const std::string& bytes) {
  Preflight run(spec);
  run.feed(bytes);
  return run.finish();
}

}  // namespace

TEST_CASE("drift: what was added, dropped, renamed and moved", "[core][preflight]") {
  CHECK(drift({"Item No", "Unit Price", "Unit", "Note"}).empty());
  CHECK(drift({"Item No", "Unit Price", "Unit", "Note", "Colour"}) == Changes{"added Colour@5"});
  CHECK(drift({"Item No", "Unit Price", "Unit"}) == Changes{"dropped Note@0"});
  CHECK(drift({"Item No", "Price", "Unit", "Note"}) == Changes{"renamed Price<Unit Price@2"});
  CHECK(drift({"Item No", "UNIT_PRICE", "Unit", "Note"}) ==
        Changes{"renamed? UNIT_PRICE<Unit Price@2"});
  CHECK(drift({"Item No", "Cost", "Unit", "Note"}) == Changes{"renamed? Cost<Unit Price@2"});
  CHECK(drift({"Note", "Item No", "Unit Price", "Unit"}) == Changes{"moved Note@1"});
  CHECK(drift({"Unit", "Item No", "Cost", "Colour", "Note"}) ==
        Changes{"dropped Unit Price@0", "moved Unit@1", "added Cost@3", "added Colour@4"});
  CHECK(drift({"Item No", "Item No", "Unit Price", "Unit", "Note"}).empty());  // another finding
}

TEST_CASE("drift: data in the place of a header is nobody's name", "[core][preflight]") {
  CHECK(drift({"10-2", "4.5", "kg", ""}).empty());
  const json report = preflight_report(
      four_columns(), preflight(four_columns(), "SECRET-1,2,kg,\nSECRET-2,3,kg,\n"), "");
  CHECK(report["drift"].empty());
  CHECK_THAT(report.dump(), !Contains("SECRET"));
}

TEST_CASE("drift: a proposal is the column as the spec should have it", "[core][preflight]") {
  const FileSpec spec = four_columns();
  const json report =
      preflight_report(spec, preflight(spec, "Item No,Cost,Unit,Note,Lot Size\n1,2,kg,,9\n"), "");
  REQUIRE(report["drift"].size() == 2);
  const json renamed = report["drift"][0]["proposal"];
  CHECK(renamed["name"] == "Cost");
  CHECK(renamed["to"] == "price");
  CHECK(renamed["renamed_from"] == json({"Price", "Unit Price"}));
  CHECK(report["drift"][1]["proposal"] == json({{"name", "Lot Size"}, {"to", "lot_size"}}));
  // The proposals make a spec that takes the file.
  json changed = to_json(spec);
  changed["columns"][1] = renamed;
  changed["columns"].push_back(report["drift"][1]["proposal"]);
  const FileSpec next = parse_file_spec(changed);
  CHECK(preflight(next, "Item No,Cost,Unit,Note,Lot Size\n1,2,kg,,9\n").is_accepted());
  CHECK(preflight(next, "Item No,Unit Price,Unit,Note,Lot Size\n1,2,kg,,9\n").is_accepted());
}

TEST_CASE("preflight: the report has digest, size, findings and what to do, and no value",
          "[core][preflight]") {
  const FileSpec spec = four_columns();
  const std::string file = "Item No,Unit Price,Unit,Note\n1,MARKER-VALUE,kg,\n";
  const PreflightResult result = preflight(spec, file);
  CHECK_FALSE(result.is_accepted());
  CHECK(result.size_bytes == static_cast<std::int64_t>(file.size()));
  const json report = preflight_report(spec, result, sha256_hex(file));
  CHECK(report["content_sha256"] == sha256_hex(file));
  CHECK(report["groups"][0]["rule"] == "value-invalid");
  CHECK(report["groups"][0]["places"][0] == json({{"row", 1}, {"line", 2}, {"byte_offset", 31}}));
  const std::string page = preflight_page("x.csv", spec, result, sha256_hex(file));
  CHECK_THAT(page, Contains("would be REFUSED") && Contains("row 1, line 2, byte 31") &&
                       Contains("What to do: "));
  CHECK_THAT(report.dump() + page, !Contains("MARKER"));
}

TEST_CASE("preflight: the notice for central has what central keeps", "[core][preflight]") {
  const FileSpec spec = four_columns();
  const std::string file = "Item No,Cost,Unit,Note\n1,MARKER-VALUE,kg,\n";
  const json notice = preflight_notice(spec, preflight(spec, file), 7);
  CHECK(notice["spec_version"] == 7);
  CHECK(notice["outcome"] == "refused");
  CHECK(notice["error"]["code"] == notice["groups"][0]["code"]);
  CHECK(notice["error"].contains("message"));
  CHECK_FALSE(notice["error"].contains("action"));
  CHECK(notice["drift"].size() == 1);
  CHECK_FALSE(notice.contains("findings"));
  CHECK_FALSE(notice.contains("columns"));
  CHECK_FALSE(notice.contains("left_out"));
  CHECK_THAT(notice.dump(), !Contains("MARKER"));
}

// Goal:   a notice is bounded whatever the file's header.
// Method: a header of many long names that no spec knows.
TEST_CASE("preflight: a notice is cut rather than long", "[core][preflight]") {
  FileSpec spec = four_columns();
  spec.other_columns = OtherColumns::kRefuse;
  std::string file = "Item No,Unit Price,Unit,Note";
  for (int i = 0; i < 1500; ++i) file += "," + std::string(60, 'a') + std::to_string(i);
  const json notice = preflight_notice(spec, preflight(spec, file + "\n"), 1);
  CHECK(notice["left_out"] == true);
  CHECK(notice["drift"].empty());
  CHECK(notice["outcome"] == "refused");
  CHECK(notice.contains("error"));
  CHECK(notice.dump().size() <= kPreflightNoticeBytesMax);
}
