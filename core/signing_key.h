// SigningKey: an ECDSA key on P-256, with which an agent signs what it hands to others.
//
// Place:    core; implemented in crypto.cc, the only owner of libcrypto. Anybody checks a signature
//           with `openssl dgst -sha256 -verify public.pem -signature FILE.sig FILE`.
// Errors:   WB-1006 when the text is not a key of ours; WB-9001 when libcrypto fails.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace waybill {

class SigningKey {
 public:
  /// A new key from the operating system's randomness.
  [[nodiscard]] static SigningKey make();
  /// The key of this PEM text (PKCS #8, not encrypted).
  [[nodiscard]] static SigningKey from_pem(std::string_view pem);

  SigningKey(SigningKey&&) noexcept;
  SigningKey& operator=(SigningKey&&) noexcept;
  ~SigningKey();

  [[nodiscard]] std::string private_pem() const;  ///< a secret
  [[nodiscard]] std::string public_pem() const;
  /// ECDSA over SHA-256 of the message, DER.
  [[nodiscard]] std::string sign(std::string_view message) const;

 private:
  struct Key;
  explicit SigningKey(std::unique_ptr<Key> key);
  std::unique_ptr<Key> key_;
};

}  // namespace waybill
