#include "agent/fetch/page_lines.h"

#include <catch2/catch.hpp>

#include "core/error.h"

using namespace waybill;

namespace {

PageLines read(const std::string& body, const PageShape& shape = {"/data/items", "/data/next"}) {
  return read_page("orders", body, shape);
}

std::string refusal_of(const std::string& body,
                       const PageShape& shape = {"/data/items", "/data/next"}) {
  try {
    (void)read(body, shape);
  } catch (const Error& error) {
    CHECK(error.code().id == "WB-1403");
    CHECK(std::string(error.what()).find("secret") == std::string::npos);
    return error.cause();
  }
  return "";
}

}  // namespace

TEST_CASE("page: rows become lines, numbers digit by digit, keys in their order",
          "[agent][fetch]") {
  const PageLines page = read(R"({"data": {"items": [
      {"z": 1.10, "a": 12345678901234567890123, "e": -0.0, "b": [1, {"c": null}, []]},
      {"t": "a \"quote\"\n and ü ", "ok": true, "none": {}}
    ], "next": "c/2"}, "total": 2})");
  CHECK(page.lines ==
        "{\"z\":1.10,\"a\":12345678901234567890123,\"e\":-0.0,\"b\":[1,{\"c\":null},[]]}\n"
        "{\"t\":\"a \\\"quote\\\"\\n and ü \",\"ok\":true,\"none\":{}}\n");
  CHECK(page.row_count == 2);
  CHECK(page.next == "c/2");
}

TEST_CASE("page: the cursor may be text or a number; null, false and nothing are none",
          "[agent][fetch]") {
  CHECK(read(R"({"data": {"items": [], "next": 17}})").next == "17");
  CHECK_FALSE(read(R"({"data": {"items": [], "next": null}})").next);
  CHECK_FALSE(read(R"({"data": {"items": [], "next": ""}})").next);
  CHECK_FALSE(read(R"({"data": {"items": []}})").next);
  CHECK(read(R"([{"a":1}])", {"", std::nullopt}).lines == "{\"a\":1}\n");
  CHECK(read(R"([[{"a":1}],[{"b":2}]])", {"/1", std::nullopt}).lines == "{\"b\":2}\n");
  CHECK(read(R"({"a/b": {"~x": [{"k": {"data": {"items": [9]}}}]}})", {"/a~1b/~0x", std::nullopt})
            .lines == "{\"k\":{\"data\":{\"items\":[9]}}}\n");
}

TEST_CASE("page: an answer of another shape is refused with the place, never with a value",
          "[agent][fetch]") {
  CHECK(refusal_of("<html>secret</html>").find("not JSON") != std::string::npos);
  CHECK(refusal_of(R"({"data": {"items": [{"a": "secret)").find("not JSON") != std::string::npos);
  CHECK(refusal_of("").find("not JSON") != std::string::npos);
  CHECK(refusal_of(R"({"data": {"rows": []}})").find("no list of rows") != std::string::npos);
  CHECK(refusal_of(R"({"data": {"items": "secret"}})").find("not a list") != std::string::npos);
  CHECK(refusal_of(R"({"data": {"items": {"a": 1}}})").find("not a list") != std::string::npos);
  CHECK(refusal_of(R"({"data": {"items": [{}, "secret"]}})").find("row 2") != std::string::npos);
  CHECK(refusal_of(R"({"data": {"items": [[]]}})").find("row 1") != std::string::npos);
  CHECK(refusal_of(R"({"data": {"items": [], "next": {}}})").find("cursor") != std::string::npos);
  CHECK(refusal_of("{\"data\": {\"items\": [{\"a\": \"\xff\"}]}}").find("not JSON") !=
        std::string::npos);
}

TEST_CASE("page: a pointer that is none is told to who wrote it", "[agent][fetch]") {
  CHECK(json_pointer_problem("").empty());
  CHECK(json_pointer_problem("/a/~0~1").empty());
  CHECK_FALSE(json_pointer_problem("a/b").empty());
  CHECK_FALSE(json_pointer_problem("/a~").empty());
  CHECK_FALSE(json_pointer_problem("/a~2").empty());
}
