// See operations.hpp. Curl's rules for which option overrides which.
#include "adapters/cli/operations.hpp"

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>

#include "adapters/cli/exit_code.hpp"
#include "adapters/cli/text.hpp"
#include "adapters/cli/version.hpp"
#include "core/http_date.hpp"
#include "core/request.hpp"

namespace sluice::cli {

namespace {

using Status = std::expected<void, UsageError>;

std::unexpected<UsageError> usage(std::string message) { return std::unexpected(UsageError{2, std::move(message)}); }

// ---- fields ----

bool mentions(const std::vector<HeaderLine>& headers, std::string_view name) {
  return std::ranges::any_of(headers, [name](const HeaderLine& line) { return equals_ignoring_case(line.name, name); });
}
bool mentions(const OptionGroup& group, std::string_view name) { return mentions(group.headers, name); }

Status add_field(Fields& fields, std::string_view name, std::string_view value, std::string_view option) {
  if (fields.add(name, value)) return {};
  // The value may be a secret, so only the name is shown.
  return usage("option " + std::string(option) + ": '" + printable(name) +
               (is_token(name) ? "' has a value with control bytes" : "' is not a field name"));
}

// A field that sluice makes itself. A -H with that name, also one that removes it, replaces it.
Status add_default(Fields& fields, const OptionGroup& group, std::string_view name, std::string_view value,
                   std::string_view option) {
  if (mentions(group, name)) return {};
  return add_field(fields, name, value, option);
}

std::string user_agent_of(const OptionGroup& group) { return group.user_agent.value_or(std::string(kUserAgent)); }

std::string range_value(std::string_view range) {
  return "bytes=" + std::string(range) + (range.find('-') == std::string_view::npos ? "-" : "");
}

constexpr std::string_view kAutoReferer = ";auto";

std::string_view referer_value(std::string_view referer) { return referer.substr(0, referer.find(kAutoReferer)); }

std::optional<RedirectOptions> redirects_of(const OptionGroup& group) {
  if (group.follows == OptionGroup::Follow::no) return std::nullopt;
  RedirectOptions redirects = group.redirects;
  redirects.keep_method = group.method && group.follows == OptionGroup::Follow::location;
  // Of curl's -X with -T the body is a PUT's.
  if (redirects.keep_method && group.uploads > 0) redirects.keep_post_301 = redirects.keep_post_302 = true;
  redirects.auto_referer = group.referer && group.referer->find(kAutoReferer) != std::string::npos;
  redirects.http = group.schemes.http && group.redirect_schemes.http;
  redirects.https = group.schemes.https && group.redirect_schemes.https;
  return redirects;
}

std::optional<RetryOptions> retries_of(const OptionGroup& group) {
  if (group.retries.max_retries == 0) return std::nullopt;
  RetryOptions retries = group.retries;
  const bool judges = group.settings.fail || group.settings.fail_with_body;
  retries.all_error_statuses = retries.all_errors && judges;
  retries.jitter = false;  // as in curl: the waits are those that the manual says
  return retries;
}

bool asks_for_chunks(const OptionGroup& group) {
  return std::any_of(group.headers.begin(), group.headers.end(), [](const HeaderLine& line) {
    return equals_ignoring_case(line.name, "Transfer-Encoding") && equals_ignoring_case(line.value, "chunked");
  });
}

// All fields except Authorization, which may come from the URL and is first.
// `body`: null if there is none.
std::expected<Fields, UsageError> common_fields(const OptionGroup& group, const std::string* body) {
  Fields fields;
  Status ok;
  if (group.range) ok = add_default(fields, group, "Range", range_value(*group.range), "--range");
  if (ok && group.etag) ok = add_default(fields, group, "If-None-Match", *group.etag, "--etag-compare");
  if (ok && group.settings.time_condition) {
    const auto& condition = *group.settings.time_condition;
    ok = add_default(fields, group, condition.not_newer ? "If-Unmodified-Since" : "If-Modified-Since",
                     format_http_date(condition.time), "--time-cond");
  }
  const std::string agent = user_agent_of(group);
  if (ok && !agent.empty()) ok = add_default(fields, group, "User-Agent", agent, "--user-agent");
  if (ok && !group.json) ok = add_default(fields, group, "Accept", "*/*", "--header");
  const std::string_view referer = referer_value(group.referer ? std::string_view(*group.referer) : std::string_view());
  if (ok && !referer.empty()) ok = add_default(fields, group, "Referer", referer, "--referer");
  if (ok && !group.cookie_data.empty()) ok = add_default(fields, group, "Cookie", group.cookie_data, "--cookie");
  for (const HeaderLine& line : group.headers) {
    if (!ok) break;
    if (line.removes && equals_ignoring_case(line.name, "Host"))
      return usage("option --header: a request needs a Host field");
    if (!line.removes) ok = add_field(fields, line.name, line.value, "--header");
  }
  if (ok && group.json) ok = add_default(fields, group, "Content-Type", "application/json", "--json");
  if (ok && group.json) ok = add_default(fields, group, "Accept", "application/json", "--json");
  // At the place where curl puts it. The core would add it at the end.
  const bool sized = body != nullptr && !asks_for_chunks(group);
  if (ok && sized) ok = add_default(fields, group, "Content-Length", std::to_string(body->size()), "--data");
  const bool form = body != nullptr && !group.json;
  if (ok && form) ok = add_default(fields, group, "Content-Type", "application/x-www-form-urlencoded", "--data");
  if (!ok) return std::unexpected(ok.error());
  return fields;
}

std::expected<Fields, UsageError> with_authorization(const OptionGroup& group, const Fields& common,
                                                     const std::string& credentials) {
  Fields fields;
  const std::string_view text = credentials;
  const std::size_t colon = std::min(text.find(':'), text.size());
  const std::string_view password = text.substr(std::min(colon + 1, text.size()));
  Status ok = add_default(fields, group, "Authorization", basic_credentials(text.substr(0, colon), password), "--user");
  for (const Field field : common) {
    if (ok) ok = add_field(fields, field.name, field.value, "--header");
  }
  if (!ok) return std::unexpected(ok.error());
  return fields;
}

AuthSchemes or_basic(AuthSchemes asked) {
  if (asked == AuthSchemes{.basic = false}) asked.basic = true;
  return asked;
}

// nullopt: an Authorization field says it all.
std::optional<Credentials> credentials_of(const OptionGroup& group, const std::optional<std::string>& from_url) {
  const AuthSchemes schemes = or_basic(group.schemes_asked);
  const bool netrc = group.settings.netrc != nullptr;
  const bool is_signed = !group.aws_sigv4.empty() && (group.user || from_url);  // as in curl, not without a user
  if (schemes == AuthSchemes() && !netrc && !is_signed) return std::nullopt;
  // Of -n, what the URL says does not count; with --netrc-optional it does.
  const bool url_counts = !netrc || group.netrc_optional;
  const std::string text = group.user ? *group.user : url_counts ? from_url.value_or(":") : ":";
  const std::size_t colon = text.find(':');
  return Credentials{.user = text.substr(0, colon),
                     .password = text.substr(colon + 1),
                     .bearer = group.bearer,
                     .schemes = schemes,
                     .aws_sigv4 = is_signed ? group.aws_sigv4 : ""};
}

// ---- proxies ----

// As in curl, CONNECT has the User-Agent of -A, not that of -H.
Status finish_proxies(OptionGroup& group) {
  ProxySettings& proxies = group.settings.proxies;
  proxies.schemes = or_basic(group.proxy_schemes_asked);
  for (const HeaderLine& line : group.proxy_headers) {
    for (const std::string_view name : {"Content-Length", "Transfer-Encoding", "Trailer"}) {
      if (equals_ignoring_case(line.name, name))
        return usage("option --proxy-header: " + std::string(name) + " follows from the request");
    }
    if (line.removes && equals_ignoring_case(line.name, "Host"))
      return usage("option --proxy-header: a request needs a Host field");
    if (line.removes) continue;
    if (Status ok = add_field(proxies.fields, line.name, line.value, "--proxy-header"); !ok) return ok;
  }
  if (!mentions(group.proxy_headers, "User-Agent")) proxies.user_agent = user_agent_of(group);
  proxies.agent_in_requests = !mentions(group, "User-Agent");
  return {};
}

// ---- method ----

std::expected<std::string, UsageError> method_of(const OptionGroup& group, bool uploads) {
  const bool posts = group.data && !group.get;
  const bool gets = group.data && group.get;
  if (group.form_body && (group.data || uploads || group.head)) {
    return usage(std::string("--form (POST) and ") +
                 (uploads      ? "--upload-file (PUT)"
                  : group.data ? "--data"
                               : "--head (HEAD)") +
                 " exclude each other");
  }
  if (posts && group.head)
    return usage("--data (POST) and --head (HEAD) exclude each other; --get puts data into the URL");
  if (posts && uploads) return usage("--data (POST) and --upload-file (PUT) exclude each other");
  if (uploads && (group.head || gets)) {
    return usage("--upload-file (PUT) and " + std::string(group.head ? "--head (HEAD)" : "--get (GET)") +
                 " exclude each other");
  }
  if (group.method) return *group.method;
  if (group.head) return "HEAD";
  if (uploads) return "PUT";
  return posts || group.form_body ? "POST" : "GET";
}

// ---- URL ----

// In curl "." is the standard input too.
bool is_stdin(std::string_view upload) { return upload == "-" || upload == "."; }

// -T with a URL that ends in '/': the file's name is added. Not if the URL has a query.
Result<Url> with_upload_name(const Url& url, std::string_view file) {
  if (!url.file_name().empty() || !url.query().value_or("").empty()) return url;
  return url.with_file_name(file.substr(file.rfind('/') + 1));
}

Result<Url> requested_url(const OptionGroup& group, const UrlSlot& slot) {
  Result<Url> url = Url::parse_typed(*slot.url);
  if (url && slot.upload && !is_stdin(*slot.upload)) url = with_upload_name(*url, *slot.upload);
  if (url && group.url_query) url = url->with_more_query(*group.url_query);
  if (url && group.get && group.data) url = url->with_more_query(*group.data);
  return url;
}

struct Target {
  Url url;                                 // without userinfo
  std::optional<std::string> credentials;  // user:password, from its userinfo
  std::optional<Error> unsendable;         // why the credentials cannot be sent
};

Result<Target> target_of(const OptionGroup& group, const UrlSlot& slot) {
  Result<Url> url = requested_url(group, slot);
  if (!url) return std::unexpected(url.error());
  Target target{*url, std::nullopt, std::nullopt};
  if (!url->has_userinfo()) return target;
  if (auto sendable = url_credentials(*url); !sendable)
    target.unsendable = make_error(Code::invalid_url, sendable.error().context);
  target.credentials = percent_decode(url->user()).value_or("") + ":" + percent_decode(url->password()).value_or("");
  Result<Url> bare = url->without_userinfo();
  if (!bare) return std::unexpected(bare.error());
  target.url = std::move(*bare);
  return target;
}

// ---- output ----

// The last segment of the path, not decoded, so it has no '/'.
std::expected<std::string, UsageError> remote_file_name(const Url& url) {
  const std::string_view name = url.file_name();
  if (name.empty() || name == "." || name == "..") {
    return std::unexpected(UsageError{kExitWrite, "the URL has no file name for -O"});
  }
  return std::string(name);
}

std::expected<Output, UsageError> output_of(const OptionGroup& group, const UrlSlot& slot, const Url& url) {
  if (!slot.remote_name && slot.output.value_or("-") == "-") return Output{};
  auto name = slot.remote_name ? remote_file_name(url) : *slot.output;
  if (!name) return std::unexpected(name.error());
  const std::string folder =
      group.output_dir + (group.output_dir.empty() || group.output_dir.ends_with('/') ? "" : "/");
  return Output{.to_stdout = false, .path = folder + *name, .remote_name = slot.remote_name};
}

// ---- operations ----

struct Shared {
  std::shared_ptr<const Settings> settings;
  std::shared_ptr<const std::string> body;
  Fields fields;
  bool chunked = false;
};

std::expected<Operation, UsageError> make_operation(const OptionGroup& group, const UrlSlot& slot,
                                                    const Shared& shared) {
  Operation operation;
  operation.settings = shared.settings;
  operation.head_only = group.head;
  operation.expects_continue = !mentions(group, "Expect");
  auto method = method_of(group, slot.upload.has_value());
  if (!method) return std::unexpected(method.error());
  operation.method = std::move(*method);

  auto target = target_of(group, slot);
  operation.given_url = typed_without_userinfo(*slot.url);
  if (!target) {
    operation.refused = slot.url->empty() ? UsageError{kExitUrlMalformed, "the URL is empty"}
                                          : UsageError{exit_code(target.error()), target.error().message()};
    return operation;
  }
  operation.url = std::move(target->url);
  if (!(operation.url.is_tls() ? group.schemes.https : group.schemes.http)) {
    operation.refused = UsageError{kExitUnsupportedProtocol, operation.url.text() + ": --proto does not allow " +
                                                                 std::string(operation.url.scheme())};
    return operation;
  }
  if (target->unsendable && !group.user && !shared.fields.contains("Authorization")) {
    operation.refused = UsageError{exit_code(*target->unsendable), target->unsendable->message()};
    return operation;
  }
  const std::optional<std::string>& credentials = group.user ? group.user : target->credentials;
  operation.credentials = credentials_of(group, target->credentials);
  auto fields =
      credentials && !operation.credentials ? with_authorization(group, shared.fields, *credentials) : shared.fields;
  if (!fields) return std::unexpected(fields.error());
  operation.fields = std::move(*fields);
  operation.body = shared.body;
  operation.chunked = shared.chunked;
  operation.form = group.form_body;
  if (slot.upload) {
    const bool from_stdin = is_stdin(*slot.upload);
    operation.upload = Upload{from_stdin, from_stdin ? std::string() : *slot.upload};
  }
  operation.connect_to = match_connect_to(group.connect_to, operation.url);
  auto output = output_of(group, slot, operation.url);
  if (output)
    operation.output = std::move(*output);
  else
    operation.refused = output.error();
  return operation;
}

// ---- globs ----

struct Common {
  OptionGroup group;
  Shared shared;
};

Operation refused_operation(const Common& common, const std::string& url, UsageError why) {
  Operation operation;
  operation.settings = common.shared.settings;
  operation.given_url = typed_without_userinfo(url);
  operation.refused = std::move(why);
  return operation;
}

UrlSlot filled(UrlSlot slot, const std::string& url, const Glob& at, const std::string& upload) {
  slot.url = url;
  if (slot.output) slot.output = at.output_name(*slot.output);
  if (slot.upload) slot.upload = upload;
  return slot;
}

// The operation of one URL of a glob: a failure is that URL's alone.
Operation for_globbed(const Common& common, const UrlSlot& slot, std::size_t number) {
  auto made = make_operation(common.group, slot, common.shared);
  Operation operation = made ? *std::move(made) : refused_operation(common, *slot.url, made.error());
  operation.url_number = number;
  return operation;
}

Result<GlobbedUrls> globbed_urls(const std::shared_ptr<const Common>& common, const UrlSlot& slot, std::size_t number) {
  auto urls = Glob::parse(*slot.url);
  if (!urls) return std::unexpected(std::move(urls.error()));
  GlobbedUrls all{.glob = *std::move(urls), .uploads = {}, .make = {}};
  if (slot.upload) {
    auto uploads = Glob::parse(*slot.upload, "--upload-file");
    if (!uploads) return std::unexpected(std::move(uploads.error()));
    all.uploads = *std::move(uploads);
  }
  all.make = [common, slot, number](const std::string& url, const Glob& at, const std::string& upload) {
    return for_globbed(*common, filled(slot, url, at, upload), number);
  };
  return all;
}

std::expected<Operation, UsageError> for_slot(const std::shared_ptr<const Common>& common, const UrlSlot& slot,
                                              std::size_t number) {
  if (common->group.globoff) {
    auto operation = make_operation(common->group, slot, common->shared);
    if (operation) operation->url_number = number;
    return operation;
  }
  auto all = globbed_urls(common, slot, number);
  if (!all) {
    auto refused = refused_operation(*common, *slot.url, UsageError{exit_code(all.error()), all.error().message()});
    refused.url_number = number;
    return refused;
  }
  Glob urls = all->glob;
  const std::string url = urls.next().value_or("");
  const std::string upload = all->uploads ? Glob(*all->uploads).next().value_or("") : "";
  auto operation = make_operation(common->group, filled(slot, url, urls, upload), common->shared);
  if (!operation) return operation;
  operation->url_number = number;
  if (all->count() > 1) operation->globbed = std::make_shared<const GlobbedUrls>(*std::move(all));
  return operation;
}

// --segments is for whole files by GET.
Status check_segments(const OptionGroup& group) {
  if (group.settings.segments == 1) return {};
  const char* other = nullptr;
  if (group.range || mentions(group, "Range") || mentions(group, "If-Range")) other = "--range";
  if (group.settings.continue_at && group.settings.continue_at->bytes) other = "--continue-at with an offset";
  if (group.uploads > 0) other = "--upload-file";
  if ((group.data && !group.get) || group.form_body) other = group.data ? "--data" : "--form";
  if (group.head) other = "--head";
  if (group.settings.include_head) other = "--include";
  if (group.method && *group.method != "GET") other = "--request";
  if (other != nullptr) return usage("--segments fetches a whole file: not with " + std::string(other));
  for (const UrlSlot& slot : std::span(group.slots).first(group.urls)) {
    if (slot.remote_name || slot.output.value_or("-") != "-") continue;
    return usage("--segments writes to a file: give -o or -O for each URL");
  }
  return {};
}

Status check(const OptionGroup& group) {
  if (group.urls == 0) return usage(std::string(kNoUrl));
  if (group.method && !is_token(*group.method))
    return usage("option --request: '" + printable(*group.method) + "' is no method");
  if (group.settings.fail && group.settings.fail_with_body)
    return usage("--fail and --fail-with-body exclude each other");
  if (group.urls > 1 && (group.etag || !group.settings.etag_save.empty()))
    return usage("--etag-compare and --etag-save are for one URL");
  if (group.settings.continue_at && (group.range || group.data || group.form_body))
    return usage("--continue-at goes on with a file: not with --range, --data or --form");
  if (Status ok = check_segments(group); !ok) return ok;
  if (group.settings.include_head && (group.settings.remote_header_name || group.settings.continue_at))
    return usage("--include excludes --remote-header-name and --continue-at: a head would be in the file");
  if (group.settings.tls.max < group.settings.tls.min) return usage("--tls-max 1.2 and --tlsv1.3 exclude each other");
  return {};
}

}  // namespace

std::expected<std::vector<Operation>, UsageError> make_operations(OptionGroup group, std::size_t first_number) {
  if (const Status ok = check(group); !ok) return std::unexpected(ok.error());
  Shared shared;
  group.settings.include_head = group.settings.include_head || group.head;
  if (group.user) group.settings.netrc.reset();  // as in curl
  group.settings.redirects = redirects_of(group);
  group.settings.retries = retries_of(group);
  group.settings.asks_for_codings = !mentions(group, "Accept-Encoding");
  if (const Status ok = finish_proxies(group); !ok) return std::unexpected(ok.error());
  const auto settings = std::make_shared<Settings>(group.settings);
  shared.settings = settings;
  if (group.data && !group.get) shared.body = std::make_shared<const std::string>(*group.data);
  shared.chunked = asks_for_chunks(group);
  if (group.user && group.user->find(':') == std::string::npos) *group.user += ':';
  auto fields = common_fields(group, shared.body.get());
  if (!fields) return std::unexpected(fields.error());
  shared.fields = std::move(*fields);

  const auto common = std::make_shared<const Common>(Common{std::move(group), std::move(shared)});
  std::vector<Operation> operations;
  operations.reserve(common->group.urls);
  for (const UrlSlot& slot : std::span(common->group.slots).first(common->group.urls)) {
    auto operation = for_slot(common, slot, first_number + operations.size());
    if (!operation) return std::unexpected(operation.error());
    operations.push_back(std::move(*operation));
  }
  return operations;
}

}  // namespace sluice::cli
