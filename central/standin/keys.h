// ProjectKeys: the three secrets of a Supabase project, from one private file.
//
// Place:    central/standin; read by the stand-in, the worker's command and `migrate`.
// Source:   JSON {"publishable_key": "sb_publishable_...", "secret_key": "sb_secret_...",
//           "jwt_secret": "..."}, readable by its owner alone.
// Errors:   WB-5006 naming the file and the key that is missing or wrong; WB-1006 when others may
//           read the file. No value of the file is ever part of a message.
#pragma once

#include <filesystem>
#include <string>

namespace waybill::standin {

struct ProjectKeys {
  std::string publishable_key;  ///< names the project; a caller with it alone is `anon`
  std::string secret_key;       ///< a caller with it is `service_role`
  std::string jwt_secret;       ///< signs callers' JWTs and upload tokens (HS256)
};

[[nodiscard]] ProjectKeys read_keys(const std::filesystem::path& path);

/// The `secret_key` of a file that may hold nothing else: a worker's host needs no more than that.
[[nodiscard]] std::string read_secret_key(const std::filesystem::path& path);

/// Fresh random keys.
[[nodiscard]] ProjectKeys make_keys();

/// Writes a private file; refuses to replace one that is there (WB-5006).
void write_keys(const std::filesystem::path& path, const ProjectKeys& keys);

}  // namespace waybill::standin
