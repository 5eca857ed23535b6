// The options of one --next group while they are read. Knows curl's pairing: the n-th -o, -O and -T belong to the n-th
// URL of the group, in any order. Leaves to others: reading options (command_builder) and making operations of a
// finished group (operations).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/cli/command_line.hpp"
#include "adapters/cli/form_body.hpp"
#include "adapters/cli/form_option.hpp"
#include "adapters/cli/option_values.hpp"

namespace sluice::cli {

struct UrlSlot {
  std::optional<std::string> url;
  std::optional<std::string> output;  // -o
  bool remote_name = false;           // -O
  std::optional<std::string> upload;  // -T
};

struct OptionGroup {
  Settings settings;
  std::vector<UrlSlot> slots;
  // How many slots have each; each kind fills the slots from the first one on.
  std::size_t urls = 0, outputs = 0, uploads = 0;

  std::string output_dir;
  enum class Follow : std::uint8_t { no, location, follow };
  Follow follows = Follow::no;  // -L, --follow
  RedirectOptions redirects;    // what other options say of them
  Schemes schemes, redirect_schemes;
  RetryOptions retries;
  AuthSchemes schemes_asked = {.basic = false};  // --basic, --digest, --ntlm, --negotiate and so on
  AuthSchemes proxy_schemes_asked = {.basic = false};
  std::string bearer;  // --oauth2-bearer
  std::string aws_sigv4;
  bool netrc = false, netrc_optional = false;
  std::string netrc_file;  // "": ~/.netrc
  bool remote_name_all = false;
  bool globoff = false;
  bool head = false;
  bool get = false;
  std::optional<std::string> method;
  std::optional<std::string> data;
  bool json = false;
  Form form;  // -F, --form-string
  bool has_form = false;
  bool form_escape = false;
  std::shared_ptr<const FormBody> form_body;  // of `form`, when the group is finished; null: none
  std::optional<std::string> url_query;       // all of --url-query
  std::optional<std::string> etag;            // --etag-compare: the value for If-None-Match
  std::string cookie_data;                    // -b with a '=', all of them
  std::vector<CookieFile> cookie_files;       // -b without
  bool junk_session_cookies = false;
  std::vector<HeaderLine> headers, proxy_headers;
  std::optional<std::string> user, user_agent, referer, range;
  std::vector<ConnectToRule> connect_to;

  void add_url(std::string url);
  void add_output(std::optional<std::string> file, bool remote_name);
  void add_upload(std::string file);

 private:
  UrlSlot& slot(std::size_t& used);
};

}  // namespace sluice::cli
