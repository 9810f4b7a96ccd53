#include "central/worker/worker.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "central/pg/connection.h"
#include "central/storage/storage_client.h"
#include "central/worker/alert_sender.h"
#include "central/worker/lease_keeper.h"
#include "central/worker/orphan_sweep.h"
#include "central/worker/registry.h"
#include "central/worker/steps.h"
#include "core/clock.h"
#include "core/count_of.h"
#include "core/crypto.h"
#include "core/error.h"
#include "core/log.h"
#include "sync/http/http_client.h"

namespace waybill {

namespace {

constexpr std::int64_t kPauseMinMs = 250;
constexpr std::int64_t kPauseMaxMs = 15'000;
constexpr std::int64_t kLeaseMaxS = 3600;
constexpr std::int64_t kSweepEveryMs = 1000;

/// The worker cannot work as it was started; it ends and says why.
class ConfigurationWrong : public Error {
 public:
  explicit ConfigurationWrong(std::string_view cause)
      : Error(error_code::kCentralConfigInvalid, "reach the registry", "the database's address",
              cause) {}
};

constexpr const char* kHasOurFunctions =
    "SELECT to_regprocedure('ingest.claim_next(text, integer)') IS NOT NULL AND "
    "to_regprocedure('ingest.find_orphans(integer)') IS NOT NULL";

/// What all threads of one run_worker() share.
struct Shared {
  const WorkerOptions& options;
  StopSource& stop;
  LeaseKeeper leases;
  SystemClock clock;
  std::atomic<std::int64_t> arrivals_due_ms{0};
  std::atomic<std::int64_t> sweep_due_ms{0};
  std::mutex mutex;
  std::exception_ptr end_reason;  ///< what no waiting can help; guarded by mutex

  Shared(const WorkerOptions& own_options, StopSource& own_stop)
      : options(own_options),
        stop(own_stop),
        leases(own_options.database_url, own_options.lease_s) {}
};

/// What a person may read of an error in the registry: never the database's own words, which can
/// quote a value.
nlohmann::json describe(const Error& error) {
  std::string message = error.cause();
  if (const auto* refusal = dynamic_cast<const pg::PgError*>(&error)) {
    message = "the database refused with SQLSTATE " + refusal->sqlstate();
    if (!refusal->constraint().empty()) message += ", " + refusal->constraint();
  }
  return {{"code", error.code().id}, {"message", message}};
}

/// A session of the worker. Throws ConfigurationWrong when trying again cannot help: the server
/// answers, but role, password or database are not as told.
std::unique_ptr<pg::Connection> connect_to_registry(const std::string& url,
                                                    const std::string& name) {
  try {
    auto database = std::make_unique<pg::Connection>(url, name);
    Registry(*database).become_service_role();
    if (!database->exec(kHasOurFunctions).boolean(0, 0)) {
      throw ConfigurationWrong(
          "the database has no Waybill registry of this version; is it the "
          "right one, and are its migrations applied?");
    }
    return database;
  } catch (const ConfigurationWrong&) {
    throw;
  } catch (const Error& error) {
    if (error.is_transient()) throw;
    throw ConfigurationWrong(error.cause());
  }
}

/// One thread of the worker: its own connections to database and storage, one step at a time.
class WorkerThread {
 public:
  WorkerThread(Shared& shared, int number)
      : shared_(shared),
        name_(fmt::format("{}/{}", shared.options.name, number)),
        http_({.user_agent = "waybill-central",
               .stop = &shared.stop.flag(),
               .ca_file = shared.options.ca_file}),
        storage_(http_, {shared.options.project_url, shared.options.service_key}),
        range_http_({.user_agent = "waybill-central",
                     .stop = &shared.stop.flag(),
                     .ca_file = shared.options.ca_file}),
        range_storage_(range_http_, {shared.options.project_url, shared.options.service_key}) {}

  void run() {
    std::int64_t pause_ms = kPauseMinMs;
    while (!shared_.stop.requested()) {
      try {
        connect();
        note_arrivals();
        sweep();
        if (!work_once()) shared_.stop.wait_for(shared_.options.poll_ms);
        pause_ms = kPauseMinMs;
      } catch (const ConfigurationWrong&) {
        end_worker();
      } catch (const StorageAccessRefused&) {
        end_worker();
      } catch (const Error& error) {
        log_error(error);
        shared_.stop.wait_for(pause_ms);
        pause_ms = std::min(pause_ms * 2, kPauseMaxMs);
      }
    }
  }

 private:
  void connect() {
    if (database_ && database_->alive()) return;
    registry_.reset();
    database_.reset();
    database_ = connect_to_registry(shared_.options.database_url, name_);
    registry_ = std::make_unique<Registry>(*database_);
  }

  /// Called while the reason is being handled: run_worker() throws it once all threads have ended.
  void end_worker() {
    const std::lock_guard lock(shared_.mutex);
    if (!shared_.end_reason) shared_.end_reason = std::current_exception();
    shared_.stop.request();
  }

  /// Lets one thread through each `every_ms`, and the others never wait for it.
  bool is_my_turn(std::atomic<std::int64_t>& shared_due_ms, std::int64_t every_ms) {
    std::int64_t due_ms = shared_due_ms.load();
    const std::int64_t now_ms = shared_.clock.steady_ms();
    return now_ms >= due_ms && shared_due_ms.compare_exchange_strong(due_ms, now_ms + every_ms);
  }

