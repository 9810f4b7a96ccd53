// Migrations and operator commands on a real PostgreSQL, without the command line.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "central/cli/migrate.h"
#include "central/cli/operators.h"
#include "central/standin/keys.h"
#include "core/crypto.h"
#include "core/file_system.h"
#include "tests/support/private_postgres.h"
#include "tests/support/source_folder.h"

namespace waybill {
namespace {

namespace fs = std::filesystem;

const fs::path kSource = source_folder();

/// A folder of its own, removed at the end.
struct Folder {
  Folder() : path(fs::temp_directory_path() / ("waybill-cli-" + random_uuid())) {
    fs::create_directories(path);
  }
  ~Folder() { fs::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path / name) << text;
  }
  fs::path path;
};

struct Caught {
  std::string code = "no error";
  std::string what;
};
Caught caught(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return {std::string(error.code().id), error.what()};
  }
  return {};
}

constexpr const char* kAgency =
    R"({"slug": "a-kitchen", "display_name": "A", "time_zone": "Europe/Berlin"})";
constexpr const char* kSpec = R"({"file_tag": "party", "entity": "party", "file_name": "p*.csv",
  "columns": [{"name": "Code", "to": "code"}]})";

}  // namespace

TEST_CASE("migrate: an empty database becomes a working one, and a second run does nothing",
          "[migrate]") {
  const std::string url = PrivatePostgres::shared().empty_database();
  cli::MigrateOptions options{.database_url = url,
                              .migrations = kSource / "schema/supabase/migrations",
                              .bootstrap = true,
                              .keys = standin::make_keys()};
  const std::vector<std::string> applied = cli::migrate(options);
  CHECK(applied.size() > 5);
  CHECK(cli::migrate(options).empty());

  pg::Connection database(url);
  const auto text = [&](const char* sql) { return database.exec(sql).string(0, 0); };
  CHECK(text("SELECT count(*) FROM supabase_migrations.schema_migrations "
             "WHERE name <> '' AND cardinality(statements) > 0") == std::to_string(applied.size()));
  CHECK(text("SELECT count(*) FROM storage.buckets WHERE id = 'waybill-exports'") == "1");
  // Made by the owner that Supabase has, who is no superuser.
  CHECK(
      text("SELECT tableowner FROM pg_tables WHERE schemaname = 'ingest' AND tablename = 'job'") ==
      "postgres");
  const char* secret =
      "SELECT decrypted_secret FROM vault.decrypted_secrets "
      "WHERE name = 'waybill_storage_signing_secret'";
  CHECK(text(secret) == options.keys->jwt_secret);
  options.keys = standin::make_keys();  // rotated
  (void)cli::migrate(options);
  CHECK(text(secret) == options.keys->jwt_secret);
  CHECK(database.exec(secret).rows() == 1);
}

TEST_CASE("migrate: one that was edited after it was applied is told, and nothing is applied",
          "[migrate][fault]") {
  const Folder folder;
  folder.write("20300101000100_first.sql", "CREATE TABLE first (a int);");
  const cli::MigrateOptions options{.database_url = PrivatePostgres::shared().empty_database(),
                                    .migrations = folder.path,
                                    .bootstrap = true,
                                    .keys = std::nullopt};
  REQUIRE(cli::migrate(options).size() == 1);
  folder.write("20300101000100_first.sql", "CREATE TABLE first (a int, b int);");
  folder.write("20300101000200_second.sql", "CREATE TABLE second (a int);");
  const Caught error = caught([&] { (void)cli::migrate(options); });
  CHECK(error.code == "WB-5004");
  CHECK_THAT(error.what, Catch::Contains("20300101000100_first.sql") && Catch::Contains("edited"));
  pg::Connection database(options.database_url);
  CHECK(database.exec("SELECT to_regclass('second') IS NULL").boolean(0, 0));
  folder.write("20300101000100_first.sql", "CREATE TABLE first (a int);");
  CHECK(cli::migrate(options).size() == 1);
}

