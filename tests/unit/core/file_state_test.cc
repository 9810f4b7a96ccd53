#include "core/file_state.h"

#include <catch2/catch.hpp>
#include <set>

using namespace waybill;

// Goal:   the table is the only source of moves, and it is complete.
// Method: ask for every pair of state and event, and compare with the table's own rows.
TEST_CASE("file state: every pair leads where the table says, all others nowhere",
          "[core][file_state]") {
  for (const FileStateName& state : kFileStateNames) {
    for (const FileEventName& event : kFileEventNames) {
      std::optional<FileState> expected;
      for (const FileTransition& move : kFileTransitions) {
        if (move.from == state.state && move.event == event.event) expected = move.to;
      }
      INFO(state.name << " " << event.name);
      CHECK(next_state(state.state, event.event) == expected);
    }
  }
}

TEST_CASE("file state: every state is reached from ready and every event is used",
          "[core][file_state]") {
  std::set<FileState> reached = {FileState::kReady};
  std::set<FileEvent> used;
  for (std::size_t round = 0; round < kFileStateNames.size(); ++round) {
    for (const FileTransition& move : kFileTransitions) {
      used.insert(move.event);
      if (reached.contains(move.from)) reached.insert(move.to);
    }
  }
  CHECK(reached.size() == kFileStateNames.size());
  CHECK(used.size() == kFileEventNames.size());
}

TEST_CASE("file state: names are read back and belong to one state each", "[core][file_state]") {
  std::set<std::string_view> names;
  for (const FileStateName& entry : kFileStateNames) {
    CHECK(parse_file_state(to_string(entry.state)) == entry.state);
    CHECK_FALSE(to_sentence(entry.state).empty());
    names.insert(entry.name);
  }
  CHECK(names.size() == kFileStateNames.size());
  CHECK_FALSE(parse_file_state("verifyed"));
}

TEST_CASE("file state: central's news never takes a file backwards", "[core][file_state]") {
  // The one way back is "sent back", from received, and it is not among central's forward steps.
  CHECK_FALSE(next_state(FileState::kStaged, FileEvent::kArrived));
  CHECK_FALSE(next_state(FileState::kStaged, FileEvent::kVerified));
  CHECK_FALSE(next_state(FileState::kProcessed, FileEvent::kStaged));
  CHECK_FALSE(next_state(FileState::kArchived, FileEvent::kProcessed));
  CHECK_FALSE(next_state(FileState::kVerified, FileEvent::kSentBack));
}
