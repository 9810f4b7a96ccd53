#include "central/standin/keys.h"

#include <nlohmann/json.hpp>
#include <string_view>

#include "core/crypto.h"
#include "core/error.h"
#include "core/file_system.h"

namespace waybill::standin {

namespace {

constexpr std::size_t kKeysFileMaxBytes = 64 * 1024;
constexpr std::size_t kJwtSecretMinBytes = 32;  ///< HS256 asks for a key as long as its digest
constexpr std::size_t kRandomKeyBytes = 24;
constexpr std::size_t kJwtSecretBytes = 48;

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& cause) {
  throw Error(error_code::kCentralConfigInvalid, "read the keys file", path.string(), cause);
}

std::string text_of(const nlohmann::json& file, const char* key,
                    const std::filesystem::path& path) {
  const auto found = file.find(key);
  if (found == file.end() || !found->is_string() || found->get_ref<const std::string&>().empty()) {
    refuse(path, std::string("\"") + key + "\" must be there and be text");
  }
  return found->get<std::string>();
}

nlohmann::json read_private_json(const std::filesystem::path& path) {
  FileSystem& files = system_file_system();
  if (!files.stat(path)) refuse(path, "it is not there; `waybill-central keys create` makes one");
  if (!files.is_private(path)) {
    throw Error(error_code::kSecretFileUnsafe, "read the keys file", path.string(),
                "others than its owner may read it");
  }
  const std::string text = read_whole_file(files, path, kKeysFileMaxBytes);
  nlohmann::json file = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!file.is_object()) refuse(path, "it is not a JSON object");
  return file;
}

}  // namespace

ProjectKeys read_keys(const std::filesystem::path& path) {
  const nlohmann::json file = read_private_json(path);
  ProjectKeys keys{.publishable_key = text_of(file, "publishable_key", path),
                   .secret_key = text_of(file, "secret_key", path),
                   .jwt_secret = text_of(file, "jwt_secret", path)};
  if (keys.jwt_secret.size() < kJwtSecretMinBytes) {
    refuse(path, "\"jwt_secret\" must have at least 32 characters");
  }
  if (keys.publishable_key == keys.secret_key) {
    refuse(path, "\"publishable_key\" and \"secret_key\" must differ");
  }
  return keys;
}

std::string read_secret_key(const std::filesystem::path& path) {
  return text_of(read_private_json(path), "secret_key", path);
}

ProjectKeys make_keys() {
  return {.publishable_key = "sb_publishable_" + base64url_encode(random_bytes(kRandomKeyBytes)),
          .secret_key = "sb_secret_" + base64url_encode(random_bytes(kRandomKeyBytes)),
          .jwt_secret = base64url_encode(random_bytes(kJwtSecretBytes))};
}

void write_keys(const std::filesystem::path& path, const ProjectKeys& keys) {
  FileSystem& files = system_file_system();
  if (files.stat(path)) {
    throw Error(error_code::kCentralConfigInvalid, "write the keys file", path.string(),
                "a file is there already, and its keys may be in use");
  }
  const nlohmann::ordered_json file{{"publishable_key", keys.publishable_key},
                                    {"secret_key", keys.secret_key},
                                    {"jwt_secret", keys.jwt_secret}};
  write_whole_file(files, path, file.dump(2) + "\n", FileMode::kPrivate);
}

}  // namespace waybill::standin
