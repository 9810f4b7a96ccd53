// How resumable uploads answer: statuses, lines of text, headers.
//
// Place:    central/standin; below tus_service.h.
#pragma once

#include <string>

#include "central/standin/exchange.h"

namespace waybill::standin {

[[nodiscard]] Reply empty_tus_reply(int status);

[[nodiscard]] Reply tus_failure(int status, std::string text);

[[noreturn]] void refuse_tus(int status, std::string text);

/// What every answer has: the protocol's version, and what a page's script may read and send.
void add_tus_headers(Reply& reply);

}  // namespace waybill::standin
