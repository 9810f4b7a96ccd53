// Many tenants, several workers, sudden ends: never two files of one tenant at once, nothing lost,
// nothing twice.
#include <Poco/Process.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <random>

#include "tests/integration/worker_fixture.h"

namespace waybill::test {
namespace {

// Who held what, when: every step that ended is an event that names its worker; claims made and
// given back are recorded here by a trigger on the lease. A tenant has one lease, so a second claim
// of it either follows the end of the first or takes it away, which is an event lease_expired.
constexpr const char* kWatchLeases = R"sql(
  CREATE TABLE public.seen_claim (
    seq bigint GENERATED ALWAYS AS IDENTITY, tenant_id uuid, fence bigint, holder text,
    job_file_id uuid, step text, at timestamptz DEFAULT clock_timestamp(), is_end boolean);
  CREATE FUNCTION public.see_claim() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
  BEGIN
    IF OLD.holder IS NOT NULL AND (NEW.holder IS NULL OR NEW.fence <> OLD.fence) THEN
      INSERT INTO public.seen_claim (tenant_id, fence, holder, job_file_id, step, is_end)
      VALUES (OLD.tenant_id, OLD.fence, OLD.holder, OLD.job_file_id, OLD.step, true);
    END IF;
    IF NEW.holder IS NOT NULL AND NEW.fence <> OLD.fence THEN
      INSERT INTO public.seen_claim (tenant_id, fence, holder, job_file_id, step, is_end)
      VALUES (NEW.tenant_id, NEW.fence, NEW.holder, NEW.job_file_id, NEW.step, false);
    END IF;
    RETURN NULL;
  END $$;
  CREATE TRIGGER see_claims AFTER UPDATE ON ingest.lease
    FOR EACH ROW EXECUTE FUNCTION public.see_claim();
)sql";

// Claims of a tenant that were made while another one of it was still held.
constexpr const char* kOverlaps = R"sql(
  SELECT count(*) FROM (
    SELECT c.*, sum(CASE WHEN c.is_end THEN -1 ELSE 1 END)
                  OVER (PARTITION BY c.tenant_id ORDER BY c.seq) AS held
      FROM public.seen_claim AS c) AS h
   WHERE h.held NOT IN (0, 1)
)sql";

// Moves of files that no claim of that very worker on that very file covers.
constexpr const char* kUncoveredMoves = R"sql(
  SELECT count(*) FROM ingest.job_event AS e
   WHERE e.actor LIKE 'worker:%' AND e.event IN ('hash_matched', 'staged', 'renamed', 'archived')
     AND NOT EXISTS (
       SELECT FROM public.seen_claim AS c
        WHERE c.job_file_id = e.job_file_id AND 'worker:' || c.holder = e.actor AND NOT c.is_end
          AND c.at <= e.at)
)sql";

struct Fleet {
  Central central;
  FakeStorage storage;
  std::vector<std::string> agencies;

  explicit Fleet(int tenants) {
    for (int i = 0; i < tenants; ++i) agencies.push_back("tenant-" + std::to_string(i));
    for (const std::string& slug : agencies) {
      central.add_agency(slug, {with(spec_of("recipe"), {{"on_refusal", "halt"}})});
    }
    central.admin().exec_script(kWatchLeases);
  }
  std::string deliver(const std::string& slug, int number, int rows) {
    return central.deliver(storage, slug, "recipe", "recipe_" + std::to_string(number) + ".csv",
                           export_of(slug + "-" + std::to_string(number) + "-", rows));
  }
};

