// Parses arguments into options of the table with their values, in the given order. The spelling is curl's: "-sSo
// file", "-XPOST", "--output=file", "--no-silent", "--expand-output"; values are taken unchanged; "--" ends the
// options. Leaves to others: what options mean.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "adapters/cli/option_table.hpp"
#include "adapters/cli/usage_error.hpp"

namespace sluice::cli {

struct Argument {
  OptionId id = OptionId::operand;
  bool on = true;     // for a flag: false if its off-name was used
  std::string value;  // for an option with a value, and for an operand
  // --expand-NAME: the value has variables in it. They are not replaced yet.
  bool expands = false;

  friend bool operator==(const Argument&, const Argument&) = default;
};

class ArgumentParser {
 public:
  ArgumentParser();
  ~ArgumentParser();
  ArgumentParser(const ArgumentParser&) = delete;
  ArgumentParser& operator=(const ArgumentParser&) = delete;

  // Everything after a "--" that is not a value is an operand. Error: an unknown option, an option without its value,
  // or a flag with a value.
  std::expected<std::vector<Argument>, UsageError> parse(const std::vector<std::string>& all);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::cli
