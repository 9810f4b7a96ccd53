// The life of one file version at the edge: states, events and the only legal moves.
//
// Place:    core; the agent's ledger stores the names, status and trace show the sentences.
// Source:   this table. A file version is a relative path and a SHA-256; before a file has one, it
//           is only a path (agent/ledger/path_record.h).
// Rule:     what is not listed cannot happen; names are stored, so a released name is kept.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace waybill {

enum class FileState : std::uint8_t {
  kReady,       ///< at rest, hashed and matched to a file spec; not yet known to central
  kQueued,      ///< central has registered it and waits for its bytes
  kUploading,   ///< an upload is running, or was running when the agent ended
  kUploaded,    ///< storage answered 2xx; central has not yet confirmed it
  kUnsettled,   ///< the upload ended without a clear answer; central is asked
  kReceived,    ///< central has an object of the right size
  kVerified,    ///< central hashed the stored bytes: they are the ledger's SHA-256
  kStaged,      ///< its rows are in staging
  kProcessed,   ///< its object carries the processed name
  kArchived,    ///< its object is in the archive
  kDuplicate,   ///< central has the same content already; nothing was sent
  kRefused,     ///< not accepted; the error says why and the way out
  kSuperseded,  ///< the file changed before these bytes were sent
  kVanished,    ///< the file was removed before these bytes were sent
};

enum class FileEvent : std::uint8_t {
  kRegistered,     ///< central opened a place for the file
  kSessionOpened,  ///< an upload begins
  kAccepted,       ///< storage answered 2xx
  kInterrupted,    ///< no clear answer: broken line, 5xx, "exists already", or we were killed
  kTargetExpired,  ///< storage refused the upload's token before taking a byte
  kDeclined,       ///< storage would not take it (too large, no bucket); tried again later
  kMissing,        ///< central looked and the object is not there (or not of the right size)
  kSentBack,       ///< central found other bytes than promised and waits for them again
  kArrived,
  kVerified,
  kStaged,
  kProcessed,
  kArchived,
  kFoundDuplicate,
  kRefused,
  kChanged,       ///< the file's bytes are no longer these
  kRemoved,       ///< the file is no longer there
  kRediscovered,  ///< the file is back with these bytes
  kTakenBack,     ///< withdrawn with a fellow part, though the file is as it was: offered again
};

struct FileStateName {
  FileState state;
  std::string_view name;      ///< as stored and in JSON
  std::string_view sentence;  ///< for people
};

inline constexpr std::array kFileStateNames = {
    FileStateName{FileState::kReady, "ready", "waits to be registered"},
    FileStateName{FileState::kQueued, "queued", "waits to be uploaded"},
    FileStateName{FileState::kUploading, "uploading", "is being uploaded"},
    FileStateName{FileState::kUploaded, "uploaded", "uploaded, waits for central to confirm"},
    FileStateName{FileState::kUnsettled, "unsettled", "upload interrupted, central is asked"},
    FileStateName{FileState::kReceived, "received", "arrived, waits to be verified"},
    FileStateName{FileState::kVerified, "verified", "arrived unaltered, waits to be staged"},
    FileStateName{FileState::kStaged, "staged", "its rows are staged"},
    FileStateName{FileState::kProcessed, "processed", "done"},
    FileStateName{FileState::kArchived, "archived", "done and archived"},
    FileStateName{FileState::kDuplicate, "duplicate", "same content was delivered before"},
    FileStateName{FileState::kRefused, "refused", "refused"},
    FileStateName{FileState::kSuperseded, "superseded", "changed before it was sent"},
    FileStateName{FileState::kVanished, "vanished", "removed before it was sent"},
};

struct FileEventName {
  FileEvent event;
  std::string_view name;
};

