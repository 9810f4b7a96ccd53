// What central says about a file, as a move of the ledger.
//
// Place:    agent/engine; the registrar, the sender and the reconciler all learn central's state.
#pragma once

#include <optional>
#include <string_view>

#include "agent/ledger/job_file.h"
#include "agent/ledger/ledger.h"
#include "core/wire.h"

namespace waybill {

/// Central's name of the state in which it waits for a file's bytes.
inline constexpr std::string_view kAwaitingUpload = "awaiting_upload";

/// The move that brings `file` to central's state, or nothing when it is there already, is ahead
/// of this (older) news, or central waits for the bytes.
[[nodiscard]] std::optional<Move> follow_central(const JobFile& file,
                                                 std::string_view central_state,
                                                 const std::optional<wire::FileProblem>& problem);

/// Has central let go of the file because we said, of it or of a fellow part, that the bytes will
/// not come? That is no refusal: the same bytes may be offered again. A fellow part is told
/// WB-2114, as one of a refused set is, so it counts whether a part is known that was refused for
/// itself.
[[nodiscard]] bool is_withdrawn(Ledger& ledger, const JobFile& file, std::string_view central_state,
                                const std::optional<wire::FileProblem>& problem);

/// One line for the log: "recipe.csv: uploaded, 12.3 KiB".
void log_move(const JobFile& file, const Move& move);

/// "12.3 KiB"
[[nodiscard]] std::string format_bytes(std::int64_t bytes);

}  // namespace waybill
