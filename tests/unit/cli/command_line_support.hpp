// Parses a command line in one call, with files that exist only in the test.
#pragma once

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "adapters/cli/parse_command_line.hpp"

namespace sluice::cli {

struct FakeWorld {
  std::map<std::string, std::string> files;
  std::string input;  // standard input, which can be read once
  std::string home;
  std::vector<std::string> read;  // the paths that were read
  std::map<std::string, std::string> environment;

  std::expected<CommandLine, UsageError> parse(const std::vector<std::string>& arguments) {
    const OptionInputs inputs{
        home,
        [this](const std::string& path) -> std::expected<std::string, std::string> {
          read.push_back(path);
          const auto file = files.find(path);
          if (file == files.end()) return std::unexpected("No such file or directory");
          return file->second;
        },
        [this]() -> std::expected<std::string, std::string> { return std::exchange(input, {}); },
        nullptr,
        0,
        [this](const std::string& name) {
          const auto variable = environment.find(name);
          return variable == environment.end() ? std::nullopt : std::optional(variable->second);
        },
    };
    std::vector<const char*> argv = {"sluice"};
    for (const std::string& argument : arguments) argv.push_back(argument.c_str());
    return parse_command_line(static_cast<int>(argv.size()), argv.data(), inputs);
  }
};

inline std::expected<CommandLine, UsageError> parse(const std::vector<std::string>& arguments) {
  return FakeWorld().parse(arguments);
}

// "Name: value|Name: value", as sent.
inline std::string text_of(const Fields& fields) {
  std::string out;
  for (const Field field : fields) {
    out += (out.empty() ? "" : "|") + std::string(field.name) + ": " + std::string(field.value);
  }
  return out;
}

// The only operation of a command line, which must be valid.
inline Operation one(const std::vector<std::string>& arguments, FakeWorld world = {}) {
  auto line = world.parse(arguments);
  INFO((line ? "" : line.error().message));
  REQUIRE(line.has_value());
  REQUIRE(line->operations.size() == 1);
  return line->operations.front();
}

inline UsageError refused(const std::vector<std::string>& arguments, FakeWorld world = {}) {
  const auto line = world.parse(arguments);
  REQUIRE_FALSE(line.has_value());
  CHECK(line.error().message.find('\n') == std::string::npos);
  return line.error();
}

inline std::string body_of(const Operation& operation) {
  REQUIRE(operation.body != nullptr);
  return *operation.body;
}

}  // namespace sluice::cli
