// What only staging can say of a file: its usual size, keys that came before, rows it refers to.
#include <catch2/catch.hpp>

#include "tests/integration/worker_fixture.h"

namespace waybill::test {
namespace {

constexpr const char* kAgency = "harbor-kitchen";
constexpr const char* kHeader = "Code,Name,Count,Amount,Active,Day\r\n";
constexpr const char* kMarker = "marker-value-41c7";

std::string row(const std::string& code, int count, const std::string& name = "n") {
  return code + "," + name + "," + std::to_string(count) + ",1.00,yes,20.11.2026\r\n";
}

struct World {
  Central central;
  FakeStorage storage;

  explicit World(const std::vector<json>& specs) { central.add_agency(kAgency, specs); }

  /// Delivered under its own date, one a night.
  std::string deliver(const std::string& tag, const std::string& date, const std::string& bytes,
                      const std::string& name = "") {
    const json delivery = {{"date", date}, {"name", "nightly"}};
    const json opened = central.open_in({"night-" + date, delivery}, kAgency, tag,
                                        tag + "_" + date + name + ".csv", bytes);
    REQUIRE(opened.at("outcome") == "upload");
    central.arrive(kAgency, opened, storage, bytes);
    return opened.at("job_file_id");
  }
  /// Its rows are staged; an older night is archived as soon as a later one is there.
  bool takes(const std::string& file) {
    return eventually([&] {
      const std::string state = central.state_of(file);
      return state == "processed" || state == "archived";
    });
  }
  json report(const std::string& file) {
    return json::parse(
        central.value("SELECT content::text FROM ingest.artifact WHERE job_file_id = $1 AND kind = "
                      "'validation_report' ORDER BY created_at DESC LIMIT 1",
                      {file}));
  }
  /// "WB-3026 warn 3 at 2,4" for each group of the report, and nothing of a value.
  std::vector<std::string> groups(const std::string& file) {
    std::vector<std::string> told;
    const json content = report(file);
    CHECK(content.dump().find(kMarker) == std::string::npos);
    for (const json& group : content.at("groups")) {
      std::string places;
      for (const json& place : group.at("places")) {
        places += (places.empty() ? "" : ",") + place.at("row").dump();
      }
      told.push_back(group.at("code").get<std::string>() + " " +
                     group.at("action").get<std::string>() + " " + group.at("count").dump() +
                     " at " + places);
    }
    return told;
  }
};

using Groups = std::vector<std::string>;
using Specs = std::vector<json>;

TEST_CASE("history: a row count is held against the median of the last files",
          "[worker][history]") {
  World world(Specs{with(spec_of("recipe"), {{"row_count", {{"change_percent", 20}}}})});
  RunningWorker worker(world.central, world.storage.url());
  const std::vector<int> sizes = {10, 20, 100, 100, 80, 120, 72};
  std::vector<std::string> files;
  for (std::size_t night = 0; night < sizes.size(); ++night) {
    files.push_back(world.deliver("recipe", "2026-11-0" + std::to_string(night + 1),
                                  export_of("N" + std::to_string(night) + "-", sizes[night])));
    REQUIRE(world.takes(files.back()));
  }
  CHECK(world.groups(files[0]).empty());                           // nothing to compare with
  CHECK(world.groups(files[2]).empty());                           // two files are too few
  CHECK(world.groups(files[3]) == Groups{"WB-3022 warn 1 at 0"});  // median 20
  CHECK(world.report(files[3]).at("groups").at(0).at("message") ==
        "100 rows; the median of the last 3 files is 20, and the file spec allows 20 % more or "
        "less");
  CHECK(world.groups(files[5]) == Groups{"WB-3022 warn 1 at 0"});  // median 80: 120 is too far
  CHECK(world.groups(files[6]).empty());                           // median 90: just within 20 %
  CHECK(world.report(files[3]).at("outcome") == "accepted");
}

// Goal:   what central cuts is compared as a whole, with whole files and with what was cut before.
// Method: nights of 10, 11 and 12 rows in parts of 5; then 6 rows in two parts, the first of which
//         alone has fewer rows than any night.
TEST_CASE("history: the rows of all parts are counted together", "[worker][history]") {
  World world(
      Specs{with(spec_of("recipe"), {{"row_count", {{"change_percent", 20}}}, {"split_rows", 5}})});
  RunningWorker worker(world.central, world.storage.url());
  const auto part = [&](const std::string& file, int number) {
    return world.central.value(
        "SELECT job_file_id FROM ingest.job_file WHERE split_of = $1 AND part_number = $2",
        {file, std::to_string(number)});
  };
  for (int night = 1; night <= 3; ++night) {
    const std::string date = "2026-11-0" + std::to_string(night);
    const std::string file =
        world.deliver("recipe", date, export_of("N" + std::to_string(night) + "-", 9 + night));
    REQUIRE(world.takes(file));
    CHECK(world.groups(part(file, 1)).empty());
    CHECK(world.groups(part(file, 2)).empty());
  }
  const std::string small = world.deliver("recipe", "2026-11-04", export_of("S", 6));
  REQUIRE(world.takes(small));
  CHECK(world.groups(part(small, 1)).empty());
  CHECK(world.groups(part(small, 2)) == Groups{"WB-3022 warn 1 at 0"});
  CHECK(world.report(part(small, 2)).at("groups").at(0).at("message") ==
        "6 rows in all parts; the median of the last 3 files is 11, and the file spec allows 20 % "
        "more or less");
}

TEST_CASE("history: bounds of the spec count for whole files also when the rule refuses",
          "[worker][history]") {
  World world(
      Specs{with(spec_of("recipe"), {{"row_count", {{"min", 5}}},
                                     {"on_finding", {{"row-count-unexpected", "refuse_file"}}}})});
  RunningWorker worker(world.central, world.storage.url());
  const std::string file = world.deliver("recipe", "2026-11-01", export_of("R", 4));
  REQUIRE(world.central.reaches(file, "refused"));
  CHECK(world.central.field(file, "error_code") == "WB-3022");
  CHECK(world.central.field(file, "error ->> 'message'") ==
        "4 rows; the file spec expects 5 at least");
  CHECK(world.central.staged_rows(file) == 0);
}

TEST_CASE("history: keys that staging has are told where the spec asks", "[worker][history]") {
  const json refuse = {{"on_finding", {{"key-known", "refuse_file"}}}};
  const json warn = {{"on_finding", {{"key-known", "warn"}}}};
  World world(
      Specs{spec_of("party"), with(spec_of("recipe"), warn), with(spec_of("variant"), refuse)});
  RunningWorker worker(world.central, world.storage.url());
  const std::string first = std::string(kHeader) + row("A", 1) + row(kMarker, 2) + row("C", 3);
  const std::string second =
      std::string(kHeader) + row("D", 1) + row(kMarker, 2) + row("C", 4) + row("A", 1);
  for (const char* tag : {"party", "recipe", "variant"}) {
    INFO(tag);
    const std::string one = world.deliver(tag, "2026-11-01", first);
    REQUIRE(world.takes(one));
    CHECK(world.groups(one).empty());
    const std::string two = world.deliver(tag, "2026-11-02", second);
    const bool is_refused = std::string(tag) == "variant";
    REQUIRE((is_refused ? world.central.reaches(two, "refused") : world.takes(two)));
    if (std::string(tag) == "party") CHECK(world.groups(two).empty());
    if (std::string(tag) == "recipe") CHECK(world.groups(two) == Groups{"WB-3025 warn 2 at 2,4"});
    if (is_refused) {
      CHECK(world.groups(two) == Groups{"WB-3025 refuse_file 2 at 2,4"});
      CHECK(world.central.field(two, "error ->> 'row'") == "2");
      CHECK(world.central.field(two, "error ->> 'count'") == "2");
      CHECK(world.report(two).at("outcome") == "refused");
      CHECK(world.central.staged_rows(two) == 0);
      CHECK(world.central.field(two, "error::text").find(kMarker) == std::string::npos);
    }
  }
}

// Goal:   a key stands once in the whole original, however it is cut; the outcome does not depend
// on
//         the limit of the spec.
TEST_CASE("history: a unique key is compared over all parts of a file", "[worker][history]") {
  const auto spec = [](const std::string& tag, const std::string& action) {
    // The bounds are those of the whole file; no part has so many rows.
    return with(spec_of(tag), {{"row_count", {{"min", 100}}},
                               {"natural_key_unique", true},
                               {"split_rows", 50},
                               {"on_finding", {{"key-duplicate", action}}}});
  };
  World world(Specs{spec("recipe", "warn"), spec("variant", "refuse_file")});
  RunningWorker worker(world.central, world.storage.url());
  const std::string bytes =
      export_of("R", 120) + row("R7", 7, kMarker);  // row 121 in the last part
  for (const char* tag : {"recipe", "variant"}) {
    INFO(tag);
    const std::string file = world.deliver(tag, "2026-11-01", bytes);
    const bool is_warned = std::string(tag) == "recipe";
    REQUIRE((is_warned ? world.takes(file) : world.central.reaches(file, "refused")));
    const std::string last = world.central.value(
        "SELECT job_file_id FROM ingest.job_file WHERE split_of = $1 AND part_number = 3", {file});
    CHECK(world.groups(last) ==
          Groups{std::string("WB-3021 ") + (is_warned ? "warn" : "refuse_file") + " 1 at 121"});
    CHECK(world.central.value("SELECT count(*) FROM staging.any_row AS r JOIN ingest.job_file AS f "
                              "USING (job_file_id) WHERE f.split_of = $1",
                              {file}) == (is_warned ? "121" : "0"));
  }
}

// Goal:   a row that refers to nothing is found, and one whose row is there is not, whatever type
// the
//         key has and however the partner wrote it.
// Method: the referred row's key is made by the reader, the reference by PostgreSQL from the
// payload;
//         each type of column, in spellings that differ where the type allows it.
TEST_CASE("history: references are found as the reader writes keys", "[worker][history]") {
  const json referred =
      with(spec_of("recipe"), {{"natural_key", {"code", "count", "amount", "active", "day"}}});
  const json referring =
      with(spec_of("recipe_line"),
           {{"natural_key", {"name"}},
            {"references",
             {{{"entity", "recipe"}, {"key", {"code", "count", "amount", "active", "day"}}}}}});
  World world(Specs{referred, referring});
  RunningWorker worker(world.central, world.storage.url());
  const std::string there =
      world.deliver("recipe", "2026-11-01",
                    std::string(kHeader) + "\"a, \"\"b\"\"\",x,+007,01.50,Yes,1.2.2024\r\n" +
                        "Zo\xC3\xAB\t\\,x,-0,-.5,no,29.02.2024\r\n" +
                        "R,x,1,12345678901234567890.1234567890,true,20.11.2026\r\n");
  REQUIRE(world.takes(there));
  const std::string lines = world.deliver(
      "recipe_line", "2026-11-01",
      std::string(kHeader) + "\"a, \"\"b\"\"\",1,7,1.50,true,01.02.2024\r\n" +
          "Zo\xC3\xAB\t\\,2,0,-0.5,FALSE,29.02.2024\r\n" +
          "R,3,01,12345678901234567890.1234567890,yes,20.11.2026\r\n" + kMarker +
          ",4,1,1.00,yes,20.11.2026\r\n" +  // no such row
          "R,5,,1.00,yes,20.11.2026\r\n" +  // refers to nothing: a part is null
          "R,6,1,12345678901234567890.123456789,yes,20.11.2026\r\n");  // other digits, another key
  REQUIRE(world.takes(lines));
  CHECK(world.groups(lines) == Groups{"WB-3026 warn 2 at 4,6"});
  CHECK(
      world.report(lines).at("groups").at(0).at("message") ==
      "2 rows name by Code, Count, Amount, Active, Day a recipe that is not staged (2 different)");
}

TEST_CASE("history: a file may refer to its own rows, in every part of it", "[worker][history]") {
  const json spec =
      with(spec_of("recipe"), {{"natural_key", {"code"}},
                               {"split_rows", 50},
                               {"references", {{{"entity", "recipe"}, {"key", {"name"}}}}},
                               {"on_finding", {{"reference-unknown", "refuse_file"}}}});
  World world(Specs{spec});
  RunningWorker worker(world.central, world.storage.url());
  const auto file_of = [](const std::string& prefix, const std::string& last_parent) {
    std::string bytes = kHeader;
    for (int i = 1; i <= 120; ++i) {
      const std::string parent = i < 120 ? prefix + std::to_string(i + 1) : last_parent;
      bytes += row(prefix + std::to_string(i), i, parent);  // each refers to the row behind it
    }
    return bytes;
  };
  const std::string good = world.deliver("recipe", "2026-11-01", file_of("A", ""));
  REQUIRE(world.takes(good));
  const std::string bad = world.deliver("recipe", "2026-11-02", file_of("B", kMarker));
  REQUIRE(world.central.reaches(bad, "refused"));
  CHECK(world.central.field(bad, "error_code") == "WB-3026");
  CHECK(world.central.field(bad, "error ->> 'row'") == "120");
  CHECK(world.central.field(bad, "error ->> 'column'") == "Name");
  CHECK(world.central.field(bad, "error::text").find(kMarker) == std::string::npos);
  CHECK(world.central.value("SELECT count(*) FROM staging.recipe") == "120");
}

TEST_CASE("history: what the reader refuses is not asked about", "[worker][history]") {
  World world(
      Specs{with(spec_of("recipe"), {{"references", {{{"entity", "party"}, {"key", {"code"}}}}}})});
  RunningWorker worker(world.central, world.storage.url());
  const std::string file =
      world.deliver("recipe", "2026-11-01", export_of("R", 3) + "X,Name,many,1,yes,20.11.2026\r\n");
  REQUIRE(world.central.reaches(file, "refused"));
  CHECK(world.groups(file) == Groups{"WB-3012 refuse_file 1 at 4"});
}

// Goal:   rows set aside are an artifact; their text only where the spec allows it, and nowhere
// else.
TEST_CASE("rejected rows: places for all, text where the spec says so", "[worker][history]") {
  const json aside = {
      {"on_finding", {{"value-invalid", "quarantine_row"}, {"nul-byte", "quarantine_row"}}}};
  World world(Specs{with(spec_of("recipe"), aside),
                    with(with(spec_of("variant"), aside), {{"send_quarantined_rows", true}})});
  RunningWorker worker(world.central, world.storage.url());
  const std::string bad = std::string(kMarker) + ",Name,many,1,yes,20.11.2026";
  const std::string nul = std::string("Y\0,Name,1,1,yes,20.11.2026", 26);
  const std::string bytes =
      export_of("R", 2) + bad + "\r\n" + export_of("S", 1).substr(35) + nul + "\r\n";
  for (const char* tag : {"recipe", "variant"}) {
    INFO(tag);
    const std::string file = world.deliver(tag, "2026-11-01", bytes);
    REQUIRE(world.takes(file));
    const std::string text = world.central.value(
        "SELECT content::text FROM ingest.artifact WHERE job_file_id = $1 AND kind = "
        "'rejected_rows'",
        {file});
    const json rejected = json::parse(text);
    CHECK(rejected.at("truncated") == false);
    json expected = json::array({{{"row", 3},
                                  {"line", 4},
                                  {"code", "WB-3012"},
                                  {"bytes", bad.size()},
                                  {"byte_offset", bytes.find(bad)}},
                                 {{"row", 5},
                                  {"line", 6},
                                  {"code", "WB-3011"},
                                  {"bytes", nul.size()},
                                  {"byte_offset", bytes.find(nul)}}});
    if (std::string(tag) == "variant") {
      expected[0]["text"] = bad;
      expected[1]["base64"] = "WQAsTmFtZSwxLDEseWVzLDIwLjExLjIwMjY=";
    }
    CHECK(rejected.at("rows") == expected);
  }
  CHECK(
      world.central.value("SELECT count(*) FROM ingest.artifact WHERE kind <> 'rejected_rows' AND "
                          "content::text LIKE '%' || $1 || '%'",
                          {kMarker}) == "0");
  CHECK(world.central.value(
            "SELECT count(*) FROM ingest.job_event WHERE details::text LIKE '%' || $1 || '%'",
            {kMarker}) == "0");
}

TEST_CASE("rejected rows: a refused file has them too, a good one has none", "[worker][history]") {
  World world(
      Specs{with(spec_of("recipe"), {{"on_finding", {{"value-invalid", "quarantine_row"}}}})});
  RunningWorker worker(world.central, world.storage.url());
  const auto artifacts = [&](const std::string& file) {
    return world.central.value(
        "SELECT count(*) FROM ingest.artifact WHERE job_file_id = $1 AND kind = 'rejected_rows'",
        {file});
  };
  const std::string good = world.deliver("recipe", "2026-11-01", export_of("R", 3));
  REQUIRE(world.takes(good));
  CHECK(artifacts(good) == "0");
  const std::string bad = world.deliver(
      "recipe", "2026-11-02",
      export_of("R", 2) + "X,Name,many,1,yes,20.11.2026\r\n,Name,1,1,yes,20.11.2026\r\n");
  REQUIRE(world.central.reaches(bad, "refused"));
  CHECK(world.central.field(bad, "error_code") == "WB-3006");
  CHECK(artifacts(bad) == "1");
}

}  // namespace
}  // namespace waybill::test
