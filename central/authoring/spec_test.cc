#include "central/authoring/spec_test.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "central/channels/channel.h"
#include "core/error.h"

namespace waybill::authoring {

namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr std::size_t kBlockBytes = std::size_t{256} << 10;
constexpr std::size_t kExpectedBytesMax = std::size_t{64} << 20;
constexpr std::size_t kDifferencesMax = 50;

Json as_json(const StagingRow& row) {
  Json out = {{"source_row", row.source_row}};
  out["natural_key"] = row.natural_key ? Json(std::string(*row.natural_key)) : Json(nullptr);
  out["payload"] = Json::parse(row.payload_json);
  return out;
}

/// Reads the file by its spec, as the worker does.
std::unique_ptr<Channel> read_file(FileSystem& files, const FileSpec& spec, const fs::path& path,
                                   RowSink sink) {
  const auto file = files.open(path.parent_path(), path.filename().string());
  if (!file) throw Error(error_code::kFileUnreadable, "test", path.string(), "it is not there");
  auto channel = open_channel(spec, std::move(sink), /*first_source_row=*/1,
                              {.file_bytes = static_cast<std::int64_t>(file->stat().size_bytes)});
  std::string block(kBlockBytes, '\0');
  while (const std::size_t count = file->read(block.data(), block.size())) {
    channel->feed({block.data(), count});
  }
  channel->finish();
  return channel;
}

std::vector<Json> parse_expected(const std::string& text, const fs::path& path) {
  std::vector<Json> rows;
  std::size_t line = 0;
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t end = std::min(text.find('\n', from), text.size());
    const std::string_view one = std::string_view(text).substr(from, end - from);
    from = end + 1;
    ++line;
    if (one.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    Json row = Json::parse(one, nullptr, /*allow_exceptions=*/false);
    if (!row.is_object() || !row.contains("source_row") || !row.contains("payload")) {
      throw Error(
          error_code::kSpecInvalid, "test", path.string(),
          fmt::format("line {} is no expected row: {{source_row, natural_key, payload}}", line));
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

/// Compares row by row, as they come.
class Comparison {
 public:
  Comparison(std::vector<Json> expected, SpecTestResult& result)
      : expected_(std::move(expected)), result_(result) {}

  void take(const StagingRow& row) {
    ++result_.rows_staged;
    while (next_ < expected_.size() && number_of(expected_[next_]) < row.source_row) {
      differ(fmt::format("row {} was expected and not staged", number_of(expected_[next_++])));
    }
    if (next_ == expected_.size() || number_of(expected_[next_]) != row.source_row) {
      return differ(fmt::format("row {} was staged and not expected", row.source_row));
    }
    compare(expected_[next_++], as_json(row));
  }

  void finish() {
    for (; next_ < expected_.size(); ++next_) {
      differ(fmt::format("row {} was expected and not staged", number_of(expected_[next_])));
    }
  }

 private:
  static std::int64_t number_of(const Json& row) {
    return row["source_row"].is_number_integer() ? row["source_row"].get<std::int64_t>() : 0;
  }

  void compare(const Json& expected, const Json& staged) {
    const std::int64_t row = number_of(staged);
    if (expected.contains("natural_key") && expected["natural_key"] != staged["natural_key"]) {
      differ(fmt::format("row {}: another natural key", row));
    }
    for (const auto& [key, value] : staged["payload"].items()) {
      if (!expected["payload"].contains(key)) {
        differ(fmt::format("row {}: \"{}\" was not expected in the payload", row, key));
      } else if (expected["payload"][key] != value) {
        differ(fmt::format("row {}: another value of \"{}\"", row, key));
      }
    }
    for (const auto& [key, value] : expected["payload"].items()) {
      if (staged["payload"].contains(key)) continue;
      differ(fmt::format("row {}: the payload lacks \"{}\"", row, key));
    }
  }

  void differ(std::string text) {
    ++result_.differences_count;
    if (result_.differences.size() < kDifferencesMax)
      result_.differences.push_back(std::move(text));
  }

  std::vector<Json> expected_;
  SpecTestResult& result_;
  std::size_t next_ = 0;
};

}  // namespace

SpecTestResult test_spec(FileSystem& files, const FileSpec& spec, const fs::path& file,
                         const fs::path& expected) {
  SpecTestResult result;
  Comparison comparison(
      parse_expected(read_whole_file(files, expected, kExpectedBytesMax), expected), result);
  const auto channel =
      read_file(files, spec, file, [&](const StagingRow& row) { comparison.take(row); });
  comparison.finish();
  result.summary = channel->summary();
  result.findings = channel->findings();
  return result;
}

std::string expected_rows(FileSystem& files, const FileSpec& spec, const fs::path& file) {
  std::string text;
  const auto channel = read_file(
      files, spec, file, [&](const StagingRow& row) { text += as_json(row).dump() + "\n"; });
  if (const auto refusal = channel->summary().refusal) {
    throw Error(
        error_code::kSpecInvalid, "test", file.filename().string(),
        fmt::format("the spec refuses the file: {} at row {}", refusal->code->id, refusal->row));
  }
  return text;
}

}  // namespace waybill::authoring
