// AgentKey: the key with which this agent signs its manifests, in a file that its owner alone may
// read.
//
// Place:    agent/config; made with the first start or enrolment, used by `waybill audit export`.
// Rule:     its public half is told to central with every sync; central notices another one.
// Errors:   WB-1006 when others may read it or it is not a key of ours.
#pragma once

#include <filesystem>

#include "core/file_system.h"
#include "core/signing_key.h"

namespace waybill {

inline constexpr const char* kKeyFileName = "agent-key.pem";

[[nodiscard]] SigningKey read_or_make_agent_key(FileSystem& files,
                                                const std::filesystem::path& state_folder);

}  // namespace waybill
