// read_file: reads one file in one way, for reader_bench.py, which measures this process.
//
// Usage:  read_file HOW SPEC FILE     FILE may be "-" for standard input; SPEC is a file spec's
// JSON.
//         HOW: hash     SHA-256 alone          records  CsvReader alone
//              check    RowReader, no sink     json     RowReader, rows as JSON
//         records, check and json may have "+hash": both in the same pass.
// Output: one JSON line {"records", "bytes", "findings"}; exit code 1 when the file is not read to
//         its end or has findings.
#include <cstdio>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/crypto.h"
#include "core/file_spec.h"
#include "core/read/csv_reader.h"
#include "core/read/row_reader.h"

namespace {

using namespace waybill;

constexpr std::size_t kBlockBytes = std::size_t{256} * 1024;

struct Read {
  std::int64_t records = 0;
  std::int64_t bytes = 0;
  std::int64_t findings = 0;
  bool is_complete = true;
};

using Feed = std::function<void(std::string_view)>;

/// Feeds the file in blocks, as from a disk; false when it cannot be read.
bool feed_blocks(std::FILE* file, const Feed& feed) {
  std::vector<char> block(kBlockBytes);
  std::setvbuf(file, nullptr, _IONBF, 0);
  for (;;) {
    const std::size_t size = std::fread(block.data(), 1, block.size(), file);
    if (size > 0) feed({block.data(), size});
    if (size < block.size()) return std::ferror(file) == 0;
  }
}

Read read_records(const FileSpec& spec, std::FILE* file, const Feed& also) {
  Read read;
  CsvReader reader(
      spec.dialect, [&](const CsvRecord&) { ++read.records; },
      [&](const CsvProblem&) { ++read.findings; });
  read.is_complete = feed_blocks(file, [&](std::string_view block) {
    read.bytes += static_cast<std::int64_t>(block.size());
    also(block);
    reader.feed(block);
  });
  reader.finish();
  return read;
}

Read read_rows(const FileSpec& spec, std::FILE* file, const Feed& also, RowSink sink) {
  RowReader reader(spec, std::move(sink));
  const bool is_read = feed_blocks(file, [&](std::string_view block) {
    also(block);
    reader.feed(block);
  });
  reader.finish();
  const ReadSummary summary = reader.summary();
  return {summary.rows, summary.bytes, summary.findings_count, is_read && summary.complete};
}

Read hash_only(std::FILE* file) {
  Read read;
  Sha256 hash;
  read.is_complete = feed_blocks(file, [&](std::string_view block) {
    read.bytes += static_cast<std::int64_t>(block.size());
    hash.update(block);
  });
  static_cast<void>(hash.finish());
  return read;
}

Read read_in(std::string how, const FileSpec& spec, std::FILE* file) {
  if (how == "hash") return hash_only(file);
  Sha256 hash;
  Feed also = [](std::string_view) {};
  if (const std::size_t plus = how.find("+hash"); plus != std::string::npos) {
    also = [&](std::string_view block) { hash.update(block); };
    how.erase(plus);
  }
  std::size_t json_bytes = 0;
  const auto sink = [&](const StagingRow& row) { json_bytes += row.payload_json.size(); };
  Read read = how == "records" ? read_records(spec, file, also)
                               : read_rows(spec, file, also, how == "json" ? sink : RowSink());
  static_cast<void>(hash.finish());
  return read;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  std::ifstream spec_file(argv[2], std::ios::binary);
  const std::string spec_text{std::istreambuf_iterator<char>(spec_file), {}};
  const FileSpec spec = parse_file_spec_text(spec_text);
  const bool is_stdin = std::string_view(argv[3]) == "-";
  std::FILE* file = is_stdin ? stdin : std::fopen(argv[3], "rb");
  if (file == nullptr) return 2;
  const Read read = read_in(argv[1], spec, file);
  std::printf("{\"records\": %lld, \"bytes\": %lld, \"findings\": %lld}\n",
              static_cast<long long>(read.records), static_cast<long long>(read.bytes),
              static_cast<long long>(read.findings));
  return read.is_complete && read.findings == 0 ? 0 : 1;
}
