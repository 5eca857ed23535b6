// The options of TLS of the command against openssl's s_server and nginx, with keys, certificates, lists and responses
// that `openssl` has made.
#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "adapters/net/descriptor.hpp"
#include "core/base/base64.hpp"
#include "tests/support/child.hpp"
#include "tests/support/command_runner.hpp"
#include "tests/support/nginx.hpp"

using namespace sluice::test;

namespace {

// An authority in a folder, which has issued a certificate for 127.0.0.1 (server), one for clients (client) and one
// that signs OCSP responses (responder).
class OpensslFiles {
 public:
  OpensslFiles() {
    write_file(at("ca.cnf"), R"([ca]
default_ca=own
[own]
database=index.txt
serial=serial
crlnumber=crlnumber
new_certs_dir=.
certificate=ca.pem
private_key=ca.key
default_md=sha256
default_days=30
default_crl_days=30
policy=any
[any]
commonName=supplied
[server]
subjectAltName=IP:127.0.0.1
extendedKeyUsage=serverAuth
[client]
extendedKeyUsage=clientAuth
[responder]
extendedKeyUsage=OCSPSigning
)");
    write_file(at("index.txt"), "");
    write_file(at("serial"), "1000");
    write_file(at("crlnumber"), "01");
    run("openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj /CN=CA -days 30");
    for (const std::string name : {"server", "client", "responder"}) {
      run("openssl req -newkey rsa:2048 -nodes -keyout " + name + ".key -out " + name + ".csr -subj /CN=" + name);
      run("openssl ca -batch -config ca.cnf -notext -extensions " + name + " -in " + name + ".csr -out " + name +
          ".pem");
    }
    run("openssl ca -config ca.cnf -gencrl -out empty.crl");
  }
  std::filesystem::path at(const std::string& name) const { return folder_.path() / name; }
  std::string text(const std::string& name) const { return at(name).string(); }
  // A shell command in the folder, which must succeed.
  void run(const std::string& command) const {
    const std::string line = "cd " + folder_.path().string() + " && { " + command + " ; } > log 2>&1";
    if (std::system(line.c_str()) != 0) throw std::runtime_error(command + ": " + read_file(at("log")));
  }
  std::string output(const std::string& command) const {
    run(command + " > out");
    std::string text = read_file(at("out"));
    while (text.ends_with('\n')) text.pop_back();
    return text;
  }
  // Writes the response of `signer` about the server's certificate.
  void answer_status(const std::string& signer, const std::string& out) const {
    run("openssl ocsp -issuer ca.pem -cert server.pem -reqout request -no_nonce");
    run("openssl ocsp -index index.txt -CA ca.pem -rsigner " + signer + ".pem -rkey " + signer +
        ".key -reqin request -respout " + out + " -ndays 1");
  }

 private:
  TempFolder folder_;
};

const OpensslFiles& files() {
  static const OpensslFiles one;
  return one;
}

// `openssl s_server -www`: it answers every request with a page about the connection.
class StatusServer {
 public:
  StatusServer(const OpensslFiles& files, std::vector<std::string> options) {
    for (int attempt = 0; attempt < 3; ++attempt) {
      port_ = free_ports(1).front();
      std::vector<std::string> command = {"openssl", "s_server",
                                          "-www",    "-quiet",
                                          "-accept", "127.0.0.1:" + std::to_string(port_),
                                          "-cert",   files.text("server.pem"),
                                          "-key",    files.text("server.key")};
      command.insert(command.end(), options.begin(), options.end());
      child_ = Child(command, files.at("s_server.log"));
      if (child_.wait_until_accepting({port_})) return;
      child_.stop();
    }
    throw std::runtime_error("s_server does not come up: " + read_file(files.at("s_server.log")));
  }
  std::string url() const { return "https://127.0.0.1:" + std::to_string(port_) + "/"; }

