#include "core/split/part_planner.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <random>

#include "core/read/csv_reader.h"
#include "core/read/row_reader.h"

using namespace waybill;

namespace {

FileSpec spec_of(const nlohmann::json& more = nlohmann::json::object()) {
  nlohmann::json spec = {
      {"file_tag", "recipe"},
      {"entity", "recipe"},
      {"file_name", "*"},
      {"format", "csv"},
      {"columns", {{{"name", "code"}, {"to", "code"}}, {{"name", "note"}, {"to", "note"}}}}};
  spec.update(more);
  return parse_file_spec(spec);
}

PartPlan plan_of(const FileSpec& spec, const std::string& bytes,
                 std::size_t cut = std::string::npos) {
  PartPlanner planner(spec);
  for (std::size_t at = 0; at < bytes.size(); at += std::min(cut, bytes.size())) {
    planner.feed(std::string_view(bytes).substr(at, cut));
  }
  return planner.finish();
}

std::string bytes_of(const FilePart& part, const std::string& whole) {
  return whole.substr(0, static_cast<std::size_t>(part.head_bytes)) +
         whole.substr(static_cast<std::size_t>(part.begin_byte),
                      static_cast<std::size_t>(part.end_byte - part.begin_byte));
}

struct Row {
  std::int64_t source_row;
  std::string payload;
  bool operator==(const Row&) const = default;
};

std::vector<Row> rows_of(const FileSpec& spec, const std::string& bytes, std::int64_t first_row) {
  std::vector<Row> out;
  RowReader reader(
      spec,
      [&](const StagingRow& row) {
        out.push_back({row.source_row, std::string(row.payload_json)});
      },
      first_row);
  reader.feed(bytes);
  reader.finish();
  return out;
}

/// Every promise of a plan, for one file and spec. Returns the number of parts.
std::size_t check_plan(const FileSpec& spec, const std::string& bytes, std::size_t cut) {
  const PartPlan plan = plan_of(spec, bytes, cut);
  REQUIRE(plan.size_bytes == static_cast<std::int64_t>(bytes.size()));
  REQUIRE(plan.original_sha256 == sha256_hex(bytes));
  REQUIRE(!plan.parts.empty());
  std::vector<Row> rows;
  std::int64_t at = plan.parts.front().head_bytes;
  for (std::size_t i = 0; i < plan.parts.size(); ++i) {
    const FilePart& part = plan.parts[i];
    const std::string of_part = bytes_of(part, bytes);
    REQUIRE(part.number == static_cast<std::int32_t>(i + 1));
    REQUIRE(part.begin_byte == at);
    REQUIRE(part.content_sha256 == sha256_hex(of_part));
    REQUIRE(part.size_bytes() == static_cast<std::int64_t>(of_part.size()));
    const std::vector<Row> more = rows_of(spec, of_part, part.first_source_row);
    if (plan.is_cut()) {
      REQUIRE(part.rows == static_cast<std::int64_t>(more.size()));
      REQUIRE(part.rows > 0);
      if (spec.split_rows > 0) REQUIRE(part.rows <= spec.split_rows);
    }
    rows.insert(rows.end(), more.begin(), more.end());
    at = part.end_byte;
  }
  REQUIRE(at == plan.size_bytes);
  REQUIRE(rows == rows_of(spec, bytes, 1));
  return plan.parts.size();
}

std::string pick(std::mt19937& random, const std::vector<std::string>& of) {
  return of[random() % of.size()];
}

/// A file as odd as the format allows, whose rows RowReader takes.
std::string odd_csv(std::mt19937& random, bool has_header) {
  static const std::vector<std::string> kValues = {"a",
                                                   "",
                                                   "plain text",
                                                   "\"quoted, with\nline\"",
                                                   "\"two \"\"quotes\"\"\r\nand lines\"",
                                                   "\xC3\xA4",
                                                   "bell \x07",
                                                   "\"\"",
                                                   std::string(90, 'x')};
  static const std::vector<std::string> kEnds = {"\n", "\r\n", "\r", "\n\n", "\r\n\r\n\n"};
  std::string out = random() % 3 == 0 ? "\xEF\xBB\xBF" : "";
  if (random() % 4 == 0) out += "\r\n\n";
  const std::string end = pick(random, kEnds);
  if (has_header) out += "code,note" + end;
  const std::size_t rows = random() % 12;
  for (std::size_t i = 0; i < rows; ++i) {
    out += pick(random, kValues) + "," + pick(random, kValues);
    if (i + 1 < rows || random() % 2 == 0) out += random() % 5 == 0 ? pick(random, kEnds) : end;
  }
  return out;
}

}  // namespace

