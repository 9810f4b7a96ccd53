#include "agent/config/agent_token.h"

#include "core/crypto.h"
#include "core/error.h"

namespace waybill {

namespace {
constexpr std::size_t kTokenBytes = 32;
constexpr std::size_t kTokenTextMax = 256;
}  // namespace

std::string make_agent_token() { return base64url_encode(random_bytes(kTokenBytes)); }

std::optional<std::string> find_agent_token(FileSystem& files,
                                            const std::filesystem::path& state_folder) {
  const std::filesystem::path file = state_folder / kTokenFileName;
  if (!files.stat(file)) return std::nullopt;
  if (!files.is_private(file)) {
    throw Error(error_code::kSecretFileUnsafe, "read token", file.string(),
                "others than its owner may read it");
  }
  std::string token = read_whole_file(files, file, kTokenTextMax);
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r')) token.pop_back();
  std::string bytes;
  if (!base64url_decode(token, bytes) || bytes.size() != kTokenBytes) {
    throw Error(error_code::kSecretFileUnsafe, "read token", file.string(), "it is not a token");
  }
  return token;
}

std::string read_agent_token(FileSystem& files, const std::filesystem::path& state_folder) {
  std::optional<std::string> token = find_agent_token(files, state_folder);
  if (!token) {
    throw Error(error_code::kNotEnrolled, "read token", state_folder.string(),
                "this agent has not been enrolled");
  }
  return std::move(*token);
}

void write_agent_token(FileSystem& files, const std::filesystem::path& state_folder,
                       const std::string& token) {
  files.make_folders(state_folder);
  write_whole_file(files, state_folder / kTokenFileName, token + "\n", FileMode::kPrivate);
}

}  // namespace waybill
