#include "central/standin/cors.h"

#include <algorithm>

namespace waybill::standin {

bool is_preflight(const Request& request) {
  return request.method == "OPTIONS" && request.has_header("origin") &&
         request.has_header("access-control-request-method");
}

Reply answer_preflight(const Request& request) {
  Reply reply;
  reply.content_type.clear();
  reply.headers.emplace_back("Access-Control-Allow-Methods",
                             "GET,HEAD,PUT,PATCH,POST,DELETE,OPTIONS,TRACE,CONNECT");
  const std::string asked = request.header("access-control-request-headers");
  if (!asked.empty()) {
    reply.headers.emplace_back("Vary", "Access-Control-Request-Headers");
    reply.headers.emplace_back("Access-Control-Allow-Headers", asked);
  }
  return reply;
}

void allow_pages(const Request& request, Reply& reply) {
  reply.headers.emplace_back("Access-Control-Allow-Origin", "*");
  const bool is_told = std::any_of(reply.headers.begin(), reply.headers.end(), [](const auto& one) {
    return one.first == "Access-Control-Expose-Headers";
  });
  if (is_told || !request.path.starts_with("/rest/v1")) return;
  reply.headers.emplace_back("Access-Control-Expose-Headers",
                             "Content-Encoding, Content-Location, Content-Range, Content-Type, "
                             "Date, Location, Server, Transfer-Encoding, Range-Unit");
}

}  // namespace waybill::standin