inline constexpr std::array kFileEventNames = {
    FileEventName{FileEvent::kRegistered, "registered"},
    FileEventName{FileEvent::kSessionOpened, "session_opened"},
    FileEventName{FileEvent::kAccepted, "accepted"},
    FileEventName{FileEvent::kInterrupted, "interrupted"},
    FileEventName{FileEvent::kTargetExpired, "target_expired"},
    FileEventName{FileEvent::kDeclined, "declined"},
    FileEventName{FileEvent::kMissing, "missing"},
    FileEventName{FileEvent::kSentBack, "sent_back"},
    FileEventName{FileEvent::kArrived, "arrived"},
    FileEventName{FileEvent::kVerified, "verified"},
    FileEventName{FileEvent::kStaged, "staged"},
    FileEventName{FileEvent::kProcessed, "processed"},
    FileEventName{FileEvent::kArchived, "archived"},
    FileEventName{FileEvent::kFoundDuplicate, "found_duplicate"},
    FileEventName{FileEvent::kRefused, "refused"},
    FileEventName{FileEvent::kChanged, "changed"},
    FileEventName{FileEvent::kRemoved, "removed"},
    FileEventName{FileEvent::kRediscovered, "rediscovered"},
    FileEventName{FileEvent::kTakenBack, "taken_back"},
};

struct FileTransition {
  FileState from;
  FileEvent event;
  FileState to;
};

