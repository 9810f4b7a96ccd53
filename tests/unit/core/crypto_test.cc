#include "core/crypto.h"

#include <catch2/catch.hpp>

using namespace waybill;

TEST_CASE("sha256: the published vectors, however the bytes are cut", "[core][crypto]") {
  // Source: FIPS 180-2, appendix B.
  CHECK(sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  Sha256 hasher;
  hasher.update("a");
  hasher.update("");
  hasher.update("bc");
  CHECK(hasher.finish() == sha256_hex("abc"));
  CHECK(hasher.finish() == sha256_hex(""));  // starts afresh
}

TEST_CASE("hmac: the published vector", "[core][crypto]") {
  // Source: RFC 4231, test case 2.
  const std::string mac = hmac_sha256("Jefe", "what do ya want for nothing?");
  CHECK(sha256_hex(mac) ==
        sha256_hex(std::string("\x5b\xdc\xc1\x46\xbf\x60\x75\x4e\x6a\x04\x24\x26\x08\x95\x75\xc7"
                               "\x5a\x00\x3f\x08\x9d\x27\x39\x83\x9d\xec\x58\xb9\x64\xec\x38\x43",
                               32)));
}

TEST_CASE("base64url: round trip of every length, and no padding", "[core][crypto]") {
  std::string bytes;
  for (int length = 0; length < 70; ++length, bytes.push_back(static_cast<char>(length * 37))) {
    const std::string text = base64url_encode(bytes);
    CHECK(text.find_first_of("+/=") == std::string::npos);
    std::string back;
    REQUIRE(base64url_decode(text, back));
    CHECK(back == bytes);
  }
  CHECK(base64url_encode("\xfb\xff") == "-_8");
  std::string ignored;
  CHECK_FALSE(base64url_decode("a+b", ignored));
  CHECK_FALSE(base64url_decode("abcde", ignored));
}

TEST_CASE("random_uuid: version 4 in the usual form, never the same twice", "[core][crypto]") {
  const std::string uuid = random_uuid();
  REQUIRE(uuid.size() == 36);
  CHECK(uuid[14] == '4');
  CHECK(std::string("89ab").find(uuid[19]) != std::string::npos);
  CHECK(uuid != random_uuid());
}
