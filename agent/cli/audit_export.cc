#include "agent/cli/audit_export.h"

#include <fmt/core.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "core/clock.h"
#include "core/error.h"

namespace waybill {

namespace {

namespace fs = std::filesystem;

/// A file of the export, hashed while it is written.
class Sheet {
 public:
  Sheet(FileSystem& files, const fs::path& path) : file_(files.stage(path, FileMode::kShared)) {}
  void write(std::string_view text) {
    hash_.update(text);
    file_->write(text);
  }
  Sha256Hex commit() {
    file_->commit();
    return hash_.finish();
  }

 private:
  std::unique_ptr<StagedFile> file_;
  Sha256 hash_;
};

std::string quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string event_line(const LedgerEvent& event) {
  nlohmann::ordered_json out = {
      {"prev_hash", event.prev_hash},
      {"seq", event.seq},
      {"at_ms", event.at_ms},
      {"kind", event.kind},
      {"relative_path", event.relative_path},
      {"content_sha256", event.content_sha256},
      {"file_number", event.file_number ? std::to_string(event.file_number->value) : ""},
      {"from_state", event.from_state},
      {"to_state", event.to_state},
      {"detail", event.detail},
      {"hash", event.hash}};
  return out.dump() + "\n";
}

std::string manifest_line(const JobFile& file) {
  return fmt::format("{}\t{}\t{}\t{}\t{}\t{}/{}\t{}\t{}\n", to_string(file.state),
                     file.job_file_id.value, file.delivery_date, file.content_sha256,
                     file.size_bytes, file.part.number, file.part_count, file.original_sha256,
                     quoted(file.relative_path));
}

std::string manifest_head(LedgerAudit& audit, const wire::LedgerHead& head, const AuditRange& range,
                          std::int64_t utc_ms) {
  const Identity identity = audit.identity().value_or(Identity{});
  std::string out = "Waybill chain of custody\n";
  const auto fact = [&](const char* name, const std::string& value) {
    out += fmt::format("{}\t{}\n", name, value);
  };
  fact("made_at", format_utc(utc_ms));
  fact("agency", quoted(identity.tenant_name));
  fact("agency_slug", identity.tenant_slug);
  fact("agent", quoted(identity.agent_name));
  fact("agent_id", identity.agent_id.value);
  fact("project_url", identity.project_url);
  fact("ledger_id", audit.ledger_id());
  fact("ledger_head_seq", std::to_string(head.seq));
  fact("ledger_head_hash", head.hash);
  fact("deliveries_from", range.from.empty() ? "the first" : range.from);
  fact("deliveries_to", range.to.empty() ? "the newest" : range.to);
  out +=
      "\nstate\tjob_file_id\tdelivery_date\tcontent_sha256\tsize_bytes\tpart\toriginal_sha256\t"
      "path\n";
  return out;
}

constexpr std::string_view kReadme = R"text(Waybill: chain of custody

This folder proves which files an agency's Waybill agent delivered, and what became of them. It can be checked
without Waybill, with sha256sum and openssl alone.

1. Nothing in this folder was changed after it was signed (run both here, in this folder):

     sha256sum -c SHA256SUMS
     openssl dgst -sha256 -verify public.pem -signature SHA256SUMS.sig SHA256SUMS

2. The key is the agent's: compare public.pem with the key that central keeps of this agent. Central got it with the
   agent's first sync and reports when another one appears.

3. The agency's files are the ones delivered (run in the export folder; files that have left it since are passed over):

     sha256sum -c --ignore-missing /path/to/this/folder/files.sha256

4. MANIFEST.tsv has a line for each delivered file, or part of one: its state at central, central's id, the delivery,
   SHA-256 and size of the bytes that travelled, which part of how many, SHA-256 of the whole file, and its path as a
   JSON string.

5. events.jsonl is the ledger's whole event log, one JSON object a line. The hash of an event is the SHA-256 of ten
   fields in this order: prev_hash, seq, at_ms, kind, relative_path, content_sha256, file_number, from_state, to_state,
   detail. Each is written as "<number of octets>:<octets>," in UTF-8, numbers in decimal digits. prev_hash is the hash
   of the event before, 64 zeros for the first. With Python:

     import hashlib, json
     last = "0" * 64
     for line in open("events.jsonl", "rb"):
         event = json.loads(line)
         fields = [event[name] for name in ("prev_hash", "seq", "at_ms", "kind", "relative_path", "content_sha256",
                                            "file_number", "from_state", "to_state", "detail")]
         octets = b"".join(b"%d:%b," % (len(f), f) for f in (str(field).encode() for field in fields))
         assert event["prev_hash"] == last and event["hash"] == hashlib.sha256(octets).hexdigest(), event["seq"]
         last = event["hash"]
     print(event["seq"], last)

   It ends with ledger_head_seq and ledger_head_hash of MANIFEST.tsv. Central keeps the head that the agent told with
   each sync; an event log that was rewritten does not contain them.
)text";

void need_empty(const fs::path& folder) {
  std::error_code error;
  if (!fs::exists(folder, error) || fs::is_empty(folder, error)) return;
  throw Error(error_code::kConfigInvalid, "export to", folder.string(),
              "it is not an empty folder");
}

}  // namespace

std::string checksum_line(std::string_view sha256, std::string_view name) {
  std::string escaped = name == "-" ? "./" : "";  // "-" would be the standard input
  bool is_escaped = false;
  for (const char c : name) {
    const char* with = c == '\\' ? "\\\\" : c == '\n' ? "\\n" : c == '\r' ? "\\r" : nullptr;
    is_escaped |= with != nullptr;
    if (with != nullptr) {
      escaped += with;
    } else {
      escaped += c;
    }
  }
  return (is_escaped ? "\\" : "") + std::string(sha256) + "  " + escaped + "\n";
}

AuditSummary export_audit(FileSystem& files, LedgerAudit& audit, const SigningKey& key,
                          const AuditRange& range, const fs::path& folder, std::int64_t utc_ms) {
  need_empty(folder);
  AuditSummary out;
  std::map<std::string, Sha256Hex> sums;

  Sheet events(files, folder / "events.jsonl");
  out.head = audit.verify([&](const LedgerEvent& event) { events.write(event_line(event)); });
  sums["events.jsonl"] = events.commit();

  Sheet manifest(files, folder / "MANIFEST.tsv");
  manifest.write(manifest_head(audit, out.head, range, utc_ms));
  audit.for_each_delivered(range.from, range.to, [&](const JobFile& file) {
    manifest.write(manifest_line(file));
    ++out.delivered_count;
  });
  sums["MANIFEST.tsv"] = manifest.commit();

  Sheet present(files, folder / "files.sha256");
  audit.for_each_present(range.from, range.to, [&](const std::string& path, const Sha256Hex& sha) {
    present.write(checksum_line(sha, path));
    ++out.present_count;
  });
  sums["files.sha256"] = present.commit();

  const std::map<std::string, std::string> small = {{"public.pem", key.public_pem()},
                                                    {"README.txt", std::string(kReadme)}};
  for (const auto& [name, text] : small) {
    write_whole_file(files, folder / name, text, FileMode::kShared);
    sums[name] = sha256_hex(text);
  }
  std::string list;
  for (const auto& [name, sum] : sums) list += checksum_line(sum, name);
  write_whole_file(files, folder / "SHA256SUMS", list, FileMode::kShared);
  write_whole_file(files, folder / "SHA256SUMS.sig", key.sign(list), FileMode::kShared);
  return out;
}

}  // namespace waybill