 private:
  std::uint16_t port_ = 0;
  Child child_;
};

std::string pin_of(const OpensslFiles& files, const std::string& certificate) {
  return "sha256//" +
         files.output("openssl x509 -in " + certificate +
                      " -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | "
                      "openssl base64 -A");
}

// Of sluice, and of curl, which must agree.
CommandResult by_both(std::vector<std::string> arguments) {
  const CommandResult own = run_command(arguments);
  std::string line = "curl -sS -o /dev/null";
  for (const std::string& argument : arguments) line += " '" + argument + "'";
  const int status = std::system((line + " 2> /dev/null").c_str());
  CAPTURE(line);
  INFO(own.err);
  CHECK(own.exit_code == WEXITSTATUS(status));
  return own;
}

}  // namespace

TEST_CASE("SB-52 --pinnedpubkey: a file in PEM and DER, hashes, with and without -k, as curl does it") {
  const OpensslFiles& own = files();
  const StatusServer server(own, {});
  own.run("openssl x509 -in server.pem -pubkey -noout > right.pub");
  own.run("openssl pkey -pubin -in right.pub -outform der > right.der");
  own.run("openssl x509 -in client.pem -pubkey -noout > wrong.pub");
  const std::string right = pin_of(own, "server.pem"), wrong = pin_of(own, "client.pem");
  for (const std::string& trust : {std::string("-k"), "--cacert=" + own.text("ca.pem")}) {
    const auto pinned = [&](const std::string& value) {
      std::vector<std::string> arguments = {"-k", "--pinnedpubkey", value, server.url()};
      if (trust != "-k") arguments = {"--cacert", own.text("ca.pem"), "--pinnedpubkey", value, server.url()};
      return by_both(arguments);
    };
    CHECK(pinned(own.text("right.pub")).exit_code == 0);
    CHECK(pinned(own.text("right.der")).exit_code == 0);
    CHECK(pinned(right).exit_code == 0);
    CHECK(pinned(wrong + ";" + right).exit_code == 0);
    const CommandResult refused = pinned(wrong);
    CHECK(refused.exit_code == 90);
    CHECK(refused.out == "");
    CHECK(refused.err.find("the certificate's key is none of the pinned ones") != std::string::npos);
    CHECK(pinned(own.text("wrong.pub")).exit_code == 90);
    const CommandResult missing = pinned(own.text("no.pub"));
    CHECK(missing.exit_code == 90);
    CHECK(missing.err == "sluice: (90) " + server.url() + ": read the pinned public key " + own.text("no.pub") +
                             ": No such file or directory\n");
    CHECK(pinned("sha256//AAAA").exit_code == 90);
    CHECK(pinned(own.text("ca.cnf")).exit_code == 90);
  }
}

