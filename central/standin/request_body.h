// ReceivedBody: the body of one HTTP request as Poco receives it.
//
// Place:    central/standin; between server.cc and Poco. Services see its view() only.
// Rule:     a body's end is known in one way or the request is malformed: one Content-Length of
//           digits alone, or Transfer-Encoding: chunked, or neither (no body).
#pragma once

#include <Poco/Net/HTTPServerRequest.h>

#include <array>
#include <cstdint>
#include <istream>
#include <streambuf>

#include "central/standin/exchange.h"

namespace waybill::standin {

class ReceivedBody {
 public:
  explicit ReceivedBody(Poco::Net::HTTPServerRequest& raw);

  [[nodiscard]] RequestBody view();

  /// Nobody can tell where the body ends: answer 400 and close.
  [[nodiscard]] bool is_malformed() const { return is_malformed_; }
  /// Is everything the client sent for this request read?
  [[nodiscard]] bool is_drained() const { return !is_malformed_ && (!has_body_ || at_end_); }
  /// Is so little left that reading it costs less than a new connection?
  [[nodiscard]] bool is_short() const;

  /// Throws the rest away, up to a bound, so that the client can read its answer.
  void drain();

 private:
  /// std::istream over ReceivedBody::read.
  class Counting : public std::streambuf, public std::istream {
   public:
    explicit Counting(ReceivedBody& body)
        : std::istream(static_cast<std::streambuf*>(this)), body_(body) {}

   protected:
    std::streambuf::int_type underflow() override;

   private:
    ReceivedBody& body_;
    std::array<char, 64 * 1024> block_{};
  };

  void read_framing();
  std::size_t read(char* into, std::size_t capacity);
  [[nodiscard]] bool is_complete();

  Poco::Net::HTTPServerRequest& raw_;
  std::int64_t declared_bytes_ = -1;  ///< -1: sent in chunks
  std::int64_t read_bytes_ = 0;
  bool is_malformed_ = false;
  bool has_body_ = false;
  bool at_end_ = false;
  bool broke_ = false;
  Counting counting_;
};

}  // namespace waybill::standin
