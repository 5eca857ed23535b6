// See arguments.hpp. CLI11 parses the spelling; its exceptions are caught here.
//
// CLI11 interprets more than curl does: "[a,b]" as a list, "-s-x" as "-s --x", and "-s=x". The characters that cause
// this are masked before parsing and unmasked in the result, so that every value is unchanged.
#include "adapters/cli/arguments.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <exception>
#include <iterator>
#include <map>
#include <set>
#include <string_view>

#include "adapters/cli/curl_options.hpp"
#include "adapters/cli/text.hpp"

namespace sluice::cli {

namespace {

constexpr char kMask = '\x01';

std::string masked(std::string_view text) {
  const bool short_options = text.size() > 1 && text[0] == '-' && text[1] != '-';
  std::string out;
  out.reserve(text.size());
  if (const std::size_t equals = text.find('='); text.starts_with("--") && equals != std::string_view::npos) {
    // "--name=value". The mark keeps an empty value, and shows that a flag was given a value.
    out.append(text.substr(0, equals + 1)).append({kMask, 'v'});
    text.remove_prefix(equals + 1);
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == kMask)
      out += {kMask, '1'};
    else if (c == '=')
      out += {kMask, 'e'};
    else if (c == '[')
      out += {kMask, 'b'};
    else if (c == '-' && short_options && i > 0)
      out += {kMask, 'd'};
    else
      out += c;
  }
  return out;
}

std::string unmasked(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != kMask || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    switch (text[++i]) {
      case '1':
        out += kMask;
        break;
      case 'e':
        out += '=';
        break;
      case 'b':
        out += '[';
        break;
      case 'v':
        break;
      default:
        out += '-';
        break;
    }
  }
  return out;
}

std::string names_of(const OptionSpec& spec) {
  std::string names;
  if (spec.short_name != 0) names += std::string{'-', spec.short_name, ','};
  names += spec.dashed();
  if (!spec.alias.empty()) names += ",--" + std::string(spec.alias);
  if (!spec.off_name.empty()) names += ",!--" + std::string(spec.off_name);
  return names;
}

// "--expand-NAME" of an option with a value.
std::string expanding_names_of(const OptionSpec& spec) {
  const std::string dashed = "--" + std::string(kExpandPrefix);
  return dashed + std::string(spec.long_name) + (spec.alias.empty() ? "" : "," + dashed + std::string(spec.alias));
}

// Whether the value of the option, or of the last one of combined short options, is the next argument.
bool wants_next(std::string_view argument) {
  if (argument.starts_with("--")) {
    const OptionSpec* spec = find_long_option(argument.substr(2));  // with "=value" it is not found
    return spec != nullptr && spec->takes_value();
  }
  if (!argument.starts_with('-')) return false;
  for (argument.remove_prefix(1); !argument.empty(); argument.remove_prefix(1)) {
    const OptionSpec* spec = find_short_option(argument.front());
    if (spec == nullptr) return false;
    if (spec->takes_value()) return argument.size() == 1;
  }
  return false;
}

// The index of the "--" that ends the options, or the number of arguments.
std::size_t end_of_options(const std::vector<std::string>& arguments) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--") return i;
    if (wants_next(arguments[i])) ++i;
  }
  return arguments.size();
}

// The text after '=' may be a secret (--user=me:secret), so the message does not show it.
UsageError unknown_option(std::string_view text) {
  const bool is_long = text.starts_with("--");
  constexpr std::string_view kOption = "option ";
  const std::string name = std::string(kOption) + printable(text.substr(0, is_long ? text.find('=') : 2));
  const auto curls = curl_option(text);
  // sluice has the option, but not in this form ("--no-output").
  const auto is_ours = [&](const OptionSpec& spec) { return spec.long_name == *curls; };
  if (text.starts_with("--" + std::string(kExpandPrefix)) &&
      find_long_option(name.substr(kOption.size() + 2)) != nullptr) {
    return {2, name + ": takes no value that could be expanded"};
  }
  if (!curls || std::ranges::any_of(option_table(), is_ours)) {
    return {2, (is_long ? name : "option " + printable(text)) + ": is unknown"};
  }
  return {2, name + (is_long ? "" : " (--" + std::string(*curls) + ")") + ": curl has it, sluice does not yet"};
}

}  // namespace

struct ArgumentParser::Impl {
  CLI::App app;
  CLI::Option* operand = nullptr;
  struct Meaning {
    OptionId id = OptionId::operand;
    bool expands = false;
  };
  std::map<const CLI::Option*, Meaning> meanings;
  std::set<OptionId> expanding;  // declared already

