// AgentToken: this agent's secret, in a file that its owner alone may read.
//
// Place:    agent/config; made at enrolment, read at start, sent as x-agent-token.
// Rule:     central stores only the SHA-256 of it. It never reaches a log, the ledger or a message.
// Errors:   WB-1003 when there is none, WB-1006 when others may read it or it is not one of ours.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "core/file_system.h"

namespace waybill {

inline constexpr const char* kTokenFileName = "agent-token";

/// 256 random bits as base64url.
[[nodiscard]] std::string make_agent_token();

[[nodiscard]] std::string read_agent_token(FileSystem& files,
                                           const std::filesystem::path& state_folder);

/// The token that is there already, e.g. of an enrolment whose answer was lost; nothing when none.
[[nodiscard]] std::optional<std::string> find_agent_token(
    FileSystem& files, const std::filesystem::path& state_folder);

void write_agent_token(FileSystem& files, const std::filesystem::path& state_folder,
                       const std::string& token);

}  // namespace waybill
