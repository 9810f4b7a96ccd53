// PageRunner: the port behind which pages are fetched while the engine goes on.
//
// Place:    agent/fetch; BackgroundPages in the program, at once and in order in tests.
#pragma once

#include <memory>
#include <vector>

#include "agent/fetch/fetch_page.h"
#include "core/error.h"

namespace waybill {

struct PageResult {
  std::string fetch_name;
  PageLines page;
  std::shared_ptr<const Error> error;  ///< null when the page is good
  std::int64_t retry_after_ms = 0;     ///< as the partner's system asked; 0 when it did not
};

class PageRunner {
 public:
  virtual ~PageRunner() = default;
  virtual void start(PageRequest request) = 0;
  [[nodiscard]] virtual std::vector<PageResult> take_finished() = 0;
};

}  // namespace waybill
