// ExportRoot: is the export folder there, and is it the one that was seen before?
//
// Place:    agent/watch; the scanner accepts a folder, and whoever misses a file asks first.
// Rule:     a file is gone only when its folder is there. A share that is not mounted leaves an
//           empty folder of the same name: another identity and nothing in it. That is not believed
//           until it is the known folder again, or something is in it.
// State:    the identity of the folder of the last good scan is in the ledger.
#pragma once

#include <filesystem>
#include <string>

#include "agent/ledger/ledger.h"

namespace waybill {

class ExportRoot {
 public:
  ExportRoot(FileSystem& files, Ledger& ledger, std::filesystem::path root);

  /// The folder that the last good scan has seen is there now. Never throws Error for what is not
  /// there or may not be looked at.
  [[nodiscard]] bool is_there();

  /// Which folder it is now; "" when it is not there.
  [[nodiscard]] std::string identity();

  /// A walk of the folder `walked` has met `file_count` things in it. Throws WB-1305 when that is
  /// not to be believed; otherwise this is the folder from now on. True when it is another than
  /// before.
  bool accept(const std::string& walked, std::size_t file_count);

 private:
  FileSystem& files_;
  Ledger& ledger_;
  std::filesystem::path root_;
};

}  // namespace waybill
