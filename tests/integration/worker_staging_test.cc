// The worker on a real registry: what is good is staged exactly, what is not is refused with its
// place, and nothing in between.
#include <catch2/catch.hpp>
#include <fstream>
#include <set>

#include "tests/integration/worker_fixture.h"
#include "tests/support/source_folder.h"

namespace waybill::test {
namespace {

/// One field as the partner wrote it and as the payload must hold it (nullopt: JSON null).
struct Sample {
  std::string written;
  json expected;
};

std::vector<std::vector<Sample>> samples(const std::string& entity) {
  return {
      {{entity + "-1", entity + "-1"},
       {"plain", "plain"},
       {"7", 7},
       {"1.50", "1.50"},
       {"yes", true},
       {"20.11.2026", "2026-11-20"}},
      {{"\"comma, and \"\"quotes\"\"\"", "comma, and \"quotes\""},
       {"\"first line\nsecond \\u0041 line\"", "first line\nsecond \\u0041 line"},
       {"-12", -12},
       {"-0.010", "-0.010"},
       {"N", false},
       {"01.02.2024", "2024-02-01"}},
      {{"Spätzle 🍲 ½", "Spätzle 🍲 ½"},
       {"", nullptr},
       {"", nullptr},
       {"", nullptr},
       {"", nullptr},
       {"", nullptr}},
      {{"tab\tand \\ back/slash", "tab\tand \\ back/slash"},
       {"\" blanks kept \"", " blanks kept "},
       {"9007199254740993", 9007199254740993},
       {"12345678901234567890.123456789", "12345678901234567890.123456789"},
       {"TRUE", true},
       {"29.02.2024", "2024-02-29"}},
  };
}

constexpr const char* kKeys[] = {"code", "name", "count", "amount", "active", "day"};

std::string csv_of(const std::vector<std::vector<Sample>>& rows) {
  std::string text =
      "\xEF\xBB\xBF"
      "Code,Name,Count,Amount,Active,Day\r\n";
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) text += (i == 0 ? "" : ",") + row[i].written;
    text += "\r\n";
  }
  return text;
}

// Goal:   what is in staging is the partner's file, field by field, for every entity.
// Method: rows written by hand with what they must become beside them; PostgreSQL's own JSON
//         functions read the payload back. Numbers are compared as text: digits count.
TEST_CASE("worker: a good file of every entity is staged field by field", "[worker]") {
  Central central;
  FakeStorage storage;
  std::vector<json> specs;
  std::map<std::string, std::string> files;
  for (const char* entity :
       {"component", "variant", "recipe", "recipe_line", "party", "uom_conversion"}) {
    specs.push_back(spec_of(entity));
  }
  central.add_agency("harbor-kitchen", specs);
  for (const json& spec : specs) {
    const std::string entity = spec.at("entity");
    files[entity] = central.deliver(storage, "harbor-kitchen", entity, entity + "_1.csv",
                                    csv_of(samples(entity)));
  }
  RunningWorker worker(central, storage.url());
  for (const auto& [entity, file] : files) {
    INFO(entity);
    REQUIRE(central.reaches(file, "processed"));
    CHECK(central.field(file, "rows_staged") == "4");
    const auto rows = samples(entity);
    for (std::size_t r = 0; r < rows.size(); ++r) {
      const std::string where = " FROM staging." + entity +
                                " WHERE job_file_id = $1 AND "
                                "source_row = " +
                                std::to_string(r + 1);
      for (std::size_t c = 0; c < rows[r].size(); ++c) {
        INFO("row " << r + 1 << " column " << kKeys[c]);
        const json& expected = rows[r][c].expected;
        const std::string key = kKeys[c];
        CHECK(central.value("SELECT payload ? '" + key + "'" + where, {file}) == "t");
        const std::string type =
            central.value("SELECT jsonb_typeof(payload -> '" + key + "')" + where, {file});
        CHECK(type == (expected.is_null()                  ? "null"
                       : expected.is_boolean()             ? "boolean"
                       : key == "count" || key == "amount" ? "number"
                                                           : "string"));
        CHECK(central.value("SELECT payload ->> '" + key + "'" + where, {file}) ==
              (expected.is_null()     ? ""
               : expected.is_string() ? expected.get<std::string>()
                                      : expected.dump()));
      }
      const std::string count = rows[r][2].expected.is_null() ? "" : rows[r][2].expected.dump();
      CHECK(central.value("SELECT natural_key" + where, {file}) ==
            rows[r][0].expected.get<std::string>() + "\x1F" + count);
      CHECK(central.value("SELECT (SELECT count(*) FROM jsonb_object_keys(payload))::text" + where,
                          {file}) == "6");
    }
    CHECK(central.staged_rows(file) == 4);
    CHECK(central.value("SELECT DISTINCT tenant_id = (SELECT tenant_id FROM ingest.tenant) AND "
                        "job_id = (SELECT job_id FROM ingest.job) FROM staging." +
                        entity) == "t");
  }
}

