// WrappedChannel: a channel whose content is what another channel reads, once it is unpacked.
//
// Place:    central/channels, below open_channel(); gzip and zip above.
// Owner:    one file, one thread.
// Rule:     what is wrong with the wrapping comes first: it tells why the content is wrong.
#pragma once

#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "central/channels/channel.h"
#include "core/read/finding_list.h"

namespace waybill {

class WrappedChannel : public Channel {
 public:
  WrappedChannel(std::unique_ptr<Channel> content, const ChannelOptions& options)
      : content_(std::move(content)), options_(options) {}

  void set_quarantine(QuarantineSink sink) override { content_->set_quarantine(std::move(sink)); }
  [[nodiscard]] const std::vector<Finding>& findings() const override {
    return own_.is_refused() ? own_.kept() : content_->findings();
  }
  [[nodiscard]] ReadSummary summary() const override {
    ReadSummary summary = content_->summary();
    summary.bytes = fed_bytes_;
    if (!own_.is_refused()) return summary;
    own_.summarize(summary);
    summary.complete = false;
    return summary;
  }

 protected:
  void count_fed(std::string_view bytes) { fed_bytes_ += static_cast<std::int64_t>(bytes.size()); }
  [[nodiscard]] std::int64_t fed_bytes() const { return fed_bytes_; }
  [[nodiscard]] bool is_refused() const { return own_.is_refused(); }
  void refuse(const ErrorCode& code, std::string message, std::int64_t byte_offset = 0) {
    own_.add({&code, std::move(message), 0, 0, byte_offset, "", 0});
  }
  /// Hands unpacked bytes on, unless they are too many; false: refused.
  [[nodiscard]] bool unpack(std::string_view bytes) {
    unpacked_bytes_ += static_cast<std::int64_t>(bytes.size());
    const std::int64_t packed = options_.file_bytes > 0 ? options_.file_bytes : fed_bytes_;
    if (unpacked_bytes_ > options_.unpacked_bytes_max) {
      refuse(error_code::kContainerTooLarge,
             fmt::format("unpacked it is larger than {} bytes", options_.unpacked_bytes_max));
    } else if (unpacked_bytes_ > kUnpackedBytesFree &&
               unpacked_bytes_ / options_.unpacked_ratio_max > packed) {
      refuse(error_code::kContainerTooLarge,
             fmt::format("unpacked it is more than {} times its {} bytes",
                         options_.unpacked_ratio_max, packed));
    } else {
      content_->feed(bytes);
    }
    return !own_.is_refused();
  }
  void finish_content() { content_->finish(); }

 private:
  std::unique_ptr<Channel> content_;
  ChannelOptions options_;
  FindingList own_{RuleActions()};
  std::int64_t fed_bytes_ = 0;
  std::int64_t unpacked_bytes_ = 0;
};

}  // namespace waybill
