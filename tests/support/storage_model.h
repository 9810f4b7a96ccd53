// StorageModel: central's storage in memory, as the Storage API answers: signed PUT, signing, and
// TUS sessions.
//
// Place:    tests/support; the HttpPort below HttpUploader, so that tests run the real client.
// Faults:   every request has a name (put, sign, tus_create, tus_head, tus_patch, tus_delete).
//           before_call and after_call may throw (an answer is lost after the work was done),
//           `instead` may answer in storage's place, on_piece may throw while bytes arrive: a PUT
//           then leaves nothing, a chunk what had come.
#pragma once

#include <fmt/core.h>

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "core/crypto.h"
#include "core/error.h"
#include "sync/http/http_client.h"
#include "sync/http_uploader.h"

namespace waybill {

class StorageModel {
 public:
  struct Session {
    std::string path;
    std::int64_t size_bytes = 0;
    std::string bytes{};
  };

  std::function<void(const std::string& call)> before_call = [](const std::string&) {};
  std::function<void(const std::string& call)> after_call = [](const std::string&) {};
  std::function<std::optional<HttpResponse>(const std::string& call)> instead =
      [](const std::string&) { return std::optional<HttpResponse>(); };
  std::function<void(std::size_t sent_bytes)> on_piece{};
  std::function<std::int64_t()> now_ms = [] { return std::int64_t{0}; };
  std::map<std::string, int> calls{};  ///< how often each was made
  std::map<std::string, std::string> objects{};
  std::map<std::string, Session> sessions{};  ///< by their URL, relative to the project's
  std::size_t piece_bytes = 7;                ///< a source is read in pieces of this size
  std::int64_t taken_bytes = 0;               ///< by TUS, all requests together
  bool tokens_expire = false;                 ///< every token is refused
  /// Does the policy know the reservation? Asked before signing.
  std::function<bool(const std::string& path)> may_sign = [](const std::string&) { return true; };
  std::int64_t token_lives_ms = 7'200'000;  ///< of tokens that storage signs itself

  static constexpr const char* kProject = "https://model.test";
  static constexpr const char* kSignedPath = "/storage/v1/object/upload/sign/bucket/";
  static constexpr const char* kResumable = "/storage/v1/upload/resumable/sign";

  /// A token for the path; it is looked at with every request.
  [[nodiscard]] static std::string token(const std::string& path, std::int64_t expires_at_ms) {
    return base64url_encode(path) + "." + std::to_string(expires_at_ms);
  }

  HttpResponse answer(const HttpRequest& request) {
    const std::string url = request.url.substr(std::string(kProject).size());
    const std::string call = name_of(request.method, url);
    ++calls[call];
    before_call(call);
    std::optional<HttpResponse> faked = instead(call);
    HttpResponse out = faked ? *faked : work(call, request, url);
    after_call(call);
    return out;
  }

 private:
  static std::string name_of(const std::string& method, const std::string& url) {
    if (url.starts_with(kSignedPath)) return method == "PUT" ? "put" : "sign";
    if (method == "POST") return "tus_create";
    if (method == "HEAD") return "tus_head";
    return method == "PATCH" ? "tus_patch" : "tus_delete";
  }

  HttpResponse work(const std::string& call, const HttpRequest& request, const std::string& url) {
    if (call == "sign") return sign(url);
    if (call == "put") return put(request, url);
    const std::string token = header(request, "x-signature");
    if (call == "tus_create") return create(request, token);
    const auto found = sessions.find(url);
    if (found == sessions.end()) return {404, {}, "Not Found"};
    if (!is_good(token, found->second.path)) return {400, {}, "Invalid JWT: jwt expired"};
    if (call == "tus_head") return offset_answer(200, found->second);
    if (call == "tus_patch") return patch(request, found->second);
    sessions.erase(found);
    return {204, {}, ""};
  }

  [[nodiscard]] bool is_good(const std::string& token, const std::string& path) const {
    const std::size_t dot = token.find('.');
    if (tokens_expire || dot == std::string::npos) return false;
    return token.substr(0, dot) == base64url_encode(path) &&
           now_ms() < std::stoll(token.substr(dot + 1));
  }

