// What the worker's tests share: a migrated database, agencies that deliver, a store with faults.
//
// Rule: registry and staging are the real ones; only the store may be ours, because it has to
//       misbehave on request. worker_standin_test.cc runs the same worker on the stand-in.
#pragma once

#include <Poco/Net/HTTPRequestHandler.h>
#include <Poco/Net/HTTPRequestHandlerFactory.h>
#include <Poco/Net/HTTPServer.h>
#include <Poco/Net/HTTPServerParams.h>
#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerResponse.h>
#include <Poco/StreamCopier.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "central/pg/connection.h"
#include "central/worker/worker.h"
#include "core/crypto.h"
#include "core/error.h"
#include "core/file_system.h"
#include "tests/support/private_postgres.h"

namespace waybill::test {

using nlohmann::json;

constexpr const char* kServiceKey = "sb_secret_of_the_tests";
constexpr const char* kBucket = "waybill-exports";
inline const json kDelivery = {{"date", "2026-11-20"}, {"name", "nightly"}};

/// Waits for `done`, at most 20 s; false when that was not enough.
inline bool eventually(const std::function<bool()>& done, std::int64_t at_most_ms = 20'000) {
  for (std::int64_t waited_ms = 0; waited_ms < at_most_ms; waited_ms += 10) {
    if (done()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return done();
}

/// A Storage API that keeps objects in memory and misbehaves when told to.
class FakeStorage {
 public:
  /// Called before an object is answered; may wait, change it, or return a status to refuse with.
  using OnRead = std::function<int(const std::string& path)>;

  FakeStorage()
      : server_(new Factory(*this),
                Poco::Net::ServerSocket(Poco::Net::SocketAddress("127.0.0.1", 0)),
                new Poco::Net::HTTPServerParams) {
    server_.start();
  }
  ~FakeStorage() {
    release();
    server_.stopAll(true);
  }
  FakeStorage(const FakeStorage&) = delete;
  FakeStorage& operator=(const FakeStorage&) = delete;

  [[nodiscard]] std::string url() const {
    return "http://127.0.0.1:" + std::to_string(server_.port());
  }
  void put(const std::string& path, const std::string& bytes) {
    const std::lock_guard lock(mutex_);
    objects_[path] = bytes;
  }
  void remove(const std::string& path) {
    const std::lock_guard lock(mutex_);
    objects_.erase(path);
  }
  [[nodiscard]] std::optional<std::string> get(const std::string& path) const {
    const std::lock_guard lock(mutex_);
    const auto found = objects_.find(path);
    return found == objects_.end() ? std::nullopt : std::optional(found->second);
  }
  void on_read(OnRead on_read) {
    const std::lock_guard lock(mutex_);
    on_read_ = std::move(on_read);
  }
  /// From now on every read stops after `bytes` of the object until release().
  void hold_after(std::size_t bytes) { hold_after_ = static_cast<std::int64_t>(bytes); }
  void release() { hold_after_ = -1; }
  /// The next moves are answered 200 with a web page, as by something on the way, and not done.
  void answer_moves_with_a_page(int count) { pages_ = count; }
  /// The next removals are refused with 503.
  void refuse_removals(int count) { refused_removals_ = count; }
  /// Reads that are waiting in the middle of an object.
  [[nodiscard]] int held() const { return held_; }

 private:
  struct Factory : Poco::Net::HTTPRequestHandlerFactory {
    explicit Factory(FakeStorage& to_serve) : storage(to_serve) {}
    Poco::Net::HTTPRequestHandler* createRequestHandler(
        const Poco::Net::HTTPServerRequest&) override {
      return new Handler(storage);
    }
    FakeStorage& storage;
  };
  struct Handler : Poco::Net::HTTPRequestHandler {
    explicit Handler(FakeStorage& to_serve) : storage(to_serve) {}
    void handleRequest(Poco::Net::HTTPServerRequest& request,
                       Poco::Net::HTTPServerResponse& response) override {
      storage.serve(request, response);
    }
    FakeStorage& storage;
  };

  static void answer(Poco::Net::HTTPServerResponse& response, int status, const json& body) {
    const std::string text = body.dump();
    response.setStatus(static_cast<Poco::Net::HTTPResponse::HTTPStatus>(status));
    response.sendBuffer(text.data(), text.size());
  }
  /// As Storage refuses: HTTP 400, the truth in the body.
  static void refuse(Poco::Net::HTTPServerResponse& response, int status, const std::string& code) {
    answer(response, status >= 500 ? status : 400,
           {{"statusCode", std::to_string(status)}, {"code", code}, {"message", code}});
  }

  void serve(Poco::Net::HTTPServerRequest& request, Poco::Net::HTTPServerResponse& response) {
    const std::string base = "/storage/v1/object/";
    const std::string read = base + "authenticated/" + kBucket + "/";
    const std::string info = base + "info/" + kBucket + "/";
    const std::string upload = base + kBucket + "/";
    const std::string& uri = request.getURI();
    if (request.get("apikey", "") != kServiceKey) return refuse(response, 403, "AccessDenied");
    if (uri.rfind(read, 0) == 0) {
      return serve_read(uri.substr(read.size()), request.get("range", ""), response);
    }
    if (request.getMethod() == "DELETE" && uri.rfind(upload, 0) == 0) {
      return serve_remove(uri.substr(upload.size()), response);
    }
    if (request.getMethod() == "POST" && uri.rfind(upload, 0) == 0) {
      return serve_upload(uri.substr(upload.size()), request, response);
    }
    if (uri.rfind(info, 0) == 0) {
      const auto object = get(uri.substr(info.size()));
      if (!object) return refuse(response, 404, "NoSuchKey");
      return answer(response, 200, {{"size", object->size()}, {"etag", "\"x\""}});
    }
    if (uri == base + "move") return serve_move(request, response);
    refuse(response, 404, "NoSuchBucket");
  }

  void serve_remove(const std::string& path, Poco::Net::HTTPServerResponse& response) {
    if (refused_removals_ > 0 && refused_removals_-- > 0) return refuse(response, 503, "SlowDown");
    if (!get(path)) return refuse(response, 404, "NoSuchKey");
    remove(path);
    answer(response, 200, {{"message", "Successfully deleted"}});
  }

  void serve_upload(const std::string& path, Poco::Net::HTTPServerRequest& request,
                    Poco::Net::HTTPServerResponse& response) {
    if (get(path) && request.get("x-upsert", "") != "true") {
      return refuse(response, 409, "KeyAlreadyExists");
    }
    std::string bytes;
    Poco::StreamCopier::copyToString(request.stream(), bytes);
    if (static_cast<Poco::Int64>(bytes.size()) != request.getContentLength64()) return;
    put(path, bytes);
    answer(response, 200, {{"Key", std::string(kBucket) + "/" + path}});
  }

  /// The bytes of "bytes=2-5", or all.
  static std::string range_of(const std::string& object, const std::string& range) {
    const std::size_t dash = range.find('-');
    if (range.rfind("bytes=", 0) != 0 || dash == std::string::npos) return object;
    const std::size_t first = std::stoull(range.substr(6, dash - 6));
    return object.substr(first, std::stoull(range.substr(dash + 1)) - first + 1);
  }

  void serve_read(const std::string& path, const std::string& range,
                  Poco::Net::HTTPServerResponse& response) {
    OnRead on_read;
    {
      const std::lock_guard lock(mutex_);
      on_read = on_read_;
    }
    const int status = on_read ? on_read(path) : 0;
    if (status != 0) return refuse(response, status, "SlowDown");
    auto object = get(path);
    if (!object) return refuse(response, 404, "NoSuchKey");
    if (!range.empty()) {
      object = range_of(*object, range);
      response.setStatus(Poco::Net::HTTPResponse::HTTP_PARTIAL_CONTENT);
    }
    response.setContentLength64(static_cast<Poco::Int64>(object->size()));
    std::ostream& body = response.send();
    std::size_t sent = 0;
    const std::int64_t hold_at = hold_after_;
    if (hold_at >= 0) {
      sent = std::min(object->size(), static_cast<std::size_t>(hold_at));
      body.write(object->data(), static_cast<std::streamsize>(sent)).flush();
      ++held_;
      while (hold_after_ >= 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
      --held_;
    }
    body.write(object->data() + sent, static_cast<std::streamsize>(object->size() - sent));
  }

  void serve_move(Poco::Net::HTTPServerRequest& request, Poco::Net::HTTPServerResponse& response) {
    std::string text;
    Poco::StreamCopier::copyToString(request.stream(), text);
    if (pages_ > 0 && pages_-- > 0) {
      response.setContentType("text/html");
      response.send() << "<html>please log in</html>";
      return;
    }
    const json body = json::parse(text);
    const std::string from = body.at("sourceKey");
    const std::string to = body.at("destinationKey");
    const std::lock_guard lock(mutex_);
    if (objects_.count(from) == 0) return refuse(response, 404, "NoSuchKey");
    if (objects_.count(to) != 0) return refuse(response, 409, "KeyAlreadyExists");
    objects_[to] = std::move(objects_[from]);
    objects_.erase(from);
    answer(response, 200, {{"message", "Successfully moved"}});
  }

  mutable std::mutex mutex_;
  std::map<std::string, std::string> objects_;
  OnRead on_read_;
  std::atomic<std::int64_t> hold_after_{-1};
  std::atomic<int> held_{0};
  std::atomic<int> pages_{0};
  std::atomic<int> refused_removals_{0};
  Poco::Net::HTTPServer server_;
};

/// A central database with agencies, and the agents' side of a delivery in one call.
class Central {
 public:
  Central()
      : url(PrivatePostgres::shared().fresh_database()),
        worker_url(PrivatePostgres::as_role(url, "postgres")),
        admin_(url, "tests") {
    admin_.exec("SELECT vault.create_secret($1, 'waybill_storage_signing_secret', '')",
                {random_uuid()});
  }

  const std::string url;
  const std::string worker_url;

  /// One value of one row as text; "" for none and for NULL.
  std::string value(const std::string& sql, const pg::Params& params = {}) {
    const pg::Result result = admin_.exec(sql, params);
    return result.empty() || result.columns() == 0 ? "" : result.string(0, 0);
  }
  pg::Connection& admin() { return admin_; }

  /// An agency with an agent that has enrolled.
  void add_agency(const std::string& slug, const std::vector<json>& specs) {
    value("SELECT ingest.create_tenant($1, $1, 'Europe/Berlin')", {slug});
    for (const json& spec : specs) {
      value("SELECT ingest.put_file_spec($1, $2::jsonb, 'tests')", {slug, spec.dump()});
    }
    const std::string code =
        value("SELECT ingest.create_enrolment_code($1, 3600, 'tests')", {slug});
    tokens_[slug] = "token-of-" + slug;
    value("SELECT public.ingest_enroll($1, 'tests', $2)", {code, sha256_hex(tokens_[slug])});
  }

  /// Registers a file as the agent would; its job_file_id.
  json open(const std::string& slug, const std::string& tag, const std::string& relative_path,
            const std::string& bytes, const json& more = json::object()) {
    return open_in({"night", kDelivery}, slug, tag, relative_path, bytes, more);
  }

  struct Job {
    std::string key;
    json delivery;
  };
  json open_in(const Job& job, const std::string& slug, const std::string& tag,
               const std::string& relative_path, const std::string& bytes,
               const json& more = json::object()) {
    json file = {{"relative_path", relative_path},
                 {"file_tag", tag},
                 {"content_sha256", sha256_hex(bytes)},
                 {"size_bytes", bytes.size()},
                 {"modified_at", "2026-11-20T22:00:00Z"}};
    file.update(more);
    const json answer = call(slug, "SELECT public.ingest_open_job($1, $2::jsonb, $3::jsonb)",
                             {job.key, job.delivery.dump(), json::array({file}).dump()});
    return answer.at("files").at(0);
  }

  /// The agent says that the delivery is complete: what is processed goes to the archive.
  void close(const std::string& slug, const std::string& job_key = "night") {
    call(slug, "SELECT public.ingest_close_job($1, 'complete')", {job_key});
  }

  /// The agent says that a registered file's bytes will not come.
  void withdraw(const std::string& slug, const std::string& file) {
    const json told = json::array({{{"job_file_id", file}, {"reason", "changed"}}});
    call(slug, "SELECT public.ingest_withdraw_files($1::jsonb)", {told.dump()});
  }

  /// A halted agency goes on.
  void resume(const std::string& slug) {
    value("SELECT ingest.resume_tenant($1, 'the cause is removed', 'tests')", {slug});
  }

  /// The object is stored with `stored` bytes and the agent says so.
  void arrive(const std::string& slug, const json& opened, FakeStorage& storage,
              const std::string& stored) {
    const std::string path = opened.at("upload").at("path");
    storage.put(path, stored);
    note_object(path, stored.size());
    const json told =
        json::array({{{"job_file_id", opened.at("job_file_id")}, {"size_bytes", stored.size()}}});
    call(slug, "SELECT public.ingest_confirm_uploads($1::jsonb)", {told.dump()});
  }

  /// Opened, stored and confirmed; the job_file_id.
  std::string deliver(FakeStorage& storage, const std::string& slug, const std::string& tag,
                      const std::string& relative_path, const std::string& bytes) {
    const json opened = open(slug, tag, relative_path, bytes);
    REQUIRE(opened.at("outcome") == "upload");
    arrive(slug, opened, storage, bytes);
    return opened.at("job_file_id");
  }

  /// The row that the Storage service writes for a complete object.
  void note_object(const std::string& path, std::size_t size_bytes) {
    value(
        "INSERT INTO storage.objects (bucket_id, name, version, metadata) VALUES ($1, $2, 'v',"
        " jsonb_build_object('eTag', '\"x\"', 'size', $3::bigint))",
        {kBucket, path, std::to_string(size_bytes)});
  }

  /// As when Storage has removed the object.
  void forget_object(const std::string& path) {
    pg::Transaction transaction(admin_);
    admin_.exec("SET LOCAL storage.allow_delete_query = 'true'");
    admin_.exec("DELETE FROM storage.objects WHERE name = $1", {path});
    transaction.commit();
  }

  std::string state_of(const std::string& file) {
    return value("SELECT state FROM ingest.job_file WHERE job_file_id = $1", {file});
  }
  std::string field(const std::string& file, const std::string& column) {
    return value("SELECT (" + column + ")::text FROM ingest.job_file WHERE job_file_id = $1",
                 {file});
  }
  bool reaches(const std::string& file, const std::string& state) {
    return eventually([&] { return state_of(file) == state; });
  }
  std::int64_t staged_rows(const std::string& file) {
    return std::stoll(value("SELECT count(*) FROM staging.any_row WHERE job_file_id = $1", {file}));
  }
  std::int64_t events(const std::string& file, const std::string& event) {
    return std::stoll(
        value("SELECT count(*) FROM ingest.job_event WHERE job_file_id = $1 AND event = $2",
              {file, event}));
  }
  /// What failed is due again now.
  void make_due() {
    value(  // what a worker holds just now is not waited for: it holds other rows that we may have
        "UPDATE ingest.job_file SET next_attempt_at = now() WHERE job_file_id IN (SELECT "
        "job_file_id "
        "FROM ingest.job_file WHERE next_attempt_at > now() FOR UPDATE SKIP LOCKED)");
  }

 private:
  json call(const std::string& slug, const std::string& sql, const pg::Params& params) {
    pg::Transaction transaction(admin_);
    admin_.exec("SELECT set_config('request.headers', $1, true)",
                {json{{"x-agent-token", tokens_.at(slug)}}.dump()});
    const pg::Result result = admin_.exec(sql, params);
    json answer = json::parse(result.text(0, 0));
    transaction.commit();
    return answer;
  }

  pg::Connection admin_;
  std::map<std::string, std::string> tokens_;
};

/// run_worker() on a thread of its own, until it goes out of scope.
class RunningWorker {
 public:
  explicit RunningWorker(WorkerOptions options)
      : options_(std::move(options)), thread_([this] { run(); }) {}
  RunningWorker(const Central& central, const std::string& storage_url, int threads = 2,
                std::int64_t lease_s = 60)
      : RunningWorker(options_of(central, storage_url, threads, lease_s)) {}
  ~RunningWorker() { end(); }
  RunningWorker(const RunningWorker&) = delete;
  RunningWorker& operator=(const RunningWorker&) = delete;

  /// Asks it to end; how long that took.
  std::int64_t end() {
    const auto before = std::chrono::steady_clock::now();
    stop_.request();
    if (thread_.joinable()) thread_.join();
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                                 before)
        .count();
  }

  /// The code that it ended with by itself; "" while it works.
  [[nodiscard]] std::string ended_with() const {
    const std::lock_guard lock(mutex_);
    return ended_with_;
  }

  static WorkerOptions options_of(const Central& central, const std::string& storage_url,
                                  int threads, std::int64_t lease_s) {
    WorkerOptions options;
    options.database_url = central.worker_url;
    options.project_url = storage_url;
    options.service_key = kServiceKey;
    options.threads = threads;
    options.poll_ms = 20;
    options.lease_s = lease_s;
    return options;
  }

 private:
  void run() {
    try {
      run_worker(options_, stop_);
    } catch (const Error& error) {
      const std::lock_guard lock(mutex_);
      ended_with_ = error.code().id;
    }
  }

  const WorkerOptions options_;
  StopSource stop_;
  mutable std::mutex mutex_;
  std::string ended_with_;
  std::thread thread_;
};

/// A spec with one column of every type, for any entity.
inline json spec_of(const std::string& entity) {
  return {{"file_tag", entity},
          {"entity", entity},
          {"description", "tests"},
          {"file_name", entity + "_*.csv"},
          {"format", "csv"},
          {"header", true},
          {"columns",
           {{{"name", "Code"}, {"to", "code"}, {"required", true}},
            {{"name", "Name"}, {"to", "name"}},
            {{"name", "Count"}, {"to", "count"}, {"type", "integer"}},
            {{"name", "Amount"}, {"to", "amount"}, {"type", "decimal"}},
            {{"name", "Active"}, {"to", "active"}, {"type", "boolean"}},
            {{"name", "Day"}, {"to", "day"}, {"type", "date"}, {"date_format", "%d.%m.%Y"}}}},
          {"natural_key", {"code", "count"}},
          {"on_refusal", "quarantine"}};
}

inline json with(json spec, const json& more) {
  spec.update(more);
  return spec;
}

/// `rows` good rows for spec_of().
inline std::string export_of(const std::string& prefix, int rows) {
  std::string text = "Code,Name,Count,Amount,Active,Day\r\n";
  for (int i = 1; i <= rows; ++i) {
    const std::string n = std::to_string(i);
    text += prefix + n + ",Name " + n + "," + n + "," + n + ".50,yes,20.11.2026\r\n";
  }
  return text;
}

}  // namespace waybill::test
