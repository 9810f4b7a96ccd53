#include "core/wire.h"

#include "core/clock.h"
#include "core/error.h"

namespace waybill::wire {

namespace {

[[noreturn]] void malformed(std::string_view rpc, std::string_view cause) {
  throw Error(error_code::kAnswerNotUnderstood, "read answer of", rpc, cause);
}

/// Reads one object of an answer. Every complaint names the call and the key, never the value.
class Reader {
 public:
  Reader(std::string_view rpc, const Json& object) : rpc_(rpc), object_(object) {
    if (!object.is_object()) malformed(rpc, "an object was expected");
  }

  [[nodiscard]] std::string text(const char* key) const {
    const Json& value = need(key);
    if (!value.is_string()) wrong(key, "text");
    return value.get<std::string>();
  }
  [[nodiscard]] std::string text_or(const char* key, const char* fallback) const {
    return is_absent(key) ? fallback : text(key);
  }
  [[nodiscard]] std::int64_t integer(const char* key) const {
    const Json& value = need(key);
    if (!value.is_number_integer()) wrong(key, "a whole number");
    return value.get<std::int64_t>();
  }
  [[nodiscard]] std::int64_t integer_or(const char* key, std::int64_t fallback) const {
    return is_absent(key) ? fallback : integer(key);
  }
  [[nodiscard]] bool boolean(const char* key) const {
    const Json& value = need(key);
    if (!value.is_boolean()) wrong(key, "true or false");
    return value.get<bool>();
  }
  [[nodiscard]] std::int64_t time_ms(const char* key) const {
    const std::int64_t parsed = parse_utc(text(key));
    if (parsed < 0) wrong(key, "a time as in RFC 3339");
    return parsed;
  }
  [[nodiscard]] const Json& array(const char* key) const {
    const Json& value = need(key);
    if (!value.is_array()) wrong(key, "an array");
    return value;
  }
  [[nodiscard]] Json object_or_empty(const char* key) const {
    if (is_absent(key)) return Json::object();
    if (!object_.at(key).is_object()) wrong(key, "an object");
    return object_.at(key);
  }
  [[nodiscard]] bool is_absent(const char* key) const {
    const auto found = object_.find(key);
    return found == object_.end() || found->is_null();
  }
  [[nodiscard]] Reader inner(const char* key) const { return {rpc_, need(key)}; }
  [[nodiscard]] const Json& raw() const { return object_; }
  [[nodiscard]] std::string_view rpc() const { return rpc_; }

 private:
  [[nodiscard]] const Json& need(const char* key) const {
    if (is_absent(key)) malformed(rpc_, std::string("key \"") + key + "\" is missing");
    return object_.at(key);
  }
  [[noreturn]] void wrong(const char* key, std::string_view wanted) const {
    malformed(rpc_, std::string("key \"") + key + "\" is not " + std::string(wanted));
  }

