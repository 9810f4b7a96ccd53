#include <catch2/catch.hpp>

#include <fstream>
#include <iterator>

#include "agent/cli/audit_export.h"
#include "agent/config/agent_key.h"
#include "agent/ledger/ledger_audit.h"
#include "core/error.h"
#include "core/process.h"
#include "tests/unit/agent/engine_fixture.h"

using namespace waybill;

namespace {

namespace fs = std::filesystem;

const char* const kAllowChanges =
    "DROP TRIGGER an_event_is_never_changed; DROP TRIGGER an_event_is_never_removed; "
    "DROP TRIGGER an_event_follows_the_last; DROP TRIGGER a_version_keeps_its_identity;";

/// A night that was delivered, with names that no checksum file likes.
struct AuditFixture : EngineFixture {
  AuditFixture() {
    put("recipe_1.csv", "code\n1\n");
    put("recipe_2\nof two.csv", "code\n2\n");
    put("recipe_back\\slash.csv", "code\n3\n");
    put("recipe_bad.csv", "code\nBROKEN\n");
    put("party 1.csv", "code\nP\n");
    REQUIRE(run_until_settled());
  }
  /// "" when the ledger is sound, what is found otherwise.
  [[nodiscard]] std::string finding() const {
    try {
      LedgerAudit(file()).verify();
      return "";
    } catch (const Error& error) {
      CHECK(error.code().id == error_code::kChainBroken.id);
      return error.what();
    }
  }
  std::string tamper(const std::string& sql) const {
    SecondConnection hand(file());
    REQUIRE(hand.run(std::string(kAllowChanges) + sql) == "");
    return finding();
  }
};

/// What a program of the system answers, as a third party would run it.
int run(const std::string& command) {
  return std::system(("( " + command + " ) >/dev/null 2>&1").c_str());
}

std::string in_folder(const fs::path& folder, const std::string& command) {
  return "cd '" + folder.string() + "' && " + command;
}

std::string text_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void replace_in(const fs::path& file, const std::string& what, const std::string& with) {
  std::string text = text_of(file);
  const std::size_t at = text.find(what);
  REQUIRE(at != std::string::npos);
  std::ofstream(file, std::ios::binary | std::ios::trunc) << text.replace(at, what.size(), with);
}

}  // namespace

TEST_CASE("audit: a ledger that only Waybill wrote is whole", "[agent][audit]") {
  AuditFixture f;
  CHECK(f.finding() == "");
  CHECK(LedgerAudit(f.file()).verify().seq == f.ledger->head().seq);
}

TEST_CASE("audit: the first event that does not fit is named", "[agent][audit]") {
  AuditFixture f;
  SECTION("a field was changed") {
    CHECK(f.tamper("UPDATE event SET at_ms = at_ms + 1 WHERE seq = 7").find("event 7") !=
          std::string::npos);
  }
  SECTION("an event was taken out") {
    CHECK(f.tamper("DELETE FROM event WHERE seq = 5").find("event 6") != std::string::npos);
  }
  SECTION("the first event was taken out") {
    CHECK(f.tamper("DELETE FROM event WHERE seq = 1").find("event 2") != std::string::npos);
  }
  SECTION("the end was cut off") {
    const std::string found =
        f.tamper("DELETE FROM event WHERE seq > 9; UPDATE job_file SET state = 'ready'");
    CHECK(found.find("event 10") != std::string::npos);
  }
  SECTION("the end was cut off, and the noted head with it") {
    const std::string found = f.tamper(
        "DELETE FROM event WHERE seq > 9; UPDATE meta SET value = (SELECT seq || ' ' || hash FROM "
        "event WHERE seq = 9) WHERE name = 'head'");
    CHECK(found.find("central was told another hash") != std::string::npos);
  }
  SECTION("what preflight found was changed") {
    const std::string found = f.tamper(
        "DROP TRIGGER IF EXISTS a_preflight_is_never_changed;"
        "UPDATE preflight SET report = json_set(report, '$.rows', 77)");
    CHECK(found.find("what preflight found then was changed") != std::string::npos);
  }
  SECTION("a count of it was changed") {
    const std::string found = f.tamper(
        "DROP TRIGGER IF EXISTS a_preflight_is_never_changed;"
        "UPDATE preflight SET finding_count = finding_count + 1");
    CHECK(found.find("what preflight found then was changed") != std::string::npos);
  }
  SECTION("it was removed") {
    const std::string found =
        f.tamper("DROP TRIGGER IF EXISTS a_preflight_is_never_removed; DELETE FROM preflight");
    CHECK(found.find("what preflight found then was changed or removed") != std::string::npos);
  }
  SECTION("a file was moved without an event") {
    const std::string found =
        f.tamper("UPDATE job_file SET state = 'archived' WHERE relative_path = 'recipe_bad.csv'");
    CHECK(found.find("recipe_bad.csv") != std::string::npos);
    CHECK(found.find("refused") != std::string::npos);
  }
}

