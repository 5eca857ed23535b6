// Arguments into options: which of the table's rows each one names, with its value, in the order given. Curl's rules of
// spelling: "-sSo file", "-XPOST", "--output=file", "--no-silent", values taken verbatim whatever they look like, "--"
// ends options.
// Leaves to others: what options mean.
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
  bool on = true;     // of a flag: false when its off-name was used
  std::string value;  // of an option that takes one, and of an operand

  friend bool operator==(const Argument&, const Argument&) = default;
};

class ArgumentParser {
 public:
  ArgumentParser();
  ~ArgumentParser();
  ArgumentParser(const ArgumentParser&) = delete;
  ArgumentParser& operator=(const ArgumentParser&) = delete;

  // What follows a "--" that is no value is all operands. Error: an unknown option, one without its value, or a flag
  // with one.
  std::expected<std::vector<Argument>, UsageError> parse(const std::vector<std::string>& all);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::cli
