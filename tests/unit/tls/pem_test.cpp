// Private keys in the formats of common tools, and the errors for those that cannot be read. Whole configurations:
// config_test.cpp.
#include "core/tls/pem.hpp"

#include <doctest/doctest.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <string>
#include <string_view>

#include "tests/support/tls_pair.hpp"

using namespace sluice;

namespace {

// One key, unencrypted and then encrypted by OpenSSL 3 under the password "secret".
const std::string kPlain = R"(-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgpjsT15JIuNfzZjQC
iznNkCVADbnA1+6AcXM8Qb70e22hRANCAAQq8yvgpCjEcPY6ZAbCS3WymJWlVmAK
jK9QnNw9jVx2HB/nkvb4YqzHzXeVzOzmvSAx/NE+RGvPLzdf8GwM6k0j
-----END PRIVATE KEY-----
)";

struct Form {
  const char* name;
  const char* text;
};
const Form kForms[] = {
    {"scrypt", R"(-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHkME8GCSqGSIb3DQEFDTBCMCEGCSsGAQQB2kcECzAUBAgYesNt8j9zlQICQAAC
AQgCAQEwHQYJYIZIAWUDBAEqBBDY3VfbC52wrc+R5UP7eHtKBIGQoohOvu/rKvHM
JhE6R7bWhP1kJtckA0qp5/JnDsw5HrnAy/wci3XsQGQ+eh/vc8MKJW02mES3Dd9O
eWBm4hbBpVO9O5l+3iGGdzD/43tPbcmRjzqf3FCr4Nu6sawQ2dNdzpbxitABmLGA
XMIKfd1cV0AlsxRt5oqW/cZbR6Y0OGmJBhdRhziy0DGutzL+ooo8
-----END ENCRYPTED PRIVATE KEY-----
)"},
    {"scrypt with parameters of its own, AES-128", R"(-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHkME8GCSqGSIb3DQEFDTBCMCEGCSsGAQQB2kcECzAUBAgPC3qpD86EcAICBAAC
AQQCAQIwHQYJYIZIAWUDBAECBBBnfQWuLy90ayipTpNsYm6ZBIGQPW+gcvqf1cv3
/qEZrVAlnmwtau4Mjdv9AWeVWuww3Huy01C5n5UWYLAxOgWFhRru+E03Q4V+cqXB
Av64yIcFHc6ZUoCFJCJlLtmGw+xZahPpip4ZSXA6fNyTa3xyiU8ja6C6d3QVMMls
ieS8HSN00cKYUsVrb/t+AOHI7T+Q2SV1AxFIXPZHTUSD3h+hU5sk
-----END ENCRYPTED PRIVATE KEY-----
)"},
    {"PBKDF2 with SHA-224", R"(-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgBWhDm/Mc2qQICCAAw
DAYIKoZIhvcNAggFADAdBglghkgBZQMEASoEEMpQvIE900iDeVCI7issxwUEgZBX
XLmAbFZgoWunuByX2KOXCl9YyXPLjuLmtyQLU77Xk/W0l2NxpiIEuP8aKy70wtlL
kALqiHXpzlMoVXNTMPDzGIwqRcks6CnJ3gUMyIlcKtZuBovFgwgg+mjn29fIeKGc
XtVOl0xKjFMOkkMCrW2KwT2Fy+cRI1wKrwjfxiRbzRjJSTfNHnF9UZvf9y8fm3c=
-----END ENCRYPTED PRIVATE KEY-----
)"},
    {"PBKDF2 with SHA-384", R"(-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhblCgrV5YyiAICCAAw
DAYIKoZIhvcNAgoFADAdBglghkgBZQMEASoEEOUWrl5HHdAdGqb/2+pcKuAEgZBM
1dSOeZsB8pjJC7JOz2hInDlPz8rrG4y4OHr4In7ZUbw9K1Zj/gKMUMMovTW31DbI
VmqN1P4fhuTcRmx+0XC22+UTEdW7F5iJsBfYT7rItwUVDFwL0zRy5yjofI34PSxQ
ZuCGBtJr3Vg+r7gCEqkPJ8fEili+2mq6zYW38Vl7XKh8sp6RcLQ5dI+1sW63p8A=
-----END ENCRYPTED PRIVATE KEY-----
)"},
    {"PBKDF2 with SHA-512", R"(-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhVC9/pnx53ygICCAAw
DAYIKoZIhvcNAgsFADAdBglghkgBZQMEASoEEA7aTOM40zrFPL7FYD4Poz8EgZAj
+YywHboGKMtlWiScgzEcHoU/vUMA+5DY4Un30EsXD36/o4Qs9wt3eloS3vV+ZNpW
CF/zoYW2qxsB4RobCrjZEiIqwK7aCJnBUXYRMh8Cb6ugJAPqalT8jVhZmfpp33YU
cn9B5kssZTeDrc9A5QKRj/qGqLXFg0/D4kph7iAvXqTMlWykpcoOKrF85giAaok=
-----END ENCRYPTED PRIVATE KEY-----
)"},
    {"PBKDF2 with SHA-1, AES-192", R"(-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHeMEkGCSqGSIb3DQEFDTA8MBsGCSqGSIb3DQEFDDAOBAhovaW0AK1xewICCAAw
HQYJYIZIAWUDBAEWBBA0YGwk0Dh5JZNZDtGT30xDBIGQLtZgnLzV6Tv6aKIs9hzH
V4RVCMyjXtxUwV/YI2KLK/u8l5Z5Xn5HihToz2WF9Rtpu7jOGgvdknNnE+aTnxd9
NEAUF3moEaG41Q4IZl4ev3SmQuyNUF/xv7FSzFjx9mMCIsLD7yAr75U9/meoJpDC
MtKRrZmwosnrEHSbTW1GyHhQifx0FHigoHuSeUDC8qnQ
-----END ENCRYPTED PRIVATE KEY-----
)"},
    {"PBKDF2 with SHA-256, 3DES", R"(-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHjME4GCSqGSIb3DQEFDTBBMCkGCSqGSIb3DQEFDDAcBAgBy3N5WkOgUwICCAAw
DAYIKoZIhvcNAgkFADAUBggqhkiG9w0DBwQIlWularU61oIEgZCtrwUYPyLHxKx2
r2bGeYy9awOZP4suIarGnfE+eCQ9s4nKAsADTk7w71Oc73m/4JStVzLtpT47DKP0
dabGE+v8JfarswdXINMIS9wvDAegOZmTzaNc7JEP5kPTCA1O/Sup3HANRtvhVsQB
2KY+Wem+ZSPKb/UySEpA11xrOyvNng1Mz5736TwuAG/wAemNWxU=
-----END ENCRYPTED PRIVATE KEY-----
)"},
    {"PKCS #12's 3DES", R"(-----BEGIN ENCRYPTED PRIVATE KEY-----
MIGxMBwGCiqGSIb3DQEMAQMwDgQIbJ36WjZRBIsCAggABIGQH1ghJ2Iq4NJakX/L
MGdPtoT4RfOn/phvGOBv2/c20bm1CxHRyGf9gpcPJQNMoDnzn4Q1xMn2TqaN9BBp
ocpuUnFW6nG+tcsrBvHVp8mpBVkNPgyMETJ/BABxEvQHx4AjpA9JFnBMDCSVV+T6
r2Woz0WI5koTKaCljZsmkDbhIPXB26d0kVDQ0XSetUdCTCaE
-----END ENCRYPTED PRIVATE KEY-----
)"},
    {"traditional, AES-128", R"(-----BEGIN EC PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: AES-128-CBC,3C871E2A613AF86F3E9CA8D92AAFFEDD

Qu/zjJ1Ao6zYnijnWSZVhC9HwN8aE85QhRt/KLu4RJEIfnNelSKbP+PtYJAcWRVK
jpodCl7d9sKeU7FhQ1KTMJXydUKhNmkRlOMRfKu6uFJTUStH0JyRxPavtnHQRN3i
1aD3RyvAaBsFsidHCW/ICjdz1j32iFTSqZNLrd9wMmw=
-----END EC PRIVATE KEY-----
)"},
};
const Form kUnknown[] = {
    {"private key: it is encrypted with a cipher that is not supported", R"(-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHuMFkGCSqGSIb3DQEFDTBMMCkGCSqGSIb3DQEFDDAcBAjXj4AxfbsSdwICCAAw
DAYIKoZIhvcNAgkFADAfBgsqgwiMmks9AQEBBAQQYfa+72Mdt6k2zg3/ZMdTYASB
kJYHQYsCrmQe1VpF0al80a4wcwSFoHY8eQt5YUyo/ZICeQZYaH3UXugIECcw+l0g
D7qv/yCdc/Uhr8fmuTO1Ta1geMiTwMhx0wrMRCi7+MHy9GhXPMxMmbzipMSOBF1U
4hz3J2V/M3ZkE1MjQAc1Ys8Ai++mB3rx2Nw1dKQQwbbNV0/wCtmm1i3wicchFtL0
rQ==
-----END ENCRYPTED PRIVATE KEY-----
)"},
    {"private key: it is encrypted with a hash that is not supported", R"(-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjHHhykqja8WQICCAAw
DAYIKoZIhvcNAg0FADAdBglghkgBZQMEASoEEASQFOQ7r3mV4NaeKuIY5Q8EgZBS
sDAg3XF5XGaR1qpawndPdUyMZagYG5fcdEVj1wK8bR4cCdamIHs7/A+g2q0onCuC
Tp9fS1W5lRsY6ApgSs1zceLnPNEB5lnPcBmcSSlfRs++AQUpJ/2fVtxXs0OB4Yhm
imjzgC+xrJnQ/M8Rr3DjG4KaisNuQgIYix8Hha7yWhTpTCcd7eC/ahXcRnTG7As=
-----END ENCRYPTED PRIVATE KEY-----
)"},
    {"private key: unusable: unsupported encryption", R"(-----BEGIN EC PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: CAMELLIA-128-CBC,4A749A4D5CFED28352E60983AE526195

P6zphkjflVeGtwgaR2JDE+fuP2/qiJ6WRBIrRoxNqThRyFmRJVSEX8FNLR0FF+b0
zRvu7UAw0jDUKUDcREX2HTNqfc0kgmUsoB5ZUWsJi7D58IgmS7oiXipOXM4nMctI
EcndupICTf8ENiNeQEIniZKdo9r5eOpBvNk+CTs/BcA=
-----END EC PRIVATE KEY-----
)"},
};

