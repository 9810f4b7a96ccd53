#include "tests/sim/agency.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace waybill::sim {

namespace {

constexpr std::int64_t kPieceEveryMs = 1'200;  // shorter than the agent's quiet period
constexpr std::int64_t kFilesMax = 40;         // in the folder at once; then more is deleted

const std::vector<std::string>& odd_names() {
  static const std::vector<std::string> kNames = {
      "recipe_caf\xC3\xA9.csv",           // NFC
      "recipe_cafe\xCC\x81.csv",          // NFD of the same letters
      "recipe_\"quoted\" 'name'.csv",     // quotes of every kind
      "recipe_two\nlines.csv",            // a newline
      "RECIPE_Upper.CSV",                 // a pair that ...
      "recipe_upper.csv",                 // ... differs in case only
      "recipe_%s%n;--.csv",               // for careless formatting and SQL
      "deep/er/and/deeper/recipe_x.csv",  // folders
      "recipe_" + std::string(200, 'l') + ".csv",
      "party_\xE6\x97\xA5\xE6\x9C\xAC.csv",
      "party_#?&=%2F.csv"};
  return kNames;
}

/// The name that differs in case only, or is the same text composed otherwise; "" without one.
std::string twin_of(const std::string& name) {
  const std::vector<std::string>& names = odd_names();
  for (const auto& [one, other] : {std::pair(0, 1), std::pair(4, 5)}) {
    if (name == names[one]) return names[other];
    if (name == names[other]) return names[one];
  }
  return "";
}

FileTag tag_of_odd(const std::string& name) {
  return FileTag(name.starts_with("party") ? "party" : "recipe");
}

}  // namespace

std::vector<std::pair<FileTag, std::string>> simulated_specs() {
  const std::string columns = R"("format": "csv", "columns": [{"name": "code", "to": "code"}])";
  const auto spec = [&](const std::string& tag, const std::string& more) {
    return std::pair(FileTag(tag), R"({"file_tag": ")" + tag + R"(", "entity": ")" + tag + "\", " +
                                       columns + ", " + more + "}");
  };
  return {
      spec("recipe", R"("file_name": "recipe*.csv")"),
      spec("party", R"("file_name": "party*.csv")"),
      spec("recipe_line", R"("file_name": "line*.csv", "split_rows": 3)"),
      spec("uom_conversion", R"("file_name": "uom*.csv", "name_fields": "uom_*_%i_of_%n.csv")")};
}

Agency::Agency(MemoryFileSystem& files, const FakeClock& clock, std::filesystem::path root,
               Random& random, Trace& trace)
    : files_(files), clock_(clock), root_(std::move(root)), random_(random), trace_(trace) {
  files_.make_folders(root_);
}

// ---- what it does

void Agency::act() {
  const std::int64_t dice = random_.below(100);
  if (dice < 6) {
    stand_in_the_way();
  } else if (dice < 10) {
    make_oddity();
  } else if (dice < 45 || exports_.empty()) {
    make_file();
  } else {
    const std::string name = some_file();
    if (!name.empty()) act_on(name);
  }
}

void Agency::act_on(const std::string& name) {
  const bool is_crowded = static_cast<std::int64_t>(exports_.size()) > kFilesMax;
  switch (is_crowded ? 0 : random_.below(8)) {
    case 0:
    case 1:
      remove(name);
      break;
    case 2:
      rename(name);
      break;
    case 3:
      copy(name);
      break;
    case 4:
      trace_.note("agency exports the same bytes again: {}", name);
      files_.write(root_ / name, exports_.at(name).bytes);
      exports_.at(name).revision = ++revisions_;
      break;
    case 5:
      write_hidden(name);
      break;
    default:
      rewrite(name);
      break;
  }
}

void Agency::make_file() {
  static const std::vector<std::string> kTags = {"recipe",      "recipe",         "party",
                                                 "recipe_line", "uom_conversion", ""};
  const FileTag tag(random_.one_of(kTags));
  const std::string bytes = fresh_bytes(tag);
  if (random_.percent(12)) {
    const std::string name = random_.one_of(odd_names());
    if (!is_being_written(name)) write_whole(name, tag_of_odd(name), bytes);
    return;
  }
  const std::string name = fresh_name(tag);
  switch (random_.below(3)) {
    case 0:
      begin_writing(name, tag, bytes);
      break;
    case 1: {
      const std::string part = name + ".part";
      files_.write(root_ / part, bytes);
      files_.rename(root_ / part, root_ / name);
      trace_.note("agency renames into place: {}", name);
      book(name, {.file_tag = tag, .bytes = bytes});
      break;
    }
    default:
      write_whole(name, tag, bytes);
      break;
  }
}

