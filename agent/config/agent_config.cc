#include "agent/config/agent_config.h"

#include <fmt/core.h>

#include <algorithm>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "core/ascii.h"
#include "core/error.h"
#include "core/local_day.h"
#include "core/suggest.h"
#include "sync/http/http_client.h"

namespace waybill {

namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

constexpr std::size_t kConfigBytesMax = 64 * 1024;
constexpr std::int64_t kHourMs = 3'600'000;
constexpr std::int64_t kAfterDaysMax = 3'650;
constexpr std::int64_t kLimitKbitMax = 100'000'000;

using Keys = std::initializer_list<std::string_view>;

/// One object of the configuration; a key that is not in `known` is refused at once, so that a
/// misspelt key is named before the right one is missed.
class Section {
 public:
  Section(const std::string& file, std::string path, const Json& object, Keys known)
      : file_(file), path_(std::move(path)), object_(object) {
    if (!object.is_object()) fail("", "must be an object: {...}");
    refuse_unknown(std::vector<std::string_view>(known));
  }

  [[nodiscard]] std::string text(const char* key) const {
    const Json* value = find(key);
    if (value == nullptr) fail(key, "is missing; it must be text that is not empty");
    if (!value->is_string() || value->get_ref<const std::string&>().empty()) {
      fail(key, "must be text that is not empty");
    }
    return value->get<std::string>();
  }

  void integer(const char* key, std::int64_t low, std::int64_t high, std::int64_t& into) const {
    const Json* value = find(key);
    if (value == nullptr) return;
    if (!value->is_number_integer() || *value < low || *value > high) {
      fail(key, fmt::format("must be a whole number from {} to {}", low, high));
    }
    into = value->get<std::int64_t>();
  }

  void boolean(const char* key, bool& into) const {
    const Json* value = find(key);
    if (value == nullptr) return;
    if (!value->is_boolean()) fail(key, "must be true or false");
    into = value->get<bool>();
  }

  [[nodiscard]] bool has(const char* key) const { return find(key) != nullptr; }
  /// Text at `key`, or "" when it is not there.
  [[nodiscard]] std::string text_or_empty(const char* key) const {
    return has(key) ? text(key) : std::string();
  }

  /// The same where "" is a value like any other.
  [[nodiscard]] std::string maybe_empty(const char* key) const {
    const Json* value = find(key);
    if (value == nullptr) return "";
    if (!value->is_string()) fail(key, "must be text");
    return value->get<std::string>();
  }

  /// The list at `key`, or an empty one when it is not there.
  [[nodiscard]] const Json& list(const char* key) const {
    static const Json kEmpty = Json::array();
    const Json* value = find(key);
    if (value != nullptr && !value->is_array()) fail(key, "must be a list: [...]");
    return value == nullptr ? kEmpty : *value;
  }

  /// One object of the list at `key`.
  [[nodiscard]] Section item(const char* key, std::size_t index, const Json& object,
                             Keys known) const {
    return {file_, fmt::format("{}[{}]", dotted(key), index), object, known};
  }

  /// The object at `key`, or an empty one when it is not there.
  [[nodiscard]] Section inner(const char* key, Keys known) const {
    static const Json kEmpty = Json::object();
    const Json* value = find(key);
    return {file_, dotted(key), value == nullptr ? kEmpty : *value, known};
  }

  [[noreturn]] void fail(const std::string& key, std::string_view cause) const {
    throw Error(error_code::kConfigInvalid, "read configuration", file_,
                fmt::format("\"{}\" {}", key.empty() ? path_ : dotted(key), cause));
  }

 private:
  void refuse_unknown(const std::vector<std::string_view>& known) const {
    for (const auto& [key, value] : object_.items()) {
      if (std::find(known.begin(), known.end(), key) != known.end()) continue;
      const std::string_view nearest = nearest_word(key, known);
      const std::string hint = nearest.empty() ? "" : fmt::format("did you mean \"{}\"? ", nearest);
      fail(key, fmt::format("is not a key we know; {}Allowed here: {}", hint, list_words(known)));
    }
  }
  [[nodiscard]] const Json* find(const char* key) const {
    const auto found = object_.find(key);
    return found == object_.end() ? nullptr : &*found;
  }
  [[nodiscard]] std::string dotted(const std::string& key) const {
    return path_.empty() ? key : path_ + "." + key;
  }

