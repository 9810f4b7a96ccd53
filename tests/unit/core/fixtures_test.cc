// The fixtures and the real exports, read by the specs in config/agencies: what fixtures/ says must
// become of each file is what the reader makes of it.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/read/row_reader.h"
#include "tests/support/source_folder.h"

using namespace waybill;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t kBlockBytes = 64 * 1024;

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file.good());
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<FileSpec> specs_of(const std::string& tenant) {
  std::vector<FileSpec> specs;
  for (const auto& entry : fs::directory_iterator(source_folder() / "config/agencies" / tenant)) {
    if (entry.path().filename() == "_agency.json") continue;
    specs.push_back(parse_file_spec_text(read_file(entry.path())));
  }
  return specs;
}

struct ReadFile {
  std::vector<FileTag> tags;  ///< of the specs that the name belongs to
  std::map<std::int64_t, json> rows;
  json report;
};

/// Reads a file by the one spec of the tenant that its base name belongs to.
ReadFile read_export(const std::string& tenant, const fs::path& path) {
  ReadFile result;
  for (const FileSpec& spec : specs_of(tenant)) {
    if (!matches_file_name(spec, path.filename().string())) continue;
    result.tags.push_back(spec.file_tag);
    RowReader reader(spec, [&](const StagingRow& row) {
      result.rows[row.source_row] = json::parse(row.payload_json);
    });
    const std::string bytes = read_file(path);
    for (std::size_t from = 0; from < bytes.size(); from += kBlockBytes) {
      reader.feed(std::string_view(bytes).substr(from, kBlockBytes));
    }
    reader.finish();
    result.report = validation_report(spec, reader);
  }
  return result;
}

void check_fixture(const std::string& tenant, const fs::path& folder, const json& expected) {
  const ReadFile file = read_export(tenant, folder / expected.at("path").get<std::string>());
  if (expected.at("outcome") == "unknown") {
    CHECK(file.tags.empty());
    return;
  }
  REQUIRE(file.tags == std::vector{FileTag(expected.at("file_tag").get<std::string>())});
  CHECK(file.report.at("entity") == expected.at("entity"));
  if (expected.at("outcome") == "processed") {
    CHECK(file.report.at("findings").empty());
    CHECK(file.report.at("rows") == expected.at("rows"));
    CHECK(static_cast<std::int64_t>(file.rows.size()) == expected.at("rows"));
    return;
  }
  REQUIRE_FALSE(file.report.at("findings").empty());
  const json& finding = file.report.at("findings").at(0);
  CHECK(finding.at("code") == expected.at("code"));
  CHECK(finding.at("row") == expected.at("row"));
  CHECK(finding.value("column", "") == expected.at("column"));
}

}  // namespace

TEST_CASE("fixtures: each file becomes what its expected.json says", "[core][fixtures]") {
  for (const char* folder : {"fixtures/exports", "fixtures/juniper-county"}) {
    const json expected = json::parse(read_file(source_folder() / folder / "expected.json"));
    for (const json& file : expected.at("files")) {
      INFO(folder << "/" << file.at("path"));
      check_fixture(expected.at("tenant").get<std::string>(), source_folder() / folder, file);
    }
  }
}

TEST_CASE("real exports: rows and values are those an independent reader found",
          "[core][fixtures]") {
  const char* const real_data = std::getenv("WAYBILL_REAL_DATA");
  if (real_data == nullptr || !fs::is_directory(real_data)) {
    std::cout << "real exports: absent (WAYBILL_REAL_DATA is not set); not read\n";
    return;
  }
  const json facts = json::parse(read_file(source_folder() / "fixtures/real_exports.json"));
  for (const json& fact : facts.at("files")) {
    INFO(fact.at("path"));
    const ReadFile file = read_export(fact.at("tenant").get<std::string>(),
                                      fs::path(real_data) / fact.at("path").get<std::string>());
    REQUIRE(file.tags == std::vector{FileTag(fact.at("file_tag").get<std::string>())});
    CHECK(file.report.at("findings").empty());
    CHECK(static_cast<std::int64_t>(file.rows.size()) == fact.at("rows"));
    for (const json& value : fact.at("values")) {
      const json& row = file.rows.at(value.at("source_row").get<std::int64_t>());
      CHECK(row.at(value.at("key").get<std::string>()) == value.at("value"));
    }
  }
}