  static std::string header(const HttpRequest& request, const std::string& name) {
    for (const auto& [own, value] : request.headers) {
      if (own == name) return value;
    }
    return "";
  }

  static HttpResponse said(int status, const std::string& code) {
    return {400, {}, fmt::format(R"({{"statusCode":"{}","code":"{}"}})", status, code)};
  }

  HttpResponse sign(const std::string& url) {
    const std::string path = url.substr(std::string(kSignedPath).size());
    if (!may_sign(path)) return said(403, "AccessDenied");
    const std::string signature = token(path, now_ms() + token_lives_ms);
    return {200,
            {},
            fmt::format(R"({{"url":"/object/upload/sign/bucket/{}?token={}","token":"{}"}})", path,
                        signature, signature)};
  }

  HttpResponse put(const HttpRequest& request, const std::string& url) {
    const std::size_t query = url.find("?token=");
    const std::size_t root = std::string(kSignedPath).size();
    if (query == std::string::npos) return said(400, "InvalidJWT");
    const std::string path = url.substr(root, query - root);
    if (!is_good(url.substr(query + 7), path)) return said(400, "InvalidJWT");
    std::string bytes;
    read(request, bytes);
    if (!objects.try_emplace(path, bytes).second) return said(409, "KeyAlreadyExists");
    return {200, {}, "{}"};
  }

  HttpResponse create(const HttpRequest& request, const std::string& token) {
    const std::size_t dot = token.find('.');
    std::string path;
    if (dot == std::string::npos || !base64url_decode(token.substr(0, dot), path) ||
        !is_good(token, path)) {
      return {400, {}, "Invalid JWT: jwt expired"};
    }
    const std::string url = fmt::format("{}/{}", kResumable, ++session_count_);
    sessions[url] = {path, std::stoll(header(request, "upload-length"))};
    return {201, {{"location", kProject + url}}, ""};
  }

  HttpResponse patch(const HttpRequest& request, Session& session) {
    const auto offset = static_cast<std::int64_t>(session.bytes.size());
    if (std::stoll(header(request, "upload-offset")) != offset) return {409, {}, "Conflict"};
    // What has all come is an object, also when the line breaks after the last byte.
    struct Completes {
      StorageModel& model;
      Session& session;
      ~Completes() {
        if (std::ssize(session.bytes) == session.size_bytes) {
          model.objects[session.path] = session.bytes;  // upsert or not: it is overwritten
        }
      }
    } const completes{*this, session};
    read(request, session.bytes);
    return offset_answer(204, session);
  }

  static HttpResponse offset_answer(int status, const Session& session) {
    return {status,
            {{"upload-offset", std::to_string(session.bytes.size())},
             {"upload-length", std::to_string(session.size_bytes)}},
            ""};
  }

  /// As a socket gives them: piece by piece; what came before a break is kept in `into`.
  void read(const HttpRequest& request, std::string& into) {
    std::string piece(piece_bytes, '\0');
    std::int64_t left = request.upload_size_bytes;
    while (left > 0) {
      const auto wanted = std::min<std::size_t>(piece.size(), static_cast<std::size_t>(left));
      const std::size_t count = request.upload_source(piece.data(), wanted);
      if (count == 0) {
        throw Error(error_code::kUploadInterrupted, "send to", "storage", "the source ended early");
      }
      into.append(piece, 0, count);
      left -= static_cast<std::int64_t>(count);
      if (request.method == "PATCH") taken_bytes += static_cast<std::int64_t>(count);
      if (on_piece) on_piece(into.size());
    }
  }

  int session_count_ = 0;
};

/// HTTP to the model.
class StorageModelHttp final : public HttpPort {
 public:
  explicit StorageModelHttp(StorageModel& model) : model_(model) {}
  HttpResponse send(const HttpRequest& request) override { return model_.answer(request); }

 private:
  StorageModel& model_;
};

/// The real uploader onto the model; its pauses take no time.
[[nodiscard]] inline HttpUploader model_uploader(
    StorageModel& model,
    std::function<bool(std::int64_t)> wait = [](std::int64_t) { return true; }) {
  return {{StorageModel::kProject, "key", "agent-token"},
          std::make_unique<StorageModelHttp>(model),
          {.wait = std::move(wait)}};
}

}  // namespace waybill
