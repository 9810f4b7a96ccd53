#include "agent/watch/export_root.h"

#include "core/error.h"

namespace waybill {

ExportRoot::ExportRoot(FileSystem& files, Ledger& ledger, std::filesystem::path root)
    : files_(files), ledger_(ledger), root_(std::move(root)) {}

/// Of the folder itself, also when its configured name is a link.
std::string ExportRoot::identity() {
  const std::optional<FileStat> stat = files_.stat(root_ / ".");
  return stat && stat->type == FileType::kFolder ? stat->file_id : "";
}

bool ExportRoot::is_there() {
  try {
    const std::string now = identity();
    const std::string known = ledger_.meta(meta::kExportRootId);
    return !now.empty() && (known.empty() || now == known);
  } catch (const Error& error) {
    if (error.code().id != error_code::kFileUnreadable.id) throw;
    return false;
  }
}

bool ExportRoot::accept(const std::string& walked, std::size_t file_count) {
  if (walked.empty() || identity() != walked) {
    throw Error(error_code::kFolderMissing, "scan", root_.string(), "it went away meanwhile");
  }
  const std::string known = ledger_.meta(meta::kExportRootId);
  if (walked == known) return false;
  if (file_count == 0 && !known.empty()) {
    throw Error(error_code::kFolderMissing, "scan", root_.string(),
                "it is empty and not the folder seen before: is the share mounted?");
  }
  ledger_.set_meta({{meta::kExportRootId, walked}});
  return !known.empty();
}

}  // namespace waybill