TEST_CASE("--ciphers, --curves, --sigalgs, --tls13-ciphers: what is used, and one line for what cannot be") {
  const OpensslFiles& own = files();
  const StatusServer server(own, {});
  const auto with = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--cacert", own.text("ca.pem"), server.url()});
    return by_both(arguments);
  };
  const auto cipher_line = [&](std::vector<std::string> arguments) { return with(std::move(arguments)).out; };
  CHECK(cipher_line({"--tls-max", "1.2", "--ciphers", "ECDHE-RSA-CHACHA20-POLY1305"})
            .find("Cipher    : ECDHE-RSA-CHACHA20-POLY1305") != std::string::npos);
  CHECK(with({"--tls-max", "1.2", "--ciphers", "nonsense:ECDHE-RSA-AES128-GCM-SHA256"}).exit_code == 0);
  CHECK(with({"--tls-max", "1.2", "--ciphers", "ECDHE-ECDSA-AES128-GCM-SHA256"}).exit_code == 35);
  const CommandResult none = with({"--ciphers", "nonsense"});
  CHECK(none.exit_code == 59);
  CHECK(none.err ==
        "sluice: (59) " + server.url() + ": ciphers: \"nonsense\" names none that can be used with TLS 1.2\n");
  CHECK(cipher_line({"--curves", "P-384"}).find("Shared groups: secp384r1\n") != std::string::npos);
  CHECK(run_command({"-sv", "--curves", "P-384", "--cacert", own.text("ca.pem"), server.url()}).err.find(", P-384\n") !=
        std::string::npos);
  CHECK(with({"--curves", "nonsense"}).exit_code == 59);
  const std::vector<std::string> trusting = {"-o", "/dev/null", "--cacert", own.text("ca.pem"), server.url()};
  const auto alone = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), trusting.begin(), trusting.end());
    return run_command(arguments);
  };
  CHECK(alone({"--sigalgs", "rsa_pss_rsae_sha256"}).exit_code == 0);
  CHECK(alone({"--sigalgs", "ecdsa_secp256r1_sha256"}).exit_code == 35);
  CHECK(alone({"--sigalgs", "nonsense"}).exit_code == 59);
  CHECK(with({"--tls13-ciphers", "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384"})
            .exit_code == 0);
  CHECK(alone({"--tls13-ciphers", "nonsense"}).exit_code == 59);
  const StatusServer aes256(own, {"-ciphersuites", "TLS_AES_256_GCM_SHA384"});
  const CommandResult other =
      by_both({"--cacert", own.text("ca.pem"), "--tls13-ciphers", "TLS_AES_128_GCM_SHA256", aes256.url()});
  CHECK(other.exit_code == 35);
  CHECK(other.err.find("the server chose TLS_AES_256_GCM_SHA384, which is not among") != std::string::npos);
}

TEST_CASE("--cert, --key in each form that openssl writes, with --pass") {
  const OpensslFiles& own = files();
  const StatusServer server(own, {"-Verify", "1", "-CAfile", own.text("ca.pem"), "-verify_return_error"});
  own.run("openssl x509 -in client.pem -outform der -out client.der");
  own.run("openssl pkey -in client.key -outform der -out key.der");
  own.run("openssl rsa -in client.key -traditional -outform der -out key.old.der");
  own.run("openssl rsa -in client.key -traditional -aes256 -passout pass:secret -out key.old.pem");
  own.run("openssl rsa -in client.key -traditional -des3 -passout pass:secret -out key.old3.pem");
  own.run("openssl pkcs8 -topk8 -in client.key -passout pass:secret -out key.enc.pem");
  own.run("openssl pkcs8 -topk8 -in client.key -passout pass:secret -scrypt -outform der -out key.enc.der");
  own.run(
      "openssl pkcs12 -export -in client.pem -inkey client.key -certfile ca.pem -passout pass:secret -out client.p12");
  own.run(
      "openssl pkcs12 -export -in client.pem -inkey client.key -passout pass:secret -keypbe PBE-SHA1-3DES "
      "-certpbe PBE-SHA1-3DES -macalg sha1 -out old.p12");
  own.run("openssl pkcs12 -export -in client.pem -inkey client.key -passout pass: -out open.p12");
  own.run("openssl pkcs12 -export -nokeys -in client.pem -passout pass:secret -out nokey.p12");
  const auto shown = [&](std::vector<std::string> arguments, bool as_curl = true) {
    arguments.insert(arguments.end(), {"--cacert", own.text("ca.pem"), server.url()});
    return as_curl ? by_both(arguments) : run_command(arguments);
  };
  const auto file = [&](const std::string& name) { return own.text(name); };
  CHECK(shown({"--cert", file("client.pem"), "--key", file("client.key")}).exit_code == 0);
  CHECK(shown({"--cert", file("client.der"), "--cert-type", "DER", "--key", file("client.key")}).exit_code == 0);
  CHECK(shown({"--cert", file("client.pem"), "--key", file("key.der"), "--key-type", "der"}).exit_code == 0);
  CHECK(shown({"--cert", file("client.pem"), "--key", file("key.old.der"), "--key-type", "DER"}).exit_code == 0);
  for (const std::string key : {"key.old.pem", "key.old3.pem", "key.enc.pem"}) {
    CAPTURE(key);
    CHECK(shown({"--cert", file("client.pem"), "--key", file(key), "--pass", "secret"}).exit_code == 0);
    const CommandResult wrong = shown({"--cert", file("client.pem"), "--key", file(key), "--pass", "other"});
    CHECK(wrong.exit_code == 58);
    CHECK(wrong.err.find("private key: wrong password") != std::string::npos);
    CHECK(shown({"--cert", file("client.pem") + ":secret", "--key", file(key)}).exit_code == 0);
  }
  CHECK(shown({"--cert", file("client.pem"), "--key", file("key.enc.der"), "--key-type", "DER", "--pass", "secret"},
              false)
            .exit_code == 0);
  for (const std::string name : {"client.p12", "old.p12"}) {
    CAPTURE(name);
    CHECK(shown({"--cert", file(name) + ":secret", "--cert-type", "P12"}).exit_code == 0);
    CHECK(shown({"--cert", file(name), "--cert-type", "p12", "--pass", "secret"}).exit_code == 0);
    const CommandResult wrong = shown({"--cert", file(name) + ":other", "--cert-type", "P12"});
    CHECK(wrong.exit_code == 58);
    CHECK(wrong.err == "sluice: (58) " + server.url() + ": client certificate: PKCS #12: wrong password\n");
  }
  CHECK(shown({"--cert", file("open.p12"), "--cert-type", "P12"}).exit_code == 0);
  CHECK(shown({"--cert", file("nokey.p12") + ":secret", "--cert-type", "P12"}).exit_code == 58);
  CHECK(shown({"--cert", file("client.pem"), "--cert-type", "P12"}).exit_code == 58);
  CHECK(shown({"--cert", file("client.p12") + ":secret"}).exit_code == 58);
  CHECK(shown({"--cert", file("client.pem"), "--cert-type", "XYZ"}).exit_code == 58);
}

