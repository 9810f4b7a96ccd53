#include "core/error_code.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "core/error.h"
#include "tests/support/source_folder.h"

using namespace waybill;

namespace {

namespace fs = std::filesystem;
const fs::path kSource = source_folder();

std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// Every code (WB- and four digits) below `folder`, in files with this extension.
std::set<std::string> codes_used(const fs::path& folder, const std::string& extension) {
  std::set<std::string> found;
  const std::regex pattern("WB-[1-9][0-9]{3}");
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != extension) continue;
    const std::string text = read_text(entry.path());
    for (std::sregex_iterator match(text.begin(), text.end(), pattern), end; match != end;
         ++match) {
      found.insert(match->str());
    }
  }
  return found;
}

}  // namespace

TEST_CASE("error codes: each id and each name stands once, in order", "[core][error]") {
  std::set<std::string_view> names;
  std::string_view last;
  for (const ErrorCode* code : kErrorCodes) {
    CHECK(last < code->id);
    CHECK(names.insert(code->name).second);
    CHECK(std::regex_match(std::string(code->id), std::regex("WB-[1-9][0-9]{3}")));
    CHECK_FALSE(code->waybill_does.empty());
    CHECK_FALSE(code->way_out.empty());
    CHECK(find_error_code(code->id) == code);
    last = code->id;
  }
  CHECK(find_error_code("WB-0000") == nullptr);
}

TEST_CASE("error codes: each has its runbook page, and no page is left over",
          "[core][error][docs]") {
  std::set<std::string> pages;
  for (const auto& entry : fs::directory_iterator(kSource / "docs/runbook")) {
    if (entry.path().filename() != "README.md") pages.insert(entry.path().stem().string());
  }
  for (const ErrorCode* code : kErrorCodes) {
    INFO(code->id);
    CHECK(pages.erase(std::string(code->id)) == 1);
    CHECK(read_text(kSource / "docs/runbook" / (std::string(code->id) + ".md")).find(code->name) !=
          std::string::npos);
  }
  CHECK(pages.empty());
}

TEST_CASE("error codes: the SQL uses none that the table does not have", "[core][error]") {
  const std::set<std::string> used = codes_used(kSource / "schema", ".sql");
  CHECK(used.size() > 10);
  for (const std::string& id : used) {
    INFO(id);
    CHECK(find_error_code(id) != nullptr);
  }
}

TEST_CASE("error: what() names code, operation, subject and cause", "[core][error]") {
  const Error error(error_code::kConfigInvalid, "read configuration", "waybill.json",
                    "no such key");
  CHECK(std::string(error.what()) ==
        "WB-1002 config-invalid: read configuration waybill.json: no such key");
  CHECK(error.kind() == ErrorKind::kPermanent);
}
