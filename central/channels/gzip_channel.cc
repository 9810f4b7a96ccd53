#include "central/channels/gzip_channel.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>
#include <new>

#include "central/channels/wrapped_channel.h"

namespace waybill {

namespace {

constexpr std::size_t kWindowBytes = std::size_t{64} * 1024;
constexpr int kGzipOnly = 15 + 16;  // the largest window, and gzip's frame around it
constexpr unsigned char kMagicFirst = 0x1F;

class GzipChannel final : public WrappedChannel {
 public:
  GzipChannel(std::unique_ptr<Channel> content, const ChannelOptions& options)
      : WrappedChannel(std::move(content), options) {
    if (inflateInit2(&stream_, kGzipOnly) != Z_OK) throw std::bad_alloc();
  }
  ~GzipChannel() override { inflateEnd(&stream_); }
  GzipChannel(const GzipChannel&) = delete;
  GzipChannel& operator=(const GzipChannel&) = delete;

  void feed(std::string_view bytes) override;
  void finish() override;

 private:
  enum class Place : std::uint8_t { kInMember, kBehindMember, kInPadding };

  void read_member(std::string_view& bytes);
  void read_between(std::string_view& bytes);
  [[nodiscard]] std::int64_t offset_of(std::string_view rest) const {
    return fed_bytes() - static_cast<std::int64_t>(rest.size());
  }

  z_stream stream_{};
  Place place_ = Place::kInMember;
  bool finished_ = false;
  std::array<char, kWindowBytes> window_{};
};

void GzipChannel::feed(std::string_view bytes) {
  count_fed(bytes);
  while (!bytes.empty() && !is_refused()) {
    if (place_ == Place::kInMember) {
      read_member(bytes);
    } else {
      read_between(bytes);
    }
  }
}

void GzipChannel::read_member(std::string_view& bytes) {
  const std::size_t given = std::min<std::size_t>(bytes.size(), std::numeric_limits<uInt>::max());
  // zlib's own type is without const; it does not write here.
  stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream_.avail_in = static_cast<uInt>(given);
  int answer = Z_OK;
  do {
    stream_.next_out = reinterpret_cast<Bytef*>(window_.data());
    stream_.avail_out = static_cast<uInt>(window_.size());
    answer = inflate(&stream_, Z_NO_FLUSH);
    if (answer == Z_MEM_ERROR) throw std::bad_alloc();
    if (!unpack({window_.data(), window_.size() - stream_.avail_out})) return;
  } while (answer == Z_OK && (stream_.avail_in > 0 || stream_.avail_out == 0));
  bytes.remove_prefix(given - stream_.avail_in);
  if (answer == Z_STREAM_END) {
    place_ = Place::kBehindMember;
  } else if (answer != Z_OK && answer != Z_BUF_ERROR) {
    refuse(error_code::kContainerDamaged,
           fmt::format("the file is no gzip file, or a damaged one: {}",
                       stream_.msg == nullptr ? "it asks for a dictionary" : stream_.msg),
           offset_of(bytes));
  }
}

void GzipChannel::read_between(std::string_view& bytes) {
  const auto first = static_cast<unsigned char>(bytes.front());
  if (first == 0) {
    place_ = Place::kInPadding;
    bytes.remove_prefix(1);
  } else if (first == kMagicFirst && place_ == Place::kBehindMember) {
    place_ = Place::kInMember;
    inflateReset(&stream_);
  } else {
    refuse(error_code::kContainerDamaged, "something stands behind the compressed data",
           offset_of(bytes));
  }
}

void GzipChannel::finish() {
  if (finished_) return;
  finished_ = true;
  if (is_refused()) return;
  if (fed_bytes() == 0) {
    refuse(error_code::kFileEmpty, "the file holds no bytes");
  } else if (place_ == Place::kInMember) {
    refuse(error_code::kContainerDamaged, "the compressed data ends early", fed_bytes());
  } else {
    finish_content();
  }
}

}  // namespace

std::unique_ptr<Channel> open_gzip(std::unique_ptr<Channel> content,
                                   const ChannelOptions& options) {
  return std::make_unique<GzipChannel>(std::move(content), options);
}

}  // namespace waybill
