#include "central/channels/channel.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "central/channels/gzip_channel.h"
#include "central/channels/quirk.h"
#include "central/channels/sql_dump_channel.h"
#include "central/channels/sqlite_channel.h"
#include "central/channels/zip_channel.h"

namespace waybill {

namespace {

/// A file that holds its rows as text, as it is.
class TextChannel final : public Channel {
 public:
  TextChannel(const FileSpec& spec, RowSink sink, std::int64_t first_source_row)
      : reader_(spec, std::move(sink), first_source_row) {}

  void set_quarantine(QuarantineSink sink) override { reader_.set_quarantine(std::move(sink)); }
  void feed(std::string_view bytes) override { reader_.feed(bytes); }
  void finish() override { reader_.finish(); }
  [[nodiscard]] const std::vector<Finding>& findings() const override { return reader_.findings(); }
  [[nodiscard]] ReadSummary summary() const override { return reader_.summary(); }

 private:
  RowReader reader_;
};

std::unique_ptr<Channel> open_content(const FileSpec& spec, RowSink sink,
                                      std::int64_t first_source_row,
                                      const ChannelOptions& options) {
  if (spec.format == FileFormat::kSqlite) {
    return open_sqlite(spec, std::move(sink), first_source_row, options);
  }
  if (spec.format == FileFormat::kSqlDump) {
    return open_sql_dump(spec, std::move(sink), first_source_row);
  }
  return std::make_unique<TextChannel>(spec, std::move(sink), first_source_row);
}

}  // namespace

std::unique_ptr<Channel> open_channel(const FileSpec& spec, RowSink sink,
                                      std::int64_t first_source_row,
                                      const ChannelOptions& options) {
  auto content = open_content(spec, std::move(sink), first_source_row, options);
  if (!spec.quirk.empty()) content = open_quirk(spec, std::move(content));
  switch (spec.container) {
    case Container::kGzip:
      return open_gzip(std::move(content), options);
    case Container::kZip:
      return open_zip(std::move(content), spec.container_entry, options);
    case Container::kNone:
      break;
  }
  return content;
}

nlohmann::json validation_report(const FileSpec& spec, const Channel& channel) {
  return validation_report(spec, channel.findings(), channel.summary());
}

}  // namespace waybill
