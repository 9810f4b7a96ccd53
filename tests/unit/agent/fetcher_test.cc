#include "agent/fetch/fetcher.h"

#include <catch2/catch.hpp>
#include <deque>
#include <functional>
#include <map>

#include "agent/fetch/background_pages.h"
#include "core/log.h"
#include "sync/central_error.h"
#include "tests/unit/agent/engine_fixture.h"

using namespace waybill;

namespace {

/// An API of numbered rows; the cursor is how many the caller has.
struct Api {
  std::int64_t row_count = 7;
  std::int64_t page_rows = 2;
  int calls = 0;
  std::function<void(int call)> before = [](int) {};

  PageLines answer(const PageRequest& request, bool is_incremental) {
    before(++calls);
    const std::int64_t from = request.cursor.empty() ? 0 : std::stoll(request.cursor);
    const std::int64_t to = std::min(row_count, from + page_rows);
    PageLines out;
    for (std::int64_t row = from; row < to; ++row) {
      out.lines += "{\"row\":" + std::to_string(row) + "}\n";
    }
    out.row_count = to - from;
    if (is_incremental || to < row_count) out.next = std::to_string(to);
    return out;
  }
};

struct FetchFixture : LedgerFixture {
  Api api;
  SeededChance chance;
  SpecBook specs;
  FetchConfig config;
  std::unique_ptr<InlinePages> pages;
  std::unique_ptr<Fetcher> fetcher;

  explicit FetchFixture(bool is_incremental = false) {
    static const bool is_quiet = (start_log("fetch-test", LogLevel::kError), true);
    (void)is_quiet;
    files.make_folders("/export");
    nlohmann::json spec = EngineFixture::spec("recipe");
    spec["file_name"] = "recipe*.jsonl";
    REQUIRE(specs.fill({{FileTag("recipe"), 1, spec}}).empty());
    config.name = "orders";
    config.url = "https://partner.example/orders";
    config.every_minutes = 60;
    config.file_tag = FileTag("recipe");
    config.file_name = "recipe_%Y%m%d%H%M%S.jsonl";
    config.shape = {"/rows", "/next"};
    config.cursor_parameter = "after";
    config.is_incremental = is_incremental;
    start();
  }
  void start() {
    pages = std::make_unique<InlinePages>(
        [this](const PageRequest& request) { return api.answer(request, config.is_incremental); });
    fetcher = std::make_unique<Fetcher>(Fetcher::Ports{files, clock, chance, *pages}, *ledger,
                                        Fetcher::Folders{"/export", "/state"}, std::vector{config});
  }
  void restart() {
    fetcher.reset();
    pages.reset();
    close();
    open();
    start();
  }
  void run_steps(int count) {
    for (int i = 0; i < count; ++i) {
      fetcher->step(specs);
      clock.advance(100);
    }
  }
  /// Everything in the export folder, file after file, without its names.
  std::string delivered() {
    std::string out;
    std::map<std::string, std::string> by_name;
    files.walk("/export",
               [&](const WalkEntry& entry) {
                 by_name[entry.relative_path] =
                     read_whole_file(files, "/export/" + entry.relative_path, 1 << 20);
               },
               {});
    for (const auto& [name, bytes] : by_name) out += bytes;
    return out;
  }
  static std::string rows(std::int64_t from, std::int64_t to) {
    std::string out;
    for (std::int64_t row = from; row < to; ++row) {
      out += "{\"row\":" + std::to_string(row) + "}\n";
    }
    return out;
  }
};

}  // namespace