/// Every legal move of a file version at the edge.
///
/// Central runs ahead of us: one sync may tell of several of its steps, and the worker may find an
/// upload before we confirm it. So each of central's states can be reached from every state of
/// ours that comes before it. What has ended is left only by kRediscovered, by central moving on,
/// or by central's operators: a refused file may try again, an archived one be retired.
inline constexpr std::array kFileTransitions = {
    // our own steps
    FileTransition{FileState::kReady, FileEvent::kRegistered, FileState::kQueued},
    FileTransition{FileState::kQueued, FileEvent::kSessionOpened, FileState::kUploading},
    FileTransition{FileState::kUploading, FileEvent::kAccepted, FileState::kUploaded},
    FileTransition{FileState::kUploading, FileEvent::kInterrupted, FileState::kUnsettled},
    FileTransition{FileState::kUploading, FileEvent::kTargetExpired, FileState::kQueued},
    FileTransition{FileState::kUploading, FileEvent::kDeclined, FileState::kQueued},
    FileTransition{FileState::kUploaded, FileEvent::kMissing, FileState::kQueued},
    FileTransition{FileState::kUnsettled, FileEvent::kMissing, FileState::kQueued},
    // central has the bytes
    FileTransition{FileState::kReady, FileEvent::kArrived, FileState::kReceived},
    FileTransition{FileState::kQueued, FileEvent::kArrived, FileState::kReceived},
    FileTransition{FileState::kUploading, FileEvent::kArrived, FileState::kReceived},
    FileTransition{FileState::kUploaded, FileEvent::kArrived, FileState::kReceived},
    FileTransition{FileState::kUnsettled, FileEvent::kArrived, FileState::kReceived},
    FileTransition{FileState::kSuperseded, FileEvent::kArrived, FileState::kReceived},
    FileTransition{FileState::kVanished, FileEvent::kArrived, FileState::kReceived},
    FileTransition{FileState::kReceived, FileEvent::kSentBack, FileState::kQueued},
    // central's operators let a refused file try again
    FileTransition{FileState::kRefused, FileEvent::kSentBack, FileState::kQueued},
    FileTransition{FileState::kRefused, FileEvent::kArrived, FileState::kReceived},
    FileTransition{FileState::kRefused, FileEvent::kVerified, FileState::kVerified},
    FileTransition{FileState::kRefused, FileEvent::kStaged, FileState::kStaged},
    FileTransition{FileState::kRefused, FileEvent::kProcessed, FileState::kProcessed},
    FileTransition{FileState::kRefused, FileEvent::kArchived, FileState::kArchived},
    FileTransition{FileState::kRefused, FileEvent::kFoundDuplicate, FileState::kDuplicate},
    // central's steps
    FileTransition{FileState::kReady, FileEvent::kVerified, FileState::kVerified},
    FileTransition{FileState::kQueued, FileEvent::kVerified, FileState::kVerified},
    FileTransition{FileState::kUploading, FileEvent::kVerified, FileState::kVerified},
    FileTransition{FileState::kUploaded, FileEvent::kVerified, FileState::kVerified},
    FileTransition{FileState::kUnsettled, FileEvent::kVerified, FileState::kVerified},
    FileTransition{FileState::kSuperseded, FileEvent::kVerified, FileState::kVerified},
    FileTransition{FileState::kVanished, FileEvent::kVerified, FileState::kVerified},
    FileTransition{FileState::kReceived, FileEvent::kVerified, FileState::kVerified},
    FileTransition{FileState::kReady, FileEvent::kStaged, FileState::kStaged},
    FileTransition{FileState::kQueued, FileEvent::kStaged, FileState::kStaged},
    FileTransition{FileState::kUploading, FileEvent::kStaged, FileState::kStaged},
    FileTransition{FileState::kUploaded, FileEvent::kStaged, FileState::kStaged},
    FileTransition{FileState::kUnsettled, FileEvent::kStaged, FileState::kStaged},
    FileTransition{FileState::kSuperseded, FileEvent::kStaged, FileState::kStaged},
    FileTransition{FileState::kVanished, FileEvent::kStaged, FileState::kStaged},
    FileTransition{FileState::kReceived, FileEvent::kStaged, FileState::kStaged},
    FileTransition{FileState::kVerified, FileEvent::kStaged, FileState::kStaged},
    FileTransition{FileState::kReady, FileEvent::kProcessed, FileState::kProcessed},
    FileTransition{FileState::kQueued, FileEvent::kProcessed, FileState::kProcessed},
    FileTransition{FileState::kUploading, FileEvent::kProcessed, FileState::kProcessed},
    FileTransition{FileState::kUploaded, FileEvent::kProcessed, FileState::kProcessed},
    FileTransition{FileState::kUnsettled, FileEvent::kProcessed, FileState::kProcessed},
    FileTransition{FileState::kSuperseded, FileEvent::kProcessed, FileState::kProcessed},
    FileTransition{FileState::kVanished, FileEvent::kProcessed, FileState::kProcessed},
    FileTransition{FileState::kReceived, FileEvent::kProcessed, FileState::kProcessed},
    FileTransition{FileState::kVerified, FileEvent::kProcessed, FileState::kProcessed},
    FileTransition{FileState::kStaged, FileEvent::kProcessed, FileState::kProcessed},
    FileTransition{FileState::kReady, FileEvent::kArchived, FileState::kArchived},
    FileTransition{FileState::kQueued, FileEvent::kArchived, FileState::kArchived},
    FileTransition{FileState::kUploading, FileEvent::kArchived, FileState::kArchived},
    FileTransition{FileState::kUploaded, FileEvent::kArchived, FileState::kArchived},
    FileTransition{FileState::kUnsettled, FileEvent::kArchived, FileState::kArchived},
    FileTransition{FileState::kSuperseded, FileEvent::kArchived, FileState::kArchived},
    FileTransition{FileState::kVanished, FileEvent::kArchived, FileState::kArchived},
    FileTransition{FileState::kReceived, FileEvent::kArchived, FileState::kArchived},
    FileTransition{FileState::kVerified, FileEvent::kArchived, FileState::kArchived},
    FileTransition{FileState::kStaged, FileEvent::kArchived, FileState::kArchived},
    FileTransition{FileState::kProcessed, FileEvent::kArchived, FileState::kArchived},
    // the same content is there already
    FileTransition{FileState::kReady, FileEvent::kFoundDuplicate, FileState::kDuplicate},
    FileTransition{FileState::kQueued, FileEvent::kFoundDuplicate, FileState::kDuplicate},
    FileTransition{FileState::kUploading, FileEvent::kFoundDuplicate, FileState::kDuplicate},
    FileTransition{FileState::kUploaded, FileEvent::kFoundDuplicate, FileState::kDuplicate},
    FileTransition{FileState::kUnsettled, FileEvent::kFoundDuplicate, FileState::kDuplicate},
    FileTransition{FileState::kReceived, FileEvent::kFoundDuplicate, FileState::kDuplicate},
    FileTransition{FileState::kVerified, FileEvent::kFoundDuplicate, FileState::kDuplicate},
    FileTransition{FileState::kSuperseded, FileEvent::kFoundDuplicate, FileState::kDuplicate},
    FileTransition{FileState::kVanished, FileEvent::kFoundDuplicate, FileState::kDuplicate},
    // it is not accepted
    FileTransition{FileState::kReady, FileEvent::kRefused, FileState::kRefused},
    FileTransition{FileState::kQueued, FileEvent::kRefused, FileState::kRefused},
    FileTransition{FileState::kUploading, FileEvent::kRefused, FileState::kRefused},
    FileTransition{FileState::kUploaded, FileEvent::kRefused, FileState::kRefused},
    FileTransition{FileState::kUnsettled, FileEvent::kRefused, FileState::kRefused},
    FileTransition{FileState::kReceived, FileEvent::kRefused, FileState::kRefused},
    FileTransition{FileState::kVerified, FileEvent::kRefused, FileState::kRefused},
    FileTransition{FileState::kStaged, FileEvent::kRefused, FileState::kRefused},
    FileTransition{FileState::kProcessed, FileEvent::kRefused, FileState::kRefused},  // retired
    FileTransition{FileState::kArchived, FileEvent::kRefused, FileState::kRefused},   // retired
    FileTransition{FileState::kSuperseded, FileEvent::kRefused, FileState::kRefused},
    FileTransition{FileState::kVanished, FileEvent::kRefused, FileState::kRefused},
    // the partner's file is not what it was
    FileTransition{FileState::kReady, FileEvent::kChanged, FileState::kSuperseded},
    FileTransition{FileState::kQueued, FileEvent::kChanged, FileState::kSuperseded},
    FileTransition{FileState::kUploading, FileEvent::kChanged, FileState::kSuperseded},
    FileTransition{FileState::kReady, FileEvent::kRemoved, FileState::kVanished},
    FileTransition{FileState::kQueued, FileEvent::kRemoved, FileState::kVanished},
    FileTransition{FileState::kUploading, FileEvent::kRemoved, FileState::kVanished},
    // ... which a fellow part found out: central has let go of the whole set
    FileTransition{FileState::kUploaded, FileEvent::kChanged, FileState::kSuperseded},
    FileTransition{FileState::kUploaded, FileEvent::kRemoved, FileState::kVanished},
    FileTransition{FileState::kUnsettled, FileEvent::kChanged, FileState::kSuperseded},
    FileTransition{FileState::kUnsettled, FileEvent::kRemoved, FileState::kVanished},
    FileTransition{FileState::kReceived, FileEvent::kChanged, FileState::kSuperseded},
    FileTransition{FileState::kReceived, FileEvent::kRemoved, FileState::kVanished},
    FileTransition{FileState::kVerified, FileEvent::kChanged, FileState::kSuperseded},
    FileTransition{FileState::kVerified, FileEvent::kRemoved, FileState::kVanished},
    FileTransition{FileState::kStaged, FileEvent::kChanged, FileState::kSuperseded},
    FileTransition{FileState::kStaged, FileEvent::kRemoved, FileState::kVanished},
    FileTransition{FileState::kQueued, FileEvent::kTakenBack, FileState::kReady},
    FileTransition{FileState::kUploaded, FileEvent::kTakenBack, FileState::kReady},
    FileTransition{FileState::kUnsettled, FileEvent::kTakenBack, FileState::kReady},
    FileTransition{FileState::kReceived, FileEvent::kTakenBack, FileState::kReady},
    FileTransition{FileState::kVerified, FileEvent::kTakenBack, FileState::kReady},
    FileTransition{FileState::kStaged, FileEvent::kTakenBack, FileState::kReady},
    FileTransition{FileState::kSuperseded, FileEvent::kRediscovered, FileState::kReady},
    FileTransition{FileState::kVanished, FileEvent::kRediscovered, FileState::kReady},
};

