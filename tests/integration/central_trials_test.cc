// sandbox and diff, and the operators' decisions, as the commands run them.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "central/cli/load_diff.h"
#include "central/cli/operators.h"
#include "central/cli/sandbox.h"
#include "central/cli/table.h"
#include "tests/integration/worker_fixture.h"

namespace waybill::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kAgency = "harbor-kitchen";

struct Folder {
  Folder() : path(fs::temp_directory_path() / ("waybill-trials-" + random_uuid())) {
    fs::create_directories(path);
  }
  ~Folder() { fs::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  fs::path write(const std::string& name, const std::string& text) const {
    std::ofstream(path / name, std::ios::binary) << text;
    return path / name;
  }
  fs::path path;
};

/// What any of our tables holds: to be the same before and after.
std::string everything(Central& central) {
  return central.value(
      "SELECT string_agg(relname || ' ' || n::text, ',' ORDER BY relname) FROM (SELECT c.relname, "
      "(xpath('/row/n/text()', query_to_xml(format('SELECT count(*) AS n FROM %s', "
      "c.oid::regclass),"
      " false, true, '')))[1] AS n FROM pg_class AS c WHERE c.relkind = 'r' AND c.relnamespace IN "
      "('ingest'::regnamespace, 'staging'::regnamespace, 'storage'::regnamespace)) AS t");
}

void write_agency(const Folder& folder) {
  folder.write("_agency.json", json{{"slug", kAgency},
                                    {"display_name", "Harbor Kitchen"},
                                    {"time_zone", "Europe/Berlin"},
                                    {"delivery",
                                     {{"files",
                                       {{{"file_tag", "recipe"}, {"rank", 1}},
                                        {{"file_tag", "recipe_line"}, {"rank", 2}},
                                        {{"file_tag", "party"}, {"required", false}}}}}}}
                                   .dump());
  for (const char* entity : {"recipe", "recipe_line", "party"}) {
    json spec = spec_of(entity);
    if (spec["file_tag"] == "recipe_line") spec["file_name"] = "lines_*.csv";
    folder.write(std::string(entity) + ".json", spec.dump());
  }
}

// Goal:   the report says of each file what staging would do, in delivery order; nothing changes.
TEST_CASE("sandbox: files are judged as staging would, and nothing is changed", "[sandbox]") {
  Central central;
  FakeStorage storage;
  central.add_agency(kAgency, {spec_of("recipe")});
  const std::string file =
      central.deliver(storage, kAgency, "recipe", "recipe_0.csv", export_of("R", 3));
  {
    RunningWorker worker(central, storage.url());
    REQUIRE(central.reaches(file, "processed"));
  }
  const Folder folder;
  write_agency(folder);
  const Folder exports;
  const std::string header = "Code,Name,Count,Amount,Active,Day\r\n";
  std::string recipes = export_of("R", 4);  // R1 to R3 as staged, R4 new
  recipes.replace(recipes.find("Name 2"), 6, "Other2");
  const std::vector<fs::path> files = {
      exports.write("lines_1.csv", header + "A,secret-value,many,1,yes,20.11.2026\r\n"),
      exports.write("recipe_1.csv", recipes),
      exports.write("party_1.csv", export_of("P", 2) + "P1,Again,1,1.50,yes,20.11.2026\r\n"),
      exports.write("notes.txt", "hello"),
  };
  const std::string before = everything(central);
  const auto report =
      cli::run_sandbox(central.worker_url, cli::read_agency_folder(folder.path), files);
  CHECK(everything(central) == before);
  CHECK_FALSE(cli::all_passed(report));
  CHECK(report.dump().find("secret-value") == std::string::npos);

  REQUIRE(report.at("files").size() == 4);
  const auto& party = report.at("files")[0];  // no rank given: 0
  CHECK(party.at("file_tag") == "party");
  CHECK(party.at("keys_given_twice") == 1);
  CHECK(party.at("rows_new") == 3);
  const auto& recipe = report.at("files")[1];
  CHECK(recipe.at("outcome") == "passed");
  CHECK(recipe.at("rows") == 4);
  CHECK(recipe.at("rows_new") == 1);
  CHECK(recipe.at("rows_changed") == 1);
  CHECK(recipe.at("rows_as_staged") == 2);
  const auto& lines = report.at("files")[2];
  CHECK(lines.at("outcome") == "refused");
  CHECK(lines.at("report").at("findings")[0].at("code") == "WB-3012");
  CHECK(report.at("files")[3].at("outcome") == "left alone");
  CHECK(report.at("missing").empty());

  const auto alone =
      cli::run_sandbox(central.worker_url, cli::read_agency_folder(folder.path), {files[1]});
  CHECK(cli::all_passed(alone));
  CHECK(alone.at("missing") == json::array({"recipe_line"}));
}

TEST_CASE("diff: two loads are compared key by key, values only when asked for", "[diff]") {
  Central central;
  FakeStorage storage;
  central.add_agency(kAgency, {with(spec_of("recipe"), {{"split_rows", 50}})});
  const std::string first =
      central.deliver(storage, kAgency, "recipe", "recipe_1.csv", export_of("R", 120));
  std::string changed = export_of("R", 119);  // R120 is gone
  changed.replace(changed.find("Name 7,"), 7, "secret-value,");
  changed += "N,new,1,1.50,yes,20.11.2026\r\n";
  const std::string second = central.deliver(storage, kAgency, "recipe", "recipe_2.csv", changed);
  {
    RunningWorker worker(central, storage.url());
    REQUIRE(central.reaches(first, "processed"));
    REQUIRE(central.reaches(second, "processed"));
  }
  cli::DiffRequest request{
      .agency = kAgency, .file_tag = "recipe", .before = first, .after = second};
  auto diff = cli::diff_loads(central.worker_url, request);
  CHECK(diff.at("before").at("rows") == 120);
  CHECK(diff.at("after").at("rows") == 120);
  CHECK(diff.at("alike") == 118);
  CHECK(diff.at("added") == 1);
  CHECK(diff.at("removed") == 1);
  CHECK(diff.at("changed") == 1);
  CHECK(diff.at("columns") == json{{"name", 1}});
  REQUIRE(diff.at("differences").size() == 3);
  CHECK(diff.at("differences")[0].at("what") == "changed");
  CHECK(diff.at("differences")[0].at("row_after") == 7);
  CHECK(diff.dump().find("secret-value") == std::string::npos);
  CHECK(diff.dump().find("natural_key") == std::string::npos);

  request.with_values = true;
  request.limit = 1;
  diff = cli::diff_loads(central.worker_url, request);
  CHECK(diff.at("differences").size() == 1);
  CHECK(diff.at("changed") == 1);
  CHECK(diff.dump().find("secret-value") != std::string::npos);

  // Any part of a file stands for all of it.
  request.before = central.value(
      "SELECT job_file_id FROM ingest.job_file WHERE split_of = $1 AND part_number = 2", {first});
  request.with_values = false;
  CHECK(cli::diff_loads(central.worker_url, request).at("before").at("rows") == 120);

  request.agency = "nobody";
  CHECK_THROWS_AS(cli::diff_loads(central.worker_url, request), Error);
}

TEST_CASE("operators: resume, retry, skip and retire put things right and say who and why",
          "[operators]") {
  Central central;
  FakeStorage storage;
  const json halting = with(spec_of("recipe"), {{"on_refusal", "halt"}});
  central.add_agency(kAgency, {halting});
  const std::string bad = export_of("R", 2) + "X,Name,many,1,yes,20.11.2026\r\n";
  const std::string poisoned = central.deliver(storage, kAgency, "recipe", "recipe_1.csv", bad);
  const std::string good =
      central.deliver(storage, kAgency, "recipe", "recipe_2.csv", export_of("S", 2));
  RunningWorker worker(central, storage.url());
  const auto tenant_state = [&] { return central.value("SELECT state FROM ingest.tenant"); };
  REQUIRE(eventually([&] { return tenant_state() == "halted"; }));
  CHECK(central.state_of(good) != "processed");

  cli::Operators operators(central.worker_url, "ada");
  CHECK(operators.tenants()[0].at("state") == "halted");
  CHECK(operators.alerts(std::nullopt, 10)[0].at("kind") == "tenant_halted");
  CHECK_THROWS_AS(operators.resume(kAgency, ""), cli::OperatorRefusal);
  CHECK_THROWS_AS(operators.skip(random_uuid(), "why"), cli::OperatorRefusal);

  // Retried under the same spec it halts again; under one that takes text it is staged.
  CHECK(operators.retry(poisoned, "once more", false) == "received");
  REQUIRE(eventually([&] { return central.events(poisoned, "refused") == 2; }));
  json lenient = halting;
  lenient["columns"][2]["type"] = "text";
  central.value("SELECT ingest.put_file_spec($1, $2::jsonb, 'ada')", {kAgency, lenient.dump()});
  CHECK(operators.retry(poisoned, "the count is text", false) == "received");
  REQUIRE(central.reaches(poisoned, "processed"));
  REQUIRE(central.reaches(good, "processed"));
  CHECK(central.field(poisoned, "file_spec_version") == "2");
  CHECK(tenant_state() == "active");

  // Without --yes retiring only counts.
  CHECK(operators.retire(poisoned, "wrong month", false) == 3);
  CHECK(central.staged_rows(poisoned) == 3);
  CHECK(operators.retire(poisoned, "wrong month", true) == 3);
  CHECK(central.staged_rows(poisoned) == 0);
  CHECK(central.staged_rows(good) == 2);
  CHECK(central.state_of(poisoned) == "retired");

  CHECK(central.value("SELECT count(*) FROM ingest.job_event WHERE actor = 'operator:ada' AND "
                      "details ->> 'reason' <> '' AND event IN ('retried', 'retired')") == "3");
  CHECK(operators.close_job(kAgency, "night", "the machine is gone") != "open");
  CHECK_THROWS_AS(operators.close_job(kAgency, "no-such-job", "why"), cli::OperatorRefusal);
  CHECK(operators.deliveries(kAgency, 3660)[0].at("tenant") == kAgency);
}

TEST_CASE("agency put: the plan is put in force, and what the folder no longer has is withdrawn",
          "[operators]") {
  Central central;
  const Folder folder;
  write_agency(folder);
  cli::Operators operators(central.worker_url, "ada");
  const auto put = [&] { return operators.put_agency(cli::read_agency_folder(folder.path)); };
  cli::Operators::Agency agency = put();
  CHECK(agency.specs.size() == 3);
  CHECK(agency.has_plan);
  CHECK(agency.plan_version == 1);
  CHECK(put().plan_version == 1);

  fs::remove(folder.path / "party.json");
  CHECK_THROWS_AS(put(), Error);  // the plan still expects it
  json facts = json::parse(std::ifstream(folder.path / "_agency.json"));
  facts.at("delivery").at("files").erase(2);
  folder.write("_agency.json", facts.dump());
  agency = put();
  CHECK(agency.withdrawn == std::vector<std::string>{"party"});
  CHECK(agency.plan_version == 2);
  CHECK(put().withdrawn.empty());

  facts.erase("delivery");
  folder.write("_agency.json", facts.dump());
  agency = put();
  CHECK_FALSE(agency.has_plan);
  CHECK(agency.plan_version == 3);
  folder.write("party.json", spec_of("party").dump());
  CHECK(put().specs[0].version == 3);  // in force again
}

TEST_CASE("table: columns are as wide as what people see", "[cli]") {
  const json rows = json::parse(R"([{"name": "Käse", "files": {"staged": 2, "refused": 1}},
                                    {"name": "a", "files": {}, "missing": ["x", "y"]}])");
  CHECK(cli::format_table({{"NAME", "name"}, {"FILES", "files"}, {"MISSING", "missing"}}, rows) ==
        "NAME  FILES                MISSING\n"
        "Käse  refused 1, staged 2\n"
        "a                          x, y\n");
  CHECK(cli::format_table({{"NAME", "name"}}, json::array()).empty());
}

}  // namespace
}  // namespace waybill::test
