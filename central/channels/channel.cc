#include "central/channels/channel.h"

#include <nlohmann/json.hpp>
#include <utility>

namespace waybill {

namespace {

/// A file that holds its rows as text, as it is.
class TextChannel final : public Channel {
 public:
  TextChannel(const FileSpec& spec, RowSink sink, std::int64_t first_source_row)
      : reader_(spec, std::move(sink), first_source_row) {}

  void feed(std::string_view bytes) override { reader_.feed(bytes); }
  void finish() override { reader_.finish(); }
  [[nodiscard]] const std::vector<Finding>& findings() const override { return reader_.findings(); }
  [[nodiscard]] ReadSummary summary() const override { return reader_.summary(); }

 private:
  RowReader reader_;
};

}  // namespace

std::unique_ptr<Channel> open_channel(const FileSpec& spec, RowSink sink,
                                      std::int64_t first_source_row,
                                      const ChannelOptions& /*options*/) {
  return std::make_unique<TextChannel>(spec, std::move(sink), first_source_row);
}

nlohmann::json validation_report(const FileSpec& spec, const Channel& channel) {
  return validation_report(spec, channel.findings(), channel.summary());
}

}  // namespace waybill