void Agency::begin_writing(const std::string& name, const FileTag& tag, const std::string& bytes) {
  const std::size_t first = bytes.size() / 2;
  trace_.note("agency begins to write {}", name);
  files_.write(root_ / name, bytes.substr(0, first));
  exports_[name] = {.file_tag = tag, .bytes = bytes, .is_complete = false};
  writings_.push_back({name, bytes.substr(first), clock_.steady_ms() + kPieceEveryMs});
}

void Agency::write_on() {
  for (Writing& writing : writings_) {
    if (writing.due_steady_ms > clock_.steady_ms()) continue;
    const std::size_t count = std::min<std::size_t>(
        writing.rest.size(), 1 + random_.below(20 + std::ssize(writing.rest)));
    files_.append(root_ / writing.relative_path, writing.rest.substr(0, count));
    writing.rest.erase(0, count);
    writing.due_steady_ms = clock_.steady_ms() + kPieceEveryMs;
    if (!writing.rest.empty()) continue;
    trace_.note("agency has written {}", writing.relative_path);
    Export whole = exports_.at(writing.relative_path);
    whole.is_complete = true;
    book(writing.relative_path, whole);
  }
  std::erase_if(writings_, [](const Writing& writing) { return writing.rest.empty(); });
}

std::int64_t Agency::next_piece_at_steady_ms() const {
  std::int64_t out = std::numeric_limits<std::int64_t>::max();
  for (const Writing& writing : writings_) out = std::min(out, writing.due_steady_ms);
  return out;
}

void Agency::write_whole(const std::string& name, const FileTag& tag, const std::string& bytes) {
  trace_.note("agency writes {} ({} bytes)", name, bytes.size());
  const bool is_new = !files_.stat(root_ / name);
  files_.write(root_ / name, bytes);
  if (is_new && !free_number_.empty() && random_.percent(50)) {
    files_.reuse_number(root_ / name, std::exchange(free_number_, ""));
  }
  book(name, {.file_tag = tag, .bytes = bytes});
}

/// Other bytes of the same size, and the old time put back.
void Agency::write_hidden(const std::string& name) {
  Export file = exports_.at(name);
  const std::string mark = fmt::format("{:06}", ++contents_);
  const std::size_t at = file.bytes.find("R0");
  if (at == std::string::npos) return;
  file.bytes.replace(at + 1, mark.size(), mark);
  const std::optional<FileStat> before = files_.stat(root_ / name);
  files_.write(root_ / name, file.bytes);
  files_.touch(root_ / name, before->mtime_ns);
  trace_.note("agency writes {} and puts its time back", name);
  book(name, file);
}

void Agency::rewrite(const std::string& name) {
  const FileTag tag = exports_.at(name).file_tag;
  if (random_.percent(30)) {  // renamed into place: another inode, or the same number again
    free_number_ = files_.stat(root_ / name)->file_id;
    files_.remove(root_ / name);
  }
  write_whole(name, tag, fresh_bytes(tag));
}

void Agency::rename(const std::string& name) {
  const Export file = exports_.at(name);
  const std::string twin = twin_of(name);
  const bool is_twin_free = !twin.empty() && !files_.stat(root_ / twin) && !exports_.contains(twin);
  const std::string to = is_twin_free ? twin : fresh_name(file.file_tag);
  trace_.note("agency renames {} to {}", name, to);
  files_.rename(root_ / name, root_ / to);
  exports_.erase(name);
  book(to, file);
}

void Agency::copy(const std::string& name) {
  const Export file = exports_.at(name);
  const std::string to = fresh_name(file.file_tag);
  trace_.note("agency copies {} to {}", name, to);
  files_.write(root_ / to, file.bytes);
  book(to, {.file_tag = file.file_tag, .bytes = file.bytes});
}

