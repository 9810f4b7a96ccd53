// PartialFile: a file that grows at its end, over many requests.
//
// Place:    central/standin; below upload_store.h. The file-system port of core knows only files
//           that are written in one go.
// Durable:  after sync() the bytes survive power loss; before it, the death of this process.
// Errors:   WB-1310; bytes written before a failure stay, and size_bytes() counts them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

namespace waybill::standin {

class PartialFile {
 public:
  virtual ~PartialFile() = default;
  virtual void append(std::string_view bytes) = 0;
  [[nodiscard]] virtual std::int64_t size_bytes() const = 0;
  virtual void sync() = 0;
};

/// Makes an empty file that its owner alone may read. Its folder must be there; the file must not.
void make_partial_file(const std::filesystem::path& path);

/// nullptr when it is not there.
[[nodiscard]] std::unique_ptr<PartialFile> open_partial_file(const std::filesystem::path& path);

}  // namespace waybill::standin