TEST_CASE("migrate: one that fails is undone whole, named, and done again once it is right",
          "[migrate][fault]") {
  const std::string url = PrivatePostgres::shared().empty_database();
  const Folder folder;
  folder.write("1_good.sql", "CREATE TABLE public.one (id int);");
  folder.write("2_bad.sql", "CREATE TABLE public.two (id int); SELECT 1/0;");
  const cli::MigrateOptions options{
      .database_url = url, .migrations = folder.path, .bootstrap = true, .keys = std::nullopt};
  const Caught failure = caught([&] { (void)cli::migrate(options); });
  CHECK(failure.code == "WB-5004");
  CHECK(failure.what.find("2_bad.sql") != std::string::npos);
  CHECK(failure.what.find("division by zero") != std::string::npos);
  pg::Connection database(url);
  CHECK(database.exec("SELECT to_regclass('public.one'), to_regclass('public.two')")
            .text(0, 1)
            .empty());

  folder.write("2_bad.sql", "CREATE TABLE public.two (id int);");
  CHECK(cli::migrate(options) == std::vector<std::string>{"2_bad.sql"});

  folder.write("words.sql", "SELECT 1");
  CHECK(caught([&] { (void)cli::migrate(options); }).code == "WB-5006");
  const cli::MigrateOptions nowhere{.database_url = url,
                                    .migrations = folder.path / "nowhere",
                                    .bootstrap = false,
                                    .keys = std::nullopt};
  CHECK(caught([&] { (void)cli::migrate(nowhere); }).code == "WB-5006");
}

TEST_CASE("agency put: all or nothing, and the same folder again changes nothing", "[operators]") {
  const std::string url = PrivatePostgres::shared().fresh_database();
  cli::Operators operators(url, "tester");
  pg::Connection database(url);
  const auto agencies = [&] {
    return database.exec("SELECT count(*) FROM ingest.tenant").integer(0, 0);
  };
  const Folder folder;
  const auto put = [&] { return operators.put_agency(cli::read_agency_folder(folder.path)); };

  CHECK(caught(put).code == "WB-5006");  // no _agency.json
  folder.write("_agency.json", kAgency);
  folder.write("party.json", R"({"file_tag": "party", "entity": "party", "fileName": "x"})");
  const Caught bad = caught(put);
  CHECK(bad.code == "WB-3014");
  CHECK(bad.what.find("party.json") != std::string::npos);
  folder.write("party.json", kSpec);
  folder.write("other.json", kSpec);  // a tag that is not its file's name
  CHECK(caught(put).code == "WB-3014");
  CHECK(agencies() == 0);

  fs::remove(folder.path / "other.json");
  for (int i = 0; i < 2; ++i) {
    const cli::Operators::Agency agency = put();
    CHECK(agency.slug == "a-kitchen");
    REQUIRE(agency.specs.size() == 1);
    CHECK(agency.specs[0].version == 1);
  }
  CHECK(agencies() == 1);
  folder.write("_agency.json",
               R"({"slug": "b", "display_name": "B", "time_zone": "Europe/Atlantis"})");
  CHECK(caught(put).code != "no error");
  folder.write("_agency.json", R"({"slug": "b", "display_name": "B", "timezone": "UTC"})");
  CHECK(caught(put).code == "WB-5006");
  CHECK(agencies() == 1);
}

TEST_CASE("operators: refusals keep the registry's code and its own way out", "[operators]") {
  const std::string url = PrivatePostgres::shared().fresh_database();
  cli::Operators operators(url, "tester");
  try {
    (void)operators.create_enrolment_code("nobody", 60);
    FAIL("a code was made");
  } catch (const cli::OperatorRefusal& refusal) {
    CHECK(refusal.code().id == "WB-5006");
    CHECK_FALSE(refusal.way_out().empty());
    CHECK(std::string(refusal.what()).find('{') == std::string::npos);  // words, not JSON
  }
  CHECK(caught([&] { operators.revoke_agent("00000000-0000-0000-0000-000000000000", "x"); }).code ==
        "WB-2001");
  CHECK(operators.lineage("00000000-0000-0000-0000-000000000000", 1).is_null());

  const Folder folder;
  folder.write("_agency.json", kAgency);
  (void)operators.put_agency(cli::read_agency_folder(folder.path));
  const std::string code = operators.create_enrolment_code("a-kitchen", 60);
  CHECK(code.size() == 19);
  pg::Connection database(url);
  CHECK(database.exec("SELECT created_by FROM ingest.enrolment_code").text(0, 0) == "tester");
}