std::string refusal(const std::string& text, const std::string& password = "secret") {
  const auto key = tls::read_private_key(text, password);
  REQUIRE_FALSE(key.has_value());
  CHECK(key.error().code == Code::tls_config);
  return key.error().context;
}

bool is_the_key(const Result<bssl::UniquePtr<EVP_PKEY>>& key) {
  const auto plain = tls::read_private_key(kPlain, {});
  REQUIRE(plain.has_value());
  return key && EVP_PKEY_cmp(key->get(), plain->get()) == 1;
}

std::string block(const char* label, std::string_view bytes) {
  const bssl::UniquePtr<BIO> out(BIO_new(BIO_s_mem()));
  REQUIRE(PEM_write_bio(out.get(), label, "", as_bytes(bytes).data(), static_cast<long>(bytes.size())));
  const std::uint8_t* text = nullptr;
  std::size_t size = 0;
  REQUIRE(BIO_mem_contents(out.get(), &text, &size));
  return std::string(as_text({text, size}));
}

std::string der_of(const std::string& pem) {
  const bssl::UniquePtr<BIO> in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  char* name = nullptr;
  char* header = nullptr;
  std::uint8_t* bytes = nullptr;
  long size = 0;
  REQUIRE(PEM_read_bio(in.get(), &name, &header, &bytes, &size));
  const bssl::UniquePtr<char> name_owner(name), header_owner(header);
  const bssl::UniquePtr<std::uint8_t> owner(bytes);
  return std::string(as_text({bytes, static_cast<std::size_t>(size)}));
}

}  // namespace

