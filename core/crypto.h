// Hashes, message authentication and random bytes, as Waybill uses them.
//
// Place:    core; the only owner of libcrypto.
// Units:    digests are lower-case hex unless a name says otherwise.
// Errors:   a failing libcrypto call throws Error WB-9001; there is no silent fallback.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace waybill {

/// A SHA-256 as 64 lower-case hex digits; empty means "not known yet".
using Sha256Hex = std::string;

/// Running SHA-256 over bytes fed in any cut.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void update(std::string_view bytes);
  /// The digest of all bytes so far; the hasher starts afresh afterwards.
  [[nodiscard]] Sha256Hex finish();
  /// The digest of all bytes so far; more may follow.
  [[nodiscard]] Sha256Hex digest() const;

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

[[nodiscard]] Sha256Hex sha256_hex(std::string_view bytes);

/// 64 lower-case hex digits?
[[nodiscard]] bool is_sha256_hex(std::string_view text);

/// HMAC-SHA-256, raw 32 bytes.
[[nodiscard]] std::string hmac_sha256(std::string_view key, std::string_view message);

/// base64 with padding (RFC 4648 section 4).
[[nodiscard]] std::string base64_encode(std::string_view bytes);
/// base64url without padding (RFC 4648 section 5), and back; decode returns false on other bytes.
[[nodiscard]] std::string base64url_encode(std::string_view bytes);
[[nodiscard]] bool base64url_decode(std::string_view text, std::string& bytes);

/// `count` bytes from the operating system's generator, raw.
[[nodiscard]] std::string random_bytes(std::size_t count);

/// Equal in time that depends on the length only.
[[nodiscard]] bool equal_in_constant_time(std::string_view left, std::string_view right);

/// A random UUID (version 4), lower case with hyphens.
[[nodiscard]] std::string random_uuid();

}  // namespace waybill
