// AgentConfig: the agent's configuration file, read strictly.
//
// Place:    agent/config; read once at start. config/agent.schema.json describes the same keys for
//           editors, and a test holds that both know the same ones.
// Units:    *_ms are milliseconds.
// Errors:   WB-1001 when the file cannot be read; WB-1002 naming file, key path, what is allowed
//           and the nearest known key; WB-1005 when project_url is not safe.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "agent/config/bandwidth_config.h"
#include "agent/engine/tidy_settings.h"
#include "agent/fetch/fetch_config.h"
#include "core/file_system.h"
#include "core/log.h"

namespace waybill {

struct AgentConfig {
  std::string project_url;      ///< https, or http to loopback; no slash at the end
  std::string publishable_key;  ///< the project's; not a secret
  std::filesystem::path export_folder;
  std::filesystem::path state_folder;  ///< ledger, lock and token; not inside export_folder

  struct {
    std::int64_t quiet_ms = 2'000;
  } ready;
  struct {
    std::int64_t interval_ms = 60'000;
    bool notifications = true;
    std::int64_t rehash_days = 7;  ///< every file is read again so often; 0: never
  } scan;
  struct {
    std::int64_t interval_ms = 0;  ///< 0: as central says
  } sync;
  struct {
    std::int64_t parallel = 2;
    BandwidthConfig bandwidth;        ///< read again while the agent runs
    std::int64_t give_up_after = 50;  ///< tries of one file, then it waits for `waybill retry`
  } upload;
  struct {
    std::string proxy;                         ///< "": as the environment says
    std::filesystem::path ca_file;             ///< PEM; empty: the system's
    std::filesystem::path client_certificate;  ///< PEM; empty: none
    std::filesystem::path client_key;          ///< PEM, readable by the service account alone
  } network;
  struct {
    std::int64_t backup_hours = 24;  ///< between online backups of the ledger; 0: none
    std::int64_t backups_kept = 3;
    std::int64_t reserve_mib = 64;  ///< below so much free space no new files are taken in
  } ledger;
  struct {
    std::int64_t close_after_idle_ms = 60'000;
  } delivery;
  TidySettings after_processed;    ///< what becomes of a file that central is done with
  std::vector<FetchConfig> fetch;  ///< the partner's HTTP APIs that are read on a schedule
  struct {
    LogLevel level = LogLevel::kInfo;
  } log;
};

/// Reads and checks the file. Relative folders are taken from the file's own folder.
[[nodiscard]] AgentConfig read_agent_config(FileSystem& files, const std::filesystem::path& file);

/// The same from text; `file` is for messages and relative folders.
[[nodiscard]] AgentConfig parse_agent_config(const std::string& text,
                                             const std::filesystem::path& file);

}  // namespace waybill
