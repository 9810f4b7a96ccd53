#include "central/standin/rest_error.h"

#include <array>

namespace waybill::standin {

namespace {

constexpr auto kDump = nlohmann::json::error_handler_t::replace;

nlohmann::json text_or_null(const std::string& text) {
  return text.empty() ? nlohmann::json(nullptr) : nlohmann::json(text);
}

/// Exact codes go before classes; the first that the SQLSTATE starts with decides.
struct SqlstateStatus {
  std::string_view prefix;
  int status;
};
constexpr std::array kStatuses = {
    SqlstateStatus{"23503", 409}, SqlstateStatus{"23505", 409}, SqlstateStatus{"25006", 405},
    SqlstateStatus{"42883", 404}, SqlstateStatus{"42P01", 404}, SqlstateStatus{"42P17", 500},
    SqlstateStatus{"53400", 500}, SqlstateStatus{"57P01", 503}, SqlstateStatus{"P0001", 400},
    SqlstateStatus{"08", 503},    SqlstateStatus{"09", 500},    SqlstateStatus{"0L", 403},
    SqlstateStatus{"0P", 403},    SqlstateStatus{"21", 500},    SqlstateStatus{"25", 500},
    SqlstateStatus{"28", 403},    SqlstateStatus{"2D", 500},    SqlstateStatus{"38", 500},
    SqlstateStatus{"39", 500},    SqlstateStatus{"3B", 500},    SqlstateStatus{"40", 500},
    SqlstateStatus{"53", 503},    SqlstateStatus{"54", 413},    SqlstateStatus{"55", 500},
    SqlstateStatus{"57", 500},    SqlstateStatus{"58", 500},    SqlstateStatus{"F0", 500},
    SqlstateStatus{"HV", 500},    SqlstateStatus{"P0", 500},    SqlstateStatus{"XX", 500},
};

bool is_http_status(int status) { return status >= 200 && status <= 599; }

Reply unreadable_custom_error(const char* where) {
  return rest_failure({.status = 500,
                       .code = "PGRST121",
                       .message = "Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error",
                       .details = std::string("Invalid JSON value for ") + where,
                       .hint = "MESSAGE must be a JSON object with code and message, DETAIL one "
                               "with status."});
}

/// RAISE SQLSTATE 'PGRST': MESSAGE is the body, DETAIL has status and headers.
Reply custom_failure(const pg::PgError& error) {
  const auto body = nlohmann::json::parse(error.message(), nullptr, false);
  if (!body.is_object() || !body.contains("code") || !body.contains("message")) {
    return unreadable_custom_error("MESSAGE");
  }
  const auto detail = nlohmann::json::parse(error.detail(), nullptr, false);
  if (!detail.is_object() || !detail.contains("status") || !detail["status"].is_number_integer() ||
      !is_http_status(detail["status"].get<int>())) {
    return unreadable_custom_error("DETAIL");
  }
  Reply reply;
  reply.status = detail["status"].get<int>();
  reply.body = nlohmann::ordered_json{{"code", body["code"]},
                                      {"message", body["message"]},
                                      {"details", body.value("details", nlohmann::json())},
                                      {"hint", body.value("hint", nlohmann::json())}}
                   .dump(-1, ' ', false, kDump);
  const auto headers = detail.find("headers");
  if (headers != detail.end() && headers->is_object()) {
    for (const auto& [name, value] : headers->items()) {
      if (value.is_string()) reply.headers.emplace_back(name, value.get<std::string>());
    }
  }
  return reply;
}

}  // namespace

Reply rest_failure(const RestError& error) {
  Reply reply;
  reply.status = error.status;
  reply.body = nlohmann::ordered_json{
      {"code", error.code},
      {"message", error.message},
      {"details", error.details},
      {"hint",
       error.hint}}.dump(-1, ' ', false, kDump);
  return reply;
}

void refuse_rest(const RestError& error) { throw Refusal(rest_failure(error)); }

int status_of_sqlstate(std::string_view sqlstate, bool is_anonymous) {
  if (sqlstate == "42501") return is_anonymous ? 401 : 403;
  if (sqlstate.size() == 5 && sqlstate.starts_with("PT")) {
    int status = 0;
    for (const char digit : sqlstate.substr(2)) {
      if (digit < '0' || digit > '9') return 500;
      status = status * 10 + (digit - '0');
    }
    return is_http_status(status) ? status : 500;
  }
  for (const SqlstateStatus& known : kStatuses) {
    if (sqlstate.starts_with(known.prefix)) return known.status;
  }
  return 400;
}

Reply rest_failure_of(const pg::PgError& error, bool is_anonymous) {
  if (error.sqlstate() == "PGRST") return custom_failure(error);
  Reply reply = rest_failure({.status = status_of_sqlstate(error.sqlstate(), is_anonymous),
                              .code = error.sqlstate(),
                              .message = error.message(),
                              .details = text_or_null(error.detail()),
                              .hint = text_or_null(error.hint())});
  if (reply.status == 401) reply.headers.emplace_back("WWW-Authenticate", "Bearer");
  return reply;
}

}  // namespace waybill::standin
