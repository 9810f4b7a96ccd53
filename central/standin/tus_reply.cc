#include "central/standin/tus_reply.h"

#include <utility>

namespace waybill::standin {

namespace {

constexpr const char* kHeaders =
    "Authorization, Content-Type, Location, Tus-Extension, Tus-Max-Size, Tus-Resumable, "
    "Tus-Version, Upload-Concat, Upload-Defer-Length, Upload-Length, Upload-Metadata, "
    "Upload-Offset, X-HTTP-Method-Override, X-Requested-With, X-Forwarded-Host, "
    "X-Forwarded-Proto, Forwarded";

}  // namespace

Reply empty_tus_reply(int status) {
  Reply reply;
  reply.status = status;
  reply.content_type.clear();
  return reply;
}

Reply tus_failure(int status, std::string text) {
  Reply reply;
  reply.status = status;
  reply.content_type = "text/plain;charset=UTF-8";
  reply.body = std::move(text);
  return reply;
}

void refuse_tus(int status, std::string text) { throw Refusal(tus_failure(status, text)); }

void add_tus_headers(Reply& reply) {
  reply.headers.emplace_back("Tus-Resumable", "1.0.0");
  reply.headers.emplace_back("Access-Control-Expose-Headers", kHeaders);
}

}  // namespace waybill::standin
