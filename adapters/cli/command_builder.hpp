// Builds a command line from options, one after another. Knows what each option means, and reads the files that are
// values ("@file"). Leaves to others: spelling (arguments), config files (parse_command_line), and making operations of
// a group (operations).
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include "adapters/cli/arguments.hpp"
#include "adapters/cli/command_line.hpp"
#include "adapters/cli/option_group.hpp"
#include "adapters/cli/option_inputs.hpp"
#include "adapters/cli/usage_error.hpp"

namespace sluice::cli {

class CommandBuilder {
 public:
  // `inputs` must outlive the builder.
  explicit CommandBuilder(const OptionInputs& inputs) : inputs_(inputs) {}

  using Status = std::expected<void, UsageError>;
  // Applies an option. The caller has replaced --config by the options in the file, and variables by their
  // contents; --variable is its own.
  Status apply(const Argument& argument);
  // --help, --version or --demo: nothing else matters then.
  bool asks_for_text() const { return command_.help || command_.version || command_.demo; }
  bool is_demo() const { return command_.demo; }
  void warn(std::string text) { command_.warnings.push_back(std::move(text)); }
  std::expected<CommandLine, UsageError> finish();
  // Reads the file, or the standard input for "-", for this option. Error: exit code 26.
  std::expected<std::string, UsageError> read(OptionId id, const std::string& path);
  // The same for `count` bytes from position `first` on; fewer if there are not so many.
  std::expected<std::string, UsageError> read_part(OptionId id, const std::string& path, std::uint64_t first,
                                                   std::uint64_t count);

 private:
  Status add_url(const std::string& value);
  Status add_output(const std::string& value);
  Status add_header(const Argument& argument);
  Status add_header_line(OptionId id, std::string_view line, const std::string& place);
  Status add_data(const Argument& argument);
  void append_data(std::string bytes, bool json);
  Status add_encoded(const std::string& value);
  Status add_form(const Argument& argument);
  Status finish_form();
  Status add_url_query(const std::string& value);
  Status set_unix_socket(const Argument& argument);
  Status set_socket(const Argument& argument);
  Status set_loop(const std::string& value);
  void set_trace(TraceForm form, const std::string& path);
  void set_verbose(bool on);
  Status set_dns_ttl(const std::string& value);
  Status add_resolve(const std::string& value);
  Status add_connect_to(const std::string& value);
  Status set_seconds(OptionId id, const std::string& value, std::optional<Duration>& out);
  Status set_parallel_max(const std::string& value);
  Status set_rate(const std::string& value);
  Status set_redirects(const Argument& argument);
  Status set_http_versions(OptionId id);
  Status set_codings(OptionId id, bool on);
  Status set_state_file(const Argument& argument, std::optional<StateFile>& out);
  Status set_etag(const std::string& value);
  Status set_time_condition(const std::string& value);
  Status set_retries(const Argument& argument);
  Status set_create_file_mode(const std::string& value);
  Status set_max_filesize(const std::string& value);
  Status set_limit_rate(const std::string& value);
  Status set_speed_limit(const std::string& value);
  Status set_speed_time(const std::string& value);
  Status add_cookies(const std::string& value);
  Status set_continue_at(const std::string& value);
  Status set_segments(const std::string& value);
  Status set_range(const std::string& value);
  void set_proxy(const Argument& argument);
  Status set_proxy_http2(bool on);
  static Status set_negotiate(OptionId id, bool on, AuthSchemes& asked);
  void set_delegation(const std::string& value);
  Status set_write_out(const std::string& value);
  Status read_netrc();
  Status finish_group();

  const OptionInputs& inputs_;
  CommandLine command_;
  OptionGroup group_;
};

}  // namespace sluice::cli