/// The state `event` leads to, or nullopt when the move is illegal. Pure; Ledger::move persists.
[[nodiscard]] constexpr std::optional<FileState> next_state(FileState from, FileEvent event) {
  for (const FileTransition& move : kFileTransitions) {
    if (move.from == from && move.event == event) return move.to;
  }
  return std::nullopt;
}

/// Does the agent still owe something for a file in this state?
[[nodiscard]] constexpr bool is_in_our_hands(FileState state) {
  return state == FileState::kReady || state == FileState::kQueued ||
         state == FileState::kUploading || state == FileState::kUploaded ||
         state == FileState::kUnsettled;
}

/// Has central taken the file (it may still be refused when it is read)?
[[nodiscard]] constexpr bool is_taken_by_central(FileState state) {
  return state == FileState::kReceived || state == FileState::kVerified ||
         state == FileState::kStaged || state == FileState::kProcessed ||
         state == FileState::kArchived;
}

[[nodiscard]] constexpr std::string_view to_string(FileState state) {
  for (const FileStateName& entry : kFileStateNames) {
    if (entry.state == state) return entry.name;
  }
  return "";
}

[[nodiscard]] constexpr std::string_view to_string(FileEvent event) {
  for (const FileEventName& entry : kFileEventNames) {
    if (entry.event == event) return entry.name;
  }
  return "";
}

