// PrivatePostgres: fresh databases on a PostgreSQL that belongs to the tests.
//
// Place:    tests/support. `./dev test` starts the server and names it in WAYBILL_TEST_POSTGRES;
//           a test program that is run by hand starts one with `./dev postgres` and ends it.
// Threads:  shared() may be called from one thread at a time.
#pragma once

#include <filesystem>
#include <string>

namespace waybill {

class PrivatePostgres {
 public:
  /// The one server of this test program.
  static PrivatePostgres& shared();

  ~PrivatePostgres();
  PrivatePostgres(const PrivatePostgres&) = delete;
  PrivatePostgres& operator=(const PrivatePostgres&) = delete;

  /// A database that holds what a Supabase project has, and our migrations; nobody else uses it.
  /// The address logs in as the superuser; see as_role() for others.
  [[nodiscard]] std::string fresh_database();

  /// An empty database.
  [[nodiscard]] std::string empty_database();

  /// The same database, logged in as `role`.
  [[nodiscard]] static std::string as_role(const std::string& url, const std::string& role);

  /// Runs SQL text with psql, stopping at the first error; returns what it prints, unaligned,
  /// without headers. Throws std::runtime_error with psql's words.
  static std::string psql(const std::string& url, const std::string& sql);
  static void psql_file(const std::string& url, const std::filesystem::path& file);

 private:
  PrivatePostgres();
  std::string url_of(const std::string& database) const;
  void make_template();

  std::string server_url_;            // .../postgres?host=<socket folder>
  std::filesystem::path own_folder_;  // set when this program started the server
  std::string template_name_;
  int database_count_ = 0;
};

}  // namespace waybill
