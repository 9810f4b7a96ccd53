#include "core/crypto.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include <array>
#include <cstdint>
#include <utility>

#include "core/error.h"
#include "core/signing_key.h"

namespace waybill {

namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kBase64Url =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void require(bool good, std::string_view call) {
  if (!good) throw Error(error_code::kInternal, "libcrypto", call, "call failed");
}

std::string to_hex(const unsigned char* bytes, std::size_t count) {
  std::string text(count * 2, '0');
  for (std::size_t i = 0; i < count; ++i) {
    text[2 * i] = kHexDigits[bytes[i] >> 4U];
    text[2 * i + 1] = kHexDigits[bytes[i] & 0x0FU];
  }
  return text;
}

}  // namespace

struct Sha256::Context {
  Context() : evp(EVP_MD_CTX_new()) {
    require(evp != nullptr, "EVP_MD_CTX_new");
    start();
  }
  ~Context() { EVP_MD_CTX_free(evp); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  void start() const {
    require(EVP_DigestInit_ex(evp, EVP_sha256(), nullptr) == 1, "EVP_DigestInit_ex");
  }

  EVP_MD_CTX* evp;
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(std::string_view bytes) {
  require(EVP_DigestUpdate(context_->evp, bytes.data(), bytes.size()) == 1, "EVP_DigestUpdate");
}

Sha256Hex Sha256::finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  require(EVP_DigestFinal_ex(context_->evp, digest.data(), &size) == 1, "EVP_DigestFinal_ex");
  context_->start();
  return to_hex(digest.data(), size);
}

Sha256Hex Sha256::digest() const {
  Sha256 copy;
  require(EVP_MD_CTX_copy_ex(copy.context_->evp, context_->evp) == 1, "EVP_MD_CTX_copy_ex");
  return copy.finish();
}

Sha256Hex sha256_hex(std::string_view bytes) {
  Sha256 hasher;
  hasher.update(bytes);
  return hasher.finish();
}

bool is_sha256_hex(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of(kHexDigits) == std::string_view::npos;
}

std::string hmac_sha256(std::string_view key, std::string_view message) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  require(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
               reinterpret_cast<const unsigned char*>(message.data()), message.size(),
               digest.data(), &size) != nullptr,
          "HMAC");
  return {reinterpret_cast<const char*>(digest.data()), size};
}

std::string base64url_encode(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() * 4 + 2) / 3);
  std::uint32_t buffer = 0;
  int bits = 0;
  for (const char c : bytes) {
    buffer = (buffer << 8U) | static_cast<unsigned char>(c);
    for (bits += 8; bits >= 6; bits -= 6) {
      text.push_back(kBase64Url[(buffer >> static_cast<unsigned>(bits - 6)) & 0x3FU]);
    }
  }
  if (bits > 0) text.push_back(kBase64Url[(buffer << static_cast<unsigned>(6 - bits)) & 0x3FU]);
  return text;
}

std::string base64_encode(std::string_view bytes) {
  std::string text = base64url_encode(bytes);
  for (char& c : text) c = c == '-' ? '+' : c == '_' ? '/' : c;
  text.append((4 - text.size() % 4) % 4, '=');
  return text;
}

bool base64url_decode(std::string_view text, std::string& bytes) {
  bytes.clear();
  std::uint32_t buffer = 0;
  int bits = 0;
  for (const char c : text) {
    const std::size_t value = kBase64Url.find(c);
    if (value == std::string_view::npos) return false;
    buffer = (buffer << 6U) | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes.push_back(static_cast<char>((buffer >> static_cast<unsigned>(bits)) & 0xFFU));
    }
  }
  return text.size() % 4 != 1;
}

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  require(RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) == 1,
          "RAND_bytes");
  return bytes;
}

bool equal_in_constant_time(std::string_view left, std::string_view right) {
  return left.size() == right.size() && CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

std::string random_uuid() {
  std::string bytes = random_bytes(16);
  bytes[6] = static_cast<char>((static_cast<unsigned char>(bytes[6]) & 0x0FU) | 0x40U);
  bytes[8] = static_cast<char>((static_cast<unsigned char>(bytes[8]) & 0x3FU) | 0x80U);
  std::string text = to_hex(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  for (const std::size_t at : {8U, 13U, 18U, 23U}) text.insert(at, 1, '-');
  return text;
}

// ---- signing

struct SigningKey::Key {
  explicit Key(EVP_PKEY* made) : evp(made) {}
  ~Key() { EVP_PKEY_free(evp); }
  Key(const Key&) = delete;
  Key& operator=(const Key&) = delete;

  EVP_PKEY* evp;
};

namespace {

struct BioDeleter {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using Bio = std::unique_ptr<BIO, BioDeleter>;

Bio new_bio() {
  Bio bio(BIO_new(BIO_s_mem()));
  require(bio != nullptr, "BIO_new");
  return bio;
}

std::string text_of(const Bio& bio) {
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

}  // namespace

SigningKey::SigningKey(std::unique_ptr<Key> key) : key_(std::move(key)) {}
SigningKey::SigningKey(SigningKey&&) noexcept = default;
SigningKey& SigningKey::operator=(SigningKey&&) noexcept = default;
SigningKey::~SigningKey() = default;

SigningKey SigningKey::make() {
  auto key = std::make_unique<Key>(EVP_EC_gen("P-256"));
  require(key->evp != nullptr, "EVP_EC_gen");
  return SigningKey(std::move(key));
}

SigningKey SigningKey::from_pem(std::string_view pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  require(bio != nullptr, "BIO_new_mem_buf");
  auto key = std::make_unique<Key>(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  if (key->evp == nullptr || EVP_PKEY_get_id(key->evp) != EVP_PKEY_EC) {
    throw Error(error_code::kSecretFileUnsafe, "read key", "", "it is not a key of ours");
  }
  return SigningKey(std::move(key));
}

std::string SigningKey::private_pem() const {
  const Bio bio = new_bio();
  require(PEM_write_bio_PKCS8PrivateKey(bio.get(), key_->evp, nullptr, nullptr, 0, nullptr,
                                        nullptr) == 1,
          "PEM_write_bio_PKCS8PrivateKey");
  return text_of(bio);
}

std::string SigningKey::public_pem() const {
  const Bio bio = new_bio();
  require(PEM_write_bio_PUBKEY(bio.get(), key_->evp) == 1, "PEM_write_bio_PUBKEY");
  return text_of(bio);
}

std::string SigningKey::sign(std::string_view message) const {
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  const std::unique_ptr<EVP_MD_CTX, Free> context(EVP_MD_CTX_new());
  require(context != nullptr, "EVP_MD_CTX_new");
  require(EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_->evp) == 1,
          "EVP_DigestSignInit");
  const auto* bytes = reinterpret_cast<const unsigned char*>(message.data());
  std::size_t size = 0;
  require(EVP_DigestSign(context.get(), nullptr, &size, bytes, message.size()) == 1,
          "EVP_DigestSign");
  std::string out(size, '\0');
  require(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size, bytes,
                         message.size()) == 1,
          "EVP_DigestSign");
  out.resize(size);
  return out;
}

}  // namespace waybill
