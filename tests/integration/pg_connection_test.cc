// central/pg against a real PostgreSQL: what a caller may rely on when things go wrong.
#include <catch2/catch.hpp>
#include <chrono>
#include <functional>
#include <string>

#include "central/pg/connection.h"
#include "central/pg/connection_pool.h"
#include "central/pg/copy_in.h"
#include "tests/support/private_postgres.h"

namespace waybill {
namespace {

constexpr const char* kTable =
    "CREATE TABLE note (id bigint PRIMARY KEY, who uuid, words text, "
    "facts jsonb, small int)";
constexpr const char* kCopy = "COPY note FROM STDIN (FORMAT binary)";
constexpr const char* kUuid = "0a1b2c3d-4e5f-6789-abcd-ef0123456789";

std::string code_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return std::string(error.code().id);
  }
  return "no error";
}

std::int64_t count(pg::Connection& database) {
  return database.exec("SELECT count(*) FROM note").integer(0, 0);
}

/// Ends the server's side of `victim`, as a restart of PostgreSQL does.
void cut(pg::Connection& by, pg::Connection& victim) {
  const std::string pid = victim.exec("SELECT pg_backend_pid()").string(0, 0);
  by.exec("SELECT pg_terminate_backend($1, 5000)", {pid});
}

}  // namespace

TEST_CASE("pg: values go out and come back, NULL among them", "[pg]") {
  pg::Connection database(PrivatePostgres::shared().empty_database());
  for (int round = 0; round < 2; ++round) {
    const pg::Result row =
        database.exec_prepared("SELECT $1::text, $2::bigint, $3::boolean, $4::text, $5::bytea",
                               {"é'\"\\", "-7", "true", std::nullopt, ""});
    CHECK(row.rows() == 1);
    CHECK(row.columns() == 5);
    CHECK(row.text(0, 0) == "é'\"\\");
    CHECK(row.integer(0, 1) == -7);
    CHECK(row.boolean(0, 2));
    CHECK(row.is_null(0, 3));
    CHECK_FALSE(row.is_null(0, 4));
    CHECK(code_of([&] { (void)row.integer(0, 0); }) == "WB-9001");
    CHECK(code_of([&] { (void)row.text(1, 0); }) == "WB-9001");
  }
  CHECK(database.exec("SHOW TimeZone").text(0, 0) == "UTC");
  CHECK(database.quote_identifier("a\"b") == "\"a\"\"b\"");
}

TEST_CASE("pg: a refusal carries its SQLSTATE and says whether to try again", "[pg]") {
  pg::Connection database(PrivatePostgres::shared().empty_database());
  database.exec(kTable);
  database.exec("INSERT INTO note VALUES (1)");
  try {
    database.exec("INSERT INTO note VALUES ($1)", {"1"});
    FAIL("it was taken");
  } catch (const pg::PgError& error) {
    CHECK(error.sqlstate() == "23505");
    CHECK(error.constraint() == "note_pkey");
    CHECK(error.code().id == "WB-5005");
    CHECK(std::string(error.what()).find("(id)=(1)") == std::string::npos);  // detail: a value
  }
  const auto raise = [&](const std::string& state) {
    return code_of([&] {
      database.exec("DO $$BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '" + state + "'; END$$");
    });
  };
  CHECK(raise("40001") == "WB-5001");
  CHECK(raise("55P03") == "WB-5001");
  CHECK(raise("53300") == "WB-5001");
  CHECK(raise("P0001") == "WB-5005");
  CHECK(database.alive());
}

TEST_CASE("pg: a connection string is never shown, not even a broken one", "[pg][security]") {
  for (const char* conninfo : {"postgresql://u:hunter2@[/x", "password=hunter2 host=/nowhere",
                               "hunter2 hunter2", "postgresql://u:hunter2@/x?host=/nowhere"}) {
    try {
      const pg::Connection database(conninfo);
      FAIL("it connected");
    } catch (const Error& error) {
      CHECK(std::string(error.what()).find("hunter2") == std::string::npos);
    }
  }
}

TEST_CASE("pg: a transaction that was not committed, or had failed, leaves nothing", "[pg]") {
  pg::Connection database(PrivatePostgres::shared().empty_database());
  database.exec(kTable);
  {
    const pg::Transaction transaction(database);
    database.exec("INSERT INTO note VALUES (1)");
  }
  CHECK(count(database) == 0);
  CHECK_FALSE(database.in_transaction());

  pg::Transaction failed(database);
  database.exec("INSERT INTO note VALUES (1)");
  CHECK_THROWS_AS(database.exec("SELECT 1/0"), pg::PgError);
  CHECK(code_of([&] { failed.commit(); }) == "WB-5005");  // COMMIT answers ROLLBACK there
  CHECK(count(database) == 0);

  CHECK(code_of([&] {
          const pg::Transaction reading(database, pg::Transaction::Mode::kReadOnly);
          database.exec("INSERT INTO note VALUES (2)");
        }) == "WB-5005");
}