  void note_arrivals() {
    if (!is_my_turn(shared_.arrivals_due_ms, shared_.options.poll_ms)) return;
    const std::int64_t count = registry_->note_arrivals();
    if (count > 0) log_info("noted " + count_of(count, "unannounced arrival"));
  }

  /// Likewise for what happens by the clock alone and for what is left over; nobody waits for it
  /// by the second.
  void sweep() {
    if (!is_my_turn(shared_.sweep_due_ms, std::max(shared_.options.poll_ms, kSweepEveryMs))) return;
    const std::int64_t count = registry_->sweep();
    if (count > 0) log_info("noted " + count_of(count, "change") + " of deliveries and sets");
    const std::int64_t found = sweep_orphans(*registry_, storage_).found;
    if (found > 0) log_info("found " + count_of(found, "object") + " that no file wants");
  }

  /// False when nothing is due.
  bool work_once() {
    const std::optional<Claim> claim = registry_->claim_next(name_, shared_.options.lease_s);
    if (!claim) return false;
    const LeaseKeeper::Hold hold(shared_.leases, *claim);
    try {
      run_step({*database_, *registry_, storage_, range_storage_, shared_.options.scratch_folder,
                shared_.stop.flag()},
               *claim, hold);
    } catch (const StorageAccessRefused&) {
      registry_->release(*claim);  // no file's fault: it waits for a worker with a good key
      throw;
    } catch (const Error& error) {
      give_up(*claim, hold, error);
    } catch (const std::exception&) {
      // Its words are unknown and may quote a value: the type of error is all that is told.
      give_up(*claim, hold,
              Error(error_code::kInternal, to_string(claim->step), claim->relative_path,
                    "an unexpected exception"));
    }
    return true;
  }

  /// The step threw: its transaction is rolled back, the registry hears why.
  void give_up(const Claim& claim, const LeaseKeeper::Hold& hold, const Error& error) {
    const std::string what =
        fmt::format("{} {} {}", to_string(claim.step), claim.tenant, claim.relative_path);
    if (hold.lost() || &error.code() == &error_code::kLeaseLost) {
      log_warning(what + ": dropped undone, the lease is lost");
      return;
    }
    connect();  // it may be the database that went away
    if (shared_.stop.requested()) {
      registry_->release(claim);
      log_info(what + ": dropped undone, the worker ends");
      return;
    }
    const nlohmann::json problem = describe(error);
    const std::string due = registry_->fail_step(claim, problem, error.is_transient());
    log_warning(fmt::format(
        "{}: {} {}; {}", what, error.code().id, problem.value("message", ""),
        error.is_transient() ? "next try " + due : "the agency is halted until it is resumed"));
  }

  Shared& shared_;
  const std::string name_;
  HttpClient http_;
  StorageClient storage_;
  HttpClient range_http_;
  StorageClient range_storage_;
  std::unique_ptr<pg::Connection> database_;
  std::unique_ptr<Registry> registry_;
};

void require(bool is_good, std::string_view option, std::string_view allowed) {
  if (!is_good) throw Error(error_code::kCentralConfigInvalid, "start worker", option, allowed);
}

WorkerOptions checked(WorkerOptions options) {
  require(!options.database_url.empty(), "--database-url", "it is needed");
  require(!options.service_key.empty(), "--keys", "a secret key is needed");
  require(options.threads >= 1 && options.threads <= kWorkerThreadsMax, "--workers",
          fmt::format("1 to {} are allowed", kWorkerThreadsMax));
  require(options.poll_ms >= 10 && options.poll_ms <= 60'000, "--poll-ms",
          "10 to 60000 are allowed");
  require(options.lease_s >= 1 && options.lease_s <= kLeaseMaxS, "lease_s",
          fmt::format("1 to {} are allowed", kLeaseMaxS));
  check_url_is_safe(options.project_url);
  if (options.name.empty()) options.name = "worker-" + random_uuid().substr(0, 8);
  return options;
}

std::unique_ptr<AlertSender> start_alerts(const WorkerOptions& options, StopSource& stop) {
  if (!options.alerts.is_enabled()) return nullptr;
  return std::make_unique<AlertSender>(AlertSender::Options{.channels = options.alerts,
                                                            .database_url = options.database_url,
                                                            .ca_file = options.ca_file,
                                                            .name = options.name + "/alerts",
                                                            .poll_ms = options.poll_ms},
                                       stop);
}

}  // namespace

int run_worker(const WorkerOptions& options, StopSource& stop) {
  const WorkerOptions own = checked(options);
  Shared shared(own, stop);
  log_info(fmt::format("worker {} works with {} threads for {}", own.name, own.threads,
                       url_for_people(own.project_url)));
  const std::unique_ptr<AlertSender> alerts = start_alerts(own, stop);
  std::vector<std::thread> threads;
  for (int number = 1; number <= own.threads; ++number) {
    threads.emplace_back([&shared, number] { WorkerThread(shared, number).run(); });
  }
  for (std::thread& thread : threads) thread.join();
  log_info(fmt::format("worker {} has ended", own.name));
  if (shared.end_reason) std::rethrow_exception(shared.end_reason);
  return 0;
}

}  // namespace waybill
