// core/hash/hash: published vectors of each algorithm (RFC 1321 A.5, FIPS 180-4 and its examples, RFC 4231 4).
#include "core/hash/hash.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

using namespace sluice;
using hash::Algorithm;
using hash::hex_digest;
using hash::to_hex;

TEST_CASE("hash: published vectors of MD5, SHA-256 and SHA-512/256") {
  const std::string million(1'000'000, 'a');
  const struct {
    Algorithm algorithm;
    std::string_view text;
    const char* digest;
  } rows[] = {
      {Algorithm::md5, "", "d41d8cd98f00b204e9800998ecf8427e"},
      {Algorithm::md5, "a", "0cc175b9c0f1b6a831c399e269772661"},
      {Algorithm::md5, "abc", "900150983cd24fb0d6963f7d28e17f72"},
      {Algorithm::md5, "message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
      {Algorithm::md5, million, "7707d6ae4e027c70eea2a935c2296f21"},
      {Algorithm::sha256, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {Algorithm::sha256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {Algorithm::sha256, million, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
      {Algorithm::sha512_256, "", "c672b8d1ef56ed28ab87c3622c5114069bdd3ad7b8f9737498d0c01ecef0967a"},
      {Algorithm::sha512_256, "abc", "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"},
      {Algorithm::sha512_256, million, "9a59a052930187a97038cae692f30708aa6491923ef5194394dc68d56c74fb21"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text.substr(0, 20));
    CHECK(hex_digest(row.algorithm, {row.text}) == row.digest);
    if (row.algorithm == Algorithm::sha256) CHECK(to_hex(hash::sha256(row.text)) == row.digest);
  }
}

TEST_CASE("hash: the parts count as one text, wherever they are divided") {
  const std::string_view text = "user:realm:password";
  for (const Algorithm algorithm : {Algorithm::md5, Algorithm::sha256, Algorithm::sha512_256}) {
    const std::string whole = hex_digest(algorithm, {text});
    for (std::size_t i = 0; i <= text.size(); ++i) {
      CHECK(hex_digest(algorithm, {text.substr(0, i), "", text.substr(i)}) == whole);
    }
    std::vector<std::string_view> bytes;
    for (std::size_t i = 0; i < text.size(); ++i) bytes.push_back(text.substr(i, 1));
    CHECK(hex_digest(algorithm, bytes) == whole);
    CHECK(hex_digest(algorithm, {}) == hex_digest(algorithm, {""}));
    CHECK(hex_digest(algorithm, {std::string_view("a\0b", 3)}) != hex_digest(algorithm, {"a"}));
  }
}

TEST_CASE("hash: HMAC over SHA-256, the vectors of RFC 4231 4") {
  std::string counted;
  for (char c = 1; c <= 25; ++c) counted += c;
  const struct {
    std::string key, text;
    const char* mac;
  } rows[] = {
      {std::string(20, '\x0b'), "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
      {"Jefe", "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
      {std::string(20, '\xaa'), std::string(50, '\xdd'),
       "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
      {counted, std::string(50, '\xcd'), "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
      {std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First",
       "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
      {std::string(131, '\xaa'),
       "This is a test using a larger than block-size key and a larger than block-size data. The key needs to be "
       "hashed before being used by the HMAC algorithm.",
       "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
      {"", "", "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"},
  };
  for (const auto& row : rows) CHECK(to_hex(hash::hmac_sha256(as_bytes(row.key), row.text)) == row.mac);
  CHECK(hash::hmac_sha256({}, {}) == hash::hmac_sha256(as_bytes(""), ""));
}

TEST_CASE("hash: HMAC over MD5, the vectors of RFC 2202 2, and MD4, those of RFC 1320 A.5") {
  CHECK(to_hex(hash::hmac_md5(as_bytes(std::string(16, '\x0b')), "Hi There")) == "9294727a3638bb1c13f48ef8158bfc9d");
  CHECK(to_hex(hash::hmac_md5(as_bytes("Jefe"), "what do ya want for nothing?")) == "750c783e6ab0b503eaa86e310a5db738");
  CHECK(to_hex(hash::hmac_md5(as_bytes(std::string(80, '\xaa')),
                              "Test Using Larger Than Block-Size Key - Hash Key First")) ==
        "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd");
  CHECK(to_hex(hash::md4("")) == "31d6cfe0d16ae931b73c59d7e0c089c0");
  CHECK(to_hex(hash::md4("abc")) == "a448017aaf21d8525fc10ae87aa6729d");
  CHECK(to_hex(hash::md4("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")) ==
        "043f8582f241db351ce627e153e7f0e4");
}

TEST_CASE("hash: hexadecimal digits of bytes") {
  CHECK(to_hex({}) == "");
  CHECK(to_hex(as_bytes(std::string_view("\x00\x01\x9f\xa0\xff", 5))) == "00019fa0ff");
}
