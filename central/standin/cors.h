// Cross-origin requests: pages of any origin may use the project, as on Supabase.
//
// Place:    central/standin; plays that part of the platform's gateway. Nothing here is a secret's
//           guard: there are no cookies, and a page must hold a key or a token of its own.
#pragma once

#include "central/standin/exchange.h"

namespace waybill::standin {

/// Does a browser ask whether a page may send something?
[[nodiscard]] bool is_preflight(const Request& request);

/// It may: every method, and the headers it asks for.
[[nodiscard]] Reply answer_preflight(const Request& request);

/// Lets the page read the answer.
void allow_pages(const Request& request, Reply& reply);

}  // namespace waybill::standin
