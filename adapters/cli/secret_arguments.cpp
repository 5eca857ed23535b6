// See secret_arguments.hpp.
#include "adapters/cli/secret_arguments.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "adapters/cli/option_table.hpp"

namespace sluice::cli {
namespace {

bool is_secret(const OptionSpec& spec) {
  return spec.id == OptionId::user || spec.id == OptionId::oauth2_bearer || spec.id == OptionId::cert;
}

void blank(char* text) { std::fill_n(text, std::strlen(text), ' '); }

// An option with a value, and where the value is.
struct WithValue {
  const OptionSpec* spec = nullptr;  // null: the argument is none
  char* value = nullptr;             // null: the next argument
};

WithValue long_option(char* argument) {
  std::string_view name(argument + 2);
  const std::size_t equals = name.find('=');
  name = name.substr(0, equals);
  constexpr std::string_view kExpand = "expand-";
  if (name.starts_with(kExpand)) name.remove_prefix(kExpand.size());
  const auto has_name = [&](const OptionSpec& spec) {
    return spec.takes_value() && (name == spec.long_name || (!spec.alias.empty() && name == spec.alias));
  };
  const auto found = std::ranges::find_if(option_table(), has_name);
  if (found == option_table().end()) return {};
  return {&*found, equals == std::string_view::npos ? nullptr : argument + 2 + equals + 1};
}

// "-sSu", "-sSume:secret".
WithValue short_options(char* argument) {
  for (char* letter = argument + 1; *letter != '\0'; ++letter) {
    const auto found = std::ranges::find(option_table(), *letter, &OptionSpec::short_name);
    if (found == option_table().end()) return {};
    if (found->takes_value()) return {&*found, letter[1] == '\0' ? nullptr : letter + 1};
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