TEST_CASE("--crlfile: what is revoked is refused; a bad file is 82") {
  const OpensslFiles own;
  const StatusServer server(own, {});
  const auto with = [&](const std::string& list) {
    return by_both({"--cacert", own.text("ca.pem"), "--crlfile", own.text(list), server.url()});
  };
  CHECK(with("empty.crl").exit_code == 0);
  CHECK(with("no.crl").exit_code == 82);
  CHECK(with("ca.cnf").exit_code == 82);
  own.run("openssl ca -config ca.cnf -revoke server.pem && openssl ca -config ca.cnf -gencrl -out full.crl");
  const CommandResult revoked = with("full.crl");
  CHECK(revoked.exit_code == 60);
  CHECK(revoked.err.find("certificate revoked: CN=server") != std::string::npos);
}

TEST_CASE("--cert-status: the stapled response of the authority, of a responder, and one that says revoked") {
  const OpensslFiles own;
  const std::vector<std::string> trusting = {"--cacert", own.text("ca.pem"), "--cert-status"};
  const auto asked = [&](const std::string& staple) {
    // curl finds the issuer only among the certificates that are shown.
    std::vector<std::string> options = {"-cert_chain", own.text("ca.pem")};
    if (!staple.empty()) options.insert(options.end(), {"-status_file", own.text(staple)});
    const StatusServer server(own, options);
    std::vector<std::string> arguments = trusting;
    arguments.push_back(server.url());
    // As in curl: without a verified chain no issuer is known, whatever the server shows.
    CHECK(by_both({"-k", "--cert-status", server.url()}).exit_code == 91);
    return by_both(arguments);
  };
  own.answer_status("ca", "ca.resp");
  own.answer_status("responder", "responder.resp");
  CHECK(asked("ca.resp").exit_code == 0);
  CHECK(asked("responder.resp").exit_code == 0);
  const StatusServer short_chain(own, {"-status_file", own.text("ca.resp")});
  std::vector<std::string> arguments = trusting;
  arguments.push_back(short_chain.url());
  CHECK(run_command(arguments).exit_code == 0);
  arguments.push_back("-k");
  const CommandResult insecure = run_command(arguments);
  CHECK(insecure.exit_code == 91);
  CHECK(insecure.err.find("the certificate's issuer was not verified") != std::string::npos);
  const CommandResult none = asked("");
  CHECK(none.exit_code == 91);
  CHECK(none.err.find("the server stapled no OCSP response") != std::string::npos);
  own.answer_status("client", "client.resp");
  CHECK(asked("client.resp").exit_code == 91);
  own.run("openssl ca -config ca.cnf -revoke server.pem");
  own.answer_status("ca", "revoked.resp");
  const CommandResult revoked = asked("revoked.resp");
  CHECK(revoked.exit_code == 91);
  CHECK(revoked.err.find("says that the certificate is revoked") != std::string::npos);
}