TEST_CASE("operators: agents are listed as they stand, and a refused ledger is accepted",
          "[operators]") {
  const std::string url = PrivatePostgres::shared().fresh_database();
  cli::Operators operators(url, "tester");
  const Folder folder;
  folder.write("_agency.json", kAgency);
  (void)operators.put_agency(cli::read_agency_folder(folder.path));
  CHECK(operators.agents("a-kitchen").empty());
  CHECK(caught([&] { (void)operators.agents("nobody"); }).code == "WB-5006");

  pg::Connection database(url);
  const std::string code = operators.create_enrolment_code("a-kitchen", 60);
  const std::string id =
      database
          .exec("SELECT public.ingest_enroll($1, 'pc', $2) ->> 'agent_id'", {code, sha256_hex("t")})
          .string(0, 0);
  CHECK(operators.agent_key(id).empty());
  CHECK(caught([&] { (void)operators.agent_key(random_uuid()); }).code == "WB-2001");
  database.exec("SELECT set_config('request.headers', '{\"x-agent-token\": \"t\"}', false)");
  const std::string key = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";
  const auto sync = [&](int seq) {
    const nlohmann::json head = {{"ledger_id", "L"},
                                 {"seq", seq},
                                 {"hash", sha256_hex(std::to_string(seq))},
                                 {"anchored", nullptr},
                                 {"public_key", key}};
    return database
        .exec(
            "SELECT coalesce(public.ingest_sync(0, '{}', $1::jsonb) #>> '{ledger_problem,code}',"
            " 'good')",
            {head.dump()})
        .string(0, 0);
  };
  CHECK(sync(2) == "good");
  CHECK(operators.agent_key(id) == key);
  CHECK(operators.agents("a-kitchen").at(0).at("state") == "active");
  CHECK(sync(1) == "WB-2007");
  const nlohmann::json refused = operators.agents("a-kitchen").at(0);
  CHECK(refused.at("state") == "ledger refused");
  CHECK(refused.at("ledger_seq") == 2);
  CHECK_FALSE(refused.at("reason").get<std::string>().empty());
  CHECK(caught([&] { operators.accept_ledger(id, ""); }).code == "WB-5006");
  operators.accept_ledger(id, "restored on purpose");
  CHECK(sync(1) == "good");
  CHECK(operators.agents("a-kitchen").at(0).at("ledger_seq") == 1);
  operators.revoke_agent(id, "gone");
  CHECK(operators.agents("a-kitchen").at(0).at("state") == "revoked");
}

TEST_CASE("keys: fresh ones are private, strong and never replaced", "[keys][security]") {
  const Folder folder;
  const fs::path file = folder.path / "keys.json";
  const standin::ProjectKeys keys = standin::make_keys();
  standin::write_keys(file, keys);
  CHECK(standin::read_keys(file).jwt_secret == keys.jwt_secret);
  CHECK(caught([&] { standin::write_keys(file, keys); }).code == "WB-5006");
  CHECK(standin::make_keys().jwt_secret != keys.jwt_secret);

  fs::permissions(file, fs::perms(0644));
  CHECK(caught([&] { (void)standin::read_keys(file); }).code == "WB-1006");
  for (const char* text : {"{", "[]", R"({"publishable_key":"a","secret_key":"b"})",
                           R"({"publishable_key":"a","secret_key":"b","jwt_secret":"short"})"}) {
    const fs::path bad = folder.path / "bad.json";
    folder.write("bad.json", text);
    fs::permissions(bad, fs::perms(0600));
    const Caught refusal = caught([&] { (void)standin::read_keys(bad); });
    CHECK(refusal.code == "WB-5006");
    CHECK(refusal.what.find("short\"") == std::string::npos);
  }
  CHECK(caught([&] { (void)standin::read_keys(folder.path / "none"); }).code == "WB-5006");
}

TEST_CASE("keys: a worker's file holds the secret key and nothing else", "[keys][security]") {
  const Folder folder;
  write_whole_file(system_file_system(), folder.path / "worker.json",
                   R"({"secret_key": "sb_secret_x"})", FileMode::kPrivate);
  CHECK(standin::read_secret_key(folder.path / "worker.json") == "sb_secret_x");
  CHECK(caught([&] { (void)standin::read_keys(folder.path / "worker.json"); }).code == "WB-5006");
  fs::permissions(folder.path / "worker.json", fs::perms::group_read, fs::perm_options::add);
  CHECK(caught([&] { (void)standin::read_secret_key(folder.path / "worker.json"); }).code ==
        "WB-1006");
}

}  // namespace waybill
