#include <archive.h>
#include <archive_entry.h>
#include <zlib.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "central/channels/scratch_file.h"
#include "core/error.h"
#include "read_channel.h"

using namespace waybill;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

FileSpec spec_of(const std::string& container, const std::string& pattern = "") {
  json spec = json::parse(R"({"file_tag": "c", "entity": "component", "file_name": "*",
      "columns": [{"name": "Code", "to": "code"}], "natural_key": ["code"]})");
  spec["container"] = container;
  if (!pattern.empty()) spec["container_entry"] = pattern;
  return parse_file_spec(spec);
}

const std::string kContent = "Code\nA1\nB2\nC3\n";
const Shown kRows = {R"(1 A1 {"code":"A1"})", R"(2 B2 {"code":"B2"})", R"(3 C3 {"code":"C3"})"};

std::string gzip(const std::string& bytes) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string packed(deflateBound(&stream, bytes.size()) + 32, '\0');
  std::string copy = bytes;
  stream.next_in = reinterpret_cast<Bytef*>(copy.data());
  stream.avail_in = static_cast<uInt>(copy.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

struct Entry {
  std::string path;
  std::string bytes;
  unsigned type = AE_IFREG;
};

/// A zip archive as libarchive writes it; with a password, encrypted.
std::string zip(const std::vector<Entry>& entries, const char* password = nullptr) {
  archive* const raw = archive_write_new();
  archive_write_set_format_zip(raw);
  if (password != nullptr) {
    archive_write_set_options(raw, "zip:encryption=traditional");
    archive_write_set_passphrase(raw, password);
  }
  std::string packed;
  const auto take = [](archive* /*raw*/, void* into, const void* bytes, std::size_t size) {
    static_cast<std::string*>(into)->append(static_cast<const char*>(bytes), size);
    return static_cast<la_ssize_t>(size);
  };
  archive_write_set_bytes_in_last_block(raw, 1);
  archive_write_open2(raw, &packed, nullptr, take, nullptr, nullptr);
  for (const Entry& entry : entries) {
    archive_entry* const header = archive_entry_new();
    archive_entry_set_pathname_utf8(header, entry.path.c_str());
    archive_entry_set_filetype(header, entry.type);
    archive_entry_set_perm(header, 0644);
    if (entry.type == AE_IFLNK) archive_entry_set_symlink(header, entry.bytes.c_str());
    if (entry.type == AE_IFREG) {
      archive_entry_set_size(header, static_cast<la_int64_t>(entry.bytes.size()));
    }
    REQUIRE(archive_write_header(raw, header) >= ARCHIVE_WARN);
    archive_write_data(raw, entry.bytes.data(), entry.bytes.size());
    archive_entry_free(header);
  }
  archive_write_close(raw);
  archive_write_free(raw);
  return packed;
}

Shown refusal(const std::string& container, const std::string& bytes) {
  return read_channel(spec_of(container), bytes).findings;
}

}  // namespace

TEST_CASE("gzip: content is read as if it were not packed, in any cut", "[channels][gzip]") {
  const std::string packed = gzip(kContent);
  for (std::size_t cut = 0; cut <= packed.size(); ++cut) {
    const ReadResult result = read_channel(spec_of("gzip"), packed, cut);
    CHECK(result.rows == kRows);
    CHECK(result.findings.empty());
    CHECK(result.summary.complete);
    CHECK(result.summary.bytes == static_cast<std::int64_t>(packed.size()));
  }
}

TEST_CASE("gzip: several members are one content; zeros behind them are padding",
          "[channels][gzip]") {
  const std::string packed = gzip("Code\nA1\nB") + gzip("") + gzip("2\nC3\n");
  CHECK(read_channel(spec_of("gzip"), packed).rows == kRows);
  CHECK(read_channel(spec_of("gzip"), packed, 1).rows == kRows);
  CHECK(refusal("gzip", packed + std::string(700, '\0')).empty());
  CHECK_THAT(refusal("gzip", packed + "x").at(0), Catch::Matchers::StartsWith("WB-3101"));
  CHECK_THAT(refusal("gzip", packed + std::string(7, '\0') + gzip("D4\n")).at(0),
             Catch::Matchers::StartsWith("WB-3101"));
}