TEST_CASE("encrypted keys in every usual form are read with the password, and with no other") {
  for (const Form& form : kForms) {
    CAPTURE(form.name);
    CHECK(is_the_key(tls::read_private_key(form.text, "secret")));
    CHECK(refusal(form.text, "other").starts_with("private key: wrong password"));
    CHECK(refusal(form.text, "").contains("encrypted and no password was given"));
  }
}

TEST_CASE("a form that is not known is no wrong password") {
  for (const Form& form : kUnknown) CHECK(refusal(form.text) == form.name);
  CHECK(refusal(block("OPENSSH PRIVATE KEY", "openssh-key-v1")) ==
        "private key: in a form that is not supported (OPENSSH PRIVATE KEY)");
  CHECK(refusal(block("PUBLIC KEY", "x")) == "private key: none in the PEM text");
}

TEST_CASE("an encrypted key that is cut, changed or asks for too much says what is wrong, and is never read") {
  const std::string whole = der_of(kForms[0].text);
  for (std::size_t size = 1; size < whole.size(); ++size)
    CHECK(refusal(block("ENCRYPTED PRIVATE KEY", whole.substr(0, size))).starts_with("private key: unusable"));
  CHECK(refusal(block("ENCRYPTED PRIVATE KEY", whole + "x")).starts_with("private key: unusable"));
  // Up to where the encrypted bytes begin. A change there is one of the parameters.
  const std::size_t parameters = 84;
  for (std::size_t at = 0; at < parameters; ++at) {
    for (const char flip : {'\x01', '\x10', '\x80'}) {
      std::string changed = whole;
      changed[at] = static_cast<char>(changed[at] ^ flip);
      const auto key = tls::read_private_key(block("ENCRYPTED PRIVATE KEY", changed), "secret");
      if (key) CHECK(!is_the_key(key));
    }
  }
  std::string costly = whole;
  const std::size_t cost = costly.find(std::string_view("\x02\x02\x40\x00\x02\x01\x08", 7));
  REQUIRE(cost != std::string::npos);
  costly[cost + 6] = '\x7f';  // blocks of 127 * 128 bytes
  costly[cost + 2] = '\x20';
  CHECK(refusal(block("ENCRYPTED PRIVATE KEY", costly)) == "private key: wrong password");  // 127 MiB is allowed
  costly[cost + 6] = '\x08';
  costly[cost + 2] = '\x30';  // no power of two
  CHECK(refusal(block("ENCRYPTED PRIVATE KEY", costly)).contains("scrypt's parameters"));
}