  void declare() {
    app.set_help_flag();
    app.allow_windows_style_options(false);
    app.allow_extras();
    for (const OptionSpec& spec : option_table()) {
      if (spec.takes_value()) {
        declare_value(names_of(spec), {spec.id, false});
      } else {
        CLI::Option* option = app.add_flag(names_of(spec));
        option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
        meanings.emplace(option, Meaning{spec.id});
      }
    }
    operand = app.add_option("operand")->expected(0, 1)->allow_extra_args();
    operand->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    meanings.emplace(operand, Meaning{});
  }

  // "--expand-NAME". CLI11 compares each new option with all others, so only those that are used are declared.
  void declare_expanding(std::string_view argument) {
    if (!argument.starts_with("--" + std::string(kExpandPrefix))) return;
    const OptionSpec* spec = find_long_option(argument.substr(0, argument.find('=')).substr(2));
    if (spec == nullptr || !spec->takes_value() || !expanding.insert(spec->id).second) return;
    declare_value(expanding_names_of(*spec), {spec->id, true});
  }

  void declare_value(const std::string& names, Meaning meaning) {
    CLI::Option* option = app.add_option(names)->expected(1)->allow_extra_args(false);
    option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    meanings.emplace(option, meaning);
  }

  std::expected<std::vector<Argument>, UsageError> collect(std::size_t first) const;
};

// CLI11 has the values of each option and, separately, the order of the options; this function joins the two. CLI11
// keeps the order over several parses, but not the values: the new part of the order begins at `first`.
std::expected<std::vector<Argument>, UsageError> ArgumentParser::Impl::collect(std::size_t first) const {
  if (const auto extras = app.remaining(); !extras.empty()) {
    return std::unexpected(unknown_option(unmasked(extras.front())));
  }
  std::vector<Argument> out;
  std::map<const CLI::Option*, std::size_t> taken;
  for (std::size_t i = first; i < app.parse_order().size(); ++i) {
    const CLI::Option* option = app.parse_order()[i];
    const std::string& result = option->results().at(taken[option]++);
    const Meaning& meaning = meanings.at(option);
    Argument argument{.id = meaning.id, .value = {}, .expands = meaning.expands};
    if (option == operand || option_spec(argument.id).takes_value()) {
      argument.value = unmasked(result);
    } else {
      if (result.starts_with(kMask)) {
        return std::unexpected(UsageError{2, "option " + option_spec(argument.id).dashed() + ": takes no value"});
      }
      argument.on = result != "false";
    }
    // No URL begins with '-'. CLI11 takes "-" and "-7" for operands, curl does not.
    if (option == operand && argument.value.starts_with('-')) return std::unexpected(unknown_option(argument.value));
    out.push_back(std::move(argument));
  }
  return out;
}

ArgumentParser::ArgumentParser() : impl_(std::make_unique<Impl>()) { impl_->declare(); }
ArgumentParser::~ArgumentParser() = default;

std::expected<std::vector<Argument>, UsageError> ArgumentParser::parse(const std::vector<std::string>& all) {
  const auto end = all.begin() + static_cast<std::ptrdiff_t>(end_of_options(all));
  const std::vector<std::string> arguments(all.begin(), end);
  for (const std::string& argument : arguments) impl_->declare_expanding(argument);
  std::vector<std::string> reversed;
  reversed.reserve(arguments.size());
  std::transform(arguments.rbegin(), arguments.rend(), std::back_inserter(reversed),
                 [](const std::string& argument) { return masked(argument); });
  try {
    const std::size_t first = impl_->app.parse_order().size();
    impl_->app.parse(std::move(reversed));
    auto parsed = impl_->collect(first);
    // As in curl, all arguments after the "--" are URLs.
    for (auto url = end; parsed && url != all.end(); ++url) {
      if (url != end) parsed->push_back({OptionId::operand, true, *url});
    }
    return parsed;
  } catch (const CLI::ArgumentMismatch&) {
    // Values are taken unchanged, so only the last argument can lack one.
    return std::unexpected(UsageError{
        2, "option " + printable(arguments.empty() ? std::string() : arguments.back()) + ": requires a value"});
  } catch (const std::exception& error) {
    return std::unexpected(UsageError{2, "the options cannot be read: " + printable(unmasked(error.what()))});
  }
}

}  // namespace sluice::cli
