// See parse_command_line.hpp. The order in which options are read.
#include "adapters/cli/parse_command_line.hpp"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "adapters/cli/arguments.hpp"
#include "adapters/cli/command_builder.hpp"
#include "adapters/cli/config_file.hpp"
#include "adapters/cli/text.hpp"
#include "adapters/cli/variables.hpp"

namespace sluice::cli {

namespace {

constexpr int kMaxConfigDepth = 16;  // config files that name config files, perhaps themselves

class CommandReader {
 public:
  explicit CommandReader(const OptionInputs& inputs) : inputs_(inputs), builder_(inputs) {}

  using Status = std::expected<void, UsageError>;
  Status read_default_config();
  Status read(const std::vector<std::string>& arguments);
  bool asks_for_text() const { return builder_.asks_for_text(); }
  std::expected<CommandLine, UsageError> finish() { return builder_.finish(); }

 private:
  Status apply(const std::vector<Argument>& arguments, int depth);
  Status apply(const Argument& argument, int depth);
  Status expand_and_apply(const Argument& argument, int depth);
  Status set_variable(const std::string& value);
  Status read_config(const std::string& path, int depth);
  Status apply_config(std::string_view text, std::string_view name, int depth);
  Status apply_line(const ConfigLine& line, int depth);

  const OptionInputs& inputs_;
  ArgumentParser parser_;
  CommandBuilder builder_;
  Variables variables_;
};

CommandReader::Status CommandReader::read_default_config() {
  if (inputs_.home.empty()) return {};
  const std::string path = inputs_.home + "/.sluicerc";
  const auto text = inputs_.read_file(path);
  return text ? apply_config(*text, path, 0) : Status();
}

CommandReader::Status CommandReader::read(const std::vector<std::string>& arguments) {
  const auto parsed = parser_.parse(arguments);
  if (!parsed) return std::unexpected(parsed.error());
  if (Status ok = apply(*parsed, 0); !ok) return ok;
  const auto is_url = [](const Argument& argument) {
    return argument.id == OptionId::operand || argument.id == OptionId::url;
  };
  if (builder_.is_demo() && std::ranges::any_of(*parsed, is_url)) {
    return std::unexpected(UsageError{2, "option --demo: takes no URL, it has servers and files of its own"});
  }
  return {};
}

CommandReader::Status CommandReader::apply(const std::vector<Argument>& arguments, int depth) {
  for (const Argument& argument : arguments) {
    if (builder_.asks_for_text()) return {};
    const Status ok = argument.expands ? expand_and_apply(argument, depth) : apply(argument, depth);
    if (!ok) return ok;
  }
  return {};
}

CommandReader::Status CommandReader::apply(const Argument& argument, int depth) {
  if (argument.id == OptionId::config) return read_config(argument.value, depth + 1);
  if (argument.id == OptionId::variable) return set_variable(argument.value);
  return builder_.apply(argument);
}

CommandReader::Status CommandReader::expand_and_apply(const Argument& argument, int depth) {
  const std::string option = "option --expand-" + std::string(option_spec(argument.id).long_name) + ": ";
  auto expanded = variables_.expand(argument.value);
  if (!expanded) return std::unexpected(UsageError{2, option + expanded.error()});
  for (const std::string& warning : expanded->warnings) builder_.warn(option + warning);
  return apply({.id = argument.id, .value = std::move(expanded->text)}, depth);
}

CommandReader::Status CommandReader::set_variable(const std::string& value) {
  auto setting = parse_variable(value);
  if (!setting) return std::unexpected(UsageError{2, "option --variable: " + setting.error()});
  std::optional<std::string> content;
  if (setting->from_environment && inputs_.environment) content = inputs_.environment(setting->name);
  if (!content && setting->source == VariableSetting::Source::none) {
    return std::unexpected(UsageError{2, "option --variable: the environment has no '" + setting->name + "'"});
  }
  if (!content && setting->source == VariableSetting::Source::file) {
    auto text = builder_.read_part(OptionId::variable, setting->value, setting->first, setting->count);
    if (!text) return std::unexpected(std::move(text.error()));
    variables_.set(std::move(setting->name), *std::move(text));
    return {};
  }
  variables_.set(setting->name, setting->part_of(content ? *content : setting->value));
  return {};
}

CommandReader::Status CommandReader::read_config(const std::string& path, int depth) {
  if (depth > kMaxConfigDepth)
    return std::unexpected(UsageError{2, "option --config: files name each other without end"});
  const bool from_stdin = path == "-";
  const auto text = from_stdin ? inputs_.read_stdin() : inputs_.read_file(path);
  const std::string name = from_stdin ? "standard input" : printable(path);
  if (!text) return std::unexpected(UsageError{26, "option --config: cannot read " + name + ": " + text.error()});
  return apply_config(*text, name, depth);
}

CommandReader::Status CommandReader::apply_config(std::string_view text, std::string_view name, int depth) {
  const auto lines = parse_config(text, name);
  if (!lines) return std::unexpected(lines.error());
  for (const ConfigLine& line : *lines) {
    if (Status ok = apply_line(line, depth); !ok) {
      const std::string place = printable(name) + ":" + std::to_string(line.number) + ": ";
      // A message that names the place already does not get it twice.
      if (!ok.error().message.starts_with(place)) ok.error().message.insert(0, place);
      return ok;
    }
  }
  return {};
}

CommandReader::Status CommandReader::apply_line(const ConfigLine& line, int depth) {
  std::vector<std::string> arguments = {line.option};
  if (line.value) arguments.push_back(*line.value);
  const auto parsed = parser_.parse(arguments);
  if (!parsed) return std::unexpected(parsed.error());
  if (parsed->empty()) return std::unexpected(UsageError{2, "option " + printable(line.option) + ": is unknown"});
  // A value that the option does not take became an additional argument.
  if (parsed->back().id == OptionId::operand) {
    return std::unexpected(UsageError{2, "option " + printable(line.option) + ": takes no value"});
  }
  return apply(*parsed, depth);
}

}  // namespace

std::expected<CommandLine, UsageError> parse_command_line(int argc, const char* const* argv,
                                                          const OptionInputs& inputs) {
  const std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
  CommandReader reader(inputs);
  const bool disabled = !arguments.empty() && (arguments.front().starts_with("-q") || arguments.front() == "--disable");
  if (!disabled) {
    if (auto ok = reader.read_default_config(); !ok) {
      // An error in ~/.sluicerc must not prevent --help.
      CommandReader bare(inputs);
      if (bare.read(arguments) && bare.asks_for_text()) return bare.finish();
      ok.error().message += " (-q as the first option leaves this file out)";
      return std::unexpected(ok.error());
    }
  }
  if (const auto ok = reader.read(arguments); !ok) return std::unexpected(ok.error());
  return reader.finish();
}

}  // namespace sluice::cli
