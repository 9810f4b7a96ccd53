#include "agent/engine/central_moves.h"

#include <fmt/core.h>

#include <array>
#include <utility>

#include "core/error_code.h"
#include "core/log.h"

namespace waybill {

namespace {

constexpr std::array<std::pair<std::string_view, FileEvent>, 7> kEventOfCentralState = {{
    {"received", FileEvent::kArrived},
    {"verified", FileEvent::kVerified},
    {"staged", FileEvent::kStaged},
    {"processed", FileEvent::kProcessed},
    {"archived", FileEvent::kArchived},
    {"duplicate", FileEvent::kFoundDuplicate},
    {"refused", FileEvent::kRefused},
}};

std::string sentence(const JobFile& file, const Move& move) {
  const std::string size = format_bytes(file.size_bytes);
  switch (move.event) {
    case FileEvent::kRegistered:
      return "registered with central, waits for its upload";
    case FileEvent::kSessionOpened:
      return "upload begins, " + size;
    case FileEvent::kAccepted:
      return "uploaded " + size + " to central";
    case FileEvent::kInterrupted:
      return "upload ended without a clear answer; asking central";
    case FileEvent::kTargetExpired:
      return "upload token had expired; asking for a fresh one";
    case FileEvent::kDeclined:
      return "storage did not take it; will be tried again";
    case FileEvent::kMissing:
      return "has not arrived at central; will be sent again";
    case FileEvent::kSentBack:
      return "arrived altered; will be sent again";
    case FileEvent::kArrived:
      return "central has received it";
    case FileEvent::kVerified:
      return "central has verified its SHA-256";
    case FileEvent::kStaged:
      return "its rows are staged";
    case FileEvent::kProcessed:
      return "done";
    case FileEvent::kArchived:
      return "done and archived";
    case FileEvent::kFoundDuplicate:
      return "is a duplicate: central has the same content already";
    case FileEvent::kRefused:
      return "refused";
    case FileEvent::kChanged:
      return "changed before it was sent; the new version is taken when it rests";
    case FileEvent::kRemoved:
      return "was removed before it was sent";
    case FileEvent::kTakenBack:
      return "central waits for it no longer; it is offered again";
    case FileEvent::kRediscovered:
      return "is back";
  }
  return "";
}

bool is_trouble(FileEvent event) {
  return event == FileEvent::kRefused || event == FileEvent::kDeclined ||
         event == FileEvent::kMissing || event == FileEvent::kSentBack ||
         event == FileEvent::kRemoved;
}

}  // namespace

std::string format_bytes(std::int64_t bytes) {
  constexpr std::array kUnits = {"KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return fmt::format("{} bytes", bytes);
  double amount = static_cast<double>(bytes) / 1024.0;
  std::size_t unit = 0;
  while (amount >= 1024.0 && unit + 1 < kUnits.size()) {
    amount /= 1024.0;
    ++unit;
  }
  return fmt::format("{:.1f} {}", amount, kUnits[unit]);
}

std::optional<Move> follow_central(const JobFile& file, std::string_view central_state,
                                   const std::optional<wire::FileProblem>& problem) {
  for (const auto& [name, event] : kEventOfCentralState) {
    if (name != central_state || !next_state(file.state, event)) continue;
    Move move{.file = file.file_number, .from = file.state, .event = event};
    if (event == FileEvent::kRefused) move.problem = problem;
    move.next_attempt_at_ms = 0;
    return move;
  }
  return std::nullopt;
}

bool is_withdrawn(Ledger& ledger, const JobFile& file, std::string_view central_state,
                  const std::optional<wire::FileProblem>& problem) {
  if (central_state != "refused" || !problem) return false;
  if (problem->code == error_code::kFileWithdrawn.id) return true;
  return problem->code == error_code::kPartOfSetRefused.id && file.part_count > 1 &&
         !ledger.has_refused_fellow(file);
}

void log_move(const JobFile& file, const Move& move) {
  std::string line = file.relative_path + ": " + sentence(file, move);
  if (move.problem) {
    line += " (" + move.problem->code + " " + move.problem->message;
    const nlohmann::json& details = move.problem->details;
    if (details.contains("row") && details["row"].is_number()) {
      line += fmt::format(", row {}", details["row"].get<std::int64_t>());
    }
    if (details.contains("column") && details["column"].is_string()) {
      line += ", column " + details["column"].get<std::string>();
    }
    line += ")";
    if (const ErrorCode* code = find_error_code(move.problem->code)) {
      line += fmt::format(" What to do: {}", code->way_out);
    }
  }
  if (move.rows_staged && *move.rows_staged >= 0) {
    line += fmt::format(" ({} rows)", *move.rows_staged);
  }
  log_line(is_trouble(move.event) ? LogLevel::kWarning : LogLevel::kInfo, line);
}

}  // namespace waybill
