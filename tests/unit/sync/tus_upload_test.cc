// TusUpload, through HttpUploader, against a storage in memory that fails where a test says.
#include <catch2/catch.hpp>

#include "sync/tus_protocol.h"
#include "tests/support/storage_model.h"

using namespace waybill;

namespace {

constexpr std::int64_t kChunk = 10;
const std::string kBytes = "The quick brown fox jumps over the lazy dog.";  // 44: five chunks

struct TusFixture {
  StorageModel storage;
  std::vector<std::int64_t> pauses;
  HttpUploader uploader = model_uploader(storage, [this](std::int64_t ms) {
    pauses.push_back(ms);
    return true;
  });
  UploadRequest request;
  std::vector<UploadSession> told;
  std::size_t read = 0;
  std::string bytes = kBytes;
  std::function<void()> at_end = [] {};  ///< asked when the last byte is read, as the hash is

  TusFixture() {
    storage.now_ms = [] { return std::int64_t{0}; };
    request.target.method = wire::UploadMethod::kResumable;
    request.target.bucket = "bucket";
    request.target.path = ObjectPath("riverside/1");
    request.target.url = StorageModel::kResumable;
    request.target.token = StorageModel::token("riverside/1", 1'000);
    request.size_bytes = static_cast<std::int64_t>(kBytes.size());
    request.chunk_bytes = kChunk;
  }

  UploadAnswer send() {
    read = 0;
    return uploader.send(
        request,
        [this](char* into, std::size_t capacity) {
          const std::size_t count = std::min(capacity, bytes.size() - read);
          bytes.copy(into, count, read);
          read += count;
          if (count > 0 && read == bytes.size()) at_end();
          return count;
        },
        [this](const UploadSession& session) { told.push_back(session); });
  }
  /// What an engine does: the next call goes on with the session that was told last.
  void resume() {
    if (!told.empty() && !told.back().url.empty()) request.session = told.back();
  }
  [[nodiscard]] std::string stored() const {
    const auto found = storage.objects.find("riverside/1");
    return found == storage.objects.end() ? "" : found->second;
  }
};

Error broken() { return {error_code::kUploadInterrupted, "send to", "storage", "it broke"}; }

/// Fails the n-th request, counted from 1.
struct NthRequest {
  int left;
  bool operator()() { return --left == 0; }
};

}  // namespace

TEST_CASE("tus: a file goes in chunks, and each step is told", "[sync][tus]") {
  TusFixture f;
  CHECK(f.send().outcome == UploadOutcome::kAccepted);
  CHECK(f.stored() == kBytes);
  CHECK(f.storage.calls == std::map<std::string, int>{{"tus_create", 1}, {"tus_patch", 5}});
  REQUIRE(f.told.size() == 6);
  CHECK(f.told.front().offset_bytes == 0);
  CHECK(f.told.back().offset_bytes == 44);
  CHECK(f.told.back().object_path == "riverside/1");
}

// Goal:   whichever request or answer is lost, the object is whole in the end, and no more than a
//         chunk is sent twice.
// Method: lose the n-th, before or after storage has done its work; go on with the session as the
//         engine would; raise n until nothing is lost any more.
TEST_CASE("tus: any lost request or answer is settled by asking", "[sync][tus][fault]") {
  const bool is_answer_lost = GENERATE(false, true);
  const bool is_gone_in_place = GENERATE(false, true);  // are there tries within the call?
  for (int n = 1;; ++n) {
    TusFixture f;
    if (!is_gone_in_place) {
      f.uploader =
          HttpUploader({StorageModel::kProject, "key", "agent-token"},
                       std::make_unique<StorageModelHttp>(f.storage), {.retry_pauses_ms = {}});
    }
    NthRequest is_due{n};
    bool has_fired = false;
    (is_answer_lost ? f.storage.after_call : f.storage.before_call) = [&](const std::string&) {
      if (!is_due()) return;
      has_fired = true;
      throw broken();
    };
    UploadAnswer answer = f.send();
    for (int tries = 0; tries < 3 && answer.outcome == UploadOutcome::kInterrupted; ++tries) {
      f.resume();
      answer = f.send();
    }
    INFO("request " << n << (is_answer_lost ? ", answer lost" : ""));
    CHECK(answer.outcome == UploadOutcome::kAccepted);
    CHECK(f.stored() == kBytes);
    CHECK(f.storage.taken_bytes <= 44 + kChunk);
    if (!has_fired) break;
    REQUIRE(n < 50);
  }
}

TEST_CASE("tus: a chunk that broke in the middle goes on from what storage has",
          "[sync][tus][fault]") {
  for (std::size_t at = 1; at <= 44; ++at) {
    TusFixture f;
    f.storage.piece_bytes = 1;
    bool done = false;
    f.storage.on_piece = [&](std::size_t sent) {
      if (sent == at && !std::exchange(done, true)) throw broken();
    };
    CHECK(f.send().outcome == UploadOutcome::kAccepted);
    CHECK(f.stored() == kBytes);
    CHECK(f.storage.taken_bytes == 44);  // not a byte twice
  }
}

TEST_CASE("tus: a session is gone on with; the source is read from its first byte", "[sync][tus]") {
  TusFixture f;
  f.storage.before_call = [&](const std::string& call) {
    if (call == "tus_patch" && f.storage.calls[call] >= 4) throw broken();
  };
  const UploadAnswer first = f.send();
  CHECK(first.outcome == UploadOutcome::kInterrupted);
  CHECK(first.taken_bytes == 30);
  f.resume();
  f.storage.before_call = [](const std::string&) {};
  f.storage.calls.clear();
  const UploadAnswer second = f.send();
  CHECK(second.outcome == UploadOutcome::kAccepted);
  CHECK(second.taken_bytes == 14);
  CHECK(f.read == 44);
  CHECK(f.storage.calls == std::map<std::string, int>{{"tus_head", 1}, {"tus_patch", 2}});
  CHECK(f.stored() == kBytes);
}

TEST_CASE("tus: a session of another object path is not touched", "[sync][tus]") {
  TusFixture f;
  f.request.session = UploadSession{"/storage/v1/upload/resumable/sign/9", "riverside/other", 20};
  CHECK(f.send().outcome == UploadOutcome::kAccepted);
  CHECK(f.storage.calls["tus_head"] == 0);
  CHECK(f.stored() == kBytes);
}

TEST_CASE("tus: a token refused in the middle keeps the session", "[sync][tus]") {
  TusFixture f;
  f.storage.before_call = [&](const std::string& call) {
    f.storage.tokens_expire = call == "tus_patch" && f.storage.calls[call] == 3;
  };
  const UploadAnswer answer = f.send();
  CHECK(answer.outcome == UploadOutcome::kTargetExpired);
  CHECK(answer.problem->code == "WB-1203");
  CHECK(answer.taken_bytes == 20);
  f.resume();
  CHECK(f.send().outcome == UploadOutcome::kAccepted);
  CHECK(f.storage.taken_bytes == 44);
  CHECK(f.storage.calls["tus_create"] == 1);
}

TEST_CASE("tus: on a slow line no chunk goes out only to find its token expired", "[sync][tus]") {
  TusFixture f;
  std::int64_t now = 0;
  f.uploader = HttpUploader({StorageModel::kProject, "key", "agent-token"},
                            std::make_unique<StorageModelHttp>(f.storage),
                            {.steady_ms = [&] { return now; }});
  f.storage.now_ms = [&] { return now; };
  f.storage.on_piece = [&](std::size_t) { now += 700; };  // 1.4 s a chunk; the token lives 1 s
  const UploadAnswer answer = f.send();
  CHECK(answer.outcome == UploadOutcome::kTargetExpired);
  CHECK(f.storage.taken_bytes == answer.taken_bytes);
  CHECK(f.storage.calls["tus_patch"] * kChunk == answer.taken_bytes);
  now = 0;
  f.storage.on_piece = [&](std::size_t) { now += 600; };
  f.storage.calls.clear();
  f.request.target.token = StorageModel::token("riverside/1", 1'000'000);
  f.resume();
  CHECK(f.send().outcome == UploadOutcome::kAccepted);
  CHECK(f.storage.calls["tus_head"] == f.storage.calls["tus_patch"]);
  CHECK(f.stored() == kBytes);
}

TEST_CASE("tus: storage that lost the session gets all of it again", "[sync][tus]") {
  TusFixture f;
  f.request.session = UploadSession{"/storage/v1/upload/resumable/sign/9", "riverside/1", 20};
  CHECK(f.send().outcome == UploadOutcome::kAccepted);
  CHECK(f.stored() == kBytes);
  CHECK(f.told.front().url.empty());  // so that the ledger forgets it

  TusFixture late;  // while it is being sent, when the first chunk is not in memory any more
  late.storage.before_call = [&](const std::string& call) {
    if (call == "tus_patch" && late.storage.calls[call] == 3) late.storage.sessions.clear();
  };
  CHECK(late.send().outcome == UploadOutcome::kInterrupted);
  CHECK(late.told.back().url.empty());
  late.request.session.reset();
  CHECK(late.send().outcome == UploadOutcome::kAccepted);
  CHECK(late.stored() == kBytes);
}

TEST_CASE("tus: when the end was sent and the session is gone, central is asked", "[sync][tus]") {
  TusFixture f;
  f.storage.after_call = [&](const std::string& call) {
    if (call != "tus_patch" || f.storage.calls[call] != 5) return;
    f.storage.sessions.clear();  // as a storage does that forgets what is complete
    throw broken();
  };
  CHECK(f.send().outcome == UploadOutcome::kInterrupted);
  CHECK(f.storage.calls["tus_create"] == 1);
  CHECK(f.stored() == kBytes);
}

TEST_CASE("tus: a source that changed is never completed, and storage is told to forget it",
          "[sync][tus]") {
  TusFixture f;
  f.at_end = [] { throw Error(error_code::kFileChanged, "send", "recipe.csv", "other bytes"); };
  CHECK_THROWS_AS(f.send(), Error);
  CHECK(f.stored().empty());
  CHECK(f.storage.sessions.empty());
  CHECK(f.storage.taken_bytes == 40);  // the last chunk was held back
  CHECK(f.told.back().url.empty());
}

TEST_CASE("tus: a busy storage is asked again a few times, and left alone when it says so",
          "[sync][tus]") {
  TusFixture f;
  int busy = 2;
  f.storage.instead = [&](const std::string& call) {
    const bool is_busy = call == "tus_patch" && busy-- > 0;
    return is_busy ? std::optional(HttpResponse{503, {}, ""}) : std::nullopt;
  };
  CHECK(f.send().outcome == UploadOutcome::kAccepted);
  CHECK(f.pauses == std::vector<std::int64_t>{250, 1'000});

  TusFixture g;
  g.storage.instead = [](const std::string&) {
    return std::optional(HttpResponse{429, {{"retry-after", "60"}}, ""});
  };
  const UploadAnswer answer = g.send();
  CHECK(answer.outcome == UploadOutcome::kInterrupted);
  CHECK(answer.retry_after_ms == 60'000);
  CHECK(g.pauses.empty());
}

TEST_CASE("tus: what storage declines is said with its status", "[sync][tus]") {
  for (const auto& [call, status] :
       {std::pair{"tus_create", 413}, {"tus_create", 404}, {"tus_patch", 415}}) {
    TusFixture f;
    f.storage.instead = [&, name = std::string(call), code = status](const std::string& asked) {
      return asked == name ? std::optional(HttpResponse{code, {}, "no"}) : std::nullopt;
    };
    const UploadAnswer answer = f.send();
    CHECK(answer.outcome == UploadOutcome::kDeclined);
    CHECK(answer.problem->message.find(std::to_string(status)) != std::string::npos);
  }
}

TEST_CASE("tus: storage that signs itself is asked first; a refusal is central's to explain",
          "[sync][tus]") {
  const bool is_large = GENERATE(true, false);
  TusFixture f;
  f.request.target.token.clear();
  f.request.target.sign_url = std::string(StorageModel::kSignedPath) + "riverside/1";
  if (!is_large) {
    f.request.target.method = wire::UploadMethod::kPut;
    f.request.target.url = f.request.target.sign_url;
  }
  CHECK(f.send().outcome == UploadOutcome::kAccepted);
  CHECK(f.stored() == kBytes);
  CHECK(f.storage.calls["sign"] == 1);

  f.storage.may_sign = [](const std::string&) { return false; };
  const UploadAnswer refused = f.send();
  CHECK(refused.outcome == UploadOutcome::kInterrupted);
  CHECK(refused.problem->code == "WB-1204");
}

TEST_CASE("tus: an upload's place must lie below the project's address", "[sync][tus]") {
  const auto url = [](const std::string& project, const std::string& location) {
    return upload_url_of(project, "/storage/v1/upload/resumable/sign", location)
        .value_or("refused");
  };
  const std::string hosted = "https://p.supabase.co";
  const std::string good = "/storage/v1/upload/resumable/sign/a/b=c";
  CHECK(url(hosted, hosted + good) == good);
  CHECK(url(hosted, "HTTPS://P.Supabase.co:443" + good) == good);
  CHECK(url(hosted, good) == good);
  CHECK(url(hosted, "sign/x") == "/storage/v1/upload/resumable/sign/x");
  CHECK(url("http://localhost:8000/db", "http://localhost:8000/db/storage/x") == "/storage/x");
  CHECK(url("http://localhost:8000/db", "/db/storage/x") == "/storage/x");
  for (const char* location :
       {"", "/", "https://evil.example/storage/v1/x", "http://p.supabase.co/storage/x",
        "https://p.supabase.co.evil.example/x", "https://p.supabase.co@evil.example/x",
        "https://p.supabase.co:444/x", "//evil.example/x", "/storage/../../x", "/x?token=t", "/x#y",
        "/a\\b", "/a b", "/a%2f..", "https://p.supabase.co", "ftp://p.supabase.co/x"}) {
    INFO(location);
    CHECK(url(hosted, location) == "refused");
  }
  CHECK(url("http://localhost:8000/db", "/elsewhere/x") == "refused");
  CHECK(url("http://localhost:8000/db", "/dbx/y") == "refused");
}

TEST_CASE("tus: what answers mean, by status and by text", "[sync][tus]") {
  const auto verdict = [](int status, const std::string& body = "") {
    return read_tus_answer({status, {}, body});
  };
  CHECK(verdict(201) == TusVerdict::kGood);
  CHECK(verdict(409) == TusVerdict::kOffsetWrong);
  CHECK(verdict(404) == TusVerdict::kGone);
  CHECK(verdict(410) == TusVerdict::kGone);
  CHECK(verdict(400, "jwt expired") == TusVerdict::kTokenRefused);
  CHECK(verdict(403, R"({"code":"InvalidSignature"})") == TusVerdict::kTokenRefused);
  CHECK(verdict(401) == TusVerdict::kTokenRefused);
  CHECK(verdict(400, "Upload-Length invalid") == TusVerdict::kDeclined);
  CHECK(verdict(403, "") == TusVerdict::kDeclined);
  CHECK(verdict(413) == TusVerdict::kDeclined);
  CHECK(verdict(302) == TusVerdict::kDeclined);
  for (const int busy : {408, 423, 429, 500, 503}) CHECK(verdict(busy) == TusVerdict::kBusy);
}

TEST_CASE("tus: the metadata tell bucket and name in base64", "[sync][tus]") {
  wire::UploadTarget target;
  target.bucket = "exports";
  target.path = ObjectPath("a/b~?");
  CHECK(upload_metadata(target) ==
        "bucketName ZXhwb3J0cw==,objectName YS9ifj8=,contentType "
        "YXBwbGljYXRpb24vb2N0ZXQtc3RyZWFt");
}
