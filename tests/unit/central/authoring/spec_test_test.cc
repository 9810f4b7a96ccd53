#include "central/authoring/spec_test.h"

#include "core/error.h"
#include "tests/unit/central/authoring/samples.h"

using namespace waybill;
using namespace waybill::authoring;
using Catch::Matchers::Contains;

namespace {

namespace fs = std::filesystem;

/// A file of one row, {"no": "A", "qty": AMOUNT}, against one expected line.
SpecTestResult test_amount(const std::string& amount, const std::string& expected) {
  Samples samples;
  const FileSpec spec = parse_file_spec_text(R"json({"file_tag": "a", "entity": "party",
      "file_name": "*", "columns": [{"name": "No", "to": "no"}, {"name": "Qty", "to": "qty",
      "type": "decimal"}], "natural_key": ["no"]})json");
  return test_spec(system_file_system(), spec, samples.add("x.csv", "No,Qty\nA," + amount + "\n"),
                   samples.add("x.jsonl", expected));
}

}  // namespace

TEST_CASE("spec test: rows are compared with the expected ones, and no value is told",
          "[central][authoring]") {
  Samples samples;
  const FileSpec spec = parse_file_spec_text(R"json({"file_tag": "a", "entity": "party",
      "file_name": "*", "columns": [{"name": "No", "to": "no"}, {"name": "Qty", "to": "qty",
      "type": "integer"}], "natural_key": ["no"]})json");
  const fs::path file = samples.add("x.csv", "No,Qty\nMARKER1,1\nMARKER2,2\n");
  const std::string right = expected_rows(system_file_system(), spec, file);
  CHECK(test_spec(system_file_system(), spec, file, samples.add("right.jsonl", right)).passed());
  const auto differences = [&](const std::string& expected) {
    const SpecTestResult result =
        test_spec(system_file_system(), spec, file, samples.add("e.jsonl", expected));
    CHECK_FALSE(result.passed());
    std::string all;
    for (const std::string& one : result.differences) all += one + "|";
    CHECK_THAT(all, !Contains("MARKER"));
    return all;
  };
  CHECK(differences("") == "row 1 was staged and not expected|row 2 was staged and not expected|");
  CHECK(differences(right + R"({"source_row":3,"natural_key":"x","payload":{}})"
                            "\n") == "row 3 was expected and not staged|");
  std::string wrong = right;
  wrong.replace(wrong.find("\"qty\":1"), 7, "\"qty\":7");
  CHECK(differences(wrong) == "row 1: another value of \"qty\"|");
}

TEST_CASE("spec test: timestamps and marks are compared as they are staged",
          "[central][authoring]") {
  Samples samples;
  const FileSpec spec = parse_file_spec_text(R"json({"file_tag": "a", "entity": "party",
      "file_name": "*", "delimiter": ";", "columns": [
      {"name": "At", "to": "at", "type": "timestamp", "date_format": "%d.%m.%Y %H:%M",
       "time_zone": "Europe/Paris"},
      {"name": "Qty", "to": "qty", "type": "decimal", "decimal_mark": ",", "group_mark": "."}]})json");
  const fs::path file = samples.add("x.csv", "At;Qty\n21.11.2026 18:40;1.234,50\n");
  const std::string right = expected_rows(system_file_system(), spec, file);
  CHECK_THAT(right, Contains(R"("at":"2026-11-21T18:40:00 Europe/Paris")") && Contains("1234.5"));
  CHECK(test_spec(system_file_system(), spec, file, samples.add("right.jsonl", right)).passed());
}

TEST_CASE("spec test: a number is compared digit by digit", "[central][authoring]") {
  const auto is_right = [](const std::string& amount, const std::string& expected) {
    return test_amount(amount, R"({"source_row": 1, "natural_key": "A", "payload": {"no": "A", )"
                               R"("qty": )" +
                                   expected + "}}")
        .passed();
  };
  CHECK(is_right("12345678901234567890123", "12345678901234567890123"));
  CHECK_FALSE(is_right("12345678901234567890123", "12345678901234567890999"));
  CHECK_FALSE(is_right("1.50", "1.5"));
  CHECK(is_right("1e999", "1e999"));
  CHECK_FALSE(is_right("1", "\"1\""));
}

TEST_CASE("spec test: expected rows keep the digits of the file", "[central][authoring]") {
  Samples samples;
  const FileSpec spec = parse_file_spec_text(R"json({"file_tag": "a", "entity": "party",
      "file_name": "*", "columns": [{"name": "Qty", "to": "qty", "type": "decimal"}]})json");
  const fs::path file = samples.add("x.csv", "Qty\n1.50\n12345678901234567890123\n1e999\n");
  CHECK(expected_rows(system_file_system(), spec, file) ==
        R"({"source_row":1,"natural_key":null,"payload":{"qty":1.50}})"
        "\n"
        R"({"source_row":2,"natural_key":null,"payload":{"qty":12345678901234567890123}})"
        "\n"
        R"({"source_row":3,"natural_key":null,"payload":{"qty":1e999}})"
        "\n");
}