// Goal:   a third party with nothing but sha256sum and openssl sees that all is as it was signed,
//         and sees each change.
TEST_CASE("audit: an export is checked with sha256sum and openssl alone", "[agent][audit]") {
  if (run("openssl version && sha256sum --version") != 0) {
    WARN("skipped: openssl or sha256sum is not installed");
    return;
  }
  AuditFixture f;
  TemporaryFolder place;
  TemporaryFolder state;
  FileSystem& disk = system_file_system();
  const SigningKey key = read_or_make_agent_key(disk, state.path());
  CHECK(disk.is_private(state.path() / kKeyFileName));
  CHECK(read_or_make_agent_key(disk, state.path()).public_pem() == key.public_pem());
  const fs::path folder = place.path() / "export";
  LedgerAudit audit(f.file());
  const AuditSummary summary = export_audit(disk, audit, key, {}, folder, f.clock.now_ms());
  CHECK(summary.delivered_count == 4);
  CHECK(summary.present_count == 4);

  const std::string sums = in_folder(folder, "sha256sum --strict -c SHA256SUMS");
  const std::string signature = in_folder(
      folder, "openssl dgst -sha256 -verify public.pem -signature SHA256SUMS.sig SHA256SUMS");
  CHECK(run(sums) == 0);
  CHECK(run(signature) == 0);

  // The export folder itself, names with newline and backslash included.
  const fs::path exports = place.path() / "files";
  for (const auto& [name, bytes] :
       {std::pair<const char*, const char*>{"recipe_1.csv", "code\n1\n"},
        {"recipe_2\nof two.csv", "code\n2\n"},
        {"recipe_back\\slash.csv", "code\n3\n"},
        {"party 1.csv", "code\nP\n"}}) {
    write_whole_file(disk, exports / name, bytes, FileMode::kShared);
  }
  const std::string present =
      in_folder(exports, "sha256sum --strict -c '" + (folder / "files.sha256").string() + "'");
  CHECK(run(present) == 0);

  SECTION("a delivered file was changed") {
    write_whole_file(disk, exports / "recipe_2\nof two.csv", "code\n9\n", FileMode::kShared);
    CHECK(run(present) != 0);
  }
  SECTION("the manifest was changed") {
    replace_in(folder / "MANIFEST.tsv", "archived", "refused_");
    CHECK(run(sums) != 0);
  }
  SECTION("the manifest and its checksum were changed") {
    replace_in(folder / "MANIFEST.tsv", "archived", "refused_");
    REQUIRE(run(in_folder(folder,
                          "sha256sum MANIFEST.tsv README.txt events.jsonl files.sha256 "
                          "public.pem > SHA256SUMS")) == 0);
    CHECK(run(sums) == 0);
    CHECK(run(signature) != 0);
  }
  SECTION("an event was changed") {
    replace_in(folder / "events.jsonl", "\"kind\":\"discovered\"", "\"kind\":\"uncovered_\"");
    CHECK(run(sums) != 0);
  }
  SECTION("the README's recipe recomputes the chain") {
    const std::string readme = text_of(folder / "README.txt");
    const std::size_t begin = readme.find("     import hashlib");
    const std::size_t end = readme.find("     print(event") + 33;
    std::string code = readme.substr(begin, end - begin);
    for (std::size_t at = 0; (at = code.find("     ", at)) != std::string::npos;) {
      if (at == 0 || code[at - 1] == '\n') code.erase(at, 5);
      at = code.find('\n', at);
      if (at == std::string::npos) break;
    }
    std::ofstream(folder / "check.py") << code.substr(0, code.find("print")) << "\n";
    CHECK(run(in_folder(folder, "python3 check.py")) == 0);
    replace_in(folder / "events.jsonl", "\"kind\":\"discovered\"", "\"kind\":\"uncovered_\"");
    CHECK(run(in_folder(folder, "python3 check.py")) != 0);
  }
}

TEST_CASE("audit: an export covers the deliveries asked for, and no more", "[agent][audit]") {
  AuditFixture f;
  TemporaryFolder place;
  FileSystem& disk = system_file_system();
  const SigningKey key = SigningKey::make();
  LedgerAudit audit(f.file());
  const AuditSummary none =
      export_audit(disk, audit, key, {"2025-11-22", ""}, place.path() / "a", f.clock.now_ms());
  CHECK(none.delivered_count == 0);
  const AuditSummary all = export_audit(disk, audit, key, {"2025-11-21", "2025-11-21"},
                                        place.path() / "b", f.clock.now_ms());
  CHECK(all.delivered_count == 4);
  CHECK_THROWS_AS(export_audit(disk, audit, key, {}, place.path() / "b", 0), Error);
}

TEST_CASE("audit: checksum lines escape as sha256sum does", "[agent][audit]") {
  CHECK(checksum_line("ab", "a b.csv") == "ab  a b.csv\n");
  CHECK(checksum_line("ab", "a\nb\\c\rd") == "\\ab  a\\nb\\\\c\\rd\n");
  CHECK(checksum_line("ab", "-") == "ab  ./-\n");
}
