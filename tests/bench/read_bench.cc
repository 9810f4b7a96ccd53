// read_bench: how fast exports are read, in MB of file a second on one core. It asserts nothing.
//
// Usage:  read_bench [SIZE_MB]
// Method: made files of one kind in memory, fed in blocks as from a disk; the best of several runs,
//         since other work on the machine only ever makes a run slower.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>

#include "core/file_spec.h"
#include "core/read/csv_reader.h"
#include "core/read/row_reader.h"

namespace {

using namespace waybill;

constexpr std::size_t kBlockBytes = 256 * 1024;
constexpr int kRuns = 5;
constexpr std::size_t kSizeMbDefault = 64;

std::string repeat(const std::string& header, std::string_view rows, std::size_t size_bytes) {
  std::string file = header;
  file.reserve(size_bytes + rows.size());
  while (file.size() < size_bytes) file.append(rows);
  return file;
}

void feed_blocks(std::string_view file, const std::function<void(std::string_view)>& feed) {
  for (std::size_t from = 0; from < file.size(); from += kBlockBytes) {
    feed(file.substr(from, kBlockBytes));
  }
}

void measure(const char* name, std::string_view file, const std::function<std::int64_t()>& read) {
  double best_s = 1e9;
  std::int64_t count = 0;
  for (int run = 0; run < kRuns; ++run) {
    const auto start = std::chrono::steady_clock::now();
    count = read();
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    best_s = std::min(best_s, taken.count());
  }
  const double megabytes = static_cast<double>(file.size()) / 1e6;
  std::printf("%-34s %8.0f MB/s %10lld records %8.1f ns a record\n", name, megabytes / best_s,
              static_cast<long long>(count), best_s * 1e9 / static_cast<double>(count));
}

void measure_csv(const char* name, const std::string& file) {
  measure(name, file, [&] {
    std::int64_t records = 0;
    CsvReader reader(
        {}, [&](const CsvRecord&) { ++records; }, [](const CsvProblem&) {});
    feed_blocks(file, [&](std::string_view block) { reader.feed(block); });
    reader.finish();
    return records;
  });
}

void measure_rows(const char* name, const FileSpec& spec, const std::string& file) {
  measure(name, file, [&] {
    std::int64_t rows = 0;
    RowReader reader(spec, [&](const StagingRow&) { ++rows; });
    feed_blocks(file, [&](std::string_view block) { reader.feed(block); });
    reader.finish();
    if (!reader.findings().empty()) std::printf("%s\n", reader.findings()[0].message.c_str());
    return rows;
  });
}

/// `more` are further keys of the spec.
FileSpec bench_spec(bool typed, const std::string& more = "") {
  std::string text = R"({"file_tag": "b", "entity": "component", "file_name": "*", "columns": [
      {"name": "Item No", "to": "item_no", "required": true},
      {"name": "Description", "to": "description"},
      {"name": "Unit", "to": "unit"},
      {"name": "Quantity", "to": "quantity", "type": "$N"},
      {"name": "Price", "to": "price", "type": "$N"},
      {"name": "Valid From", "to": "valid_from", "type": "$D"}], "natural_key": ["item_no"]$M})";
  const auto replace = [&](std::string_view what, std::string_view with) {
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what)) {
      text.replace(at, what.size(), with);
    }
  };
  replace("$M", more);
  replace("$N", typed ? "decimal" : "text");
  replace("\"$D\"", typed ? R"("date", "date_format": "%Y-%m-%d")" : R"("text")");
  return parse_file_spec_text(text);
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t size_mb = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : kSizeMbDefault;
  const std::size_t size_bytes = size_mb * 1'000'000;
  const std::string header = "Item No,Description,Unit,Quantity,Price,Valid From\n";
  const std::string plain =
      repeat(header,
             "10-20031,Butter unsalted block 250g,EA,12.500,1.99,2026-11-20\n"
             "10-20032,Wheat flour type 550 25 kg bag,BAG,4,18.75,2026-10-01\n",
             size_bytes);
  const std::string accented =
      repeat(header, "10-20033,Crème fraîche 30 % Becher,EA,12.500,1.99,2026-11-20\n", size_bytes);
  const std::string quoted = repeat(
      header,
      "\"10-20031\",\"Butter, \"\"unsalted\"\" block\",\"EA\",\"12.500\",\"1.99\",\"2026-11-20\"\n",
      size_bytes);
  const std::string wide =
      repeat("", std::string(240, 'x') + "," + std::string(250, 'y') + "\n", size_bytes);

  const std::string lines = repeat(
      "",
      "{\"Item No\":\"10-20031\",\"Description\":\"Butter unsalted block 250g\",\"Unit\":\"EA\","
      "\"Quantity\":12.500,\"Price\":1.99,\"Valid From\":\"2026-11-20\"}\n",
      size_bytes);

  measure_csv("records, plain rows", plain);
  measure_csv("records, accented rows", accented);
  measure_csv("records, quoted rows", quoted);
  measure_csv("records, two wide columns", wide);
  measure_rows("rows to JSON, all text", bench_spec(false), plain);
  measure_rows("rows to JSON, numbers and dates", bench_spec(true), plain);
  measure_rows("rows to JSON, accented", bench_spec(true), accented);
  measure_rows("rows to JSON, quoted", bench_spec(true), quoted);
  measure_rows("JSON lines to JSON", bench_spec(true, R"(, "format": "jsonl")"), lines);
  return 0;
}