TEST_CASE("worker: the object ends in the archive, and the report is kept", "[worker]") {
  Central central;
  FakeStorage storage;
  central.add_agency("harbor-kitchen", {spec_of("recipe")});
  const std::string content = export_of("R", 120);
  const std::string file =
      central.deliver(storage, "harbor-kitchen", "recipe", "sub/recipe_1.csv", content);
  const std::string first_path = central.field(file, "object_path");
  RunningWorker worker(central, storage.url());
  REQUIRE(central.reaches(file, "processed"));
  CHECK(central.field(file, "object_path").find("/processed_") != std::string::npos);
  central.close("harbor-kitchen");  // only a delivery that is complete is archived
  REQUIRE(central.reaches(file, "archived"));
  const std::string last_path = central.field(file, "object_path");
  CHECK(last_path.rfind("archive/harbor-kitchen/", 0) == 0);
  CHECK(last_path.find("/processed_") != std::string::npos);
  CHECK(storage.get(last_path) == content);
  CHECK_FALSE(storage.get(first_path));
  const json report = json::parse(
      central.value("SELECT content::text FROM ingest.artifact WHERE job_file_id = $1 AND kind = "
                    "'validation_report'",
                    {file}));
  CHECK(report.at("rows") == 120);
  CHECK(report.at("outcome") == "accepted");
  CHECK(central.field(file, "staged_by").rfind("worker:", 0) == 0);
  for (const char* event : {"arrived", "hash_matched", "staged", "renamed", "archived"}) {
    CHECK(central.events(file, event) == 1);
  }
}

TEST_CASE("worker: a file with a header alone is staged with no rows", "[worker]") {
  Central central;
  FakeStorage storage;
  central.add_agency("harbor-kitchen", {spec_of("recipe")});
  const std::string file =
      central.deliver(storage, "harbor-kitchen", "recipe", "recipe_1.csv", export_of("R", 0));
  RunningWorker worker(central, storage.url());
  REQUIRE(central.reaches(file, "processed"));
  CHECK(central.field(file, "rows_staged") == "0");
}

TEST_CASE("worker: an unannounced arrival is noticed", "[worker]") {
  Central central;
  FakeStorage storage;
  central.add_agency("harbor-kitchen", {spec_of("recipe")});
  const std::string content = export_of("R", 3);
  const json opened = central.open("harbor-kitchen", "recipe", "recipe_1.csv", content);
  RunningWorker worker(central, storage.url());
  storage.put(opened.at("upload").at("path"), content);
  central.note_object(opened.at("upload").at("path"), content.size());
  CHECK(central.reaches(opened.at("job_file_id"), "processed"));
}

// Goal:   every broken file of the fixtures is refused with the code, row and column that its
//         author wrote down; every good one is staged with its number of rows.
TEST_CASE("worker: the fixtures end as their authors expect", "[worker]") {
  const std::filesystem::path root = source_folder();
  const auto read = [](const std::filesystem::path& path) {
    return read_whole_file(system_file_system(), path, std::size_t{8} << 20);
  };
  const json expected = json::parse(read(root / "fixtures/exports/expected.json"));
  const std::string slug = expected.at("tenant");
  std::vector<json> specs;
  for (const auto& entry : std::filesystem::directory_iterator(root / "config/agencies" / slug)) {
    if (entry.path().filename() != "_agency.json") specs.push_back(json::parse(read(entry.path())));
  }
  Central central;
  FakeStorage storage;
  central.add_agency(slug, specs);
  RunningWorker worker(central, storage.url());
  int refused = 0;
  for (const json& file : expected.at("files")) {
    const std::string path = file.at("path");
    INFO(path);
    if (file.at("outcome") == "unknown") continue;
    const std::string bytes = read(root / "fixtures/exports" / std::filesystem::u8path(path));
    if (bytes.empty()) continue;  // the RPC refuses it before the worker hears of it
    const std::string id = central.deliver(storage, slug, file.at("file_tag"), path, bytes);
    if (file.at("outcome") == "processed") {
      REQUIRE(central.reaches(id, "processed"));
      CHECK(central.field(id, "rows_staged") == file.at("rows").dump());
      CHECK(central.staged_rows(id) == file.at("rows"));
      continue;
    }
    ++refused;
    REQUIRE(central.reaches(id, "refused"));
    const json error = json::parse(central.field(id, "error"));
    CHECK(error.at("code") == file.at("code"));
    CHECK(error.value("row", 0) == file.at("row"));
    CHECK(error.value("column", "") == file.at("column"));
    CHECK(error.at("count") >= 1);
    CHECK(central.staged_rows(id) == 0);
    CHECK(central.value("SELECT content ->> 'outcome' FROM ingest.artifact WHERE job_file_id = $1",
                        {id}) == "refused");
  }
  CHECK(refused >= 14);
}

