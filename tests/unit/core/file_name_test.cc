#include "core/file_name.h"

#include <catch2/catch.hpp>
#include <limits>
#include <string>
#include <vector>

#include "core/error.h"

using namespace waybill;

namespace {

const std::string kExample = "unprocessed_2026-11-20T23_59_58_123456_raw_recipe_line-part00012.csv";

}  // namespace

TEST_CASE("object name: what is written down is read back", "[core][file_name]") {
  const std::vector<std::int64_t> times = {0,
                                           -1,
                                           1'795'219'198'123'456,
                                           951'782'400'000'000,
                                           -62'167'219'200'000'000,
                                           253'402'300'799'999'999};
  const std::vector<std::optional<std::int32_t>> parts = {std::nullopt, 1, 12, 99'999};
  for (const ObjectState state : {ObjectState::kUnprocessed, ObjectState::kProcessed}) {
    for (const std::int64_t utc_us : times) {
      for (const std::optional<std::int32_t>& part : parts) {
        for (const char* tag : {"a", "recipe_line", "x_raw_y", "raw2"}) {
          for (const char* extension : {"csv", "7z", "jsonl123"}) {
            const ObjectName name{state, utc_us, FileTag(tag), part, extension};
            CHECK(parse_object_name(format_object_name(name)) == name);
          }
        }
      }
    }
  }
}

TEST_CASE("object name: the parts are where the grammar puts them", "[core][file_name]") {
  const std::optional<ObjectName> name = parse_object_name(kExample);
  REQUIRE(name);
  CHECK(name->state == ObjectState::kUnprocessed);
  CHECK(name->utc_us == 1'795'219'198'123'456);
  CHECK(name->file_tag == FileTag("recipe_line"));
  CHECK(name->part_number == 12);
  CHECK(name->extension == "csv");
  ObjectName processed = *name;
  processed.state = ObjectState::kProcessed;
  CHECK(format_object_name(processed) ==
        "processed_2026-11-20T23_59_58_123456_raw_recipe_line-part00012.csv");
}

TEST_CASE("object name: a tag that looks like a state or a part is still only a tag",
          "[core][file_name]") {
  const auto name =
      parse_object_name("processed_2026-11-20T23_59_58_123456_raw_unprocessed_part00001.csv");
  REQUIRE(name);
  CHECK(name->state == ObjectState::kProcessed);
  CHECK(name->file_tag == FileTag("unprocessed_part00001"));
  CHECK_FALSE(name->part_number);
}

// Goal:   only the grammar is accepted.
// Method: every single-byte deletion and truncation of a good name, every byte replaced by one that
//         fits nowhere, and names that are nearly right.
TEST_CASE("object name: what is not of the grammar is no name", "[core][file_name]") {
  for (std::size_t at = 0; at < kExample.size(); ++at) {
    std::string changed = kExample;
    changed[at] = '!';
    CHECK_FALSE(parse_object_name(changed));
    CHECK(parse_object_name(kExample.substr(0, at)).has_value() == (at + 2 >= kExample.size()));
  }
  for (const char* text : {
           "",
           "processed",
           "Processed_2026-11-20T23_59_58_123456_raw_a.csv",
           "processed_2026-02-30T23_59_58_123456_raw_a.csv",
           "processed_2026-11-20T24_00_00_000000_raw_a.csv",
           "processed_2026-11-20T23:59:58_123456_raw_a.csv",
           "processed_2026-11-20T23_59_58_12345_raw_a.csv",
           "processed_2026-11-20T23_59_58_123456_raw_A.csv",
           "processed_2026-11-20T23_59_58_123456_raw_1a.csv",
           "processed_2026-11-20T23_59_58_123456_raw_.csv",
           "processed_2026-11-20T23_59_58_123456_raw_a",
           "processed_2026-11-20T23_59_58_123456_raw_a.",
           "processed_2026-11-20T23_59_58_123456_raw_a.CSV",
           "processed_2026-11-20T23_59_58_123456_raw_a.tar.gz",
           "processed_2026-11-20T23_59_58_123456_raw_a-part00000.csv",
           "processed_2026-11-20T23_59_58_123456_raw_a-part1.csv",
           "processed_2026-11-20T23_59_58_123456_raw_a-part000001.csv",
           "processed_unprocessed_2026-11-20T23_59_58_123456_raw_a.csv",
       }) {
    INFO(text);
    CHECK_FALSE(parse_object_name(text));
  }
}

TEST_CASE("object name: parts outside the grammar are not written down", "[core][file_name]") {
  const ObjectName good{ObjectState::kUnprocessed, 0, FileTag("a"), std::nullopt, "csv"};
  ObjectName bad = good;
  bad.file_tag = FileTag("a-b");
  CHECK_THROWS_AS(format_object_name(bad), Error);
  bad = good;
  bad.part_number = 100'000;
  CHECK_THROWS_AS(format_object_name(bad), Error);
  bad.part_number = 0;
  CHECK_THROWS_AS(format_object_name(bad), Error);
  bad = good;
  bad.extension = "CSV";
  CHECK_THROWS_AS(format_object_name(bad), Error);
  bad = good;
  // The years -1 and 10000, and times whose day begins or ends outside the number's range.
  using Limits = std::numeric_limits<std::int64_t>;
  for (const std::int64_t utc_us :
       {std::int64_t{-62'167'219'200'000'001}, std::int64_t{253'402'300'800'000'000}, Limits::min(),
        Limits::min() + 1, Limits::max()}) {
    bad.utc_us = utc_us;
    CHECK_THROWS_AS(format_object_name(bad), Error);
  }
}

TEST_CASE("object name: the extension is the partner's where it is plain, else csv",
          "[core][file_name]") {
  CHECK(object_extension("Recipes.CSV") == "csv");
  CHECK(object_extension("sub.d/FOOD_DES.txt") == "txt");
  CHECK(object_extension("archive.tar.gz") == "gz");
  for (const char* name : {"", "noext", "dot.", "x.\xC3\xA9", "x.waytoolong", "a.b/c", "x.c v"}) {
    CHECK(object_extension(name) == "csv");
  }
}
