// adapters/trust: where PEM text is loaded from. Its content is not checked here.
#include "adapters/trust.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

using namespace sluice;
namespace fs = std::filesystem;

namespace {

std::string certificate(const std::string& body) {
  return "-----BEGIN CERTIFICATE-----\n" + body + "\n-----END CERTIFICATE-----";
}

struct Folder {
  fs::path path;
  Folder() {
    std::string name = (fs::temp_directory_path() / "sluice-trust-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { fs::remove_all(path); }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path / name) << text;
    return (path / name).string();
  }
};

// The environment as it was comes back at the end.
struct SetVariable {
  std::string name, before;
  bool was_set;
  SetVariable(const char* variable, const std::string& value)
      : name(variable), was_set(std::getenv(variable) != nullptr) {
    if (was_set) before = std::getenv(variable);
    ::setenv(variable, value.c_str(), 1);
  }
  ~SetVariable() {
    if (was_set) {
      ::setenv(name.c_str(), before.c_str(), 1);
    } else {
      ::unsetenv(name.c_str());
    }
  }
};

std::string message_of(const Result<std::string>& result) {
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().code == Code::tls_config);
  return result.error().message();
}

}  // namespace

TEST_CASE("Trust anchors come from a file as it is, and an unusable one says why") {
  const Folder folder;
  const std::string text = "# a comment\n" + certificate("AAAA") + "\n" + certificate("BBBB") + "\n";
  CHECK(trust_pem_from_file(folder.write("ca.pem", text)).value() == text);
  const std::string missing = (folder.path / "missing.pem").string();
  CHECK(message_of(trust_pem_from_file(missing)) ==
        "read trust anchors from " + missing + ": No such file or directory");
  CHECK(message_of(trust_pem_from_file(folder.path.string())).ends_with("Is a directory"));
  CHECK(message_of(trust_pem_from_file(folder.write("empty.pem", ""))).ends_with("there is no PEM certificate in it"));
}

TEST_CASE("A directory gives each certificate once, and nothing but certificates") {
  const Folder folder;
  folder.write("a.pem", certificate("AAAA") + "\n-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----\n");
  folder.write("b.crt", certificate("BBBB"));
  folder.write("bundle.crt", certificate("BBBB") + "\n" + certificate("AAAA") + "\n" + certificate("CCCC"));
  folder.write("cut.crt", "-----BEGIN CERTIFICATE-----\nDDDD");
  folder.write("README", "nothing here");
  fs::create_symlink("a.pem", folder.path / "5ed36f99.0");
  fs::create_symlink("gone", folder.path / "gone.0");
  fs::create_directory(folder.path / "private");
  CHECK(trust_pem_from_directory(folder.path.string()).value() ==
        certificate("AAAA") + "\n" + certificate("BBBB") + "\n" + certificate("CCCC") + "\n");
  const Folder empty;
  CHECK(message_of(trust_pem_from_directory(empty.path.string()))
            .ends_with("there is no PEM certificate in any of its files"));
  CHECK(message_of(trust_pem_from_directory((empty.path / "no").string())).ends_with("No such file or directory"));
}

TEST_CASE("All labels of a certificate are known, in files and in directories") {
  const auto labeled = [](const std::string& label, const std::string& body) {
    return "-----BEGIN " + label + "-----\n" + body + "\n-----END " + label + "-----";
  };
  const std::string trusted = labeled("TRUSTED CERTIFICATE", "TTTT"), old = labeled("X509 CERTIFICATE", "XXXX");
  const std::string request = labeled("CERTIFICATE REQUEST", "RRRR"), mark = "\xef\xbb\xbf";
  const Folder folder;
  for (const std::string& one : {trusted, old, mark + trusted})
    CHECK(trust_pem_from_file(folder.write("a.pem", one)).value() == one);
  CHECK(message_of(trust_pem_from_file(folder.write("a.pem", request))).ends_with("there is no PEM certificate in it"));
  folder.write("a.pem", mark + trusted + "\n" + request + "\n" + certificate("AAAA"));
  folder.write("b.pem", certificate("BBBB") + "\n" + old + "\n" + trusted);
  folder.write("c.pem", "-----BEGIN CERTIFICATE-----\nCUT\n" + labeled("TRUSTED CERTIFICATE", "UUUU"));
  folder.write("d.pem", "-----BEGIN CERTIFICATE-----\nCUT\n" + certificate("DDDD"));
  CHECK(trust_pem_from_directory(folder.path.string()).value() ==
        trusted + "\n" + certificate("AAAA") + "\n" + certificate("BBBB") + "\n" + old + "\n" +
            labeled("TRUSTED CERTIFICATE", "UUUU") + "\n" + certificate("DDDD") + "\n");
}

TEST_CASE("SSL_CERT_FILE and SSL_CERT_DIR replace the system's store, both together, without falling back") {
  const Folder one, two;
  const std::string file = one.write("ca.pem", certificate("AAAA"));
  two.write("b.pem", certificate("BBBB"));
  {
    const SetVariable set_file("SSL_CERT_FILE", file), set_directory("SSL_CERT_DIR", "");
    CHECK(system_trust_pem().value() == certificate("AAAA") + "\n");
  }
  {
    const SetVariable set_file("SSL_CERT_FILE", file), set_directory("SSL_CERT_DIR", ":" + two.path.string());
    CHECK(system_trust_pem().value() == certificate("AAAA") + "\n" + certificate("BBBB") + "\n");
  }
  {
    const SetVariable set_file("SSL_CERT_FILE", file + ".missing"), set_directory("SSL_CERT_DIR", "");
    CHECK(message_of(system_trust_pem()).find("ca.pem.missing") != std::string::npos);
  }
}
