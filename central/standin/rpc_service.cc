#include "central/standin/rpc_service.h"

#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "central/standin/rest_error.h"
#include "central/standin/rpc_function.h"
#include "core/log.h"
#include "core/utf8.h"

namespace waybill::standin {

namespace {

constexpr std::size_t kBodyMaxBytes = std::size_t{16} * 1024 * 1024;
constexpr std::int64_t kPoolWaitMs = 10'000;
constexpr const char* kStatementTimeout = "60s";
constexpr const char* kExposedSchema = "public";
constexpr const char* kSearchPath = "\"public\", \"extensions\"";

// Everything a function may ask about its request; gone with the transaction.
constexpr const char* kEnterRequest = R"sql(
  SELECT set_config('search_path', $1, true), set_config('statement_timeout', $2, true),
         set_config('request.jwt.claims', $3, true), set_config('request.headers', $4, true),
         set_config('request.method', $5, true), set_config('request.path', $6, true),
         set_config('role', $7, true)
)sql";

/// What a call passes: a JSON object as text, and its keys.
struct Arguments {
  std::string json;
  std::set<std::string> names;
  bool may_be_whole_body = false;
};

[[noreturn]] void refuse_body(const std::string& message) {
  refuse_rest({.status = 400, .code = "PGRST102", .message = message});
}

std::string media_type_of(const std::string& header) {
  std::string type = header.substr(0, header.find(';'));
  while (!type.empty() && type.back() == ' ') type.pop_back();
  for (char& c : type) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  }
  return type;
}

void add_names(const nlohmann::json& object, Arguments& arguments) {
  for (const auto& [name, value] : object.items()) arguments.names.insert(name);
}

Arguments arguments_of_json(std::string text) {
  Arguments out;
  out.may_be_whole_body = true;
  if (text.empty()) {
    out.json = "{}";
    return out;
  }
  const auto parsed = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (parsed.is_discarded()) refuse_body("Empty or invalid json");
  if (parsed.is_object()) add_names(parsed, out);
  if (parsed.is_array() && !parsed.empty() && parsed[0].is_object()) add_names(parsed[0], out);
  out.json = std::move(text);
  return out;
}

/// Names that belong to the surface itself and are never arguments.
bool is_reserved(std::string_view name) {
  constexpr std::array<std::string_view, 6> kReserved{"select", "order",   "limit",
                                                      "offset", "columns", "apikey"};
  for (const std::string_view reserved : kReserved) {
    if (name == reserved) return true;
  }
  return false;
}

Arguments arguments_of_pairs(const std::vector<std::pair<std::string, std::string>>& pairs) {
  Arguments out;
  nlohmann::json object = nlohmann::json::object();
  for (const auto& [name, value] : pairs) {
    if (is_reserved(name)) continue;
    if (!is_valid_utf8(name) || !is_valid_utf8(value)) refuse_body("A parameter is not UTF-8");
    object[name] = value;
    out.names.insert(name);
  }
  out.json = object.dump();
  return out;
}

std::vector<std::pair<std::string, std::string>> parse_form(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> out;
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
    const std::size_t equals = pair.find('=');
    std::string name;
    std::string value;
    if (!percent_decode(pair.substr(0, equals), true, name) ||
        (equals != std::string_view::npos &&
         !percent_decode(pair.substr(equals + 1), true, value))) {
      refuse_body("The form is malformed");
    }
    if (!name.empty()) out.emplace_back(std::move(name), std::move(value));
  }
  return out;
}

Arguments read_arguments(Request& request) {
  if (request.method != "POST") return arguments_of_pairs(request.query);
  const std::string type = media_type_of(request.header("content-type"));
  std::string text = request.body.read_all(kBodyMaxBytes);
  if (type.empty() || type == "application/json") return arguments_of_json(std::move(text));
  if (type == "application/x-www-form-urlencoded") return arguments_of_pairs(parse_form(text));
  refuse_body("Content-Type not acceptable: " + replace_invalid_utf8(type));
}

enum class Shape : std::uint8_t { kAsIs, kSingleObject };