TEST_CASE("worker: a late finding undoes all rows that came before it", "[worker]") {
  Central central;
  FakeStorage storage;
  central.add_agency("harbor-kitchen", {spec_of("recipe")});
  const std::string file = central.deliver(storage, "harbor-kitchen", "recipe", "recipe_1.csv",
                                           export_of("R", 20'000) + "X,Name,many,1,yes,1.1.2026");
  RunningWorker worker(central, storage.url());
  REQUIRE(central.reaches(file, "refused"));
  const json error = json::parse(central.field(file, "error"));
  CHECK(error.at("code") == "WB-3012");
  CHECK(error.at("row") == 20'001);
  CHECK(error.at("line") == 20'002);
  CHECK(error.at("column") == "Count");
  CHECK(error.dump().find("many") == std::string::npos);
  CHECK(central.staged_rows(file) == 0);
}

TEST_CASE("worker: a natural key that no index can hold refuses the file", "[worker]") {
  Central central;
  FakeStorage storage;
  central.add_agency("harbor-kitchen", {spec_of("recipe")});
  const std::string file =
      central.deliver(storage, "harbor-kitchen", "recipe", "recipe_1.csv",
                      export_of("R", 2) + std::string(1001, 'k') + ",n,3,1,yes,01.01.2026\n");
  RunningWorker worker(central, storage.url());
  REQUIRE(central.reaches(file, "refused"));
  const json error = json::parse(central.field(file, "error"));
  CHECK(error.at("code") == "WB-3012");
  CHECK(error.at("row") == 3);
  CHECK(central.staged_rows(file) == 0);
}

TEST_CASE("worker: a header that looks like an address is refused like any other", "[worker]") {
  Central central;
  FakeStorage storage;
  central.add_agency("harbor-kitchen", {spec_of("recipe")});
  const std::string file =
      central.deliver(storage, "harbor-kitchen", "recipe", "recipe_1.csv",
                      "Code,Name,Count,Amount,Active,Day,https://a.example/?token=x\n1,2,3,4,,,\n");
  RunningWorker worker(central, storage.url());
  REQUIRE(central.reaches(file, "refused"));
  CHECK(central.field(file, "error_code") == "WB-3010");
}

TEST_CASE("worker: a part of a split file keeps the rows of the original, once all are there",
          "[worker]") {
  Central central;
  FakeStorage storage;
  central.add_agency("harbor-kitchen", {spec_of("recipe")});
  const auto part_of = [](int number, int first_row) -> json {
    return {{"part_number", number},
            {"part_count", 2},
            {"first_source_row", first_row},
            {"original_sha256", sha256_hex("whole")}};
  };
  const auto deliver = [&](int number, int first_row) -> std::string {
    const std::string bytes = export_of("R" + std::to_string(number), 5);
    const json opened =
        central.open("harbor-kitchen", "recipe", "recipe_1.csv", bytes, part_of(number, first_row));
    central.arrive("harbor-kitchen", opened, storage, bytes);
    return opened.at("job_file_id");
  };
  const std::string second = deliver(2, 1001);
  RunningWorker worker(central, storage.url());
  REQUIRE(central.reaches(second, "verified"));
  const std::string first = deliver(1, 1);
  REQUIRE(central.reaches(second, "processed"));
  CHECK(central.value("SELECT string_agg(source_row::text, ',' ORDER BY source_row) FROM "
                      "staging.recipe WHERE job_file_id = $1",
                      {second}) == "1001,1002,1003,1004,1005");
  CHECK(central.state_of(first) == "processed");
}

}  // namespace
}  // namespace waybill::test