TEST_CASE("fetch: all pages of a run are one file; the next run comes when it is due",
          "[agent][fetch]") {
  FetchFixture f;
  f.run_steps(20);
  CHECK(f.delivered() == FetchFixture::rows(0, 7));
  CHECK(f.api.calls == 4);
  f.clock.advance(50 * 60'000);
  f.run_steps(20);
  CHECK(f.api.calls == 4);
  f.clock.advance(10 * 60'000);
  f.run_steps(20);
  CHECK(f.api.calls == 8);
  CHECK(f.delivered() == FetchFixture::rows(0, 7) + FetchFixture::rows(0, 7));
}

TEST_CASE("fetch: an incremental run goes on where the last one ended; nothing new makes no file",
          "[agent][fetch]") {
  FetchFixture f(true);
  f.run_steps(20);
  CHECK(f.delivered() == FetchFixture::rows(0, 7));
  f.clock.advance(60 * 60'000);
  f.run_steps(20);
  CHECK(f.delivered() == FetchFixture::rows(0, 7));
  f.api.row_count = 10;
  f.clock.advance(60 * 60'000);
  f.run_steps(20);
  CHECK(f.delivered() == FetchFixture::rows(0, 10));
  CHECK(f.ledger->fetch("orders").last_row_count == 3);
}

// Goal:   a kill at any moment loses and doubles nothing.
// Method: the n-th thing the fetcher does outside (a page, a write) dies; what is left starts
//         again; raise n until nothing dies any more.
TEST_CASE("fetch: a kill anywhere in a run loses nothing and doubles nothing",
          "[agent][fetch][fault]") {
  for (int deadly = 1; deadly < 40; ++deadly) {
    FetchFixture f(deadly % 2 == 0);
    struct Killed {};
    for (int steps = 0; steps < deadly; ++steps) {
      f.fetcher->step(f.specs);
      f.clock.advance(100);
    }
    f.restart();
    f.run_steps(40);
    INFO(deadly);
    CHECK(f.delivered() == FetchFixture::rows(0, 7));
  }
}

TEST_CASE("fetch: a file placed just before a kill is not written a second time",
          "[agent][fetch][fault]") {
  FetchFixture f;
  f.run_steps(20);
  FetchRecord before = f.ledger->fetch("orders");
  before.state = FetchState::kPlacing;
  before.next_try_at_ms = 0;
  const std::int64_t mtime = f.files.stat("/export/" + before.file_name)->mtime_ns;
  // The ledger as it was when the file was in place and the run not yet over; pages still there.
  f.ledger->put_fetch(before, "");
  for (int page = 1; page <= 4; ++page) {
    f.files.write("/state/fetch/orders/page-00000" + std::to_string(page) + ".jsonl",
                  FetchFixture::rows((page - 1) * 2, std::min(7, page * 2)));
  }
  f.restart();
  f.run_steps(3);
  CHECK(f.delivered() == FetchFixture::rows(0, 7));
  CHECK(f.files.stat("/export/" + before.file_name)->mtime_ns == mtime);
}

TEST_CASE("fetch: an outage is waited out and the run goes on with the same page",
          "[agent][fetch]") {
  FetchFixture f;
  f.api.before = [](int call) {
    if (call == 3) {
      throw CentralError(error_code::kFetchFailed, "fetch", "orders", "status 503", 30'000);
    }
  };
  f.run_steps(20);
  CHECK(f.api.calls == 3);
  CHECK(f.ledger->fetch("orders").problem->code == "WB-1401");
  CHECK(f.ledger->fetch("orders").page_count == 2);
  f.clock.advance(30'000);
  f.run_steps(20);
  CHECK(f.delivered() == FetchFixture::rows(0, 7));
  CHECK(f.api.calls == 5);
  CHECK_FALSE(f.ledger->fetch("orders").problem);
}

TEST_CASE("fetch: refused credentials keep what was fetched until the next scheduled time",
          "[agent][fetch]") {
  FetchFixture f;
  f.api.before = [](int call) {
    if (call == 2) throw Error(error_code::kFetchRefused, "fetch", "orders", "status 401");
  };
  f.run_steps(50);
  CHECK(f.api.calls == 2);
  f.clock.advance(60 * 60'000);
  f.run_steps(20);
  CHECK(f.delivered() == FetchFixture::rows(0, 7));
  CHECK(f.api.calls == 5);
}

TEST_CASE("fetch: an answer that cannot be right makes no file of the run", "[agent][fetch]") {
  FetchFixture f;
  SECTION("broken") {
    f.api.before = [](int call) {
      if (call == 3) throw Error(error_code::kFetchAnswerInvalid, "read", "orders", "no rows");
    };
  }
  SECTION("its cursor repeats") {
    f.pages = std::make_unique<InlinePages>([&](const PageRequest& request) {
      PageLines page = f.api.answer(request, false);
      if (!request.cursor.empty()) page.next = request.cursor;
      return page;
    });
    f.fetcher =
        std::make_unique<Fetcher>(Fetcher::Ports{f.files, f.clock, f.chance, *f.pages}, *f.ledger,
                                  Fetcher::Folders{"/export", "/state"}, std::vector{f.config});
  }
  SECTION("it never ends") {
    f.config.page_limit = 3;
    f.restart();
  }
  f.run_steps(50);
  CHECK(f.delivered().empty());
  const FetchRecord record = f.ledger->fetch("orders");
  CHECK(record.state == FetchState::kIdle);
  CHECK(record.problem->code == "WB-1403");
  CHECK_FALSE(f.files.stat("/state/fetch/orders/page-000001.jsonl"));
}

TEST_CASE("fetch: what no spec would take is not fetched", "[agent][fetch]") {
  FetchFixture f;
  f.config.file_name = "orders_%Y%m%d%H%M.jsonl";
  f.restart();
  f.run_steps(20);
  CHECK(f.api.calls == 0);
  CHECK(f.ledger->fetch("orders").problem->code == "WB-1304");
}

TEST_CASE("fetch: no file is put where the export folder should be and is not", "[agent][fetch]") {
  FetchFixture f;
  f.files.take_away("/export");
  f.run_steps(20);
  CHECK(f.ledger->fetch("orders").state == FetchState::kPlacing);
  f.files.bring_back("/export");
  f.clock.advance(kRetryPauseMaxMs);
  f.run_steps(5);
  CHECK(f.delivered() == FetchFixture::rows(0, 7));
}
