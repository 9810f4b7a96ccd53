#include "agent/ledger/whole_file.h"

#include <array>
#include <catch2/catch.hpp>

using namespace waybill;

namespace {

JobFile part_of(std::int32_t number, FileState state, const std::string& code = "") {
  JobFile out;
  out.original_sha256 = std::string(64, 'a');
  out.part.number = number;
  out.part.begin_byte = 10 * number;
  out.part.end_byte = 10 * number + 10;
  out.part_count = 3;
  out.state = state;
  out.rows_staged = 5;
  if (!code.empty()) out.problem = wire::FileProblem{code, "", {}};
  return out;
}

}  // namespace

TEST_CASE("whole file: it stands where its part stands that has come least far", "[agent][split]") {
  using State = FileState;
  CHECK(whole_state(std::array{State::kArchived, State::kVerified}) == State::kVerified);
  CHECK(whole_state(std::array{State::kQueued, State::kArchived}) == State::kQueued);
  CHECK(whole_state(std::array{State::kQueued, State::kRefused}) == State::kRefused);
  CHECK(whole_state(std::array{State::kDuplicate, State::kArchived}) == State::kArchived);
  CHECK(whole_state(std::array{State::kDuplicate, State::kDuplicate}) == State::kDuplicate);
}

TEST_CASE("whole file: the part that was refused first speaks for those refused with it",
          "[agent][split]") {
  const std::array parts = {part_of(1, FileState::kRefused, "WB-2114"),
                            part_of(2, FileState::kRefused, "WB-3002"),
                            part_of(3, FileState::kRefused, "WB-2114")};
  const JobFile whole = whole_of(parts);
  REQUIRE(whole.problem);
  CHECK(whole.problem->code == "WB-3002");
  CHECK(whole.content_sha256 == whole.original_sha256);
  CHECK(whole.size_bytes == 40);
  CHECK(whole.rows_staged == 15);
}
