#include "tests/support/private_postgres.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <vector>

#include "core/crypto.h"
#include "tests/support/source_folder.h"

namespace waybill {

namespace {

namespace fs = std::filesystem;

/// Runs a shell command and returns its standard output and error; throws when it fails.
std::string run(const std::string& command) {
  FILE* const pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("cannot run: " + command);
  std::string text;
  std::array<char, 4096> buffer{};
  while (const std::size_t count = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    text.append(buffer.data(), count);
  }
  if (::pclose(pipe) != 0) throw std::runtime_error(command + "\n" + text);
  return text;
}

std::vector<fs::path> sql_files(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".sql") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string unique_name(const std::string& prefix) {
  std::string name = prefix + random_uuid();
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

}  // namespace

PrivatePostgres& PrivatePostgres::shared() {
  static PrivatePostgres server;
  return server;
}

PrivatePostgres::PrivatePostgres() {
  // libcrypto cleans up at exit in the reverse order of first use; used here, it outlives us.
  static_cast<void>(random_uuid());
  if (const char* url = std::getenv("WAYBILL_TEST_POSTGRES")) {
    server_url_ = url;
    return;
  }
  own_folder_ = fs::temp_directory_path() / unique_name("waybill-test-");
  fs::create_directories(own_folder_);
  fs::permissions(own_folder_, fs::perms(0755));
  run(std::string("WAYBILL_POSTGRES_OPTIONS='-c fsync=off' '") + source_folder().string() +
      "/dev' postgres start '" + (own_folder_ / "postgres").string() + "'");
  std::ifstream(own_folder_ / "postgres" / "url") >> server_url_;
}

PrivatePostgres::~PrivatePostgres() {
  try {
    if (!own_folder_.empty()) {
      run(std::string("'") + source_folder().string() + "/dev' postgres remove '" +
          (own_folder_ / "postgres").string() + "'");
      fs::remove_all(own_folder_);
    } else if (!template_name_.empty()) {
      psql(server_url_, "DROP DATABASE IF EXISTS " + template_name_);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "PrivatePostgres: %s\n", error.what());
  }
}

std::string PrivatePostgres::url_of(const std::string& database) const {
  const std::string path = "/postgres?";
  std::string url = server_url_;
  return url.replace(url.find(path), path.size(), "/" + database + "?");
}

std::string PrivatePostgres::as_role(const std::string& url, const std::string& role) {
  const std::size_t start = url.find("//") + 2;
  std::string other = url;
  return other.replace(start, url.find('@') - start, role);
}

std::string PrivatePostgres::empty_database() {
  const std::string name = unique_name("db_");
  psql(server_url_, "CREATE DATABASE " + name);
  return url_of(name);
}

std::string PrivatePostgres::fresh_database() {
  if (template_name_.empty()) make_template();
  const std::string name = unique_name("db" + std::to_string(++database_count_) + "_");
  psql(server_url_, "CREATE DATABASE " + name + " TEMPLATE " + template_name_);
  return url_of(name);
}

void PrivatePostgres::make_template() {
  const std::string name = unique_name("template_");
  psql(server_url_, "CREATE DATABASE " + name);
  const fs::path source = source_folder();
  for (const fs::path& file : sql_files(source / "central/standin/bootstrap")) {
    psql_file(url_of(name), file);
  }
  // As on Supabase: migrations are run by `postgres`, which is not a superuser.
  for (const fs::path& file : sql_files(source / "schema/supabase/migrations")) {
    psql_file(as_role(url_of(name), "postgres"), file);
  }
  template_name_ = name;
}

std::string PrivatePostgres::psql(const std::string& url, const std::string& sql) {
  const fs::path file = fs::temp_directory_path() / unique_name("waybill-sql-");
  std::ofstream(file) << sql;
  try {
    std::string text =
        run("psql -X -q -A -t -v ON_ERROR_STOP=1 -d '" + url + "' -f '" + file.string() + "'");
    fs::remove(file);
    if (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
  } catch (...) {
    fs::remove(file);
    throw;
  }
}

void PrivatePostgres::psql_file(const std::string& url, const fs::path& file) {
  run("psql -X -q -v ON_ERROR_STOP=1 -d '" + url + "' -f '" + file.string() + "'");
}

}  // namespace waybill