TEST_CASE("parts: a file is cut every so many rows, the header repeated", "[core][split]") {
  const FileSpec spec = spec_of({{"split_rows", 2}});
  const std::string bytes = "code,note\nA,1\nB,2\nC,3\nD,4\nE,5\n";
  const PartPlan plan = plan_of(spec, bytes);
  REQUIRE(plan.parts.size() == 3);
  CHECK(bytes_of(plan.parts[0], bytes) == "code,note\nA,1\nB,2\n");
  CHECK(bytes_of(plan.parts[1], bytes) == "code,note\nC,3\nD,4\n");
  CHECK(bytes_of(plan.parts[2], bytes) == "code,note\nE,5\n");
  CHECK(plan.parts[1].first_source_row == 3);
  CHECK(plan.parts[2].first_source_row == 5);
  CHECK(plan.parts[2].rows == 1);
}

TEST_CASE("parts: a file of exactly the limit is not cut, one row more is", "[core][split]") {
  const FileSpec spec = spec_of({{"split_rows", 2}});
  CHECK_FALSE(plan_of(spec, "code,note\nA,1\nB,2\n").is_cut());
  CHECK_FALSE(plan_of(spec, "code,note\nA,1\nB,2").is_cut());
  CHECK(plan_of(spec, "code,note\nA,1\nB,2\nC,3").parts.size() == 2);
  CHECK_FALSE(plan_of(spec, "").is_cut());
  CHECK_FALSE(plan_of(spec, "code,note\n").is_cut());
}

TEST_CASE("parts: a file with a header that the spec does not have is not cut", "[core][split]") {
  const FileSpec spec = spec_of({{"split_rows", 1}, {"header", false}});
  CHECK_FALSE(plan_of(spec, "code,note\nA,1\nB,2\n").is_cut());
  CHECK(plan_of(spec, "A,1\ncode,note\nB,2\n").parts.size() == 3);
}

TEST_CASE("parts: cut at one row a part, and a part read again is not cut further",
          "[core][split]") {
  const FileSpec spec = spec_of({{"split_rows", 1}});
  const std::string bytes = "code,note\nA,1\nB,2\n";
  const PartPlan plan = plan_of(spec, bytes);
  REQUIRE(plan.parts.size() == 2);
  for (const FilePart& part : plan.parts) {
    CHECK_FALSE(plan_of(spec, bytes_of(part, bytes)).is_cut());
  }
}

TEST_CASE("parts: bytes count with the header; a longer row alone is a part", "[core][split]") {
  const std::string long_row = "L," + std::string(3'000, 'y') + "\n";
  const std::string bytes = "code,note\n" + std::string("A,1\n") + long_row + "B,2\nC,3\n";
  FileSpec spec = spec_of();
  spec.split_bytes = 24;
  const PartPlan plan = plan_of(spec, bytes);
  REQUIRE(plan.parts.size() == 3);
  CHECK(bytes_of(plan.parts[0], bytes) == "code,note\nA,1\n");
  CHECK(bytes_of(plan.parts[1], bytes) == "code,note\n" + long_row);
  CHECK(bytes_of(plan.parts[2], bytes) == "code,note\nB,2\nC,3\n");
}

// Goal:   whatever a file looks like and however it is fed, its parts read alone give its rows.
// Method: random files with quoted line ends, blank lines, marks and every line end; RowReader
//         reads the whole file and each part. The seed is printed when a check fails.
TEST_CASE("parts: read alone, they give the rows of the whole file under their own numbers",
          "[core][split]") {
  std::size_t cut_count = 0;
  for (unsigned seed = 1; seed <= 1'500; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const bool has_header = random() % 2 == 0;
    nlohmann::json more = {{"header", has_header}};
    more["split_rows"] = 1 + random() % 4;
    FileSpec spec = spec_of(more);
    if (random() % 3 == 0) spec.split_bytes = 20 + static_cast<std::int64_t>(random() % 200);
    const std::string bytes = odd_csv(random, has_header);
    const std::size_t cut = 1 + random() % 40;
    if (check_plan(spec, bytes, cut) > 1) ++cut_count;
    const PartPlan whole_feed = plan_of(spec, bytes);
    REQUIRE(whole_feed.parts == plan_of(spec, bytes, cut).parts);
  }
  CHECK(cut_count > 500);
}

// Goal:   the same for formats whose records are lines.
// Method: random lines, line ends, blank lines and marks; RowReader reads the whole and each part.
TEST_CASE("parts: of JSON lines and of fixed width give the rows of the whole file too",
          "[core][split]") {
  FileSpec json = spec_of({{"format", "jsonl"}, {"other_columns", "ignore"}});
  FileSpec fixed = spec_of({{"format", "fixed_width"},
                            {"header", false},
                            {"columns",
                             {{{"name", "code"}, {"to", "code"}, {"start", 1}, {"width", 3}},
                              {{"name", "note"}, {"to", "note"}, {"start", 4}, {"width", 2}}}}});
  const std::vector<std::string> json_lines = {R"({"code": "a", "note": "x"})",
                                               R"({"note": "two\nlines", "more": [1, {"a": "}"}]})",
                                               R"({"code": "\u00e4", "note": null})"};
  const std::vector<std::string> fixed_lines = {"abcde", "ab  e", "     "};
  std::size_t cut_count = 0;
  for (unsigned seed = 1; seed <= 600; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const bool is_json = random() % 2 == 0;
    FileSpec spec = is_json ? json : fixed;
    spec.split_rows = 1 + static_cast<std::int64_t>(random() % 4);
    if (random() % 3 == 0) spec.split_bytes = 12 + static_cast<std::int64_t>(random() % 100);
    std::string bytes = random() % 3 == 0 ? "\xEF\xBB\xBF" : "";
    for (std::size_t i = random() % 12; i > 0; --i) {
      bytes += pick(random, is_json ? json_lines : fixed_lines);
      if (i > 1 || random() % 2 == 0) bytes += pick(random, {"\n", "\r\n", "\r", "\n\n\r\n"});
    }
    if (check_plan(spec, bytes, 1 + random() % 40) > 1) ++cut_count;
  }
  CHECK(cut_count > 200);
  json.split_rows = 1;
  CHECK_FALSE(plan_of(json, std::string("{\"code\": 1}\n{\0}\n{}\n", 19)).is_cut());
}

