// certificate_pem() and certificate_text(): what curl 7.88 with OpenSSL 3 says of the same certificates.
#include "core/certificate.hpp"

#include <doctest/doctest.h>
#include <openssl/mem.h>
#include <openssl/x509.h>

#include <string>

#include "core/tls/pem.hpp"
#include "tests/support/tls_pair.hpp"

using namespace sluice;

namespace {

// Both are self-signed, by `openssl req -x509`.
const std::string kRsaPem =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIDZzCCAk+gAwIBAgIUfiSfxIslA5KsAfA0L9Nz9B6VXgswDQYJKoZIhvcNAQEL\n"
    "BQAwNTELMAkGA1UEBhMCREUxEjAQBgNVBAoMCVRlc3QsIEluYzESMBAGA1UEAwwJ\n"
    "bG9jYWxob3N0MB4XDTI2MTEzMDA2Mjg0MFoXDTI2MTIzMDA2Mjg0MFowNTELMAkG\n"
    "A1UEBhMCREUxEjAQBgNVBAoMCVRlc3QsIEluYzESMBAGA1UEAwwJbG9jYWxob3N0\n"
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAuZxHoO3q6olF8hrjz0kk\n"
    "fCmb6E5/7Qryo8eMRtMS8L4Y+qNUxw6oQYlJI/LrThCQaeyJTy2WmVhA8oQ4SXBC\n"
    "O9Gjtvj6UNyScz/oto3fJVCQwO4o9YbGKcSlipNyRkn9HRZEDlrULLezNUhasI2r\n"
    "eJAm9pRv5dQY9B0DZSQuGkTueqD/Oeo8kamEVN4f+BddZ3Vl20MEz+UooyfmIUqv\n"
    "Pu/e6M9KDF+zmn/ngjrLYqzAm3TIUB6yZB/2+a155YSN215Of8TWFmo0B5ZkCyLz\n"
    "l2PTHtIurgbVzM2I53q4sfv0g5BeaXaz2tIEWLJTHJnQP+xjvqnt2amcVf+h5VEL\n"
    "TQIDAQABo28wbTAdBgNVHQ4EFgQUTK32tDbsYE7fh3vobt5FE/rSYUcwHwYDVR0j\n"
    "BBgwFoAUTK32tDbsYE7fh3vobt5FE/rSYUcwDwYDVR0TAQH/BAUwAwEB/zAaBgNV\n"
    "HREEEzARgglsb2NhbGhvc3SHBH8AAAEwDQYJKoZIhvcNAQELBQADggEBADyW8S//\n"
    "fEPnUgfWBaR7BROAD0pkOruWF+1azgbowlBKR7kH/t1c64FKiuPAamQOUFgGyT+2\n"
    "s9d4xAwqPqTl3rRsmPT+Bw+gHc5EPvTiqqz+xIC//bvQ6bCPyq41Uh6OLqSpYSKX\n"
    "tFld0LCttCtmA+Xtkm7Ka3FllqKLAxKp9ccSvBkDX7Zyg7waC1Nt4seRqJRAZh2b\n"
    "NYzswOp0akiqM1UplmSkULcUrNEFql6Od2D8kQ0L/1LQLKckK5paSyX4TugN2HGB\n"
    "5xuFi4cOvfn33713D4Jpvg9quO3Iif4VsKfpt36Z6ER7RpcL5R20wig/uNvd5iqH\n"
    "RP7Hb6Fxtdvg+yk=\n"
    "-----END CERTIFICATE-----\n";
const std::string kEcPem =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBlDCCATmgAwIBAgIUBZfXxlk4sysID6InCatn0lfuybswCgYIKoZIzj0EAwIw\n"
    "FDESMBAGA1UEAwwJbG9jYWxob3N0MB4XDTI2MTEzMDA2Mjg0MFoXDTI2MTIyMDA2\n"
    "Mjg0MFowFDESMBAGA1UEAwwJbG9jYWxob3N0MFkwEwYHKoZIzj0CAQYIKoZIzj0D\n"
    "AQcDQgAEu23JMNMQ/l7LGcod70kPiweP26y99R0kdva8ufKisv3Wxo3stLdbq+Jj\n"
    "55QkfdoIirEUCxNBWhQFkTk1uYpHQqNpMGcwHQYDVR0OBBYEFNtxq2YcPF5iYqEL\n"
    "4Q0f0hKgOYstMB8GA1UdIwQYMBaAFNtxq2YcPF5iYqEL4Q0f0hKgOYstMA8GA1Ud\n"
    "EwEB/wQFMAMBAf8wFAYDVR0RBA0wC4IJbG9jYWxob3N0MAoGCCqGSM49BAMCA0kA\n"
    "MEYCIQCOW/hWxBMxYMNqhH6+6nB6RLUqXRFV7ciMDpeVCGYF6AIhALw7NJmMPVjZ\n"
    "HeJuzJwiy1+qbpqNZnvLu6jaVR/HR45z\n"
    "-----END CERTIFICATE-----\n";

std::string der_of_pem(const std::string& pem) {
  const auto read = tls::read_certificates(pem, "a certificate");
  REQUIRE(read.has_value());
  unsigned char* bytes = nullptr;
  const int size = i2d_X509(read->at(0).get(), &bytes);
  REQUIRE(size > 0);
  std::string der(bytes, bytes + size);
  OPENSSL_free(bytes);
  return der;
}

}  // namespace