  const std::string& file_;
  std::string path_;
  const Json& object_;
};

/// Text to JSON; a key given twice is refused, since one of the two would silently win.
Json parse_strictly(const std::string& text, const std::string& file) {
  std::vector<std::set<std::string>> open_objects;
  std::string doubled;
  const auto watch = [&](int, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::object_start) open_objects.emplace_back();
    if (event == Json::parse_event_t::object_end) open_objects.pop_back();
    if (event == Json::parse_event_t::key &&
        !open_objects.back().insert(value.get<std::string>()).second) {
      doubled = value.get<std::string>();
    }
    return true;
  };
  try {
    Json out = Json::parse(text, watch, true, true);
    if (!doubled.empty()) {
      throw Error(error_code::kConfigInvalid, "read configuration", file,
                  "\"" + doubled + "\" is given twice");
    }
    return out;
  } catch (const Json::parse_error& failure) {
    throw Error(error_code::kConfigInvalid, "read configuration", file,
                fmt::format("it is not JSON; look near byte {}", failure.byte));
  }
}

bool is_within(const fs::path& inner, const fs::path& outer) {
  const fs::path relative = inner.lexically_relative(outer);
  return !relative.empty() && *relative.begin() != "..";
}

std::string project_url(const Section& root, const std::string& file) {
  std::string url = root.text("project_url");
  while (url.ends_with('/')) url.pop_back();
  try {
    check_url_is_safe(url);
  } catch (const Error& error) {
    throw Error(error.code(), "read configuration", file, "\"project_url\": " + error.cause());
  }
  return url;
}

fs::path folder(const Section& root, const char* key, const fs::path& base) {
  fs::path path = (base / root.text(key)).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();  // "folder/" and "folder" are the same
  return path;
}

/// "HH:MM" in minutes of the day.
std::int32_t time_of_day(const Section& section, const char* key) {
  const std::string text = section.text(key);
  const std::optional<std::int32_t> minutes = parse_time_of_day(text);
  if (!minutes) section.fail(key, "must be a time of day as in 08:30");
  return *minutes;
}

BandwidthWindow read_window(const Section& section) {
  BandwidthWindow out;
  if (!section.has("days")) out.weekdays.fill(true);
  for (const Json& day : section.list("days")) {
    const std::optional<std::size_t> number =
        day.is_string() ? parse_weekday(day.get<std::string>()) : std::nullopt;
    if (!number) section.fail("days", "must be a list of mon, tue, wed, thu, fri, sat, sun");
    out.weekdays[*number] = true;
  }
  out.from_minute = time_of_day(section, "from");
  out.to_minute = time_of_day(section, "to");
  section.integer("limit_kbit_s", 0, kLimitKbitMax, out.limit_kbit_s);
  return out;
}

void read_bandwidth(const Section& upload, BandwidthConfig& out) {
  const Section section = upload.inner("bandwidth", {"limit_kbit_s", "timetable"});
  section.integer("limit_kbit_s", 0, kLimitKbitMax, out.limit_kbit_s);
  for (const Json& object : section.list("timetable")) {
    out.windows.push_back(read_window(section.item("timetable", out.windows.size(), object,
                                                   {"days", "from", "to", "limit_kbit_s"})));
  }
}

void read_network(const Section& root, const fs::path& base, AgentConfig& out) {
  const Section section =
      root.inner("network", {"proxy", "ca_file", "client_certificate", "client_key"});
  out.network.proxy = section.maybe_empty("proxy");
  for (const auto& [key, into] : {std::pair{"ca_file", &out.network.ca_file},
                                  {"client_certificate", &out.network.client_certificate},
                                  {"client_key", &out.network.client_key}}) {
    const std::string path = section.maybe_empty(key);
    if (!path.empty()) *into = (base / path).lexically_normal();
  }
  if (out.network.client_certificate.empty() != out.network.client_key.empty()) {
    section.fail("client_key", "goes with \"client_certificate\": give both or none");
  }
}