TEST_CASE("spec test: an expected row that says nothing, or something twice, is refused",
          "[central][authoring]") {
  const auto refusal = [](const std::string& line) -> std::string {
    try {
      static_cast<void>(test_amount("1", "\n" + line + "\n"));
      return "";
    } catch (const Error& error) {
      return error.cause();
    }
  };
  CHECK(refusal(R"({"source_row":1,"naturalkey":"A","payload":{}})") ==
        "line 2 has the unknown key \"naturalkey\"; did you mean \"natural_key\"? allowed are: "
        "source_row, natural_key, payload");
  CHECK(refusal(R"({"source_row":1,"payload":{},"payload":{}})") == "line 2 has \"payload\" twice");
  CHECK(refusal(R"({"payload":{}})") == "line 2 lacks \"source_row\"");
  CHECK(refusal(R"({"source_row":1})") == "line 2 lacks \"payload\"");
  CHECK_THAT(refusal(R"({"source_row":1.5,"payload":{}})"), Contains("the row's number"));
  CHECK_THAT(refusal(R"({"source_row":1,"natural_key":7,"payload":{}})"), Contains("text or null"));
  CHECK_THAT(refusal(R"({"source_row":1,"payload":{"a":1,"a":2}})"), Contains("no key twice"));
  CHECK(refusal("[1]") == "line 2 is no JSON object");
  CHECK_THAT(refusal("{\"source_row\":2,\"payload\":{}}\n{\"source_row\":1,\"payload\":{}}"),
             Contains("line 3") && Contains("not above"));
}

TEST_CASE("spec test: a refused file gives no expected rows, and the finding is told in words",
          "[central][authoring]") {
  Samples samples;
  const FileSpec spec = parse_file_spec_text(R"json({"file_tag": "a", "entity": "party",
      "file_name": "*", "columns": [{"name": "Qty", "to": "qty", "type": "integer"}]})json");
  const fs::path file = samples.add("x.csv", "Qty\n1\nMARKER\n");
  try {
    static_cast<void>(expected_rows(system_file_system(), spec, file));
    FAIL("the file was not refused");
  } catch (const Error& error) {
    CHECK_THAT(error.cause(),
               Contains("WB-3012 value-invalid at row 2, line 3, byte 6, column \"Qty\": "));
    CHECK_THAT(error.what(), !Contains("MARKER"));
  }
}

TEST_CASE("spec test: a terminal obeys no name of a file", "[central][authoring]") {
  Samples samples;
  const FileSpec spec = parse_file_spec_text(R"json({"file_tag": "a", "entity": "party",
      "file_name": "*", "columns": [{"name": "No", "to": "no", "type": "integer"}],
      "other_columns": "keep"})json");
  const SpecTestResult other =
      test_spec(system_file_system(), spec, samples.add("x.csv", "No,\xE2\x80\xAEx\n1,y\n"),
                samples.add("x.jsonl", R"({"source_row":1,"payload":{"no":1}})"));
  CHECK(other.differences ==
        std::vector<std::string>{R"(row 1: "\u202ex" was not expected in the payload)"});
  Finding finding;
  finding.code = &error_code::kValueInvalid;
  finding.column = "\x1B[31mx";
  CHECK_THAT(in_words(finding), Contains(R"(column "\x1b[31mx")"));
}

TEST_CASE("spec test: expected rows replace nothing that somebody may have mended",
          "[central][authoring]") {
  Samples samples;
  FileSystem& files = system_file_system();
  const fs::path target = samples.folder.path() / "x.rows.jsonl";
  CHECK(write_expected_rows(files, "a\n", target, false) == WriteOutcome::kWritten);
  CHECK(write_expected_rows(files, "a\n", target, false) == WriteOutcome::kUnchanged);
  CHECK_THROWS_WITH(static_cast<void>(write_expected_rows(files, "b\n", target, false)),
                    Contains("--force"));
  CHECK(read_whole_file(files, target, 100) == "a\n");
  CHECK(write_expected_rows(files, "b\n", target, true) == WriteOutcome::kWritten);
  CHECK(read_whole_file(files, target, 100) == "b\n");
}

TEST_CASE("spec test: neither the export nor the spec is written over", "[central][authoring]") {
  Samples samples;
  FileSystem& files = system_file_system();
  const fs::path spec = samples.add("a.json", "{}");
  const fs::path file = samples.add("x.csv", "No\n1\n");
  for (const fs::path& target : {spec, file, samples.folder.path() / "." / "x.csv"}) {
    CHECK_THROWS_WITH(refuse_source_as_target(files, target, {spec, file}), Contains("made from"));
  }
  CHECK_NOTHROW(
      refuse_source_as_target(files, samples.folder.path() / "x.csv.rows.jsonl", {spec, file}));
}