// Goal:   two workers share ten tenants; at no time do two files of one tenant run; one tenant
//         halts at a poisoned file and all others finish.
// Method: every change of a lease is recorded in order and read afterwards.
TEST_CASE("fleet: two workers and ten tenants, one of which halts", "[worker][fleet]") {
  constexpr int kFiles = 4;
  Fleet fleet(10);
  const std::string& poisoned = fleet.agencies[3];
  for (int number = 1; number <= kFiles; ++number) {
    for (const std::string& slug : fleet.agencies) {
      if (slug == poisoned && number == 2) {
        fleet.central.deliver(fleet.storage, slug, "recipe", "recipe_2.csv",
                              export_of("bad", 3) + "X,Name,many,1,yes,20.11.2026\r\n");
      } else {
        fleet.deliver(slug, number, 5 * number);
      }
    }
  }
  const auto of_tenant = [&](const std::string& what, const std::string& slug) {
    return fleet.central.value("SELECT " + what +
                                   " FROM ingest.job_file AS f JOIN ingest.tenant AS t USING "
                                   "(tenant_id) WHERE t.slug = $1",
                               {slug});
  };
  RunningWorker first(fleet.central, fleet.storage.url(), 3);
  RunningWorker second(fleet.central, fleet.storage.url(), 3);
  REQUIRE(eventually(
      [&] {
        return fleet.central.value(
                   "SELECT bool_and(f.state = 'processed') FROM ingest.job_file AS f JOIN "
                   "ingest.tenant AS t USING (tenant_id) WHERE t.slug <> $1",
                   {poisoned}) == "t";
      },
      60'000));
  REQUIRE(eventually([&] {
    return fleet.central.value("SELECT state FROM ingest.tenant WHERE slug = $1", {poisoned}) ==
           "halted";
  }));
  first.end();
  second.end();
  CHECK(fleet.central.value(kOverlaps) == "0");
  // No lease was taken from its holder: each ended with the step that it was for.
  CHECK(fleet.central.value("SELECT count(*) FROM ingest.job_event WHERE event = "
                            "'lease_expired'") == "0");
  CHECK(fleet.central.value(kUncoveredMoves) == "0");
  CHECK(fleet.central.value("SELECT count(DISTINCT split_part(holder, '/', 1)) FROM "
                            "public.seen_claim") == "2");
  // The halted tenant staged what came before, and nothing after.
  CHECK(of_tenant("string_agg(f.state, ',' ORDER BY f.opened_seq)", poisoned)
            .rfind("processed,refused,", 0) == 0);
  CHECK(of_tenant("count(*) FILTER (WHERE f.state = 'processed')", poisoned) == "1");
  CHECK(
      fleet.central.value("SELECT count(*) FROM staging.recipe AS r JOIN ingest.tenant AS t USING "
                          "(tenant_id) WHERE t.slug <> $1",
                          {poisoned}) == "450");
  CHECK(fleet.central.value("SELECT count(*) FROM ingest.alert WHERE kind = 'tenant_halted'") ==
        "1");

  // An operator sets the file aside: the tenant goes on by itself.
  fleet.central.value(
      "SELECT ingest.skip_file(job_file_id, 'seen', 'tests') FROM ingest.job_file "
      "WHERE state = 'refused'");
  RunningWorker third(fleet.central, fleet.storage.url(), 1);
  CHECK(eventually(
      [&] { return of_tenant("count(*) FILTER (WHERE f.state = 'processed')", poisoned) == "3"; }));
}

// Run by the next test in processes of their own, to be killed there.
TEST_CASE("fleet child process", "[.fleet-child]") {
  WorkerOptions options;
  options.database_url = std::getenv("WAYBILL_CHILD_DATABASE");
  options.project_url = std::getenv("WAYBILL_CHILD_STORAGE");
  options.service_key = kServiceKey;
  options.threads = 2;
  options.poll_ms = 10;
  options.lease_s = 1;
  StopSource stop;
  run_worker(options, stop);
}

std::int64_t number_from_environment(const char* name, std::int64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::stoll(text);
}

// Goal:   a worker killed at random moments, again and again, loses nothing and stages nothing
//         twice, whatever it was doing: verifying, cutting, staging, moving.
// Method: SIGKILL after a random pause, then another worker at once; at the end every row of every
//         file is there exactly once. WAYBILL_KILLS says how often, WAYBILL_SEED from where.
TEST_CASE("fleet: killed at random again and again, nothing is lost and nothing doubled",
          "[worker][fleet][fault]") {
  const std::int64_t kills = number_from_environment("WAYBILL_KILLS", 10);
  const std::int64_t seed = number_from_environment("WAYBILL_SEED", std::random_device()());
  WARN("seed " << seed << ", kills " << kills);
  std::mt19937 random(static_cast<std::uint32_t>(seed));
  std::uniform_int_distribution<int> pause_ms(100, 1500);
  Central central;
  FakeStorage storage;
  central.add_agency("alpha", {with(spec_of("recipe"), {{"split_rows", 700}})});
  central.add_agency("bravo", {spec_of("recipe")});
  int delivered = 0;
  const auto deliver_more = [&] {
    for (const char* slug : {"alpha", "bravo"}) {
      ++delivered;
      central.deliver(storage, slug, "recipe", "recipe_" + std::to_string(delivered) + ".csv",
                      export_of(std::to_string(delivered) + "-", 2000));
    }
  };
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  for (std::int64_t kill = 0; kill < kills; ++kill) {
    if (kill % 2 == 0) deliver_more();
    Poco::ProcessHandle child = Poco::Process::launch(
        self, {"fleet child process"}, "/", nullptr, nullptr, nullptr,
        {{"WAYBILL_CHILD_DATABASE", central.worker_url}, {"WAYBILL_CHILD_STORAGE", storage.url()}});
    std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms(random)));  // the very subject
    Poco::Process::kill(child);                                                // SIGKILL
    child.wait();
  }
  RunningWorker last(central, storage.url(), 4, /*lease_s=*/1);
  REQUIRE(eventually(
      [&] {
        central.make_due();
        return central.value("SELECT bool_and(state = 'processed') FROM ingest.job_file") == "t";
      },
      120'000));
  last.end();
  const std::string rows = std::to_string(delivered * 2000);
  CHECK(central.value("SELECT count(*) FROM staging.recipe") == rows);
  CHECK(central.value("SELECT count(DISTINCT (coalesce(f.split_of, f.job_file_id), r.source_row)) "
                      "FROM staging.recipe AS r JOIN ingest.job_file AS f USING (job_file_id)") ==
        rows);
  CHECK(central.value("SELECT count(*) FROM (SELECT FROM staging.recipe AS r GROUP BY r.tenant_id, "
                      "r.natural_key HAVING count(*) > 1) AS doubled") == "0");
  CHECK(central
            .value("SELECT count(*) FROM ingest.job_event WHERE event = 'staged' GROUP BY "
                   "job_file_id HAVING count(*) > 1")
            .empty());
  CHECK(central.value("SELECT count(*) FROM ingest.tenant WHERE state <> 'active'") == "0");
  // Every object is where the registry says, and nowhere else by the name it had before.
  const pg::Result files = central.admin().exec("SELECT object_path FROM ingest.job_file");
  for (int row = 0; row < files.rows(); ++row) {
    CHECK(storage.get(files.string(row, 0)).has_value());
  }
}

}  // namespace
}  // namespace waybill::test
