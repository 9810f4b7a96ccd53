#include "core/config_object.h"

#include <array>
#include <catch2/catch.hpp>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "core/error.h"

using namespace waybill;
using Catch::Matchers::Contains;
using nlohmann::json;

namespace {

constexpr std::array<std::string_view, 7> kKeys = {"text",   "name",  "flag", "number",
                                                   "choice", "texts", "gone"};
constexpr std::array<std::string_view, 2> kWords = {"first", "second"};

const json kGood = json::parse(R"({"text": "", "name": " a ", "flag": true, "number": 7,
    "choice": "second", "texts": ["a", ""]})");

std::string refusal(const std::function<void(const ConfigObject&)>& ask, const json& changes) {
  json object = kGood;
  object.update(changes);
  try {
    ask(ConfigObject("sample", object, "rows[3]", kKeys));
    return "";
  } catch (const Error& error) {
    CHECK(&error.code() == &error_code::kSpecInvalid);
    return error.what();
  }
}

}  // namespace

TEST_CASE("config object: values are read as they are written", "[core][config_object]") {
  const ConfigObject object("sample", kGood, "", kKeys);
  CHECK(object.at("text") == "text");
  CHECK(object.has("text"));
  CHECK_FALSE(object.has("gone"));
  CHECK(object.text("text").empty());
  CHECK(object.name("name") == " a ");
  CHECK(object.flag("flag", false));
  CHECK(object.flag("gone", true));
  CHECK(object.number("number", 1, 7, 7) == 7);
  CHECK(object.number("gone", -5, 0, 9) == -5);
  CHECK(object.choice("choice", kWords) == 1);
  CHECK(object.choice("gone", kWords) == 0);
  CHECK(object.texts("texts") == std::vector<std::string>{"a", ""});
  CHECK(object.texts("gone").empty());
}

TEST_CASE("config object: a refusal names document, place and what is allowed",
          "[core][config_object]") {
  const auto text = [](const ConfigObject& object) { static_cast<void>(object.text("text")); };
  const auto name = [](const ConfigObject& object) { static_cast<void>(object.name("name")); };
  const auto flag = [](const ConfigObject& object) {
    static_cast<void>(object.flag("flag", true));
  };
  const auto gone = [](const ConfigObject& object) { static_cast<void>(object.text("gone")); };
  const auto number = [](const ConfigObject& object) {
    static_cast<void>(object.number("number", 0, 1, 9));
  };
  const auto choice = [](const ConfigObject& object) {
    static_cast<void>(object.choice("choice", kWords));
  };
  const auto texts = [](const ConfigObject& object) { static_cast<void>(object.texts("texts")); };
  const json nothing = json::object();

  CHECK(refusal(text, nothing).empty());
  CHECK_THAT(refusal(text, {{"numbr", 1}}), Contains("sample") && Contains("rows[3].numbr") &&
                                                Contains("mean \"number\"") &&
                                                Contains("allowed are: text, name"));
  CHECK_THAT(refusal(text, {{"text", nullptr}}), Contains("rows[3].text") && Contains("be text"));
  CHECK_THAT(refusal(gone, nothing), Contains("rows[3].gone") && Contains("missing"));
  CHECK_THAT(refusal(name, {{"name", " \t"}}), Contains("not all blank"));
  CHECK(refusal(name, {{"name", std::string(255, 'x')}}).empty());
  CHECK_THAT(refusal(name, {{"name", std::string(256, 'x')}}), Contains("1 to 255"));
  CHECK_THAT(refusal(flag, {{"flag", 1}}), Contains("true or false"));
  for (const json& bad : {json(0), json(10), json(1.0), json("1"), json(true), json(nullptr),
                          json(std::numeric_limits<std::uint64_t>::max())}) {
    INFO(bad);
    CHECK_THAT(refusal(number, {{"number", bad}}), Contains("from 1 to 9"));
  }
  CHECK_THAT(refusal(choice, {{"choice", "secnd"}}), Contains("mean \"second\"?"));
  CHECK_THAT(refusal(choice, {{"choice", "other"}}), Contains("allowed are: first, second"));
  CHECK_THAT(refusal(texts, {{"texts", "a"}}), Contains("list of text"));
  CHECK_THAT(refusal(texts, {{"texts", {"a", 1}}}), Contains("rows[3].texts[1]"));
  CHECK_THAT(refusal(texts, {{"texts", {"a", "b", "a"}}}), Contains("twice"));
}

TEST_CASE("config object: what is no object is refused at its place", "[core][config_object]") {
  for (const json& bad : {json::array(), json(1), json(nullptr), json("x")}) {
    CHECK_THROWS_AS(ConfigObject("sample", bad, "", kKeys), Error);
  }
}
