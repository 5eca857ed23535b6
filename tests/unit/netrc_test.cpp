// core/netrc.hpp: which entry of a netrc text is for a host and a login, row by row.
#include "core/netrc.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace sluice;

namespace {

using Login = std::optional<std::string_view>;

// "login|password", "none", or the error's message.
std::string found(std::string_view text, std::string_view host = "a.example", Login login = {}) {
  const auto result = find_in_netrc(text, host, login);
  if (!result) {
    CHECK(result.error().code == Code::invalid_option);
    return result.error().message();
  }
  return *result ? (*result)->login + "|" + (*result)->password : "none";
}

struct NetrcRow {
  std::string_view text, result;
};

template <std::size_t N>
void check_netrc(const NetrcRow (&rows)[N]) {
  for (const NetrcRow& row : rows) {
    CAPTURE(row.text);
    CHECK(found(row.text) == row.result);
  }
}

}  // namespace

TEST_CASE("netrc: tokens in one line or several") {
  check_netrc({
      {"machine a.example login u password p", "u|p"},
      {"machine a.example password p login u\n", "u|p"},
      {"machine\na.example\nlogin\nu\npassword\np\n", "u|p"},
      {"\r\n \tmachine\ta.example\r\n\r\n  login u\r\n  password p\r\n", "u|p"},
      {"MACHINE A.Example LOGIN u Password p", "u|p"},
      {"machine a.example login u password p account x", "u|p"},
      {"machine a.example account login login u password p", "u|p"},  // a value may look like a keyword
      {"machine machine login x password y machine a.example login u password p", "u|p"},
      {"machine a.example port 80 login u what password p", "u|p"},  // words that are not known
      {"login x password y machine a.example login u password p", "u|p"},
      {"machine a.example login u password p login v password q", "u|p"},
      {"machine a.example login \xc3\xa4 password \xff", "\xc3\xa4|\xff"},
      {"", "none"},
      {" \r\n\t\n", "none"},
      {"machine b.example login u password p", "none"},
      {"machine x.a.example login u password p", "none"},
      {"machine a.example.b login u password p", "none"},
      {"machine example login u password p", "none"},
      {"login u password p", "none"},
      {"machinea.example login u password p", "none"},
  });
}

TEST_CASE("netrc: the first entry for the host counts, default only where it comes") {
  check_netrc({
      {"machine a.example login u password p\nmachine a.example login v password q", "u|p"},
      {"machine b.example login v password q\nmachine a.example login u password p", "u|p"},
      {"machine b.example login v password q\ndefault login u password p", "u|p"},
      {"default login u password p\nmachine a.example login v password q", "u|p"},
      {"machine a.example login u password p\ndefault login v password q", "u|p"},
      {"Default login u password p", "u|p"},
  });
}

TEST_CASE("SB-28 netrc: an entry without password or login gives nothing of another entry") {
  check_netrc({
      {"machine b.example login v password q\nmachine a.example\nmachine c.example login w password r", "none"},
      {"machine b.example login v password q\nmachine a.example", "none"},
      {"machine b.example login v password q\ndefault", "none"},
      {"machine b.example login v password q\ndefault\nmachine a.example login w password r", "none"},
      {"machine b.example login v password q\nmachine a.example login u", "u|"},
      {"machine b.example login v password q\nmachine a.example password p", "|p"},
      {"machine a.example login u\nmachine b.example password q", "u|"},
      {"machine a.example login u\ndefault password q", "u|"},
      {"machine a.example login u\nmacdef m\nx\n\npassword q", "u|"},
      {"machine a.example\nmachine a.example login u password p", "none"},
      {"machine a.example account x", "none"},
      {"machine a.example login \"\" password p", "|p"},
  });
}