TEST_CASE("certificate text: PEM, in lines of 64") {
  CHECK(certificate_pem(der_of_pem(kRsaPem)) == kRsaPem);
  CHECK(certificate_pem(der_of_pem(kEcPem)) == kEcPem);
  CHECK(certificate_pem(std::string(48, 'a')) == "-----BEGIN CERTIFICATE-----\n" + [] {
    std::string line;
    for (int i = 0; i < 16; ++i) line += "YWFh";
    return line;
  }() + "\n-----END CERTIFICATE-----\n");
  CHECK(certificate_pem("") == "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n");
}

TEST_CASE("certificate text: an RSA key, a quoted name, and extensions") {
  CHECK(certificate_text(der_of_pem(kRsaPem)) ==
        "Subject:C = DE, O = \"Test, Inc\", CN = localhost\n"
        "Issuer:C = DE, O = \"Test, Inc\", CN = localhost\n"
        "Version:2\n"
        "Serial Number:7e249fc48b250392ac01f0342fd373f41e955e0b\n"
        "Signature Algorithm:sha256WithRSAEncryption\n"
        "Public Key Algorithm:rsaEncryption\n"
        "X509v3 Subject Key Identifier:4C:AD:F6:B4:36:EC:60:4E:DF:87:7B:E8:6E:DE:45:13:FA:D2:61:47\n"
        "X509v3 Authority Key Identifier:keyid:4C:AD:F6:B4:36:EC:60:4E:DF:87:7B:E8:6E:DE:45:13:FA:D2:61:47\n"
        "X509v3 Basic Constraints:CA:TRUE\n"
        "X509v3 Subject Alternative Name:DNS:localhost, IP Address:127.0.0.1\n"
        "Start date:Nov 30 06:28:40 2026 GMT\n"
        "Expire date:Dec 30 06:28:40 2026 GMT\n"
        "RSA Public Key:2048\n"
        "rsa(n):B99C47A0EDEAEA8945F21AE3CF49247C299BE84E7FED0AF2A3C78C46D312F0BE18FAA354C70EA841894923F2EB4E1"
        "09069EC894F2D96995840F284384970423BD1A3B6F8FA50DC92733FE8B68DDF255090C0EE28F586C629C4A58A93724649FD1"
        "D16440E5AD42CB7B335485AB08DAB789026F6946FE5D418F41D0365242E1A44EE7AA0FF39EA3C91A98454DE1FF8175D67756"
        "5DB4304CFE528A327E6214AAF3EEFDEE8CF4A0C5FB39A7FE7823ACB62ACC09B74C8501EB2641FF6F9AD79E5848DDB5E4E7FC"
        "4D6166A340796640B22F39763D31ED22EAE06D5CCCD88E77AB8B1FBF483905E6976B3DAD20458B2531C99D03FEC63BEA9EDD"
        "9A99C55FFA1E5510B4D\n"
        "rsa(e):10001\n"
        "Signature:3c:96:f1:2f:ff:7c:43:e7:52:07:d6:05:a4:7b:05:13:80:0f:4a:64:3a:bb:96:17:ed:5a:ce:06:e8:c2:"
        "50:4a:47:b9:07:fe:dd:5c:eb:81:4a:8a:e3:c0:6a:64:0e:50:58:06:c9:3f:b6:b3:d7:78:c4:0c:2a:3e:a4:e5:de:b"
        "4:6c:98:f4:fe:07:0f:a0:1d:ce:44:3e:f4:e2:aa:ac:fe:c4:80:bf:fd:bb:d0:e9:b0:8f:ca:ae:35:52:1e:8e:2e:a4"
        ":a9:61:22:97:b4:59:5d:d0:b0:ad:b4:2b:66:03:e5:ed:92:6e:ca:6b:71:65:96:a2:8b:03:12:a9:f5:c7:12:bc:19:"
        "03:5f:b6:72:83:bc:1a:0b:53:6d:e2:c7:91:a8:94:40:66:1d:9b:35:8c:ec:c0:ea:74:6a:48:aa:33:55:29:96:64:a"
        "4:50:b7:14:ac:d1:05:aa:5e:8e:77:60:fc:91:0d:0b:ff:52:d0:2c:a7:24:2b:9a:5a:4b:25:f8:4e:e8:0d:d8:71:81"
        ":e7:1b:85:8b:87:0e:bd:f9:f7:df:bd:77:0f:82:69:be:0f:6a:b8:ed:c8:89:fe:15:b0:a7:e9:b7:7e:99:e8:44:7b:"
        "46:97:0b:e5:1d:b4:c2:28:3f:b8:db:dd:e6:2a:87:44:fe:c7:6f:a1:71:b5:db:e0:fb:29:\n");
}

