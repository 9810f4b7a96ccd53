// Migrate: brings a database to the state that this version of Waybill needs.
//
// Place:    central/cli, over central/pg. Records what it did as the Supabase CLI does, in
//           supabase_migrations.schema_migrations, so either tool goes on where the other stopped.
// Durable:  each migration and its record are one transaction. A second run does nothing.
// Errors:   WB-5004 with the file's name and the database's words; WB-5006 for a folder or file
//           name that is none of ours.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "central/standin/keys.h"

namespace waybill::cli {

struct MigrateOptions {
  std::string database_url;
  std::filesystem::path migrations;  ///< holds <version>_<name>.sql
  bool bootstrap = false;            ///< first make what Supabase brings; needs a superuser
  /// When given, its jwt_secret goes into Vault, for upload URLs to be signed with.
  std::optional<standin::ProjectKeys> keys;
};

/// Returns the file names of the migrations that were applied, in order.
std::vector<std::string> migrate(const MigrateOptions& options);

}  // namespace waybill::cli