TEST_CASE(
    "--ssl-sessions: the next run resumes; other options do not; the file is secret, and no other file is touched") {
  const Nginx server;
  const TempFolder folder;
  const std::string root = (server.site().folder() / "root.pem").string();
  const std::string file = (folder.path() / "sessions").string();
  for (const std::string& url : {server.tls12() + "/0", server.tls13() + "/0"}) {
    std::filesystem::remove(file);
    const auto visit = [&](std::vector<std::string> options = {}) {
      options.insert(options.end(), {"-o", "/dev/null", "-w", "%header{x-session-reused}", "--cacert", root,
                                     "--ssl-sessions", file, url});
      const CommandResult result = run_command(options);
      CHECK(result.exit_code == 0);
      CHECK(result.err == "");
      return result.out;
    };
    CHECK(visit() == ".");
    struct stat status = {};
    REQUIRE(::stat(file.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
    CHECK(visit() == "r");
    CHECK(visit() == "r");
    CHECK(visit({"-k"}) == ".");
    CHECK(visit({"--no-sessionid"}) == ".");
    CHECK(visit() == "r");
  }
  ::chmod(file.c_str(), 0644);
  CHECK(run_command({"-o", "/dev/null", "--cacert", root, "--ssl-sessions", file, server.tls() + "/0"}).exit_code == 0);
  struct stat status = {};
  REQUIRE(::stat(file.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  write_file(file, "somebody's notes");
  const CommandResult other =
      run_command({"-o", "/dev/null", "--cacert", root, "--ssl-sessions", file, server.tls() + "/0"});
  CHECK(other.exit_code == 0);
  CHECK(other.err ==
        "sluice: warning: " + file + " stays as it is: TLS sessions: not in the form that this version writes\n");
  CHECK(read_file(file) == "somebody's notes");
}

TEST_CASE("--tls-earlydata: s_server has the request in the first flight; one that knows nothing of it gets it later") {
  const OpensslFiles& own = files();
  const TempFolder folder;
  const std::string answers = (folder.path() / "answers").string();
  REQUIRE(::mkfifo(answers.c_str(), 0600) == 0);
  const sluice::net::Descriptor fifo(::open(answers.c_str(), O_RDWR | O_CLOEXEC));
  const std::uint16_t port = free_ports(1).front();
  // What it sends comes from the fifo: with -early_data it has no -www.
  const auto serve = [&](const std::string& options, const std::string& log) {
    Child child({"sh", "-c",
                 "exec openssl s_server -accept 127.0.0.1:" + std::to_string(port) + " -cert " +
                     own.text("server.pem") + " -key " + own.text("server.key") + options + " < " + answers},
                folder.path() / log);
    REQUIRE(child.wait_until_accepting({port}));
    // The connection of this look must be over, or it takes the answer.
    for (int i = 0; i < 500 && !read_file(folder.path() / log).contains(":error:"); ++i) ::usleep(10'000);
    return child;
  };
  const auto visit = [&](const std::string& method) {
    const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
    REQUIRE(::write(fifo.get(), answer.data(), answer.size()) == static_cast<ssize_t>(answer.size()));
    const CommandResult result = run_command(
        {"--tls-earlydata", "--cacert", own.text("ca.pem"), "--ssl-sessions", (folder.path() / "sessions").string(),
         "-X", method, "-A", "", "-w", " %{tls_earlydata}", "https://127.0.0.1:" + std::to_string(port) + "/early"});
    INFO(result.err);
    CHECK(result.exit_code == 0);
    return result.out;
  };
  Child server = serve(" -early_data", "first");
  CHECK(visit("GET") == "ok 0");
  const std::string early = visit("GET");
  CHECK(early.starts_with("ok "));
  CHECK(std::stoi(early.substr(3)) > 40);
  CHECK(read_file(folder.path() / "first").contains("Early data received:"));
  CHECK(visit("POST") == "ok 0");
  server.stop();
  server = serve("", "second");
  const std::string late = visit("GET");
  CHECK(late.starts_with("ok -"));
  const std::string log = read_file(folder.path() / "second");
  CHECK(log.find("GET /early") == log.rfind("GET /early"));
  CHECK(log.contains("GET /early"));
}

TEST_CASE("--ca-native: the system's certificates besides --cacert") {
  const OpensslFiles& own = files();
  const StatusServer server(own, {});
  own.run("openssl req -x509 -newkey rsa:2048 -nodes -keyout other.key -out other.pem -subj /CN=other -days 2");
  const CommandOptions system = {.environment = {"SSL_CERT_FILE=" + own.text("ca.pem")}};
  const auto with = [&](std::vector<std::string> options) {
    options.insert(options.end(), {"-o", "/dev/null", server.url()});
    return run_command(options, system).exit_code;
  };
  CHECK(with({}) == 0);
  CHECK(with({"--ca-native"}) == 0);
  CHECK(with({"--cacert", own.text("other.pem")}) == 60);
  CHECK(with({"--cacert", own.text("other.pem"), "--ca-native"}) == 0);
  CHECK(with({"--cacert", own.text("other.pem"), "--ca-native", "--no-ca-native"}) == 60);
}

TEST_CASE("the same options for an https proxy: --proxy-pinnedpubkey, --proxy-cert-type, --proxy-ciphers and so on") {
  const OpensslFiles own;
  own.run("openssl pkcs12 -export -in client.pem -inkey client.key -passout pass:secret -out client.p12");
  own.run("openssl pkey -in client.key -outform der -out key.der");
  const std::string right = pin_of(own, "server.pem"), wrong = pin_of(own, "client.pem");
  // It answers a request in absolute form as any other.
  const StatusServer proxy(own, {});
  const StatusServer asking(own, {"-Verify", "1", "-CAfile", own.text("ca.pem"), "-verify_return_error"});
  const auto through = [&](const StatusServer& server, std::vector<std::string> options) {
    options.insert(options.end(), {"--proxy-cacert", own.text("ca.pem"), "-x", server.url(), "http://127.0.0.9:1/"});
    return by_both(options);
  };
  CHECK(through(proxy, {}).exit_code == 0);
  CHECK(through(proxy, {"--proxy-pinnedpubkey", right}).exit_code == 0);
  // Debian's curl takes any key of a proxy here.
  const std::vector<std::string> pinned = {"--proxy-pinnedpubkey", wrong, "-x", proxy.url(), "http://127.0.0.9:1/"};
  std::vector<std::string> verified = pinned, insecure = pinned;
  verified.insert(verified.end(), {"--proxy-cacert", own.text("ca.pem")});
  insecure.push_back("--proxy-insecure");
  const CommandResult refused = run_command(verified);
  CHECK(refused.exit_code == 90);
  CHECK(refused.err.find("the certificate's key is none of the pinned ones") != std::string::npos);
  CHECK(run_command(insecure).exit_code == 90);
  // Those of origins are not asked of a proxy.
  CHECK(through(proxy, {"--pinnedpubkey", wrong, "--ciphers", "nonsense"}).exit_code == 0);
  CHECK(through(proxy, {"--proxy-ciphers", "nonsense"}).exit_code == 59);
  CHECK(through(proxy, {"--proxy-crlfile", own.text("empty.crl")}).exit_code == 0);
  CHECK(through(proxy, {"--proxy-crlfile", own.text("no.crl")}).exit_code == 82);
  own.run("openssl ca -config ca.cnf -revoke server.pem && openssl ca -config ca.cnf -gencrl -out full.crl");
  CHECK(through(proxy, {"--proxy-crlfile", own.text("full.crl")}).exit_code == 60);
  const auto shown = [&](std::vector<std::string> options) { return through(asking, std::move(options)).exit_code; };
  CHECK(shown({"--proxy-cert", own.text("client.p12") + ":secret", "--proxy-cert-type", "P12"}) == 0);
  CHECK(shown({"--proxy-cert", own.text("client.p12"), "--proxy-cert-type", "P12", "--proxy-pass", "secret"}) == 0);
  CHECK(shown({"--proxy-cert", own.text("client.p12"), "--proxy-cert-type", "P12", "--proxy-pass", "other"}) == 58);
  CHECK(shown({"--proxy-cert", own.text("client.pem"), "--proxy-key", own.text("key.der"), "--proxy-key-type",
               "DER"}) == 0);
  const StatusServer aes256(own, {"-ciphersuites", "TLS_AES_256_GCM_SHA384"});
  CHECK(through(aes256, {"--proxy-tls13-ciphers", "TLS_AES_256_GCM_SHA384"}).exit_code == 0);
  CHECK(through(aes256, {"--proxy-tls13-ciphers", "TLS_AES_128_GCM_SHA256"}).exit_code == 35);
  const CommandOptions system = {.environment = {"SSL_CERT_FILE=" + own.text("ca.pem")}};
  own.run("openssl req -x509 -newkey rsa:2048 -nodes -keyout other.key -out other.pem -subj /CN=other -days 2");
  const std::vector<std::string> natively = {"-o", "/dev/null", "--proxy-cacert",     own.text("other.pem"),
                                             "-x", proxy.url(), "http://127.0.0.9:1/"};
  CHECK(run_command(natively, system).exit_code == 60);
  std::vector<std::string> with_system = natively;
  with_system.insert(with_system.begin(), "--proxy-ca-native");
  CHECK(run_command(with_system, system).exit_code == 0);
}

TEST_CASE("--ech: a server without it is refused, and has not seen the host's name") {
  const OpensslFiles& own = files();
  const StatusServer server(
      own, {"-servername", "hidden.test", "-cert2", own.text("server.pem"), "-key2", own.text("server.key")});
  // A list with one configuration, whose private key does not exist and whose public name is public.test.
  std::string config("\x07\x00\x20\x00\x20", 5);
  config += std::string(32, '\x09') + std::string("\x00\x04\x00\x01\x00\x01\x10\x0b", 8) + "public.test" +
            std::string("\x00\x00", 2);
  config = std::string("\xfe\x0d\x00", 3) + static_cast<char>(config.size()) + config;
  const std::string list = std::string(1, '\0') + static_cast<char>(config.size()) + config;
  const std::string port = server.url().substr(server.url().rfind(':'));
  const auto visit = [&](const std::string& ech) {
    return run_command({"-k", "--resolve", "hidden.test" + port.substr(0, port.size() - 1) + ":127.0.0.1", "--ech", ech,
                        "https://hidden.test" + port});
  };
  CHECK(visit("false").exit_code == 0);
  const CommandResult refused = visit("ecl:" + sluice::base64(list));
  CHECK(refused.exit_code == 35);
  INFO(refused.err);
  CHECK(refused.err.find("the server has refused Encrypted Client Hello") != std::string::npos);
  const CommandResult useless = visit("ecl:" + sluice::base64(list.substr(0, 20)));
  CHECK(useless.exit_code == 35);
  CHECK(useless.err.find("Encrypted Client Hello: the list is malformed") != std::string::npos);
}