void Agency::remove(const std::string& name) {
  trace_.note("agency removes {}", name);
  free_number_ = files_.stat(root_ / name)->file_id;
  files_.remove(root_ / name);
  exports_.erase(name);
}

void Agency::meddle(const std::string& relative_path) {
  const auto found = exports_.find(relative_path);
  if (found == exports_.end() || !found->second.is_complete) return;
  if (!files_.stat(root_ / relative_path)) return;
  act_on(relative_path);
}

/// Rights, a share that goes away, a disk without room: until come_to_rest().
void Agency::stand_in_the_way() {
  if (random_.percent(25)) {
    is_away_ = !is_away_;
    trace_.note("the export folder {}", is_away_ ? "goes away" : "is back");
    if (is_away_) {
      files_.take_away(root_);
    } else {
      files_.bring_back(root_);
    }
    return;
  }
  const std::string name = some_file();
  if (name.empty()) return;
  trace_.note("nobody may read {}", name);
  files_.forbid(root_ / name);
  forbidden_.push_back(name);
}

void Agency::make_oddity() {
  if (random_.percent(50)) {
    files_.link(root_ / "recipe_link.csv");
  } else {
    const std::string name = "recipe_\xFF\xFE.csv";
    files_.write(root_ / name, "not text");
    Export file;
    file.bytes = "not text";
    file.is_text = false;
    book(name, file);
  }
}

// ---- at the end of a day

void Agency::come_to_rest() {
  if (is_away_) files_.bring_back(root_);
  is_away_ = false;
  for (const std::string& name : forbidden_) files_.forbid(root_ / name, false);
  forbidden_.clear();
}

std::vector<std::pair<std::string, Export>> Agency::strike_off_missing() {
  std::vector<std::pair<std::string, Export>> out;
  if (is_away_) return out;
  for (const auto& [name, file] : exports_) {
    if (!files_.stat(root_ / name)) out.emplace_back(name, file);
  }
  for (const auto& [name, file] : out) exports_.erase(name);
  return out;
}

std::optional<std::int64_t> Agency::modified_at_ms(const std::string& name) const {
  const std::optional<FileStat> stat = files_.stat(root_ / name);
  if (!stat) return std::nullopt;
  return stat->mtime_ns / 1'000'000;
}

// ---- names and bytes

bool Agency::is_being_written(const std::string& name) const {
  const auto found = exports_.find(name);
  return found != exports_.end() && !found->second.is_complete;
}

/// A file that is there and that nobody is writing; "" when there is none.
std::string Agency::some_file() {
  if (is_away_) return "";
  std::vector<std::string> names;
  for (const auto& [name, file] : exports_) {
    if (file.is_complete && file.is_text && files_.stat(root_ / name)) names.push_back(name);
  }
  return names.empty() ? "" : random_.one_of(names);
}

std::string Agency::fresh_name(const FileTag& tag) {
  const int number = ++names_;
  if (tag.value == "recipe_line") return fmt::format("line_{}.csv", number);
  if (tag.value == "uom_conversion") {
    const std::int64_t count = random_.between(1, 3);
    return fmt::format("uom_{}_{}_of_{}.csv", number, random_.between(1, count), count);
  }
  if (tag.empty()) return fmt::format("notes_{}.txt", number);
  return fmt::format("{}_{}.csv", tag.value, number);
}

std::string Agency::fresh_bytes(const FileTag& tag) {
  if (random_.permille(15)) return "";
  std::string out = "code\n";
  const std::int64_t rows = random_.between(1, tag.value == "recipe_line" ? 11 : 6);
  const std::string filler(random_.percent(10) ? 700 : 0, '.');  // some travel in chunks
  for (std::int64_t row = 0; row < rows; ++row) {
    out += fmt::format("R{:06}{}\n", ++contents_, filler);
  }
  // What central cannot read; the second one the agency's own agent finds out, too.
  if (random_.percent(5)) out += contents_ % 2 == 0 ? "BROKEN\n" : "BROKEN,\n";
  return out;
}

void Agency::book(const std::string& name, Export file) {
  complete_.insert(sha256_hex(file.bytes));
  file.revision = ++revisions_;
  exports_[name] = std::move(file);
}

}  // namespace waybill::sim
