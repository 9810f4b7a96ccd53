#include "central/standin/request_body.h"

#include <Poco/Net/HTTPServerRequestImpl.h>
#include <Poco/Net/StreamSocket.h>
#include <Poco/String.h>

#include <string>

#include "central/standin/tus_headers.h"

namespace waybill::standin {

namespace {

namespace net = Poco::Net;

constexpr std::int64_t kDrainMaxBytes = std::int64_t{64} * 1024 * 1024;
constexpr std::int64_t kShortBytes = std::int64_t{1024} * 1024;

net::StreamSocket& socket_of(net::HTTPServerRequest& raw) {
  return dynamic_cast<net::HTTPServerRequestImpl&>(raw).socket();
}

}  // namespace

ReceivedBody::ReceivedBody(net::HTTPServerRequest& raw) : raw_(raw), counting_(*this) {
  read_framing();
}

void ReceivedBody::read_framing() {
  int lengths = 0;
  int encodings = 0;
  for (const auto& [name, value] : raw_) {
    if (Poco::icompare(name, net::HTTPMessage::CONTENT_LENGTH) == 0) {
      ++lengths;
      const std::optional<std::int64_t> count = parse_count(value);
      is_malformed_ = is_malformed_ || !count || lengths > 1;
      declared_bytes_ = count.value_or(0);
    } else if (Poco::icompare(name, net::HTTPMessage::TRANSFER_ENCODING) == 0) {
      ++encodings;
      is_malformed_ = is_malformed_ || encodings > 1 || Poco::icompare(value, "chunked") != 0;
    }
  }
  is_malformed_ = is_malformed_ || (lengths > 0 && encodings > 0);
  // A request that declares neither has no body; Poco would read until the connection closes.
  if (is_malformed_ || (lengths == 0 && encodings == 0)) declared_bytes_ = 0;
  has_body_ = !is_malformed_ && (encodings > 0 || declared_bytes_ > 0);
}

RequestBody ReceivedBody::view() {
  RequestBody out;
  out.stream = &counting_;
  if (declared_bytes_ >= 0) out.declared_bytes = declared_bytes_;
  out.is_complete = [this] { return is_complete(); };
  out.cut_off = [this] {
    try {
      socket_of(raw_).shutdownReceive();
    } catch (const Poco::Exception&) {
      // The peer is gone already, and the reader meets its end anyway.
      return;
    }
  };
  return out;
}

bool ReceivedBody::is_short() const {
  return !is_malformed_ && declared_bytes_ >= 0 && declared_bytes_ - read_bytes_ <= kShortBytes;
}

void ReceivedBody::drain() {
  std::array<char, 64 * 1024> block{};
  for (std::int64_t left = kDrainMaxBytes; left > 0 && has_body_ && !at_end_;) {
    left -= static_cast<std::int64_t>(read(block.data(), block.size()));
  }
}

std::streambuf::int_type ReceivedBody::Counting::underflow() {
  const std::size_t count = body_.read(block_.data(), block_.size());
  if (count == 0) return std::streambuf::traits_type::eof();
  setg(block_.data(), block_.data(), block_.data() + count);
  return std::streambuf::traits_type::to_int_type(block_[0]);
}

std::size_t ReceivedBody::read(char* into, std::size_t capacity) {
  if (!has_body_ || at_end_) return 0;
  std::istream& stream = raw_.stream();
  stream.read(into, static_cast<std::streamsize>(capacity));
  const auto count = static_cast<std::size_t>(stream.gcount());
  read_bytes_ += static_cast<std::int64_t>(count);
  if (!stream || read_bytes_ == declared_bytes_) at_end_ = true;
  if (stream.bad()) broke_ = true;
  return count;
}

bool ReceivedBody::is_complete() {
  if (!has_body_) return true;
  if (broke_ || !at_end_) return false;
  if (declared_bytes_ >= 0) return read_bytes_ == declared_bytes_;
  // Chunks: Poco ends the stream alike after the last chunk and when the peer is gone. After the
  // last chunk the peer waits for its answer and sends nothing; a closed socket is readable.
  return !socket_of(raw_).poll(Poco::Timespan(0), net::Socket::SELECT_READ);
}

}  // namespace waybill::standin
