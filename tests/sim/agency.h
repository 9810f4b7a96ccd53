// Agency: the partner's programs, which write, rename, rewrite and delete exports as they like.
//
// Place:    tests/sim; over MemoryFileSystem, beside the agent.
// Rule:     it keeps a book of what it made. A content is complete when a program had finished
//           writing it; what a trickled file holds meanwhile is not, and must never be staged.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/crypto.h"
#include "core/ids.h"
#include "tests/sim/random.h"
#include "tests/sim/trace.h"
#include "tests/support/fake_clock.h"
#include "tests/support/memory_file_system.h"

namespace waybill::sim {

/// A file in the export folder, as the one who made it knows it.
struct Export {
  FileTag file_tag{};  ///< empty: no spec takes its name
  std::string bytes{};
  bool is_complete = true;
  bool is_text = true;  ///< is its name valid UTF-8?
  int revision = 0;     ///< another one after each change
};

class Agency {
 public:
  Agency(MemoryFileSystem& files, const FakeClock& clock, std::filesystem::path root,
         Random& random, Trace& trace);

  /// One thing that a partner's program, or a person, does.
  void act();
  /// Writes the pieces that are due of files that are being written.
  void write_on();
  /// When the next piece is due, on the steady clock; far away when nothing is being written.
  [[nodiscard]] std::int64_t next_piece_at_steady_ms() const;
  /// Finishes what is being written, and puts right what was in the agent's way.
  void come_to_rest();
  /// Changes this very file, as somebody else reads it.
  void meddle(const std::string& relative_path);
  /// Strikes files off the book that the agent has taken away; told as a list.
  std::vector<std::pair<std::string, Export>> strike_off_missing();

  [[nodiscard]] const std::map<std::string, Export>& exports() const { return exports_; }
  /// As the file system tells it; nothing when it is not there.
  [[nodiscard]] std::optional<std::int64_t> modified_at_ms(const std::string& name) const;
  [[nodiscard]] bool was_complete(const Sha256Hex& original) const {
    return complete_.contains(original);
  }

 private:
  struct Writing {
    std::string relative_path;
    std::string rest;
    std::int64_t due_steady_ms = 0;
  };

  void make_file();
  void begin_writing(const std::string& name, const FileTag& tag, const std::string& bytes);
  void write_whole(const std::string& name, const FileTag& tag, const std::string& bytes);
  void write_hidden(const std::string& name);
  void rewrite(const std::string& name);
  void rename(const std::string& name);
  void copy(const std::string& name);
  void remove(const std::string& name);
  void stand_in_the_way();
  void make_oddity();
  void act_on(const std::string& name);
  [[nodiscard]] bool is_being_written(const std::string& name) const;
  [[nodiscard]] std::string fresh_name(const FileTag& tag);
  [[nodiscard]] std::string fresh_bytes(const FileTag& tag);
  [[nodiscard]] std::string some_file();
  void book(const std::string& name, Export file);

  MemoryFileSystem& files_;
  const FakeClock& clock_;
  std::filesystem::path root_;
  Random& random_;
  Trace& trace_;
  std::map<std::string, Export> exports_;
  std::set<Sha256Hex> complete_;
  std::vector<Writing> writings_;
  std::vector<std::string> forbidden_;
  std::string free_number_;  // of a file that is gone; the system may give it to another
  bool is_away_ = false;
  int names_ = 0;
  int contents_ = 0;
  int revisions_ = 0;
};

/// The specs of a simulated agency: "recipe", "party", "recipe_line" in parts of three rows, and
/// "uom_conversion" in chunks.
[[nodiscard]] std::vector<std::pair<FileTag, std::string>> simulated_specs();

}  // namespace waybill::sim