[[nodiscard]] constexpr std::string_view to_sentence(FileState state) {
  for (const FileStateName& entry : kFileStateNames) {
    if (entry.state == state) return entry.sentence;
  }
  return "";
}

[[nodiscard]] constexpr std::optional<FileState> parse_file_state(std::string_view name) {
  for (const FileStateName& entry : kFileStateNames) {
    if (entry.name == name) return entry.state;
  }
  return std::nullopt;
}

namespace file_state_check {

/// No pair of state and event is listed twice, so the order of the table does not matter.
constexpr bool has_no_double() {
  for (std::size_t i = 0; i < kFileTransitions.size(); ++i) {
    for (std::size_t j = i + 1; j < kFileTransitions.size(); ++j) {
      if (kFileTransitions[i].from == kFileTransitions[j].from &&
          kFileTransitions[i].event == kFileTransitions[j].event) {
        return false;
      }
    }
  }
  return true;
}

/// Whatever is in our hands can still be received, refused and found to be a duplicate.
constexpr bool has_ends_for_all_in_our_hands() {
  for (const FileStateName& entry : kFileStateNames) {
    if (!is_in_our_hands(entry.state)) continue;
    if (!next_state(entry.state, FileEvent::kArrived)) return false;
    if (!next_state(entry.state, FileEvent::kRefused)) return false;
    if (!next_state(entry.state, FileEvent::kFoundDuplicate)) return false;
  }
  return true;
}

/// A duplicate is final, and so is what is archived unless central's operators retire it.
constexpr bool has_no_way_out_of_final() {
  for (const FileTransition& move : kFileTransitions) {
    const bool is_final = move.from == FileState::kDuplicate ||
                          (move.from == FileState::kArchived && move.event != FileEvent::kRefused);
    if (is_final) return false;
  }
  return true;
}

/// Out of a refusal leads only what central says, never a step of ours.
constexpr bool has_only_central_lead_out_of_refused() {
  constexpr std::array kCentrals = {
      FileEvent::kSentBack,  FileEvent::kArrived,  FileEvent::kVerified,      FileEvent::kStaged,
      FileEvent::kProcessed, FileEvent::kArchived, FileEvent::kFoundDuplicate};
  for (const FileTransition& move : kFileTransitions) {
    if (move.from != FileState::kRefused) continue;
    bool is_centrals = false;
    for (const FileEvent event : kCentrals) is_centrals |= event == move.event;
    if (!is_centrals) return false;
  }
  return true;
}

static_assert(has_no_double());
static_assert(has_ends_for_all_in_our_hands());
static_assert(has_no_way_out_of_final());
static_assert(has_only_central_lead_out_of_refused());

}  // namespace file_state_check

}  // namespace waybill
