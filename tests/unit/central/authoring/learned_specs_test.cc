// Specs learned from real exports below WAYBILL_REAL_DATA (default: ../shared/data beside this
// repository): what is proposed for them is a spec, and takes them.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "central/authoring/spec_learner.h"
#include "core/file_spec.h"
#include "core/file_system.h"
#include "tests/support/source_folder.h"

using namespace waybill;
using namespace waybill::authoring;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

fs::path real_data() {
  const char* const named = std::getenv("WAYBILL_REAL_DATA");
  return named != nullptr && *named != '\0' ? fs::path(named) : source_folder() / "../shared/data";
}

}  // namespace

TEST_CASE("learned specs: what is learned from a real export takes it, row by row",
          "[central][authoring]") {
  const fs::path folder = real_data();
  if (!fs::is_directory(folder)) {
    std::cout << "learned specs: absent (no real exports at WAYBILL_REAL_DATA); nothing learned\n";
    return;
  }
  std::ifstream facts_file(source_folder() / "fixtures/real_exports.json");
  const json facts = json::parse(facts_file);
  int undecided_count = 0;
  for (const json& fact : facts.at("files")) {
    const fs::path path = folder / fact.at("path").get<std::string>();
    INFO(path);
    REQUIRE(fs::is_regular_file(path));
    const Learned learned = learn_spec(system_file_system(), {path},
                                       {fact.at("file_tag"), fact.at("entity"), true, ""});
    INFO(learned.evidence.dump(2));
    const FileSpec spec = parse_file_spec_text(learned.spec.dump());
    CHECK(matches_file_name(spec, path.filename().string()));
    CHECK(learned.evidence["trial"][0]["outcome"] == "accepted");
    CHECK(learned.evidence["trial"][0]["rows"] == fact.at("rows"));
    for (const auto& column : learned.evidence["columns"]) {
      undecided_count += column.contains("undecided") ? 1 : 0;
    }
  }
  std::cout << "learned specs: " << facts.at("files").size()
            << " real exports learned and read again; " << undecided_count
            << " columns left to the author\n";
}