  std::string_view rpc_;
  const Json& object_;
};

FileProblem read_problem(const Reader& in) {
  FileProblem out;
  out.code = in.text("code");
  out.message = in.text_or("message", "");
  out.details = in.raw();
  return out;
}

std::optional<FileProblem> read_problem_at(const Reader& in, const char* key) {
  if (in.is_absent(key)) return std::nullopt;
  return read_problem(in.inner(key));
}

std::optional<UploadTarget> read_target(const Reader& in) {
  if (in.is_absent("upload")) return std::nullopt;
  const Reader from = in.inner("upload");
  UploadTarget out;
  const std::string method = from.text("method");
  if (method != "PUT" && method != "TUS") malformed(in.rpc(), "key \"method\" is not PUT or TUS");
  out.method = method == "TUS" ? UploadMethod::kResumable : UploadMethod::kPut;
  out.bucket = from.text("bucket");
  out.path = ObjectPath(from.text("path"));
  out.url = from.text("url");
  out.expires_at_ms = from.time_ms("expires_at");
  out.token = from.text_or("token", "");
  out.sign_url = from.text_or("sign_url", "");
  const bool is_relative =
      out.url.starts_with('/') && (out.sign_url.empty() || out.sign_url.starts_with('/'));
  if (!is_relative) malformed(in.rpc(), "an upload's url is not relative");
  if (out.method == UploadMethod::kResumable && out.token.empty() && out.sign_url.empty()) {
    malformed(in.rpc(), "an upload in chunks comes without token and sign_url");
  }
  return out;
}

Specs read_specs(const Reader& in) {
  Specs out;
  out.digest = in.text("digest");
  for (const Json& item : in.array("specs")) {
    const Reader from(in.rpc(), item);
    Specs::Entry entry;
    entry.file_tag = FileTag(from.text("file_tag"));
    entry.version = static_cast<std::int32_t>(from.integer("version"));
    entry.spec = from.inner("spec").raw();
    out.specs.push_back(std::move(entry));
  }
  if (!in.is_absent("delivery_plan")) out.delivery_plan = in.inner("delivery_plan").raw();
  return out;
}

OpenOutcome read_outcome(const Reader& in) {
  const std::string name = in.text("outcome");
  if (name == "upload") return OpenOutcome::kUpload;
  if (name == "duplicate") return OpenOutcome::kDuplicate;
  if (name == "known") return OpenOutcome::kKnown;
  if (name == "refused") return OpenOutcome::kRefused;
  malformed(in.rpc(), "key \"outcome\" has a value we do not know");
}

Change read_change(const Reader& in) {
  Change out;
  out.seq = in.integer_or("seq", 0);
  out.at_ms = in.is_absent("at") ? 0 : in.time_ms("at");
  out.job_file_id = JobFileId(in.text("job_file_id"));
  out.job_key = JobKey(in.text("job_key"));
  out.relative_path = in.text("relative_path");
  out.content_sha256 = in.text("content_sha256");
  out.part_number = static_cast<std::int32_t>(in.integer_or("part_number", 1));
  out.state = in.text("state");
  out.entity = in.text_or("entity", "");
  out.rows_staged = in.integer_or("rows_staged", -1);
  out.error = read_problem_at(in, "error");
  return out;
}

}  // namespace

Json to_json(const EnrollRequest& request) {
  return {{"code", request.code},
          {"agent_name", request.agent_name},
          {"secret_hash", request.secret_hash},
          {"machine", request.machine}};
}

namespace {

Json to_json(const OfferedFile& file) {
  Json entry = {{"relative_path", file.relative_path},
                {"file_tag", file.file_tag.value},
                {"content_sha256", file.content_sha256},
                {"size_bytes", file.size_bytes},
                {"modified_at", format_utc(file.modified_at_ms)}};
  if (!file.original_sha256.empty()) {
    entry["original_sha256"] = file.original_sha256;
    entry["part_number"] = file.part_number;
    entry["part_count"] = file.part_count;
    entry["first_source_row"] = file.first_source_row;
  }
  if (file.chunk_count > 1) {
    entry["chunk_number"] = file.chunk_number;
    entry["chunk_count"] = file.chunk_count;
  }
  if (!file.preflight.is_null()) entry["preflight"] = file.preflight;
  return entry;
}

DeliveryStatus read_delivery(const Reader& in) {
  DeliveryStatus out;
  out.date = in.text("date");
  out.name = in.text("name");
  out.state = in.text("state");
  if (!in.is_absent("missing")) {
    for (const Json& tag : in.array("missing")) {
      if (!tag.is_string()) malformed(in.rpc(), "a missing tag is not text");
      out.missing.push_back(tag.get<std::string>());
    }
  }
  if (!in.is_absent("deadline_at")) out.deadline_at_ms = in.time_ms("deadline_at");
  return out;
}

}  // namespace

Json to_json(const OpenJobRequest& request) {
  Json files = Json::array();
  for (const OfferedFile& file : request.files) files.push_back(to_json(file));
  Json delivery = {{"date", request.delivery_date}, {"name", request.delivery_name}};
  if (request.kind != DeliveryKind::kNightly) {
    delivery["kind"] = "history";
    delivery["precedence"] = request.kind == DeliveryKind::kHistoryAhead ? "ahead" : "behind";
  }
  if (request.allow_older) delivery["allow_older"] = true;
  return {{"job_key", request.job_key.value},
          {"delivery", std::move(delivery)},
          {"files", std::move(files)}};
}

namespace {

Json to_json(const LedgerProof& ledger) {
  Json out = {{"ledger_id", ledger.ledger_id},
              {"seq", ledger.head.seq},
              {"hash", ledger.head.hash},
              {"anchored", nullptr},
              {"public_key", ledger.public_key}};
  if (ledger.anchored) {
    out["anchored"] = {{"seq", ledger.anchored->seq}, {"hash", ledger.anchored->hash}};
  }
  return out;
}

}  // namespace

Json to_json(const SyncRequest& request) {
  return {{"cursor", request.cursor},
          {"health", request.health},
          {"ledger_head", to_json(request.ledger)},
          {"specs_digest", request.specs_digest}};
}

Json renew_request(const std::vector<JobFileId>& files) {
  Json ids = Json::array();
  for (const JobFileId& file : files) ids.push_back(file.value);
  return {{"job_file_ids", std::move(ids)}};
}

Json confirm_request(const std::vector<ConfirmedFile>& files) {
  Json list = Json::array();
  for (const ConfirmedFile& file : files) {
    list.push_back({{"job_file_id", file.job_file_id.value}, {"size_bytes", file.size_bytes}});
  }
  return {{"files", std::move(list)}};
}

Json withdraw_request(const std::vector<WithdrawnFile>& files) {
  Json list = Json::array();
  for (const WithdrawnFile& file : files) {
    const bool is_removed = file.reason == WithdrawReason::kRemoved;
    list.push_back(
        {{"job_file_id", file.job_file_id.value}, {"reason", is_removed ? "removed" : "changed"}});
  }
  return {{"files", std::move(list)}};
}

namespace {

Tenant read_tenant(const Reader& in) {
  Tenant out;
  out.tenant_id = TenantId(in.text("tenant_id"));
  out.slug = in.text("slug");
  out.display_name = in.text("display_name");
  out.time_zone = in.text("time_zone");
  return out;
}

}  // namespace

EnrollAnswer parse_enroll_answer(const Json& body) {
  const Reader in("ingest_enroll", body);
  EnrollAnswer out;
  out.agent_id = AgentId(in.text("agent_id"));
  out.tenant = read_tenant(in.inner("tenant"));
  out.server_time_ms = in.time_ms("server_time");
  out.settings = in.object_or_empty("settings");
  out.file_specs = read_specs(in.inner("file_specs"));
  return out;
}

OpenJobAnswer parse_open_job_answer(const Json& body, std::size_t asked) {
  const Reader in("ingest_open_job", body);
  OpenJobAnswer out;
  out.job_id = JobId(in.text("job_id"));
  out.state = in.text("state");
  for (const Json& item : in.array("files")) {
    const Reader from(in.rpc(), item);
    OpenedFile file;
    file.index = static_cast<std::size_t>(from.integer("index"));
    if (file.index != out.files.size()) malformed(in.rpc(), "files are not in the order asked");
    file.outcome = read_outcome(from);
    file.job_file_id = JobFileId(from.text("job_file_id"));
    file.state = from.text("state");
    file.upload = read_target(from);
    file.duplicate_of = from.object_or_empty("duplicate_of");
    file.error = read_problem_at(from, "error");
    if (file.outcome == OpenOutcome::kUpload && !file.upload) {
      malformed(in.rpc(), "outcome \"upload\" comes without an upload");
    }
    out.files.push_back(std::move(file));
  }
  if (out.files.size() != asked) malformed(in.rpc(), "it answers for other files than asked");
  return out;
}

std::vector<FileAnswer> parse_file_answers(const Json& body, std::string_view rpc) {
  const Reader in(rpc, body);
  std::vector<FileAnswer> out;
  for (const Json& item : in.array("files")) {
    const Reader from(rpc, item);
    FileAnswer file;
    file.job_file_id = JobFileId(from.text("job_file_id"));
    file.state = from.text_or("state", "");
    file.upload = read_target(from);
    file.problem = read_problem_at(from, "problem");
    if (!file.problem) file.problem = read_problem_at(from, "error");
    out.push_back(std::move(file));
  }
  return out;
}

CloseJobAnswer parse_close_job_answer(const Json& body) {
  const Reader in("ingest_close_job", body);
  return {JobId(in.text("job_id")), in.text("state")};
}

SyncAnswer parse_sync_answer(const Json& body) {
  const Reader in("ingest_sync", body);
  SyncAnswer out;
  out.server_time_ms = in.time_ms("server_time");
  out.cursor = in.integer("cursor");
  out.more = in.boolean("more");
  for (const Json& item : in.array("changes")) {
    out.changes.push_back(read_change(Reader(in.rpc(), item)));
  }
  if (!in.is_absent("file_specs")) out.file_specs = read_specs(in.inner("file_specs"));
  out.settings = in.object_or_empty("settings");
  if (!in.is_absent("deliveries")) {
    for (const Json& item : in.array("deliveries")) {
      out.deliveries.push_back(read_delivery(Reader(in.rpc(), item)));
    }
  }
  if (!in.is_absent("tenant")) {
    const Reader tenant = in.inner("tenant");
    out.tenant_state = tenant.text("state");
    out.tenant_state_reason = tenant.text_or("reason", "");
  }
  out.ledger_problem = read_problem_at(in, "ledger_problem");
  return out;
}

namespace {

HeldFile read_held_file(const Reader& in) {
  HeldFile out;
  out.seq = in.integer("seq");
  out.opened_at_ms = in.time_ms("opened_at");
  out.job_file_id = JobFileId(in.text("job_file_id"));
  out.job_id = JobId(in.text("job_id"));
  out.job_key = JobKey(in.text("job_key"));
  out.is_job_open = in.text("job_state") == "open";
  out.delivery_date = in.text("delivery_date");
  out.delivery_name = in.text("delivery_name");
  out.relative_path = in.text("relative_path");
  out.file_tag = FileTag(in.text("file_tag"));
  out.spec_version = static_cast<std::int32_t>(in.integer_or("spec_version", 0));
  out.content_sha256 = in.text("content_sha256");
  out.original_sha256 = in.text_or("original_sha256", out.content_sha256.c_str());
  out.part_number = static_cast<std::int32_t>(in.integer_or("part_number", 1));
  out.part_count = static_cast<std::int32_t>(in.integer_or("part_count", 1));
  out.first_source_row = in.integer_or("first_source_row", 1);
  out.chunk_number = static_cast<std::int32_t>(in.integer_or("chunk_number", 1));
  out.chunk_count = static_cast<std::int32_t>(in.integer_or("chunk_count", 1));
  out.size_bytes = in.integer("size_bytes");
  out.modified_at_ms = in.is_absent("modified_at") ? 0 : in.time_ms("modified_at");
  out.state = in.text("state");
  out.entity = in.text_or("entity", "");
  out.rows_staged = in.integer_or("rows_staged", -1);
  out.duplicate_of = in.object_or_empty("duplicate_of");
  out.error = read_problem_at(in, "error");
  return out;
}

/// Who we are, as enrolment told it; the first page of an inventory tells it again.
EnrollAnswer read_agent(const Reader& in) {
  EnrollAnswer out;
  out.agent_id = AgentId(in.text("agent_id"));
  out.tenant = read_tenant(in.inner("tenant"));
  out.settings = in.object_or_empty("settings");
  out.file_specs = read_specs(in.inner("file_specs"));
  return out;
}

}  // namespace

InventoryAnswer parse_inventory_answer(const Json& body) {
  const Reader in("ingest_inventory", body);
  InventoryAnswer out;
  for (const Json& item : in.array("files")) {
    out.files.push_back(read_held_file(Reader(in.rpc(), item)));
  }
  out.after = in.integer("after");
  out.more = in.boolean("more");
  out.cursor = in.integer("cursor");
  if (!in.is_absent("agent")) {
    const Reader agent = in.inner("agent");
    out.agent = read_agent(agent);
    out.agent_name = agent.text("agent_name");
  }
  return out;
}

}  // namespace waybill::wire
