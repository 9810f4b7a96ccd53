#include "central/standin/upload_store.h"

#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/log.h"

namespace waybill::standin {

namespace {

constexpr std::string_view kFactsEnding = ".json";
constexpr std::size_t kFactsMaxBytes = std::size_t{256} * 1024;

/// The version in "<version>.json", or empty.
std::string version_of_facts(const std::string& file_name) {
  if (!file_name.ends_with(kFactsEnding)) return {};
  const std::string version = file_name.substr(0, file_name.size() - kFactsEnding.size());
  return ObjectStore::is_version(version) ? version : std::string();
}

nlohmann::json facts_of(const Upload& upload) {
  nlohmann::json metadata = nlohmann::json::array();
  for (const auto& [key, value] : upload.metadata) {
    metadata.push_back({key, value ? nlohmann::json(*value) : nlohmann::json(nullptr)});
  }
  return {
      {"bucket", upload.name.bucket},
      {"key", upload.name.key},
      {"size", upload.size_bytes ? nlohmann::json(*upload.size_bytes) : nlohmann::json(nullptr)},
      {"metadata", std::move(metadata)},
      {"created_at_ms", upload.created_at_ms}};
}

Upload upload_of(const nlohmann::json& facts) {
  Upload out;
  out.name = {facts.at("bucket").get<std::string>(), facts.at("key").get<std::string>()};
  if (!facts.at("size").is_null()) out.size_bytes = facts.at("size").get<std::int64_t>();
  for (const nlohmann::json& pair : facts.at("metadata")) {
    const nlohmann::json& value = pair.at(1);
    out.metadata.emplace_back(
        pair.at(0).get<std::string>(),
        value.is_null() ? std::nullopt : std::optional(value.get<std::string>()));
  }
  out.created_at_ms = facts.at("created_at_ms").get<std::int64_t>();
  return out;
}

}  // namespace

UploadStore::UploadStore(FileSystem& files, ObjectStore& objects)
    : files_(files), objects_(objects), folder_(objects.folder() / "uploads") {
  files_.make_folders(folder_);
  std::vector<std::string> orphans;
  files_.walk(
      folder_,
      [&](const WalkEntry& entry) {
        const std::string& name = entry.relative_path;
        if (ObjectStore::is_version(name) && !files_.stat(facts_path(name))) {
          orphans.push_back(name);
        }
      },
      nullptr);
  for (const std::string& name : orphans) files_.remove(folder_ / name);
}

std::filesystem::path UploadStore::bytes_path(const std::string& version) const {
  return folder_ / version;
}

std::filesystem::path UploadStore::facts_path(const std::string& version) const {
  return folder_ / (version + std::string(kFactsEnding));
}

void UploadStore::create(const Upload& upload) {
  make_partial_file(bytes_path(upload.version));
  write_facts(upload);  // syncs the folder, and with it the name of the file of bytes
}

void UploadStore::declare_size(const Upload& upload) { write_facts(upload); }

void UploadStore::write_facts(const Upload& upload) {
  write_whole_file(files_, facts_path(upload.version), facts_of(upload).dump(), FileMode::kPrivate);
}

std::optional<Upload> UploadStore::read_facts(const std::string& version) {
  if (!ObjectStore::is_version(version) || !files_.stat(facts_path(version))) return std::nullopt;
  try {
    Upload out = upload_of(
        nlohmann::json::parse(read_whole_file(files_, facts_path(version), kFactsMaxBytes)));
    out.version = version;
    return out;
  } catch (const nlohmann::json::exception& error) {
    // Written in one step by us: a disk fault, not a crash.
    throw Error(error_code::kInternal, "read an upload", facts_path(version).string(),
                error.what());
  }
}

std::optional<Upload> UploadStore::find(const std::string& version) {
  std::optional<Upload> out = read_facts(version);
  if (!out) return std::nullopt;
  if (const auto file = open_partial_file(bytes_path(version))) {
    file->sync();  // what an earlier process wrote and never synced counts only now
    out->offset_bytes = file->size_bytes();
    out->bytes = Upload::Bytes::kGrowing;
  } else if (const auto size_bytes = objects_.size_bytes(version)) {
    out->offset_bytes = *size_bytes;
    out->bytes = Upload::Bytes::kInPlace;
  } else {
    out->bytes = Upload::Bytes::kGone;
  }
  return out;
}

std::unique_ptr<PartialFile> UploadStore::open(const Upload& upload) {
  return open_partial_file(bytes_path(upload.version));
}

void UploadStore::put_in_place(const Upload& upload) {
  objects_.adopt(bytes_path(upload.version), upload.version);
}

void UploadStore::remove(const std::string& version) {
  // Without its facts nobody finds the upload any more; bytes left by a crash go at the next start.
  files_.remove(facts_path(version));
  files_.remove(bytes_path(version));
}

void UploadStore::for_each_older_than(std::int64_t utc_ms,
                                      const std::function<void(const std::string&)>& visit) {
  std::vector<std::string> versions;
  files_.walk(
      folder_,
      [&](const WalkEntry& entry) {
        std::string version = version_of_facts(entry.relative_path);
        if (!version.empty()) versions.push_back(std::move(version));
      },
      nullptr);
  for (const std::string& version : versions) {
    try {
      const std::optional<Upload> upload = read_facts(version);
      if (upload && upload->created_at_ms < utc_ms) visit(version);
    } catch (const Error& error) {
      log_error(error);  // one bad file does not keep the others
    }
  }
}

}  // namespace waybill::standin
