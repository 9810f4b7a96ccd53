#include "agent/config/network_options.h"

#include "core/error.h"

namespace waybill {

namespace {

void check_is_there(FileSystem& files, const std::filesystem::path& path, const char* key) {
  if (path.empty()) return;
  const std::optional<FileStat> stat = files.stat(path);
  if (stat && (stat->type == FileType::kRegular || stat->type == FileType::kLink)) return;
  throw Error(error_code::kConfigInvalid, "read configuration", path.string(),
              std::string("\"network.") + key + "\" must name a file, and there is none");
}

}  // namespace

HttpOptions network_options(FileSystem& files, const AgentConfig& config) {
  check_is_there(files, config.network.ca_file, "ca_file");
  check_is_there(files, config.network.client_certificate, "client_certificate");
  check_is_there(files, config.network.client_key, "client_key");
  if (!config.network.client_key.empty() && !files.is_private(config.network.client_key)) {
    throw Error(error_code::kSecretFileUnsafe, "read client key",
                config.network.client_key.string(), "others may read it");
  }
  HttpOptions out;
  out.proxy = config.network.proxy;
  out.ca_file = config.network.ca_file.string();
  out.client_certificate = config.network.client_certificate.string();
  out.client_key = config.network.client_key.string();
  return out;
}

}  // namespace waybill
