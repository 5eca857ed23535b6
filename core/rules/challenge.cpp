// See challenge.hpp. A list of challenges is a list of elements between commas: each begins a challenge, or is a
// parameter of the one before (RFC 9110 11.6.1).
#include "core/rules/challenge.hpp"

#include "core/base/ascii.hpp"

namespace sluice::rules {
namespace {

// Removes the token at the front of the text and returns it; "": there is none.
std::string_view take_token(std::string_view& text) {
  std::size_t size = 0;
  while (size < text.size() && is_token(text.substr(size, 1))) ++size;
  const std::string_view token = text.substr(0, size);
  text.remove_prefix(size);
  return token;
}

// If the element begins a challenge, removes its scheme and the blanks after it, and returns the scheme; otherwise "".
std::string_view take_scheme(std::string_view& element) {
  std::string_view rest = element;
  const std::string_view token = take_token(rest);
  const std::string_view after = trim_blanks(rest);
  const bool is_alone = after.empty() || after.size() < rest.size();
  if (token.empty() || !is_alone || after.starts_with('=')) return {};
  element = after;
  return token;
}

// RFC 9110 11.2; also of an empty text.
bool is_token68(std::string_view text) {
  constexpr std::string_view kBytes = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/";
  while (text.ends_with('=')) text.remove_suffix(1);
  return text.find_first_not_of(kBytes) == std::string_view::npos;
}

// The content of a text that begins with a quote; nullopt: it is not one quoted string (RFC 9110 5.6.4).
std::optional<std::string> unquoted(std::string_view text) {
  std::string content;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') return i + 1 == text.size() ? std::optional(content) : std::nullopt;
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    content += text[i];
  }
  return std::nullopt;
}

// Adds the parameter to the challenge, or drops the challenge, if there is one.
void take_parameter(std::optional<Challenge>& challenge, std::string_view element) {
  if (!challenge) return;
  auto parameter = parse_auth_parameter(element);
  if (parameter && !challenge->find(parameter->first) && challenge->parameters.size() < kMaxAuthParameters) {
    challenge->parameters.push_back(*std::move(parameter));
  } else {
    challenge.reset();
  }
}

void read_list(std::vector<Challenge>& challenges, std::string_view list) {
  std::optional<Challenge> current;
  const auto keep = [&] {
    if (current && challenges.size() < kMaxChallenges) challenges.push_back(*std::move(current));
  };
  while (auto element = next_list_element(list)) {
    const std::string_view scheme = take_scheme(*element);
    if (!scheme.empty()) {
      keep();
      current = Challenge{.scheme = to_lower(scheme)};
    }
    if (!scheme.empty() && is_token68(*element)) {
      current->token68 = *element;
    } else {
      take_parameter(current, *element);
    }
  }
  keep();
}

}  // namespace

std::optional<std::string_view> Challenge::find(std::string_view name) const {
  for (const auto& [one, value] : parameters) {
    if (one == name) return value;
  }
  return std::nullopt;
}

std::vector<Challenge> challenges_of(const Fields& fields, std::string_view field_name) {
  std::vector<Challenge> challenges;
  for (const Field& field : fields) {
    if (equals_ignoring_case(field.name, field_name)) read_list(challenges, field.value);
  }
  return challenges;
}

std::optional<AuthParameter> parse_auth_parameter(std::string_view element) {
  if (!is_field_value(element)) return std::nullopt;
  const std::string_view name = take_token(element);
  element = trim_blanks(element);
  if (name.empty() || !element.starts_with('=')) return std::nullopt;
  const std::string_view value = trim_blanks(element.substr(1));
  if (!value.starts_with('"')) {
    if (value.find('"') != std::string_view::npos) return std::nullopt;
    return AuthParameter(to_lower(name), value);
  }
  auto content = unquoted(value);
  if (!content) return std::nullopt;
  return AuthParameter(to_lower(name), *std::move(content));
}

}  // namespace sluice::rules