/// What the caller can read; 406 when it is nothing of ours.
Shape negotiate(const Request& request) {
  const std::string accept = request.header("accept");
  if (accept.empty()) return Shape::kAsIs;
  std::string_view rest = accept;
  while (!rest.empty()) {
    const std::string_view one = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), one.size() + 1));
    const std::size_t start = one.find_first_not_of(' ');
    const std::string type =
        start == std::string_view::npos ? "" : media_type_of(std::string(one.substr(start)));
    if (type == "application/vnd.pgrst.object+json" || type == "application/vnd.pgrst.object") {
      return Shape::kSingleObject;
    }
    if (type == "application/json" || type == "*/*" || type == "application/*") {
      return Shape::kAsIs;
    }
  }
  refuse_rest(
      {.status = 406,
       .code = "PGRST107",
       .message = "None of these media types are available: " + replace_invalid_utf8(accept)});
}

/// The only schema on offer; 406 when the caller asks for another.
std::string negotiate_schema(const Request& request) {
  const char* header = request.method == "POST" ? "content-profile" : "accept-profile";
  const std::string wanted = request.header(header);
  if (wanted.empty() || wanted == kExposedSchema) return kExposedSchema;
  refuse_rest(
      {.status = 406,
       .code = "PGRST106",
       .message = std::string("The schema must be one of the following: ") + kExposedSchema});
}

Reply run_call(pg::Connection& connection, const std::string& name, const Arguments& arguments,
               const Request& request, const Caller& caller) {
  const Shape shape = negotiate(request);
  const std::string schema = negotiate_schema(request);
  const bool is_post = request.method == "POST";
  pg::Transaction transaction(
      connection, is_post ? pg::Transaction::Mode::kReadWrite : pg::Transaction::Mode::kReadOnly);
  const RpcFunction function =
      find_function(connection, schema, name, arguments.names, arguments.may_be_whole_body);
  if (is_post && !function.is_volatile) connection.exec("SET TRANSACTION READ ONLY");
  connection.exec_prepared(kEnterRequest,
                           {kSearchPath, kStatementTimeout, caller.claims.dump(),
                            request.headers_as_json(), request.method, request.path, caller.role});
  const pg::Result result =
      connection.exec(function.call_sql(connection, arguments.names), {arguments.json});

  Reply reply;
  if (function.result == RpcFunction::Result::kVoid) {
    reply.status = 204;
    reply.content_type.clear();
  } else {
    const std::int64_t rows = result.integer(0, 0);
    if (shape == Shape::kSingleObject && rows != 1) {
      refuse_rest({.status = 406,
                   .code = "PGRST116",
                   .message = "JSON object requested, multiple (or no) rows returned",
                   .details = "The result contains " + std::to_string(rows) + " rows"});
    }
    reply.body = result.string(0, 1);
    if (shape == Shape::kSingleObject) {
      reply.content_type = "application/vnd.pgrst.object+json; charset=utf-8";
      if (function.returns_set) {  // [ {...} ] of one row: the row itself
        reply.body = reply.body.substr(1, reply.body.size() - 2);
      }
    }
  }
  transaction.commit();
  return reply;
}

}  // namespace

Reply RpcService::call(const std::string& function, Request& request, const Caller& caller) {
  if (request.method != "POST" && request.method != "GET" && request.method != "HEAD") {
    refuse_rest({.status = 405,
                 .code = "PGRST101",
                 .message = "Only GET and POST verbs are available for function calls"});
  }
  const Arguments arguments = read_arguments(request);
  try {
    const pg::ConnectionPool::Lease connection = connections_.take(kPoolWaitMs);
    return run_call(*connection, function, arguments, request, caller);
  } catch (const pg::PgError& error) {
    return rest_failure_of(error, caller.role == "anon");
  } catch (const Error& error) {
    if (!error.is_transient()) throw;
    log_error(error);
    if (error.operation() == pg::kTakeConnection) {
      return rest_failure({.status = 504,
                           .code = "PGRST003",
                           .message = "Timed out acquiring connection from connection pool."});
    }
    return rest_failure({.status = 503,
                         .code = "PGRST000",
                         .message = "Could not connect with the database",
                         .hint = "Try again later."});
  }
}

}  // namespace waybill::standin
