#include "central/channels/quirk.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "core/error.h"
#include "read_channel.h"
#include "tests/support/source_folder.h"

using namespace waybill;
namespace fs = std::filesystem;

namespace {

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file.good());
  return {std::istreambuf_iterator<char>(file), {}};
}

FileSpec unit_spec() {
  return parse_file_spec_text(
      read_file(source_folder() / "config/agencies/unit-registry/uom_conversion.json"));
}

/// "from_unit|relation|modifiers|symbol|aliases" of a shown row.
std::string fields_of(const std::string& row) {
  const nlohmann::json payload = nlohmann::json::parse(row.substr(row.find('{')));
  std::string text;
  for (const char* key : {"from_unit", "relation", "modifiers", "symbol", "aliases"}) {
    if (!text.empty()) text += "|";
    if (!payload.at(key).is_null()) text += payload.at(key).get<std::string>();
  }
  return text;
}

Shown units(const std::string& text, std::size_t cut_bytes = 0) {
  const ReadResult result = read_channel(unit_spec(), text, cut_bytes);
  CHECK(result.findings.empty());
  Shown shown;
  for (const std::string& row : result.rows) shown.push_back(fields_of(row));
  return shown;
}

}  // namespace

TEST_CASE("quirk: an unknown name is refused when the channel is opened", "[channels][quirk]") {
  FileSpec spec = unit_spec();
  spec.quirk = "no_such_hook";
  try {
    static_cast<void>(read_channel(spec, ""));
    FAIL("opened");
  } catch (const Error& error) {
    CHECK(&error.code() == &error_code::kQuirkUnknown);
    CHECK_THAT(error.what(), Catch::Matchers::Contains("unit_definitions"));
  }
  const std::string docs = read_file(source_folder() / "docs/operating.md");
  for (const std::string_view name : quirk_names()) {
    CHECK(make_quirk(name) != nullptr);
    CHECK_THAT(docs, Catch::Matchers::Contains("`" + std::string(name) + "`"));
  }
  CHECK(make_quirk("") == nullptr);
}

TEST_CASE("quirk: unit definitions become rows, in any cut", "[channels][quirk]") {
  const std::string text =
      "# units\n@defaults\n    system = mks\n@end\n\nkilo- = 1e3 = k-\n[area] = [length] ** 2\r\n"
      "inch = yard / 36 = in = inches = international_inch  # note\n"
      "degree_Celsius = kelvin; offset: 273.15 = \xC2\xB0\x43\n"
      "@group Printer\n    pica = inch / 6 = _ = printers_pica\n@end\n"
      "@context(n=1) energy\n    [length] -> [energy]: value\n    x = y\n@end\n"
      "@alias inch = zoll\nacre = 10 * chain ** 2";
  const Shown expected = {"inch|yard / 36||in|inches international_inch",
                          "degree_Celsius|kelvin|offset: 273.15|\xC2\xB0\x43|",
                          "pica|inch / 6|||printers_pica", "acre|10 * chain ** 2|||"};
  for (const std::size_t cut : {0, 1, 2, 5, 64}) CHECK(units(text, cut) == expected);
}

TEST_CASE("quirk: a finding's line is the line of the export", "[channels][quirk]") {
  CHECK(read_channel(unit_spec(), "# a\n\nkilo- = 1e3\nnothing said\n")
            .findings.at(0)
            .starts_with("WB-3006 row 1 line 4 "));
  CHECK(read_channel(unit_spec(), "a = b\n\n" + std::string(kRecordBytesMax * 2, 'x'), 4096)
            .findings.at(0)
            .starts_with("WB-3007 row 2 line 3 "));
}

TEST_CASE("quirk: the registry of units that pint ships is read whole", "[channels][quirk]") {
  const char* const real_data = std::getenv("WAYBILL_REAL_DATA");
  if (real_data == nullptr || !fs::is_directory(real_data)) {
    std::cout << "unit registry: absent (WAYBILL_REAL_DATA is not set); not read\n";
    return;
  }
  const fs::path path = fs::path(real_data) / "recipes/pint/default_en.txt";
  REQUIRE(matches_file_name(unit_spec(), path.filename().string()));
  const Shown rows = units(read_file(path), 1000);
  // Counted and picked by an independent reader of the same file.
  REQUIRE(rows.size() == 365);
  CHECK(rows[64] == "degree_Celsius|kelvin|offset: 273.15|°C|celsius degC degreeC");
  CHECK(rows[231] == "decibelmilliwatt|1e-3 watt|logbase: 10; logfactor: 10|dBm|");
  CHECK(rows[238] == "inch|yard / 36||in|international_inch inches international_inches");
  CHECK(rows[261] == "acre|10 * chain ** 2|||");
  CHECK(rows[304] == "kip|1e3 * force_pound|||");
  CHECK(rows[364] == "stathenry|statweber / statampere||statH|");
}
