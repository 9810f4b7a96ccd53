#include "agent/ledger/damage.h"

#include <nlohmann/json.hpp>

#include "agent/ledger/ledger.h"
#include "core/log.h"

namespace waybill {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kNoteMax = 64 * 1024;

bool has_bytes(FileSystem& files, const fs::path& file) {
  const std::optional<FileStat> stat = files.stat(file);
  return stat && stat->size_bytes > 0;
}

fs::path with(const fs::path& file, const char* ending) { return file.string() + ending; }

/// Two ledgers may be lost in one millisecond only where a test holds the clock.
fs::path free_name(FileSystem& files, const fs::path& file, std::int64_t utc_ms) {
  const std::string wanted = file.string() + ".damaged-" + file_stamp(utc_ms);
  fs::path out = wanted;
  for (int i = 2; files.stat(out) || files.stat(with(out, "-wal")); ++i) {
    out = wanted + "-" + std::to_string(i);
  }
  return out;
}

}  // namespace

std::string file_stamp(std::int64_t utc_ms) {
  std::string out = format_utc(utc_ms);
  std::erase_if(out, [](char c) { return c == '-' || c == ':' || c == '.'; });
  return out;
}

void note_trouble(FileSystem& files, const fs::path& state_folder, const Error& error,
                  std::int64_t utc_ms) {
  try {
    const nlohmann::json note = {
        {"code", error.code().id}, {"message", error.what()}, {"at", format_utc(utc_ms)}};
    write_whole_file(files, state_folder / kTroubleName,
                     note.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n",
                     FileMode::kPrivate);
  } catch (const Error& failure) {
    log_error(failure);
  }
}

void forget_trouble(FileSystem& files, const fs::path& state_folder) {
  try {
    files.remove(state_folder / kTroubleName);
  } catch (const Error& failure) {
    log_error(failure);
  }
}

std::optional<LedgerTrouble> find_trouble(FileSystem& files, const fs::path& state_folder) {
  const fs::path file = state_folder / kTroubleName;
  try {
    if (!files.stat(file)) return std::nullopt;
    const auto note = nlohmann::json::parse(read_whole_file(files, file, kNoteMax), nullptr, false);
    if (!note.is_object()) return std::nullopt;
    return LedgerTrouble{note.value("code", ""), note.value("message", ""), note.value("at", "")};
  } catch (const Error&) {
    return std::nullopt;  // it went away this moment, or others may not read it
  }
}

bool is_known_damaged(FileSystem& files, const fs::path& state_folder) {
  const std::optional<LedgerTrouble> trouble = find_trouble(files, state_folder);
  if (trouble && trouble->code == error_code::kLedgerCorrupt.id) return true;
  const fs::path ledger = state_folder / kLedgerFileName;
  return !has_bytes(files, ledger) && has_bytes(files, with(ledger, "-wal"));
}

std::string set_aside_ledger(FileSystem& files, const fs::path& state_folder, std::int64_t utc_ms) {
  const fs::path ledger = state_folder / kLedgerFileName;
  const fs::path aside = free_name(files, ledger, utc_ms);
  bool was_there = false;
  for (const char* ending : {"", "-wal", "-shm"}) {
    was_there |= files.set_aside(with(ledger, ending), with(aside, ending));
  }
  if (!was_there) return "";
  log_warning("the damaged ledger is kept as " + aside.string() +
              "; a new one begins and is filled from what central holds");
  return aside.filename().string();
}

}  // namespace waybill