// Goal:   no part of a gzip file passes for the whole, and no changed byte passes unnoticed.
// Method: cut behind every byte; flip every bit of content and trailer, one at a time.
TEST_CASE("gzip: cut short or changed anywhere it is refused", "[channels][gzip]") {
  std::string content = "Code\n";
  for (int i = 0; i < 300; ++i) content += "item-" + std::to_string(i * 7919) + "\n";
  const std::string packed = gzip(content);
  CHECK(refusal("gzip", "") == Shown{"WB-3001 row 0 line 0 byte 0"});
  for (std::size_t size = 1; size < packed.size(); ++size) {
    const Shown found = refusal("gzip", packed.substr(0, size));
    REQUIRE(found.size() == 1);
    CHECK_THAT(found[0], Catch::Matchers::StartsWith("WB-3101"));
  }
  const ReadResult good = read_channel(spec_of("gzip"), packed);
  constexpr std::size_t kTrailerBytes = 8;
  constexpr std::size_t kHeaderBytes = 10;  // time and operating system in it are nobody's
  for (std::size_t at = kHeaderBytes; at < packed.size(); ++at) {
    std::string changed = packed;
    changed[at] = static_cast<char>(changed[at] ^ (1 << (at % 8)));
    INFO(at);
    const ReadResult result = read_channel(spec_of("gzip"), changed);
    // The last byte of packed data may have bits that mean nothing.
    if (at == packed.size() - kTrailerBytes - 1 && result.rows == good.rows) continue;
    REQUIRE(result.findings.size() == 1);
    CHECK_THAT(result.findings[0], Catch::Matchers::StartsWith("WB-3101"));
    CHECK_FALSE(result.summary.complete);
  }
  CHECK_THAT(refusal("gzip", kContent).at(0), Catch::Matchers::StartsWith("WB-3101"));
}

TEST_CASE("gzip: damage is told before what is wrong with the content", "[channels][gzip]") {
  const std::string packed = gzip("Code\n\"A1\n");
  CHECK(refusal("gzip", packed) == Shown{"WB-3002 row 1 line 2 byte 5 column 1 Code"});
  CHECK_THAT(refusal("gzip", packed.substr(0, packed.size() - 1)).at(0),
             Catch::Matchers::StartsWith("WB-3101"));
}

TEST_CASE("containers: what unpacks to too much is refused while it is unpacked",
          "[channels][gzip][zip]") {
  const std::string bomb_content = "Code\n" + std::string(40'000'000, '\n');
  for (const std::string container : {"gzip", "zip"}) {
    INFO(container);
    const auto pack = [&](const std::string& bytes) {
      return container == "gzip" ? gzip(bytes) : zip({{"c.csv", bytes}});
    };
    const std::string bomb = pack(bomb_content);
    REQUIRE(bomb.size() * 900 < bomb_content.size());
    for (const std::int64_t told : {std::int64_t{0}, static_cast<std::int64_t>(bomb.size())}) {
      ChannelOptions options;
      options.file_bytes = told;
      const ReadResult result = read_channel(spec_of(container), bomb, 0, options);
      REQUIRE(result.findings.size() == 1);
      CHECK_THAT(result.findings[0], Catch::Matchers::StartsWith("WB-3103"));
    }
    // The first MiB is free, whatever its ratio.
    CHECK(refusal(container, pack("Code\nA\n" + std::string(1'000'000, '\n'))).empty());
    ChannelOptions narrow;
    narrow.unpacked_bytes_max = static_cast<std::int64_t>(kContent.size());
    CHECK(read_channel(spec_of(container), pack(kContent), 0, narrow).findings.empty());
    --narrow.unpacked_bytes_max;
    CHECK_THAT(read_channel(spec_of(container), pack(kContent), 0, narrow).findings.at(0),
               Catch::Matchers::StartsWith("WB-3103"));
  }
}