void read_sections(const Section& root, AgentConfig& out) {
  const Section ready = root.inner("ready", {"quiet_ms"});
  ready.integer("quiet_ms", 100, kHourMs, out.ready.quiet_ms);
  const Section scan = root.inner("scan", {"interval_ms", "notifications", "rehash_days"});
  scan.integer("interval_ms", 200, 24 * kHourMs, out.scan.interval_ms);
  scan.boolean("notifications", out.scan.notifications);
  scan.integer("rehash_days", 0, 3'650, out.scan.rehash_days);
  const Section sync = root.inner("sync", {"interval_ms"});
  sync.integer("interval_ms", 0, kHourMs, out.sync.interval_ms);
  const Section upload = root.inner("upload", {"parallel", "bandwidth", "give_up_after"});
  upload.integer("parallel", 1, 16, out.upload.parallel);
  upload.integer("give_up_after", 1, 10'000, out.upload.give_up_after);
  read_bandwidth(upload, out.upload.bandwidth);
  const Section ledger = root.inner("ledger", {"backup_hours", "backups_kept", "reserve_mib"});
  ledger.integer("backup_hours", 0, 24 * 365, out.ledger.backup_hours);
  ledger.integer("backups_kept", 1, 100, out.ledger.backups_kept);
  ledger.integer("reserve_mib", 0, 1'000'000, out.ledger.reserve_mib);
  const Section delivery = root.inner("delivery", {"close_after_idle_ms"});
  delivery.integer("close_after_idle_ms", 0, 24 * kHourMs, out.delivery.close_after_idle_ms);
  const Section log = root.inner("log", {"level"});
  std::string level = "info";
  if (log.has("level")) level = log.text("level");
  if (!parse_log_level(level, out.log.level)) {
    log.fail("level", "must be one of debug, info, warning, error");
  }
}

void read_after_processed(const Section& root, const fs::path& base, AgentConfig& out) {
  const Section section = root.inner("after_processed", {"action", "folder", "after_days"});
  const std::string action = section.has("action") ? section.text("action") : "keep";
  if (action == "move") {
    out.after_processed.action = AfterProcessed::kMove;
  } else if (action == "delete") {
    out.after_processed.action = AfterProcessed::kDelete;
  } else if (action != "keep") {
    section.fail("action", "must be one of keep, move, delete");
  }
  section.integer("after_days", 0, kAfterDaysMax, out.after_processed.after_days);
  if (action != "move" && !section.has("folder")) return;
  out.after_processed.folder = folder(section, "folder", base);
  if (is_within(out.after_processed.folder, out.export_folder)) {
    section.fail("folder", "must not lie in export_folder: its files would be taken for exports");
  }
}

bool is_fetch_name(const std::string& name) {
  return name.size() <= 40 && std::all_of(name.begin(), name.end(), [](char c) {
           return is_ascii_digit(c) || (c >= 'a' && c <= 'z') || c == '_' || c == '-';
         });
}

/// A pointer may be "", so that it is not text() that reads it.
std::string json_pointer(const Section& section, const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) section.fail(key, "is missing; it must be a JSON pointer");
  if (!found->is_string()) section.fail(key, "must be a JSON pointer, as text");
  std::string pointer = found->get<std::string>();
  const std::string problem = json_pointer_problem(pointer);
  if (!problem.empty()) section.fail(key, problem);
  return pointer;
}

void check_file_name(const Section& section, const std::string& name) {
  for (const char* field : {"%Y", "%m", "%d", "%H", "%M"}) {
    if (name.find(field) == std::string::npos) {
      section.fail("file_name",
                   "must have %Y, %m, %d, %H and %M, so that no run writes over another");
    }
  }
  const bool is_plain = name.find('/') == std::string::npos &&
                        name.find('\\') == std::string::npos && name.front() != '.' &&
                        name.size() <= 200;
  if (!is_plain) section.fail("file_name", "must be a plain name of at most 200 characters");
}

FetchConfig read_fetch(const Section& section, const Json& object, const fs::path& base) {
  FetchConfig out;
  out.name = section.text("name");
  if (!is_fetch_name(out.name)) {
    section.fail("name", "must be at most 40 of a-z, 0-9, _ and -");
  }
  out.url = section.text("url");
  try {
    check_url_is_safe(out.url);
  } catch (const Error& error) {
    section.fail("url", "must be https, or http to this machine");
  }
  if (out.url.find('#') != std::string::npos) section.fail("url", "must have no #");
  section.integer("every_minutes", 1, 7 * 24 * 60, out.every_minutes);
  out.file_tag = FileTag(section.text("file_tag"));
  out.file_name = section.text("file_name");
  check_file_name(section, out.file_name);
  out.shape.rows = json_pointer(section, object, "rows");
  if (section.has("next")) out.shape.next = json_pointer(section, object, "next");
  out.cursor_parameter = section.text_or_empty("cursor_parameter");
  if (out.shape.next.has_value() == out.cursor_parameter.empty()) {
    section.fail("cursor_parameter", "goes with \"next\": give both or none");
  }
  section.boolean("incremental", out.is_incremental);
  if (out.is_incremental && !out.shape.next) {
    section.fail("incremental", "needs \"next\": without a cursor every run reads all");
  }
  if (section.has("headers_file")) {
    out.headers_file = (base / section.text("headers_file")).lexically_normal();
  }
  section.integer("page_limit", 1, 1'000'000, out.page_limit);
  return out;
}

void read_fetches(const Section& root, const std::string& file, const fs::path& base,
                  AgentConfig& out) {
  for (const Json& object : root.list("fetch")) {
    const Section section(file, fmt::format("fetch[{}]", out.fetch.size()), object,
                          {"name", "url", "every_minutes", "file_tag", "file_name", "rows", "next",
                           "cursor_parameter", "incremental", "headers_file", "page_limit"});
    FetchConfig fetch = read_fetch(section, object, base);
    for (const FetchConfig& other : out.fetch) {
      if (other.name == fetch.name) section.fail("name", "is given to two fetches");
    }
    if (!fetch.headers_file.empty() && is_within(fetch.headers_file, out.export_folder)) {
      section.fail("headers_file", "must not lie in export_folder: it would be sent");
    }
    out.fetch.push_back(std::move(fetch));
  }
}

}  // namespace