TEST_CASE("certificate text: an elliptic curve has no lines of its own") {
  CHECK(certificate_text(der_of_pem(kEcPem)) ==
        "Subject:CN = localhost\n"
        "Issuer:CN = localhost\n"
        "Version:2\n"
        "Serial Number:0597d7c65938b32b080fa22709ab67d257eec9bb\n"
        "Signature Algorithm:ecdsa-with-SHA256\n"
        "Public Key Algorithm:id-ecPublicKey\n"
        "X509v3 Subject Key Identifier:DB:71:AB:66:1C:3C:5E:62:62:A1:0B:E1:0D:1F:D2:12:A0:39:8B:2D\n"
        "X509v3 Authority Key Identifier:keyid:DB:71:AB:66:1C:3C:5E:62:62:A1:0B:E1:0D:1F:D2:12:A0:39:8B:2D\n"
        "X509v3 Basic Constraints:CA:TRUE\n"
        "X509v3 Subject Alternative Name:DNS:localhost\n"
        "Start date:Nov 30 06:28:40 2026 GMT\n"
        "Expire date:Dec 20 06:28:40 2026 GMT\n"
        "Signature:30:46:02:21:00:8e:5b:f8:56:c4:13:31:60:c3:6a:84:7e:be:ea:70:7a:44:b5:2a:5d:11:55:ed:c8:8c:"
        "0e:97:95:08:66:05:e8:02:21:00:bc:3b:34:99:8c:3d:58:d9:1d:e2:6e:cc:9c:22:cb:5f:aa:6e:9a:8d:66:7b:cb:b"
        "b:a8:da:55:1f:c7:47:8e:73:\n");
}

TEST_CASE("certificate text: what is no certificate has no text, however it is cut") {
  const std::string der = der_of_pem(kEcPem);
  CHECK(certificate_text("").empty());
  CHECK(certificate_text("not DER").empty());
  for (std::size_t size = 0; size < der.size(); ++size) CHECK(certificate_text(der.substr(0, size)).empty());
}

TEST_CASE("certificate text: bytes of a peer never reach a terminal") {
  sim::CertificateSpec spec = test::leaf_spec({"a.example"});
  spec.common_name = "evil\x1b[2J\nSubject:other";
  const std::string text = certificate_text(der_of_pem(test::authority().issue(spec).certificate_pem));
  CHECK(text.starts_with("Subject:CN = "));
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(text.find("\nSubject:") == std::string::npos);
}
