#include "agent/config/agent_key.h"

#include "core/error.h"

namespace waybill {

namespace {
constexpr std::size_t kKeyTextMax = 4'096;
}

SigningKey read_or_make_agent_key(FileSystem& files, const std::filesystem::path& state_folder) {
  const std::filesystem::path file = state_folder / kKeyFileName;
  if (files.stat(file)) {
    if (!files.is_private(file)) {
      throw Error(error_code::kSecretFileUnsafe, "read key", file.string(),
                  "others than its owner may read it");
    }
    return SigningKey::from_pem(read_whole_file(files, file, kKeyTextMax));
  }
  SigningKey key = SigningKey::make();
  files.make_folders(state_folder);
  write_whole_file(files, file, key.private_pem(), FileMode::kPrivate);
  return key;
}

}  // namespace waybill
