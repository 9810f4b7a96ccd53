#include "central/authoring/spec_test.h"

#include <fmt/format.h>

#include <utility>

#include "central/authoring/expected_rows.h"
#include "central/channels/channel.h"
#include "core/error.h"
#include "core/named_file.h"
#include "core/printable.h"

namespace waybill::authoring {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBlockBytes = std::size_t{256} << 10;
constexpr std::size_t kExpectedBytesMax = std::size_t{64} << 20;
constexpr std::size_t kDifferencesMax = 50;

/// Reads the file by its spec, as the worker does.
std::unique_ptr<Channel> read_file(FileSystem& files, const FileSpec& spec, const fs::path& path,
                                   RowSink sink) {
  const auto file = open_named_file(files, path);
  auto channel = open_channel(spec, std::move(sink), /*first_source_row=*/1,
                              {.file_bytes = static_cast<std::int64_t>(file->stat().size_bytes)});
  std::string block(kBlockBytes, '\0');
  while (const std::size_t count = file->read(block.data(), block.size())) {
    channel->feed({block.data(), count});
  }
  channel->finish();
  return channel;
}

/// Compares row by row, as they come.
class Comparison {
 public:
  Comparison(std::vector<ExpectedRow> expected, SpecTestResult& result)
      : expected_(std::move(expected)), result_(result) {}

  void take(const StagingRow& row) {
    ++result_.rows_staged;
    while (next_ < expected_.size() && expected_[next_].source_row < row.source_row) {
      differ_absent(expected_[next_++]);
    }
    if (next_ == expected_.size() || expected_[next_].source_row != row.source_row) {
      return differ(fmt::format("row {} was staged and not expected", row.source_row));
    }
    compare_row(expected_[next_++], row, [&](std::string text) { differ(std::move(text)); });
  }

  void finish() {
    for (; next_ < expected_.size(); ++next_) differ_absent(expected_[next_]);
  }

 private:
  void differ_absent(const ExpectedRow& row) {
    differ(fmt::format("row {} was expected and not staged", row.source_row));
  }

  void differ(std::string text) {
    ++result_.differences_count;
    if (result_.differences.size() >= kDifferencesMax) return;
    result_.differences.push_back(std::move(text));
  }

  std::vector<ExpectedRow> expected_;
  SpecTestResult& result_;
  std::size_t next_ = 0;
};

}  // namespace

SpecTestResult test_spec(FileSystem& files, const FileSpec& spec, const fs::path& file,
                         const fs::path& expected) {
  SpecTestResult result;
  const std::string text = read_named_file(files, expected, kExpectedBytesMax);
  Comparison comparison(parse_expected_rows(text, expected.string()), result);
  const auto channel =
      read_file(files, spec, file, [&](const StagingRow& row) { comparison.take(row); });
  comparison.finish();
  result.summary = channel->summary();
  result.findings = channel->findings();
  return result;
}

std::string in_words(const Finding& finding) {
  std::string text = fmt::format("{} {}", finding.code->id, finding.code->name);
  if (finding.row > 0) text += fmt::format(" at row {}", finding.row);
  if (finding.row == 0) text += finding.line > 0 ? " in the header" : " in the file as a whole";
  if (finding.line > 0) {
    text += fmt::format(", line {}, byte {}", finding.line, finding.byte_offset);
  }
  if (!finding.column.empty()) {
    text += fmt::format(", column \"{}\"", printable(finding.column));
  } else if (finding.column_number > 0) {
    text += fmt::format(", column {}", finding.column_number);
  }
  return text + ": " + finding.message;
}

std::string expected_rows(FileSystem& files, const FileSpec& spec, const fs::path& file) {
  std::string text;
  const auto channel = read_file(files, spec, file, [&](const StagingRow& row) {
    text += expected_line(row);
    text += '\n';
  });
  if (const auto refusal = channel->summary().refusal) {
    throw Error(error_code::kSpecInvalid, "test", file.filename().string(),
                "the spec refuses the file: " + in_words(*refusal));
  }
  return text;
}

WriteOutcome write_expected_rows(FileSystem& files, const std::string& rows, const fs::path& target,
                                 bool replace) {
  if (!replace && files.stat(target)) {
    if (read_whole_file(files, target, kExpectedBytesMax) == rows) return WriteOutcome::kUnchanged;
    throw Error(error_code::kFileExists, "write the expected rows to", target.string(),
                "it is there already and holds something else; --force replaces it");
  }
  write_whole_file(files, target, rows, FileMode::kShared);
  return WriteOutcome::kWritten;
}

void refuse_source_as_target(FileSystem& files, const fs::path& target,
                             const std::vector<fs::path>& sources) {
  const auto there = files.stat(target);
  for (const fs::path& source : sources) {
    const auto stat = files.stat(source);
    const bool is_same_file =
        there && stat && !there->file_id.empty() && there->file_id == stat->file_id;
    if (!is_same_file && target.lexically_normal() != source.lexically_normal()) continue;
    throw Error(error_code::kFileExists, "write the expected rows to", target.string(),
                "it is the spec or the export that they are made from");
  }
}

}  // namespace waybill::authoring
