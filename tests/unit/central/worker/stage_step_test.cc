// The last defence of staging: a reading that ended early is never taken for the whole file.
#include "central/worker/stage_step.h"

#include <catch2/catch.hpp>

#include "core/error.h"

namespace waybill::test {

TEST_CASE("stage step: a reading that ended early without a finding is a defect",
          "[central][worker]") {
  ReadSummary read;
  try {
    check_reading_is_explained(read, "recipe_1.csv");
    FAIL("it was taken");
  } catch (const Error& error) {
    CHECK(error.code().id == error_code::kInternal.id);
    CHECK_FALSE(error.is_transient());
  }
  read.refusal = Finding{&error_code::kFileEmpty, "the file holds no bytes", 0, 0, 0, "", 0};
  CHECK_NOTHROW(check_reading_is_explained(read, "recipe_1.csv"));
  read.refusal.reset();
  read.complete = true;
  CHECK_NOTHROW(check_reading_is_explained(read, "recipe_1.csv"));
}

}  // namespace waybill::test