TEST_CASE("parts: a file whose records cannot be told apart for certain travels whole",
          "[core][split]") {
  const FileSpec spec = spec_of({{"split_rows", 1}});
  const std::string rows = "code,note\nA,1\nB,2\nC,3\n";
  for (const std::string& bad :
       {rows + "D,\"open\nE,5\n", rows + "D,\"x\"y\n", rows + "D,x\"y\nE,5\n",
        rows + std::string("D,\0\n", 4), rows + "D,\"" + std::string(kRecordBytesMax, 'z') + "\"\n",
        "\xFF\xFE" + rows, rows + "D\n", rows + "D,1,2\nE,5\n"}) {
    const PartPlan plan = plan_of(spec, bad);
    REQUIRE(plan.parts.size() == 1);
    CHECK(plan.original_sha256 == sha256_hex(bad));
    CHECK(plan.parts[0].content_sha256 == plan.original_sha256);
    CHECK(plan.parts[0].head_bytes == 0);
    CHECK(plan.parts[0].end_byte == static_cast<std::int64_t>(bad.size()));
  }
}

TEST_CASE("parts: a file that would need too many is not cut", "[core][split]") {
  const FileSpec spec = spec_of({{"split_rows", 1}, {"header", false}});
  std::string bytes;
  for (std::int32_t i = 0; i < kPartsMax; ++i) bytes += ",\n";
  CHECK(plan_of(spec, bytes).parts.size() == static_cast<std::size_t>(kPartsMax));
  CHECK_FALSE(plan_of(spec, bytes + ",\n").is_cut());
}

TEST_CASE("parts: blank lines without end neither cut a file nor fill the memory",
          "[core][split]") {
  const FileSpec spec = spec_of({{"split_rows", 1}});
  const std::string bytes =
      "code,note\nA,1\n" + std::string(3 * kRecordBytesMax, '\n') + "B,2\nC,3\n";
  CHECK(check_plan(spec, bytes, 100'000) == 3);
}

TEST_CASE("parts: only plain row formats with a limit, and files above it, need any",
          "[core][split]") {
  CHECK_FALSE(may_need_parts(spec_of(), 1'000'000'000));
  CHECK(may_need_parts(spec_of({{"split_rows", 100}}), 201));
  CHECK_FALSE(may_need_parts(spec_of({{"split_rows", 100}}), 200));
  FileSpec spec = spec_of();
  spec.split_bytes = 1'000;
  CHECK(may_need_parts(spec, 1'001));
  CHECK_FALSE(may_need_parts(spec, 1'000));
  spec.container = Container::kGzip;
  CHECK_FALSE(may_need_parts(spec, 1'001));
}
