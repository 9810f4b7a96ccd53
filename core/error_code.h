// The one table of error codes: `WB-1203 upload-target-expired`.
//
// Place:    core. CLI, ledger, log, status page, SQL and runbook (docs/runbook/<id>.md) use these.
// Source:   this file; a test holds that every code has its page and that SQL uses no other.
// Rule:     a released code keeps its number and meaning for ever.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace waybill {

enum class ErrorKind : std::uint8_t {
  kTransient,  ///< try again later; nothing was changed
  kPermanent,  ///< trying again cannot help; a person or other input is needed
  kCorrupt,    ///< our own data or code is wrong; stop
};

[[nodiscard]] std::string_view to_string(ErrorKind kind);

struct ErrorCode {
  std::string_view id;    ///< "WB-1203"
  std::string_view name;  ///< "upload-target-expired"
  ErrorKind kind;
  std::string_view waybill_does;  ///< what happens without anybody
  std::string_view way_out;       ///< what a person does
};

namespace error_code {

// 10xx: configuration and identity at the edge
inline constexpr ErrorCode kConfigUnreadable{
    "WB-1001", "config-unreadable", ErrorKind::kPermanent, "Stops at start.",
    "Check the path and that the service account may read it."};
inline constexpr ErrorCode kConfigInvalid{"WB-1002", "config-invalid", ErrorKind::kPermanent,
                                          "Stops at start; nothing was changed.",
                                          "Correct the key or value that the message names."};
inline constexpr ErrorCode kNotEnrolled{"WB-1003", "not-enrolled", ErrorKind::kPermanent,
                                        "Stops at start.",
                                        "Run `waybill enroll` with a code from the central team."};
inline constexpr ErrorCode kAlreadyEnrolled{
    "WB-1004", "already-enrolled", ErrorKind::kPermanent, "Keeps the identity it has.",
    "Remove the state folder only if this agent is to become another one."};
inline constexpr ErrorCode kInsecureUrl{
    "WB-1005", "insecure-url", ErrorKind::kPermanent, "Stops at start; nothing was sent.",
    "Use an https:// address; plain http is accepted for loopback only."};
inline constexpr ErrorCode kSecretFileUnsafe{
    "WB-1006", "secret-file-unsafe", ErrorKind::kPermanent,
    "Stops at start; the secret was not used.",
    "Make the file readable by the service account alone."};

// 11xx: the ledger
inline constexpr ErrorCode kLedgerBusy{
    "WB-1101", "ledger-busy", ErrorKind::kPermanent,
    "The second instance exits; the first goes on.",
    "Stop the other instance, or point this one at a state folder of its own."};
inline constexpr ErrorCode kLedgerCorrupt{"WB-1102", "ledger-corrupt", ErrorKind::kCorrupt,
                                          "Stops; the damaged file is left untouched.",
                                          "Keep a copy of the ledger file and follow the runbook."};
inline constexpr ErrorCode kLedgerNewer{
    "WB-1103", "ledger-newer", ErrorKind::kPermanent, "Stops; the ledger is left untouched.",
    "Install the Waybill version that last used this ledger, or a newer one."};
inline constexpr ErrorCode kLedgerWriteFailed{
    "WB-1104", "ledger-write-failed", ErrorKind::kTransient, "Undoes the step and tries again.",
    "Free disk space in the state folder's volume."};
inline constexpr ErrorCode kMoveIllegal{
    "WB-1105", "move-illegal", ErrorKind::kCorrupt, "Stops the step; the state is left as it was.",
    "Report it with the output of `waybill status --json`; this is a defect."};
inline constexpr ErrorCode kLedgerRebuilding{
    "WB-1106", "ledger-rebuilding", ErrorKind::kTransient,
    "Asks central what it holds, hashes the folder, and sends only what is missing there.",
    "Nothing; the lost or damaged ledger was set aside beside the new one."};
inline constexpr ErrorCode kChainBroken{
    "WB-1107", "ledger-chain-broken", ErrorKind::kCorrupt,
    "Names the first event that does not fit; changes nothing.",
    "Keep a copy of the ledger and tell the central team: events were changed or removed."};
inline constexpr ErrorCode kDiskLow{
    "WB-1108", "disk-low", ErrorKind::kTransient,
    "Takes in no new files until there is room; goes on with those it has recorded.",
    "Free disk space in the state folder's volume."};
inline constexpr ErrorCode kLedgerOlder{
    "WB-1109", "ledger-older", ErrorKind::kTransient,
    "Reads nothing; the agent brings its ledger up to date when it starts.",
    "Start the agent of this version, then ask again."};

// 12xx: the network and the transfer
inline constexpr ErrorCode kNetworkUnreachable{
    "WB-1201", "network-unreachable", ErrorKind::kTransient, "Tries again with growing pauses.",
    "Check name resolution, firewall and proxy for the project's address."};
inline constexpr ErrorCode kCentralUnavailable{
    "WB-1202", "central-unavailable", ErrorKind::kTransient, "Tries again with growing pauses.",
    "Nothing, unless it lasts; then ask the central team."};
inline constexpr ErrorCode kUploadTargetExpired{
    "WB-1203", "upload-target-expired", ErrorKind::kTransient,
    "Asks for a fresh target and sends again.",
    "Nothing; if it repeats, check this machine's clock and bandwidth."};
inline constexpr ErrorCode kUploadRefused{"WB-1204", "upload-refused", ErrorKind::kPermanent,
                                          "Stops sending this file and shows it.",
                                          "Read the reason beside the file; ask the central team."};
inline constexpr ErrorCode kUploadInterrupted{
    "WB-1205", "upload-interrupted", ErrorKind::kTransient,
    "Sends again; nothing half-sent is kept.", "Nothing, unless it repeats; then check the line."};
inline constexpr ErrorCode kAnswerNotUnderstood{
    "WB-1206", "answer-not-understood", ErrorKind::kTransient,
    "Keeps the step due and tries again.",
    "Check that the project address is right and no proxy page answers instead."};
inline constexpr ErrorCode kUploadExists{"WB-1207", "upload-exists", ErrorKind::kTransient,
                                         "Asks central whether the earlier answer was lost.",
                                         "Nothing."};
inline constexpr ErrorCode kAttemptsExhausted{
    "WB-1208", "attempts-exhausted", ErrorKind::kPermanent, "Stops trying this file and shows it.",
    "Solve the reason shown beside the file."};
inline constexpr ErrorCode kTlsFailed{
    "WB-1209", "tls-failed", ErrorKind::kTransient, "Sends nothing and tries again.",
    "Install the issuing authority that the message names; verification cannot be turned off."};
inline constexpr ErrorCode kCallRefused{"WB-1210", "call-refused", ErrorKind::kPermanent,
                                        "Stops the step and shows central's reason.",
                                        "Read central's code beside it."};
inline constexpr ErrorCode kProxyFailed{
    "WB-1211", "proxy-failed", ErrorKind::kTransient, "Sends nothing and tries again.",
    "Check network.proxy, or the service account's https_proxy: address, port and sign-in."};
inline constexpr ErrorCode kClockDiffers{
    "WB-1212", "clock-differs", ErrorKind::kTransient,
    "Goes on; pauses are measured without the clock.",
    "Set this machine's clock; delivery dates are read from it."};

// 13xx: files and folders at the edge
inline constexpr ErrorCode kFileChanged{
    "WB-1301", "file-changed-while-sent", ErrorKind::kTransient,
    "Discards what was sent, waits until the file rests, takes the new version.",
    "Nothing; if it repeats, the export runs for longer than the quiet period."};
inline constexpr ErrorCode kFileVanished{"WB-1302", "file-vanished", ErrorKind::kPermanent,
                                         "Records that the file was removed before it was sent.",
                                         "Export it again if it was meant to be sent."};
inline constexpr ErrorCode kFileUnreadable{"WB-1303", "file-unreadable", ErrorKind::kTransient,
                                           "Tries again at each scan.",
                                           "Give the service account the right to read the file."};
inline constexpr ErrorCode kFileUnknown{
    "WB-1304", "file-unknown", ErrorKind::kPermanent,
    "Leaves the file alone: no file spec takes its name.",
    "Rename the file as agreed, or ask the central team for a file spec."};
inline constexpr ErrorCode kFolderMissing{"WB-1305", "folder-missing", ErrorKind::kTransient,
                                          "Waits until the folder is back; forgets nothing.",
                                          "Check the path and that the share is mounted."};
inline constexpr ErrorCode kNotARegularFile{
    "WB-1306", "not-a-regular-file", ErrorKind::kPermanent, "Never follows it.",
    "Put the file itself into the export folder, not a link."};
inline constexpr ErrorCode kWatchLimit{
    "WB-1307", "watch-limit", ErrorKind::kTransient, "Goes on with periodic scans.",
    "Raise the system's watch limit to have files noticed sooner."};
inline constexpr ErrorCode kFileAmbiguous{
    "WB-1308", "file-ambiguous", ErrorKind::kPermanent, "Leaves the file alone and shows it.",
    "Ask the central team: more than one file spec matches the name."};
inline constexpr ErrorCode kFileNameNotText{"WB-1309", "file-name-not-text", ErrorKind::kPermanent,
                                            "Leaves the file alone and shows it.",
                                            "Rename the file; its name is not valid UTF-8."};
inline constexpr ErrorCode kFileSystemFailed{
    "WB-1310", "file-system-failed", ErrorKind::kTransient, "Undoes the step and tries again.",
    "Check disk space and rights of the path that the message names."};
inline constexpr ErrorCode kLocalFileNotMoved{
    "WB-1311", "local-file-not-moved", ErrorKind::kTransient,
    "Leaves the delivered file where it is and tries again later.",
    "Give the service account the right to move or delete in the export folder, or set "
    "after_processed to keep."};
inline constexpr ErrorCode kPathTooLong{
    "WB-1312", "path-too-long", ErrorKind::kPermanent, "Leaves the file alone and shows it.",
    "Shorten the path below the export folder to at most 2,048 bytes."};
inline constexpr ErrorCode kFileNotFound{"WB-1313", "file-not-found", ErrorKind::kPermanent,
                                         "Reads nothing and changes nothing.",
                                         "Check the path and the spelling of the name."};
inline constexpr ErrorCode kFileExists{"WB-1314", "file-exists", ErrorKind::kPermanent,
                                       "Writes nothing; the file that is there is left as it is.",
                                       "Name a new file, or move the one that is there away."};

// 14xx: rows fetched from a partner's API
inline constexpr ErrorCode kFetchFailed{
    "WB-1401", "fetch-failed", ErrorKind::kTransient,
    "Keeps what was fetched so far and goes on from the same cursor later.",
    "Check the partner system's address and that it answers."};
inline constexpr ErrorCode kFetchRefused{
    "WB-1402", "fetch-refused", ErrorKind::kPermanent,
    "Keeps what was fetched so far; tries again at the next scheduled time.",
    "Check the credentials file of the fetch and the rights it has at the partner system."};
inline constexpr ErrorCode kFetchAnswerInvalid{
    "WB-1403", "fetch-answer-invalid", ErrorKind::kPermanent,
    "Writes no file of this run; the next scheduled run starts from the last good cursor.",
    "Compare the fetch's settings (rows, next) with what the partner system answers."};

// 20xx: who may do what
inline constexpr ErrorCode kAgentUnknown{"WB-2001", "agent-unknown", ErrorKind::kPermanent,
                                         "Stops sending; keeps watching and recording.",
                                         "Enrol the agent again."};
inline constexpr ErrorCode kAgentRevoked{"WB-2002", "agent-revoked", ErrorKind::kPermanent,
                                         "Stops sending; keeps watching and recording.",
                                         "Ask the central team why, then enrol again."};
inline constexpr ErrorCode kEnrolmentRefused{
    "WB-2003", "enrolment-refused", ErrorKind::kPermanent, "Nothing was changed.",
    "Ask for a fresh enrolment code: it is wrong, used or expired."};
inline constexpr ErrorCode kNotYours{
    "WB-2004", "not-yours", ErrorKind::kPermanent, "Nothing was changed.",
    "The object belongs to somebody else; report it if unexpected."};
inline constexpr ErrorCode kNotAllowed{"WB-2005", "not-allowed", ErrorKind::kPermanent,
                                       "Nothing was changed.", "Use a caller that has this right."};
inline constexpr ErrorCode kTenantInactive{"WB-2006", "tenant-inactive", ErrorKind::kPermanent,
                                           "Keeps watching and recording.",
                                           "Ask the central team to open the agency again."};
inline constexpr ErrorCode kLedgerDiverged{
    "WB-2007", "ledger-diverged", ErrorKind::kPermanent,
    "Refuses every call of the agent until told; the agent keeps watching and recording.",
    "Stop the copy of the agent, or say why its ledger went back; then the central team runs "
    "`waybill-central agent accept-ledger`."};

// 21xx: the registry
inline constexpr ErrorCode kRequestMalformed{"WB-2101", "request-malformed", ErrorKind::kPermanent,
                                             "Nothing was changed.",
                                             "Update the agent; if it is current, report it."};
inline constexpr ErrorCode kJobNotFound{"WB-2102", "job-not-found", ErrorKind::kPermanent,
                                        "Nothing was changed.", "Report it with the job key."};
inline constexpr ErrorCode kJobClosed{"WB-2103", "job-closed", ErrorKind::kPermanent,
                                      "Opens a new job for the file.", "Nothing."};
inline constexpr ErrorCode kJobFileNotFound{"WB-2104", "job-file-not-found", ErrorKind::kPermanent,
                                            "Nothing was changed.",
                                            "Report it with the file's name."};
inline constexpr ErrorCode kRegistryMoveIllegal{
    "WB-2105", "registry-move-illegal", ErrorKind::kCorrupt,
    "The registry refuses the move; nothing was changed.", "Report it; this is a defect."};
inline constexpr ErrorCode kSigningSecretMissing{
    "WB-2106", "signing-secret-missing", ErrorKind::kTransient, "Tries again with growing pauses.",
    "Central: store the signing secret in Vault."};
inline constexpr ErrorCode kTooManyFiles{"WB-2107", "too-many-files", ErrorKind::kPermanent,
                                         "Nothing was changed.",
                                         "Update the agent; it sends smaller batches."};
inline constexpr ErrorCode kFileTagUnknown{"WB-2108", "file-tag-unknown", ErrorKind::kPermanent,
                                           "Shows the file as refused.",
                                           "Central: publish a file spec for this tag."};
inline constexpr ErrorCode kFileTooLarge{
    "WB-2109", "file-too-large", ErrorKind::kPermanent, "Shows the file as refused.",
    "Export in smaller files, or ask central to raise the limit."};
inline constexpr ErrorCode kRecordProtected{"WB-2110", "record-protected", ErrorKind::kCorrupt,
                                            "The registry refuses the change.",
                                            "Records of custody are append-only; nothing to do."};
inline constexpr ErrorCode kSetIncomplete{
    "WB-2111", "set-incomplete", ErrorKind::kPermanent,
    "Stages nothing of the set; names the parts that never came.",
    "Deliver the missing part, then retry the set; or skip it with a reason."};
inline constexpr ErrorCode kSetTotalChanged{"WB-2112", "set-total-changed", ErrorKind::kPermanent,
                                            "Refuses the part; stages nothing of the set.",
                                            "Deliver the whole set again with one total."};
inline constexpr ErrorCode kFileOutOfOrder{
    "WB-2113", "file-out-of-order", ErrorKind::kPermanent,
    "Refuses the file: a newer one of its tag is processed already.",
    "Retry it with --allow-older when the older rows are wanted; otherwise skip it."};
inline constexpr ErrorCode kPartOfSetRefused{
    "WB-2114", "part-of-refused-file", ErrorKind::kPermanent,
    "Refuses the other parts of the same file and takes back what is staged of them.",
    "See the part that was refused first; then retry the file or export it again."};
inline constexpr ErrorCode kFileWithdrawn{
    "WB-2115", "file-withdrawn", ErrorKind::kPermanent,
    "Waits for it no longer: the file was changed or removed before its bytes were sent.",
    "Nothing; a new version travels by itself. Export the file again if it was meant to be sent."};
inline constexpr ErrorCode kFileSkipped{
    "WB-2116", "file-skipped", ErrorKind::kPermanent,
    "Leaves the file out of its delivery; a person at central decided so.",
    "Read the reason beside it; ask the central team."};
inline constexpr ErrorCode kFileRetired{
    "WB-2117", "file-retired", ErrorKind::kPermanent,
    "Its rows were taken out of staging again; a person at central decided so.",
    "Read the reason beside it; ask the central team."};

// 30xx: the content of a file
inline constexpr ErrorCode kFileEmpty{"WB-3001", "file-empty", ErrorKind::kPermanent,
                                      "Refuses the file; stages nothing of it.",
                                      "Export the file again; it holds no bytes."};
inline constexpr ErrorCode kQuoteUnbalanced{
    "WB-3002", "quote-unbalanced", ErrorKind::kPermanent, "Refuses the file; stages nothing of it.",
    "Close the quoted field that starts at the place shown."};
inline constexpr ErrorCode kColumnMissing{"WB-3003", "column-missing", ErrorKind::kPermanent,
                                          "Refuses the file; stages nothing of it.",
                                          "Put the column that is named back into the export."};
inline constexpr ErrorCode kEncodingInvalid{"WB-3004", "encoding-invalid", ErrorKind::kPermanent,
                                            "Refuses the file; stages nothing of it.",
                                            "Export in the encoding that the file spec names."};
inline constexpr ErrorCode kRowRagged{
    "WB-3005", "row-ragged", ErrorKind::kPermanent, "Refuses the file; stages nothing of it.",
    "Give the row as many fields as the header; look for an unquoted delimiter."};
inline constexpr ErrorCode kValueMissing{"WB-3006", "value-missing", ErrorKind::kPermanent,
                                         "Refuses the file; stages nothing of it.",
                                         "Fill the required column in the row shown."};
inline constexpr ErrorCode kRecordTooLong{
    "WB-3007", "record-too-long", ErrorKind::kPermanent, "Refuses the file; stages nothing of it.",
    "Look for a quote that is opened and never closed near the row shown."};
inline constexpr ErrorCode kHeaderMissing{"WB-3008", "header-missing", ErrorKind::kPermanent,
                                          "Refuses the file; stages nothing of it.",
                                          "Export the file with its header row."};
inline constexpr ErrorCode kHeaderDuplicate{"WB-3009", "header-duplicate", ErrorKind::kPermanent,
                                            "Refuses the file; stages nothing of it.",
                                            "Give each column its own name."};
inline constexpr ErrorCode kColumnUnexpected{
    "WB-3010", "column-unexpected", ErrorKind::kPermanent,
    "Refuses the file; stages nothing of it.",
    "Remove the new column, or ask central to add it to the file spec."};
inline constexpr ErrorCode kNulByte{"WB-3011", "nul-byte", ErrorKind::kPermanent,
                                    "Refuses the file; stages nothing of it.",
                                    "Export as text; the place shown holds a NUL byte."};
inline constexpr ErrorCode kValueInvalid{
    "WB-3012", "value-invalid", ErrorKind::kPermanent, "Refuses the file; stages nothing of it.",
    "Correct the column in the row shown to the type that the file spec names."};
inline constexpr ErrorCode kQuoteMisplaced{
    "WB-3013", "quote-misplaced", ErrorKind::kPermanent, "Refuses the file; stages nothing of it.",
    "Double the quotes inside the field at the place shown."};
inline constexpr ErrorCode kSpecInvalid{"WB-3014", "spec-invalid", ErrorKind::kPermanent,
                                        "Refuses the spec; the last good one stays.",
                                        "Correct the key or value that the message names."};
inline constexpr ErrorCode kControlCharacter{
    "WB-3015", "control-character", ErrorKind::kPermanent,
    "Warns, unless the file spec says otherwise; the character is kept as content.",
    "Look at the place shown; export text without control characters."};
inline constexpr ErrorCode kLineEndsMixed{
    "WB-3016", "line-ends-mixed", ErrorKind::kPermanent,
    "Warns, unless the file spec says otherwise; the records are read as they end.",
    "Write the whole file with one kind of line end; two programs may have written it."};
inline constexpr ErrorCode kDelimiterWrong{
    "WB-3017", "delimiter-wrong", ErrorKind::kPermanent, "Refuses the file; stages nothing of it.",
    "Export with the delimiter that the file spec names, or ask central to change the spec."};
inline constexpr ErrorCode kHeaderUnexpected{
    "WB-3018", "header-unexpected", ErrorKind::kPermanent,
    "Refuses the file; stages nothing of it.",
    "Export without the row of column names, or ask central to change the spec."};
inline constexpr ErrorCode kValueUnlisted{
    "WB-3019", "value-unlisted", ErrorKind::kPermanent, "Refuses the file; stages nothing of it.",
    "Use one of the words that the file spec lists, or ask central to add the new one."};
inline constexpr ErrorCode kPatternMismatch{
    "WB-3020", "pattern-mismatch", ErrorKind::kPermanent, "Refuses the file; stages nothing of it.",
    "Write the value in the form that the file spec describes."};
inline constexpr ErrorCode kKeyDuplicate{
    "WB-3021", "key-duplicate", ErrorKind::kPermanent, "Refuses the file; stages nothing of it.",
    "Export each key once; the row shown repeats the key of an earlier one."};
inline constexpr ErrorCode kRowCountUnexpected{
    "WB-3022", "row-count-unexpected", ErrorKind::kPermanent,
    "Warns, unless the file spec says otherwise.",
    "Check that the export ran to its end and over all that it should hold."};
inline constexpr ErrorCode kColumnRenamed{
    "WB-3023", "column-renamed", ErrorKind::kPermanent,
    "Warns and reads the column under its other name, which the file spec knows.",
    "Nothing; the central team may make the new name the spec's own."};
inline constexpr ErrorCode kColumnMoved{"WB-3024", "column-moved", ErrorKind::kPermanent,
                                        "Warns and reads the column at its new place.",
                                        "Nothing; the file spec goes by names."};
inline constexpr ErrorCode kKeyKnown{
    "WB-3025", "key-known", ErrorKind::kPermanent,
    "Warns or refuses the file, when the file spec asks for it.",
    "Check that rows which were delivered before are not exported once more."};
inline constexpr ErrorCode kReferenceUnknown{
    "WB-3026", "reference-unknown", ErrorKind::kPermanent,
    "Warns, unless the file spec says otherwise.",
    "Deliver the file with the rows that are referred to, and before this one."};
inline constexpr ErrorCode kHeaderRepeated{"WB-3027", "header-repeated", ErrorKind::kPermanent,
                                           "Refuses the file; stages nothing of it.",
                                           "Export one file; two were put together, and the second "
                                           "one's header stands at the place shown."};

// 31xx: containers, lines and dumps
inline constexpr ErrorCode kContainerDamaged{
    "WB-3101", "container-damaged", ErrorKind::kPermanent,
    "Refuses the file; stages nothing of it.",
    "Export the archive again; it ends early or its check sum is wrong."};
inline constexpr ErrorCode kContainerUnsafe{
    "WB-3102", "container-unsafe", ErrorKind::kPermanent, "Refuses the file; stages nothing of it.",
    "Pack plain files only: no path with .., no absolute path, no link, no password."};
inline constexpr ErrorCode kContainerTooLarge{
    "WB-3103", "container-too-large", ErrorKind::kPermanent,
    "Refuses the file; stages nothing of it.",
    "Deliver the file unpacked or in smaller archives; unpacked it is beyond the limit."};
inline constexpr ErrorCode kContainerEntryUnclear{
    "WB-3104", "container-entry-unclear", ErrorKind::kPermanent,
    "Refuses the file; stages nothing of it.",
    "Put exactly one file that the spec's container_entry names into the archive."};
inline constexpr ErrorCode kLineNotAnObject{"WB-3105", "line-not-an-object", ErrorKind::kPermanent,
                                            "Refuses the file; stages nothing of it.",
                                            "Write one JSON object a line at the place shown."};
inline constexpr ErrorCode kRecordWidthWrong{
    "WB-3106", "record-width-wrong", ErrorKind::kPermanent,
    "Refuses the file; stages nothing of it.",
    "Give the record at the place shown the length that the columns need."};
inline constexpr ErrorCode kDumpIncomplete{
    "WB-3107", "dump-incomplete", ErrorKind::kPermanent, "Refuses the file; stages nothing of it.",
    "Make the dump again and let it finish; it ends in the middle."};
inline constexpr ErrorCode kDumpTableMissing{
    "WB-3108", "dump-table-missing", ErrorKind::kPermanent,
    "Refuses the file; stages nothing of it.",
    "Dump the table that the file spec names, or correct the spec."};
inline constexpr ErrorCode kDumpDamaged{
    "WB-3109", "dump-damaged", ErrorKind::kPermanent, "Refuses the file; stages nothing of it.",
    "Make the dump again; it cannot be read as what the file spec says it is."};
inline constexpr ErrorCode kQuirkUnknown{
    "WB-3110", "quirk-unknown", ErrorKind::kPermanent, "Stages nothing; the file stays due.",
    "Update waybill-central, or correct the key quirk of the file spec."};
inline constexpr ErrorCode kCheckedAtCentral{
    "WB-3111", "checked-at-central", ErrorKind::kPermanent,
    "Delivers the file unchecked; central opens and judges it.",
    "Nothing; read central's answer in `waybill status` after the delivery."};

// 40xx: stored objects
inline constexpr ErrorCode kObjectMissing{"WB-4001", "object-missing", ErrorKind::kTransient,
                                          "The agent sends the file again.", "Nothing."};
inline constexpr ErrorCode kSizeMismatch{
    "WB-4002", "size-mismatch", ErrorKind::kTransient,
    "The stored bytes are not used; the agent sends again to a new path.",
    "Nothing; if it repeats, check for a proxy that rewrites uploads."};
inline constexpr ErrorCode kContentMismatch{
    "WB-4003", "content-mismatch", ErrorKind::kPermanent,
    "The stored bytes are not used; after several tries the file is refused.",
    "Look for a device between agency and central that alters uploads."};
inline constexpr ErrorCode kStorageUnavailable{
    "WB-4004", "storage-unavailable", ErrorKind::kTransient, "Tries again with growing pauses.",
    "Check the Storage service."};
inline constexpr ErrorCode kStorageRefused{"WB-4005", "storage-refused", ErrorKind::kPermanent,
                                           "The step stays due and is shown.",
                                           "Check the service key and the bucket's policies."};

// 50xx: the central worker
inline constexpr ErrorCode kDatabaseUnavailable{
    "WB-5001", "database-unavailable", ErrorKind::kTransient, "Tries again with growing pauses.",
    "Check the database and its address."};
inline constexpr ErrorCode kLeaseLost{"WB-5002", "lease-lost", ErrorKind::kTransient,
                                      "Drops the step undone; another worker has it.",
                                      "Nothing; if it repeats, raise lease_s."};
inline constexpr ErrorCode kStagingCountMismatch{"WB-5003", "staging-count-mismatch",
                                                 ErrorKind::kCorrupt, "Rolls the file's rows back.",
                                                 "Report it; this is a defect."};
inline constexpr ErrorCode kMigrationFailed{"WB-5004", "migration-failed", ErrorKind::kPermanent,
                                            "Rolls the migration back.",
                                            "Read the database's message beside it."};
inline constexpr ErrorCode kDatabaseRefused{"WB-5005", "database-refused", ErrorKind::kPermanent,
                                            "Rolls back; nothing was changed.",
                                            "Read the database's message beside it."};
inline constexpr ErrorCode kCentralConfigInvalid{
    "WB-5006", "central-config-invalid", ErrorKind::kPermanent, "Stops at start.",
    "Correct the option or file that the message names."};
inline constexpr ErrorCode kListenFailed{"WB-5007", "listen-failed", ErrorKind::kPermanent,
                                         "Stops at start.",
                                         "Choose a free port; another program listens there."};
inline constexpr ErrorCode kAlertNotSent{
    "WB-5008", "alert-not-sent", ErrorKind::kTransient,
    "Keeps the alert and tries again with growing pauses.",
    "Check the webhook's address or the alert command; `waybill-central alerts` lists what waits."};
inline constexpr ErrorCode kTenantHalted{
    "WB-5009", "tenant-halted", ErrorKind::kPermanent,
    "Ingests nothing else of this agency; others go on.",
    "Read the reason, then use resume, retry, skip or retire."};

// 90xx: defects
inline constexpr ErrorCode kInternal{"WB-9001", "internal", ErrorKind::kCorrupt, "Stops the step.",
                                     "Report it; this is a defect."};

}  // namespace error_code

