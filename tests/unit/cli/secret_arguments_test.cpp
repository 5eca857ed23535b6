// What is left of arguments for others to see.
#include "adapters/cli/secret_arguments.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace {

std::vector<std::string> hidden(std::vector<std::string> words) {
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  sluice::cli::hide_secrets(arguments);
  return words;
}
using Words = std::vector<std::string>;

TEST_CASE("SB-31 the values of secret options are blanks, in each spelling") {
  CHECK(hidden({"-u", "me:pw", "http://a"}) == Words{"-u", "     ", "http://a"});
  CHECK(hidden({"-ume:pw"}) == Words{"-u     "});
  CHECK(hidden({"-sSu", "me:pw"}) == Words{"-sSu", "     "});
  CHECK(hidden({"-sSume:pw"}) == Words{"-sSu     "});
  CHECK(hidden({"--user", "a"}) == Words{"--user", " "});
  CHECK(hidden({"--user=a:b"}) == Words{"--user=   "});
  CHECK(hidden({"--expand-user", "{{a}}"}) == Words{"--expand-user", "     "});
  CHECK(hidden({"--oauth2-bearer", "tok"}) == Words{"--oauth2-bearer", "   "});
  CHECK(hidden({"-E", "f:pw", "--cert=f:pw"}) == Words{"-E", "    ", "--cert=    "});
}

TEST_CASE("SB-31 the values of options that name a proxy are blanks, because they may hold a password") {
  CHECK(hidden({"-U", "me:pw", "-xu:p@h"}) == Words{"-U", "     ", "-x     "});
  CHECK(hidden({"--proxy=u:p@h", "--preproxy", "u:p@h"}) == Words{"--proxy=     ", "--preproxy", "     "});
  CHECK(hidden({"--proxy-user=me:pw", "--proxy-cert", "f:pw"}) == Words{"--proxy-user=     ", "--proxy-cert", "    "});
  for (const char* name : {"--proxy1.0", "--socks4", "--socks4a", "--socks5", "--socks5-hostname"})
    CHECK(hidden({name, "u:p@h"}) == Words{name, "     "});
}

TEST_CASE("all else is left as it is") {
  const Words others[] = {
      {"-o", "-u", "me:pw"},  // -u is a file name here
      {"-o-u", "me:pw"},
      {"--output=-u", "me:pw"},
      {"--", "-u", "me:pw"},
      {"-s", "me:pw"},
      {"--userx", "me"},
      {"-H", "Authorization: x"},
      {"http://me:pw@a/"},
      {"-u"},
      {""},
      {"-"},
      {"--unknown=x", "--no-user"},
      {"-?u", "me"},
  };
  for (const Words& words : others) CHECK(hidden(words) == words);
  CHECK(hidden({}) == Words{});
}

}  // namespace