TEST_CASE("gzip: a large file whose start packs well is no bomb when its size is known",
          "[channels][gzip]") {
  std::string content = "Code\n" + std::string(2'000'000, '\n');
  std::uint32_t number = 1;
  for (int i = 0; i < 40'000; ++i) content += std::to_string(number = number * 1664525U + 7) + "\n";
  const std::string packed = gzip(content);
  ChannelOptions options;
  options.file_bytes = static_cast<std::int64_t>(packed.size());
  CHECK(read_channel(spec_of("gzip"), packed, 512, options).findings.empty());
}

TEST_CASE("zip: the one entry that fits is read, the others are not", "[channels][zip]") {
  const std::string packed = zip({{"export/", "", AE_IFDIR},
                                  {"export/readme.txt", "Code\n\""},
                                  {"export/Zutaten gültig.csv", kContent},
                                  {"__MACOSX/export/._Zutaten gültig.csv", "x"}});
  for (const std::size_t cut : {std::size_t{0}, std::size_t{1}, std::size_t{7}}) {
    const ReadResult result = read_channel(spec_of("zip", "*.csv"), packed, cut);
    CHECK(result.findings.empty());
    CHECK(result.rows == kRows);
    CHECK(result.summary.bytes == static_cast<std::int64_t>(packed.size()));
  }
  CHECK(read_channel(spec_of("zip", "zutaten g?ltig.csv"), packed).rows == kRows);
  CHECK(read_channel(spec_of("zip", "export/*.csv"), packed).rows == kRows);
  CHECK(read_channel(spec_of("zip", "other/*.csv"), packed).findings ==
        Shown{"WB-3104 row 0 line 0 byte 0"});
  CHECK(read_channel(spec_of("zip"), packed).findings == Shown{"WB-3104 row 0 line 0 byte 0"});
  CHECK(read_channel(spec_of("zip"), zip({{"a.csv", kContent}})).rows == kRows);
}

TEST_CASE("zip: an archive that leads outside, links or is encrypted is refused",
          "[channels][zip]") {
  const Shown unsafe = {"WB-3102 row 0 line 0 byte 0"};
  for (const char* path : {"../a.csv", "x/../../a.csv", "/etc/a.csv", "..\\a.csv", "C:\\a.csv",
                           "c:a.csv", "x\\..\\a.csv", "x/.."}) {
    INFO(path);
    CHECK(refusal("zip", zip({{"good.csv", kContent}, {path, "x"}})) == unsafe);
  }
  CHECK(refusal("zip", zip({{"a.csv", "/etc/passwd", AE_IFLNK}})) == unsafe);
  CHECK(refusal("zip", zip({{"a.csv", kContent}}, "secret")) == unsafe);
  CHECK(read_channel(spec_of("zip"), zip({{"a..b/..c.csv", kContent}})).rows == kRows);
  const ReadResult told = read_channel(spec_of("zip"), zip({{"../secret-4711.csv", "x"}}));
  CHECK_THAT(told.messages.at(0), !Catch::Matchers::Contains("4711"));
}

// Goal:   no part of a zip archive passes for the whole, no changed content passes unnoticed.
// Method: cut behind every byte; change every byte of the packed content, one at a time.
TEST_CASE("zip: cut short anywhere or with other content it is refused", "[channels][zip]") {
  const std::string packed = zip({{"a.csv", kContent}});
  CHECK(refusal("zip", "") == Shown{"WB-3001 row 0 line 0 byte 0"});
  for (std::size_t size = 1; size < packed.size(); ++size) {
    const Shown found = refusal("zip", packed.substr(0, size));
    INFO(size);
    REQUIRE(found.size() == 1);
    CHECK_THAT(found[0], Catch::Matchers::StartsWith("WB-3101"));
  }
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(packed[at]); };
  const std::size_t content_at = 30U + byte(26) + byte(28);  // behind the entry's name and extra
  const std::size_t content_end = packed.find("PK\x07\x08", content_at);
  REQUIRE(content_end != std::string::npos);
  int changes = 0;
  for (std::size_t at = content_at; at < content_end; ++at, ++changes) {
    std::string changed = packed;
    changed[at] = static_cast<char>(changed[at] ^ 0x11);
    INFO(at);
    CHECK_THAT(refusal("zip", changed).at(0), Catch::Matchers::StartsWith("WB-3101"));
  }
  CHECK(changes > 10);
  CHECK_THAT(refusal("zip", kContent).at(0), Catch::Matchers::StartsWith("WB-3101"));
  CHECK_THAT(refusal("zip", gzip(kContent)).at(0), Catch::Matchers::StartsWith("WB-3101"));
}

TEST_CASE("scratch file: private while it is there, gone afterwards", "[channels][scratch]") {
  const TemporaryFolder folder;
  {
    ScratchFile file(folder.path() / "deep");
    file.write("abc");
    file.finish_writing();
    CHECK(fs::file_size(file.path()) == 3);
    CHECK((fs::status(file.path().parent_path()).permissions() & fs::perms::all) ==
          fs::perms::owner_all);
  }
  CHECK(fs::is_empty(folder.path() / "deep"));
}

TEST_CASE("scratch file: what a killed process left is removed, what is in use is not",
          "[channels][scratch]") {
  const TemporaryFolder folder;
  const auto age = [](const fs::path& path) {
    fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::hours(1));
  };
  const fs::path left = folder.path() / "waybill-scratch-left";
  const fs::path other = folder.path() / "somebody-elses";
  for (const fs::path& path : {left, other}) {
    fs::create_directories(path / "content");
    age(path);
  }
  ScratchFile used(folder.path());
  CHECK_FALSE(fs::exists(left));
  CHECK(fs::exists(other));
  age(used.path().parent_path());
  const ScratchFile next(folder.path());
  CHECK(fs::exists(used.path()));
}

TEST_CASE("scratch file: a folder that cannot be used is an error, not a finding",
          "[channels][scratch]") {
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "file") << "x";
  CHECK_THROWS_AS(ScratchFile(folder.path() / "file"), Error);
}

TEST_CASE("channels: rows set aside are told as they stand in the unpacked content",
          "[channels][container]") {
  const std::string content = "Code\nA1\nB2,x\nC3\n,\n";
  const Shown aside = {"2 WB-3005 line 3 byte 8: B2,x", "4 WB-3005 line 5 byte 16: ,"};
  for (const std::string container : {"none", "gzip", "zip"}) {
    INFO(container);
    json spec = to_json(spec_of(container));
    spec["on_finding"] = {{"row-ragged", "quarantine_row"}};
    const std::string bytes = container == "gzip"  ? gzip(content)
                              : container == "zip" ? zip({{"c.csv", content}})
                                                   : content;
    const ReadResult result = read_channel(parse_file_spec(spec), bytes, 3);
    CHECK(result.set_aside == aside);
    CHECK(result.summary.rows_quarantined == 2);
    CHECK(result.rows.size() == 2);
  }
}