TEST_CASE("SB-29 netrc: a password belongs to its host and its user") {
  const struct {
    std::string_view text;
    const char *login, *result;
  } rows[] = {
      {"machine a.example login u password p", "u", "u|p"},
      {"machine a.example login u password p", "v", "none"},
      {"machine a.example login u password p", "U", "none"},
      {"machine a.example login u password p", "", "none"},
      {"machine a.example password p", "v", "none"},
      {"machine a.example password p", "", "none"},
      {"machine a.example password p login u", "u", "u|p"},
      {"machine a.example password p login u", "v", "none"},
      {"machine a.example login u password p login v password q", "v", "none"},
      {"machine a.example login u password p\nmachine a.example login v password q", "v", "v|q"},
      {"machine a.example login v\nmachine a.example login v password q", "v", "v|"},
      {"machine b.example login v password q", "v", "none"},
      {"machine a.example login u password p\ndefault login v password q", "v", "v|q"},
      {"default login u password p\nmachine a.example login v password q", "v", "v|q"},
      {"default password q", "v", "none"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    CAPTURE(row.login);
    CHECK(found(row.text, "a.example", row.login) == row.result);
  }
  CHECK(found("machine good.example login good password p", "evil.example", "good") == "none");
}

TEST_CASE("netrc: quoted strings and escapes") {
  check_netrc({
      {"machine a.example login \"u v\" password \"p q\"", "u v|p q"},
      {"machine \"a.example\" login u password \"a\\\"b\\\\c\\nd\\re\\tf\\x\"", "u|a\"b\\c\nd\re\tfx"},
      {"machine a.example login u password \"#p\"", "u|#p"},
      {"machine a.example login u password \"\"", "u|"},
      {"machine a.example login \"u\"password p", "u|p"},
      {"machine a.example login u\"v password p\\n\"", "u\"v|p\\n\""},  // only a first quote begins a string
      {"machine a.example login u password \"machine b.example login\"", "u|machine b.example login"},
      {"machine a.example login u password \"p", "netrc, line 1: a quoted string does not end"},
      {"\nmachine a.example\nlogin u password \"p\n\"", "netrc, line 3: a quoted string does not end"},
      {"\n\n\"", "netrc, line 3: a quoted string does not end"},
      {"machine a.example password \"p\\", "netrc, line 1: a quoted string does not end"},
      {"machine a.example password \"p\\\nx\"", "netrc, line 1: a quoted string does not end"},
      {"machine a.example password \"p\\\"", "netrc, line 1: a quoted string does not end"},
  });
}

TEST_CASE("netrc: comments") {
  check_netrc({
      {"# machine a.example login x password y\nmachine a.example login u password p", "u|p"},
      {"machine a.example # login x\nlogin u # \"\n  # password y\npassword p#q", "u|p#q"},
      {"machine a.example login u password #p", "u|#p"},
      {"machine\n#b.example\n \t# c\na.example login u password\n# x\np", "u|p"},
      {"#", "none"},
      {"#\r\nmachine a.example login u password p", "u|p"},
      {"machine a.example login u password p\n#machine", "u|p"},
  });
}

TEST_CASE("netrc: a macro is skipped up to an empty line, and ends its entry") {
  check_netrc({
      {"macdef m\nmachine a.example login x password y\n\nmachine a.example login u password p", "u|p"},
      {"macdef m\nmachine a.example login x password y\n \t\r\nmachine a.example login u password p", "u|p"},
      {"macdef m\r\n\"\r\n\r\nmachine a.example login u password p", "u|p"},
      {"macdef m\nmachine a.example login x password y\n", "none"},
      {"macdef\nmachine a.example login x password y\n", "none"},
      {"macdef m", "none"},
      {"macdef", "none"},
      {"machine a.example login u password p macdef m\nmachine a.example\n\nlogin x", "u|p"},
      {"machine b.example\nmacdef m\n\n\nlogin v password q\nmachine a.example login u password p", "u|p"},
      {"macdef m\nx\n\n\"", "netrc, line 4: a quoted string does not end"},
  });
}

TEST_CASE("netrc: a keyword without its value is an error, with the line of the keyword") {
  check_netrc({
      {"machine", "netrc, line 1: machine without a value"},
      {"\nmachine a.example\n login u PASSWORD\n\n", "netrc, line 3: password without a value"},
      {"machine b.example login", "netrc, line 1: login without a value"},
      {"machine a.example account # x", "none"},
  });
  // What follows the entry that was found is not read.
  CHECK(found("machine a.example login u password p\nmachine") == "u|p");
  CHECK(found("machine a.example login u password p\nmachine b.example \"") == "u|p");
}

TEST_CASE("netrc: what is too long is an error, and no message holds the text") {
  const std::string most(kMaxNetrcTokenBytes, 's');
  for (const std::string quote : {"", "\""}) {
    const std::string begin = "machine a.example login u\npassword " + quote;
    CHECK(found(begin + most + quote) == "u|" + most);
    const std::string message = found(begin + most + "s" + quote);
    CHECK(message == "netrc, line 2: a token of more than 4096 bytes");
  }
  std::string text = "machine a.example login u password p\n";
  text.resize(kMaxNetrcBytes, '\n');
  CHECK(found(text) == "u|p");
  CHECK(found(text + "\n") == "netrc: the text has more than 131072 bytes");
  for (const char c : {'\n', '#', ' ', '\\', 'm', '"'}) {
    CAPTURE(c);
    const std::string result = found(std::string(kMaxNetrcBytes, c));
    CHECK(result.size() < 60);
  }
}

TEST_CASE("netrc: no part of a text breaks it") {
  const std::string text =
      "# c\nmachine b.example login \"v\\n\" password q\nmacdef m\nx\n\nmachine a.example\nlogin u password p";
  for (std::size_t size = 0; size <= text.size(); ++size) {
    const std::string result = found(text.substr(0, size));
    const bool known = result == "none" || result == "u|" || result == "u|p" || result.starts_with("netrc, line ");
    CAPTURE(result);
    CHECK(known);
  }
}