AgentConfig parse_agent_config(const std::string& text, const fs::path& file) {
  const std::string name = file.string();
  const Json json = parse_strictly(text, name);
  const Section root(name, "", json,
                     {"$schema", "project_url", "publishable_key", "export_folder", "state_folder",
                      "ready", "scan", "sync", "upload", "delivery", "network", "ledger",
                      "after_processed", "fetch", "log"});
  AgentConfig out;
  if (root.has("$schema")) (void)root.text("$schema");  // for editors
  out.project_url = project_url(root, name);
  out.publishable_key = root.text("publishable_key");
  out.export_folder = folder(root, "export_folder", file.parent_path());
  out.state_folder = folder(root, "state_folder", file.parent_path());
  if (is_within(out.state_folder, out.export_folder)) {
    root.fail("state_folder",
              "must not lie in export_folder: its files would be taken for exports");
  }
  read_sections(root, out);
  read_network(root, file.parent_path(), out);
  read_after_processed(root, file.parent_path(), out);
  read_fetches(root, name, file.parent_path(), out);
  return out;
}

AgentConfig read_agent_config(FileSystem& files, const fs::path& file) {
  std::string text;
  try {
    text = read_whole_file(files, fs::absolute(file), kConfigBytesMax);
  } catch (const Error& error) {
    throw Error(error_code::kConfigUnreadable, "read configuration", file.string(), error.cause());
  }
  return parse_agent_config(text, fs::absolute(file));
}

}  // namespace waybill
