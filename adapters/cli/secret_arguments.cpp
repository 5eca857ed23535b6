// See secret_arguments.hpp.
#include "adapters/cli/secret_arguments.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <string_view>

#include "adapters/cli/option_table.hpp"

namespace sluice::cli {
namespace {

bool is_secret(const OptionSpec& spec) {
  using enum OptionId;
  constexpr OptionId kSecrets[] = {user,    oauth2_bearer, cert,     proxy_user,      proxy,    proxy_cert, socks4,
                                   socks4a, socks5,        preproxy, socks5_hostname, proxy1_0, pass,       proxy_pass};
  return std::ranges::find(kSecrets, spec.id) != std::end(kSecrets);
}

void blank(char* text) { std::fill_n(text, std::strlen(text), ' '); }

// An option with a value, and where the value is.
struct WithValue {
  const OptionSpec* spec = nullptr;  // null: the argument is none
  char* value = nullptr;             // null: the next argument
};

WithValue long_option(char* argument) {
  const std::string_view name(argument + 2);
  const std::size_t equals = name.find('=');
  const OptionSpec* spec = find_long_option(name.substr(0, equals));
  if (spec == nullptr || !spec->takes_value()) return {};
  return {spec, equals == std::string_view::npos ? nullptr : argument + 2 + equals + 1};
}

// "-sSu", "-sSume:secret".
WithValue short_options(char* argument) {
  for (char* letter = argument + 1; *letter != '\0'; ++letter) {
    const OptionSpec* spec = find_short_option(*letter);
    if (spec == nullptr) return {};
    if (spec->takes_value()) return {spec, letter[1] == '\0' ? nullptr : letter + 1};
  }
  return {};
}

}  // namespace

void hide_secrets(std::span<char* const> arguments) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument(arguments[i]);
    if (argument == "--") return;
    if (!argument.starts_with('-')) continue;
    WithValue option = argument.starts_with("--") ? long_option(arguments[i]) : short_options(arguments[i]);
    if (option.spec == nullptr) continue;
    if (option.value == nullptr) {
      if (++i == arguments.size()) return;
      option.value = arguments[i];
    }
    if (is_secret(*option.spec)) blank(option.value);
  }
}

}  // namespace sluice::cli
