#include "agent/config/agent_config.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "agent/config/agent_token.h"
#include "core/error.h"
#include "tests/support/fake_clock.h"
#include "tests/support/memory_file_system.h"
#include "tests/support/source_folder.h"

using namespace waybill;
using Json = nlohmann::json;

namespace {

Json good() {
  return {{"project_url", "https://project.example/"},
          {"publishable_key", "sb_publishable_x"},
          {"export_folder", "export"},
          {"state_folder", "/var/lib/waybill/"}};
}

AgentConfig parse(const Json& config) {
  return parse_agent_config(config.dump(), "/etc/w/agent.json");
}

std::string refusal_of(const std::string& text) {
  try {
    (void)parse_agent_config(text, "/etc/w/agent.json");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

Json read_source(const std::string& path) {
  std::ifstream file(source_folder() / path);
  return Json::parse(file);
}

}  // namespace

TEST_CASE("configuration: what is given is read, what is left out has its default",
          "[agent][config]") {
  Json config = good();
  config["scan"] = {{"interval_ms", 500}, {"notifications", false}};
  const AgentConfig read = parse(config);
  CHECK(read.project_url == "https://project.example");
  CHECK(read.export_folder == "/etc/w/export");
  CHECK(read.state_folder == "/var/lib/waybill");
  CHECK(read.scan.interval_ms == 500);
  CHECK_FALSE(read.scan.notifications);
  CHECK(read.ready.quiet_ms == 2'000);
  CHECK(read.upload.parallel == 2);
}

TEST_CASE("configuration: a mistake is refused with file, key path and what is allowed",
          "[agent][config]") {
  struct Case {
    const char* pointer;
    Json value;
    std::vector<std::string> words;
  };
  const std::vector<Case> cases = {
      {"/exprot_folder", "x", {"exprot_folder", "did you mean \"export_folder\""}},
      {"/ready", {{"quiet", 1}}, {"ready.quiet", "quiet_ms"}},
      {"/ready", 7, {"\"ready\"", "object"}},
      {"/ready", {{"quiet_ms", "soon"}}, {"ready.quiet_ms", "whole number from 100"}},
      {"/ready", {{"quiet_ms", 99}}, {"ready.quiet_ms", "100"}},
      {"/ready", {{"quiet_ms", 2.5}}, {"ready.quiet_ms", "whole number"}},
      {"/scan", {{"notifications", "yes"}}, {"scan.notifications", "true or false"}},
      {"/upload", {{"parallel", 0}}, {"upload.parallel", "1 to 16"}},
      {"/log", {{"level", "loud"}}, {"log.level", "debug, info, warning, error"}},
      {"/publishable_key", "", {"publishable_key", "not empty"}},
      {"/project_url", "http://central.example", {"project_url", "https"}},
      {"/state_folder", "export/state", {"state_folder", "export_folder"}},
  };
  for (const Case& wrong : cases) {
    Json config = good();
    config[Json::json_pointer(wrong.pointer)] = wrong.value;
    const std::string refusal = refusal_of(config.dump());
    INFO(refusal);
    CHECK(refusal.find("/etc/w/agent.json") != std::string::npos);
    for (const std::string& word : wrong.words) {
      INFO(word);
      CHECK(refusal.find(word) != std::string::npos);
    }
  }
  for (const char* key : {"project_url", "publishable_key", "export_folder", "state_folder"}) {
    Json config = good();
    config.erase(key);
    CHECK(refusal_of(config.dump()).find(std::string(key) + "\" is missing") != std::string::npos);
  }
}

TEST_CASE("configuration: what is no JSON object, or gives a key twice, is refused",
          "[agent][config]") {
  for (const char* text : {"", "{", "[]", "null", "project_url = x",
                           R"({"log": {"level": "info", "level": "debug"}})"}) {
    INFO(text);
    CHECK(refusal_of(text).find("WB-1002") != std::string::npos);
  }
}

// Goal:   editors and program know the same keys.
// Method: every key of the schema is taken with its default or a sample; the sample is valid.
TEST_CASE("configuration: schema, sample and program agree", "[agent][config]") {
  const Json schema = read_source("config/agent.schema.json");
  const Json sample = read_source("config/agent.sample.json");
  CHECK(refusal_of(sample.dump()).empty());
  std::vector<std::string> in_schema;
  std::vector<std::string> in_sample;
  for (const auto& [key, entry] : schema["properties"].items()) {
    in_schema.push_back(key);
    if (!entry.contains("properties")) continue;
    for (const auto& [inner, rule] : entry["properties"].items()) {
      in_schema.push_back(key + "." + inner);
      if (!rule.contains("minimum")) continue;
      for (const char* limit : {"minimum", "maximum"}) {
        Json config = good();
        config[key][inner] = rule[limit];
        CHECK(refusal_of(config.dump()).empty());
        config[key][inner] =
            rule[limit].get<std::int64_t>() + (*limit == 'm' && limit[1] == 'i' ? -1 : 1);
        CHECK_FALSE(refusal_of(config.dump()).empty());
      }
    }
  }
  for (const auto& [key, entry] : sample.items()) {
    in_sample.push_back(key);
    if (!entry.is_object()) continue;
    for (const auto& [inner, value] : entry.items()) in_sample.push_back(key + "." + inner);
  }
  CHECK(in_schema == in_sample);
}

TEST_CASE("configuration: what becomes of delivered files is said in full, or not at all",
          "[agent][config]") {
  Json config = good();
  config["after_processed"] = {{"action", "move"}};
  CHECK(refusal_of(config.dump()).find("after_processed.folder") != std::string::npos);
  config["after_processed"]["folder"] = config["export_folder"].get<std::string>() + "/done";
  CHECK(refusal_of(config.dump()).find("must not lie in export_folder") != std::string::npos);
  config["after_processed"]["folder"] = "/elsewhere/done/";
  const AgentConfig moved = parse_agent_config(config.dump(), "/etc/waybill/agent.json");
  CHECK(moved.after_processed.action == AfterProcessed::kMove);
  CHECK(moved.after_processed.folder == "/elsewhere/done");
  config["after_processed"] = {{"action", "shred"}};
  CHECK(refusal_of(config.dump()).find("keep, move, delete") != std::string::npos);
}

TEST_CASE("token: made from 256 bits, kept private, refused when others may read it",
          "[agent][config]") {
  FakeClock clock;
  MemoryFileSystem files(clock);
  CHECK_FALSE(find_agent_token(files, "/state"));
  const std::string token = make_agent_token();
  CHECK(token.size() == 43);
  CHECK(token != make_agent_token());
  write_agent_token(files, "/state", token);
  CHECK(read_agent_token(files, "/state") == token);
  const auto code_of = [&] {
    try {
      (void)read_agent_token(files, "/state");
    } catch (const Error& error) {
      CHECK(std::string(error.what()).find(token) == std::string::npos);
      return std::string(error.code().id);
    }
    return std::string();
  };
  files.write("/state/agent-token", token);  // as the umask allows
  CHECK(code_of() == "WB-1006");
  files.write("/state/agent-token", "nonsense", FileMode::kPrivate);
  CHECK(code_of() == "WB-1006");
  files.remove("/state/agent-token");
  CHECK(code_of() == "WB-1003");
}