TEST_CASE("the parameters of PBKDF2: a hash that is named and is the default, no iterations, a salt that is none") {
  const auto changed = [](std::string_view from, std::string_view to) {
    std::string bytes = der_of(kForms[4].text);
    const std::size_t at = bytes.find(from);
    REQUIRE(at != std::string::npos);
    return refusal(block("ENCRYPTED PRIVATE KEY", bytes.replace(at, from.size(), to)));
  };
  using namespace std::literals;
  CHECK(changed("\x0d\x02\x0b\x05"sv, "\x0d\x02\x07\x05"sv) == "private key: wrong password");  // SHA-1 for SHA-512
  CHECK(changed("\x02\x02\x08\x00"sv, "\x04\x02\x08\x00"sv).starts_with("private key: unusable"));
  CHECK(changed("\x02\x02\x08\x00\x30"sv, "\x02\x01\x00\x05\x30"sv).starts_with("private key: unusable"));
  CHECK(changed("\x04\x08\x55"sv, "\x06\x08\x55"sv).starts_with("private key: unusable"));
}

TEST_CASE("what follows a certificate within its block makes it unusable") {
  const std::string certificate = der_of(test::authority().certificate_pem());
  using namespace std::literals;
  for (const auto extra : {"\0"sv, "x"sv, "\x30\x00"sv}) {
    CHECK_FALSE(tls::read_certificates(block("CERTIFICATE", certificate + std::string(extra)), "one").has_value());
    CHECK_FALSE(tls::read_certificates(block("X509 CERTIFICATE", certificate + std::string(extra)), "one").has_value());
  }
  CHECK(tls::read_certificates(block("CERTIFICATE", certificate), "one").has_value());
  CHECK(
      tls::read_certificates(block("TRUSTED CERTIFICATE", certificate + std::string("\x30\x00"sv)), "one").has_value());
  for (const auto extra : {"\0"sv, "x"sv, "\x30\x00\x00"sv, "\x30\x02\x30\x01"sv, "\x30\x04\x30\x02\x04\x00"sv,
                           "\x30\x05\xa0\x03\x02\x01\x00"sv, "\x30\x02\xa0\x01"sv})
    CHECK_FALSE(
        tls::read_certificates(block("TRUSTED CERTIFICATE", certificate + std::string(extra)), "one").has_value());
}

TEST_CASE("a byte order mark before a block hides nothing") {
  const std::string mark = "\xef\xbb\xbf", one = test::authority().certificate_pem();
  for (const std::string& text :
       {mark + one, mark + one + mark + one, one + mark + one, mark + "prose\n" + one, mark + mark + one}) {
    const auto read = tls::read_certificates(text, "some");
    REQUIRE(read.has_value());
    std::size_t blocks = 0;
    for (std::size_t at = 0; (at = text.find("BEGIN", at)) != std::string::npos; ++at) ++blocks;
    CHECK(read->size() == blocks);
  }
  CHECK(is_the_key(tls::read_private_key(mark + kPlain, {})));
  CHECK(is_the_key(tls::read_private_key(mark + kForms[0].text, "secret")));
  CHECK(is_the_key(tls::read_private_key("prose with a " + mark + " mark in it\n" + kPlain, {})));
}