inline constexpr std::array kErrorCodes = {
    &error_code::kConfigUnreadable,
    &error_code::kConfigInvalid,
    &error_code::kNotEnrolled,
    &error_code::kAlreadyEnrolled,
    &error_code::kInsecureUrl,
    &error_code::kSecretFileUnsafe,
    &error_code::kLedgerBusy,
    &error_code::kLedgerCorrupt,
    &error_code::kLedgerNewer,
    &error_code::kLedgerWriteFailed,
    &error_code::kMoveIllegal,
    &error_code::kLedgerRebuilding,
    &error_code::kChainBroken,
    &error_code::kDiskLow,
    &error_code::kLedgerOlder,
    &error_code::kNetworkUnreachable,
    &error_code::kCentralUnavailable,
    &error_code::kUploadTargetExpired,
    &error_code::kUploadRefused,
    &error_code::kUploadInterrupted,
    &error_code::kAnswerNotUnderstood,
    &error_code::kUploadExists,
    &error_code::kAttemptsExhausted,
    &error_code::kTlsFailed,
    &error_code::kCallRefused,
    &error_code::kProxyFailed,
    &error_code::kClockDiffers,
    &error_code::kFileChanged,
    &error_code::kFileVanished,
    &error_code::kFileUnreadable,
    &error_code::kFileUnknown,
    &error_code::kFolderMissing,
    &error_code::kNotARegularFile,
    &error_code::kWatchLimit,
    &error_code::kFileAmbiguous,
    &error_code::kFileNameNotText,
    &error_code::kFileSystemFailed,
    &error_code::kLocalFileNotMoved,
    &error_code::kPathTooLong,
    &error_code::kFileNotFound,
    &error_code::kFileExists,
    &error_code::kFetchFailed,
    &error_code::kFetchRefused,
    &error_code::kFetchAnswerInvalid,
    &error_code::kAgentUnknown,
    &error_code::kAgentRevoked,
    &error_code::kEnrolmentRefused,
    &error_code::kNotYours,
    &error_code::kNotAllowed,
    &error_code::kTenantInactive,
    &error_code::kLedgerDiverged,
    &error_code::kRequestMalformed,
    &error_code::kJobNotFound,
    &error_code::kJobClosed,
    &error_code::kJobFileNotFound,
    &error_code::kRegistryMoveIllegal,
    &error_code::kSigningSecretMissing,
    &error_code::kTooManyFiles,
    &error_code::kFileTagUnknown,
    &error_code::kFileTooLarge,
    &error_code::kRecordProtected,
    &error_code::kSetIncomplete,
    &error_code::kSetTotalChanged,
    &error_code::kFileOutOfOrder,
    &error_code::kPartOfSetRefused,
    &error_code::kFileWithdrawn,
    &error_code::kFileSkipped,
    &error_code::kFileRetired,
    &error_code::kFileEmpty,
    &error_code::kQuoteUnbalanced,
    &error_code::kColumnMissing,
    &error_code::kEncodingInvalid,
    &error_code::kRowRagged,
    &error_code::kValueMissing,
    &error_code::kRecordTooLong,
    &error_code::kHeaderMissing,
    &error_code::kHeaderDuplicate,
    &error_code::kColumnUnexpected,
    &error_code::kNulByte,
    &error_code::kValueInvalid,
    &error_code::kQuoteMisplaced,
    &error_code::kSpecInvalid,
    &error_code::kControlCharacter,
    &error_code::kLineEndsMixed,
    &error_code::kDelimiterWrong,
    &error_code::kHeaderUnexpected,
    &error_code::kValueUnlisted,
    &error_code::kPatternMismatch,
    &error_code::kKeyDuplicate,
    &error_code::kRowCountUnexpected,
    &error_code::kColumnRenamed,
    &error_code::kColumnMoved,
    &error_code::kKeyKnown,
    &error_code::kReferenceUnknown,
    &error_code::kHeaderRepeated,
    &error_code::kContainerDamaged,
    &error_code::kContainerUnsafe,
    &error_code::kContainerTooLarge,
    &error_code::kContainerEntryUnclear,
    &error_code::kLineNotAnObject,
    &error_code::kRecordWidthWrong,
    &error_code::kDumpIncomplete,
    &error_code::kDumpTableMissing,
    &error_code::kDumpDamaged,
    &error_code::kQuirkUnknown,
    &error_code::kCheckedAtCentral,
    &error_code::kObjectMissing,
    &error_code::kSizeMismatch,
    &error_code::kContentMismatch,
    &error_code::kStorageUnavailable,
    &error_code::kStorageRefused,
    &error_code::kDatabaseUnavailable,
    &error_code::kLeaseLost,
    &error_code::kStagingCountMismatch,
    &error_code::kMigrationFailed,
    &error_code::kDatabaseRefused,
    &error_code::kCentralConfigInvalid,
    &error_code::kListenFailed,
    &error_code::kAlertNotSent,
    &error_code::kTenantHalted,
    &error_code::kInternal,
};

/// The code with this id ("WB-1203"), or nullptr. The pointer is to static storage.
[[nodiscard]] const ErrorCode* find_error_code(std::string_view id);

}  // namespace waybill
