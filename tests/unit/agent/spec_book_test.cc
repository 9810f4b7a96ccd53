#include "agent/watch/spec_book.h"

#include <catch2/catch.hpp>

using namespace waybill;

namespace {

SpecBook book() {
  const auto spec = [](const char* tag, const char* pattern, const char* fields) {
    nlohmann::json out = {{"file_tag", tag},
                          {"entity", "recipe"},
                          {"file_name", pattern},
                          {"format", "csv"},
                          {"columns", {{{"name", "code"}, {"to", "code"}}}}};
    if (*fields != '\0') out["name_fields"] = fields;
    return wire::Specs::Entry{FileTag(tag), 1, out};
  };
  SpecBook out;
  REQUIRE(out.fill({spec("recipe", "recipe_*.csv", "recipe_%Y%m%d_%iof%n.csv"),
                    spec("party", "party*.csv", ""), spec("any", "*_twice.csv", "")})
              .empty());
  return out;
}

std::string describe(const std::string& path) {
  const SpecBook specs = book();
  const auto match = specs.match(path);
  if (const auto* none = std::get_if<NoMatch>(&match)) {
    return *none == NoMatch::kUnknown ? "unknown" : "ambiguous";
  }
  const auto& found = std::get<SpecMatch>(match);
  return found.spec->file_tag.value + " " + found.fields.date + " " +
         std::to_string(found.fields.chunk_number) + "/" + std::to_string(found.fields.chunk_count);
}

}  // namespace

TEST_CASE("spec book: a name gives its spec, date and chunk", "[agent][specs]") {
  CHECK(describe("a/b/recipe_20251121_2of3.csv") == "recipe 2025-11-21 2/3");
  CHECK(describe("party_20251121.csv") == "party  1/1");
  CHECK(describe("party_twice.csv") == "ambiguous");
}

TEST_CASE("spec book: a name whose date or chunk cannot be read belongs to no spec",
          "[agent][specs]") {
  CHECK(describe("recipe_20250230_1of1.csv") == "unknown");
  CHECK(describe("recipe_20251121_4of3.csv") == "unknown");
  CHECK(describe("recipe_new.csv") == "unknown");
}

TEST_CASE("spec book: a known tag finds its spec again", "[agent][specs]") {
  const SpecBook specs = book();
  const auto found = specs.find(FileTag("recipe"), "x/recipe_20251121_2of3.csv");
  REQUIRE(found);
  CHECK(found->fields == NameFields{"2025-11-21", 2, 3});
  CHECK_FALSE(specs.find(FileTag("gone"), "recipe_20251121_2of3.csv"));
}