TEST_CASE("pg: binary COPY takes rows as they are, and none when it is given up", "[pg][copy]") {
  pg::Connection database(PrivatePostgres::shared().empty_database());
  database.exec(kTable);
  const auto put_row = [](pg::CopyIn& copy, std::int64_t id, std::string_view words) {
    copy.begin_row(5);
    copy.put_int64(id);
    copy.put_uuid(pg::parse_uuid(kUuid));
    copy.put_text(words);
    copy.put_jsonb(R"({"a": [1, "é"], "n": 12345678901234567890.5})");
    copy.put_int32(-5);
  };
  constexpr std::int64_t kRows = 3000;  // more than one buffer full
  {
    pg::CopyIn copy(database, kCopy);
    for (std::int64_t id = 1; id <= kRows; ++id) put_row(copy, id, "tab\there\nnewline \\N é");
    copy.begin_row(5);
    copy.put_int64(-1);
    for (int i = 0; i < 4; ++i) copy.put_null();
    CHECK(copy.finish() == kRows + 1);
  }
  const pg::Result row = database.exec("SELECT * FROM note WHERE id = 3000");
  CHECK(row.text(0, 1) == kUuid);
  CHECK(row.text(0, 2) == "tab\there\nnewline \\N é");
  CHECK(row.text(0, 3) == R"({"a": [1, "é"], "n": 12345678901234567890.5})");
  CHECK(row.integer(0, 4) == -5);
  CHECK(database.exec("SELECT who IS NULL FROM note WHERE id = -1").boolean(0, 0));

  database.exec("TRUNCATE note");
  {
    pg::CopyIn given_up(database, kCopy);
    put_row(given_up, 1, "x");
  }
  CHECK(count(database) == 0);
  {
    pg::CopyIn bad(database, kCopy);
    put_row(bad, 1, "\xFF");
    CHECK(code_of([&] { bad.finish(); }) == "WB-5005");
  }
  {
    pg::CopyIn bad(database, kCopy);
    put_row(bad, 1, "same");
    put_row(bad, 1, "same");
    CHECK_THROWS_AS(bad.finish(), pg::PgError);
  }
  CHECK(count(database) == 0);
  CHECK(database.alive());
  CHECK(code_of([] { (void)pg::parse_uuid("0a1b2c3d-4e5f-6789-abcd-ef012345678"); }) == "WB-9001");
}

TEST_CASE("pg: a lost connection is told, and reconnect() brings it back", "[pg][fault]") {
  const std::string url = PrivatePostgres::shared().empty_database();
  pg::Connection other(url);
  pg::Connection database(url);
  database.exec_prepared("SELECT 1");
  cut(other, database);
  CHECK(code_of([&] { database.exec("SELECT 1"); }) == "WB-5001");
  CHECK_FALSE(database.alive());
  database.reconnect();
  CHECK(database.exec_prepared("SELECT 1").integer(0, 0) == 1);
}

TEST_CASE("pg: a pool lends so many, waits so long, and replaces what was lost", "[pg][fault]") {
  const std::string url = PrivatePostgres::shared().empty_database();
  pg::Connection other(url);
  other.exec(kTable);
  pg::ConnectionPool pool(url, 2, "waybill test");
  {
    auto one = pool.take(1000);
    const auto two = pool.take(1000);
    CHECK(code_of([&] { (void)pool.take(50); }) == "WB-5001");
    one->exec("BEGIN");
    one->exec("SET LOCAL ROLE pg_read_all_data");
    one->exec("RESET ROLE");
    one->exec("INSERT INTO note VALUES (1)");
  }
  {
    auto one = pool.take(1000);
    auto two = pool.take(1000);
    CHECK_FALSE(one->in_transaction());
    CHECK_FALSE(two->in_transaction());
    CHECK(count(*one) == 0);
    cut(other, *one);
    cut(other, *two);
    CHECK_THROWS_AS(one->exec("SELECT 1"), Error);
  }
  // The first of the dead ones may still be lent; it is found out by its first statement.
  int refused = 0;
  for (int i = 0; i < 3; ++i) {
    auto lease = pool.take(1000);
    if (code_of([&] { lease->exec("SELECT 1"); }) != "no error") ++refused;
  }
  CHECK(refused <= 1);
  CHECK(pool.take(1000)->exec("SELECT 2").integer(0, 0) == 2);
}

}  // namespace waybill
