// See login.hpp.
#include "core/flow/login.hpp"

#include <utility>
#include <variant>

#include "core/base/base64.hpp"
#include "core/fields.hpp"
#include "core/rules/ntlm.hpp"

namespace sluice::flow {

bool has_body(const Request& request) {
  return !std::holds_alternative<std::monostate>(request.body) && known_length(request.body) != 0U;
}

// Without the fields that speak of the body.
Result<std::unique_ptr<Request>> without_body(const Request& request) {
  auto bare = std::make_unique<Request>(request.method, request.url);
  bare->target = request.target;
  bare->fields = request.fields;
  for (const std::string_view name : {"Transfer-Encoding", "Trailer", "Expect"}) bare->fields.remove(name);
  if (auto set = bare->fields.set("Content-Length", "0"); !set) return std::unexpected(std::move(set.error()));
  return bare;
}

std::optional<std::string> Login::first_token(std::string_view host) {
  if (!provider || tokenless) return std::nullopt;
  negotiation = provider->begin(host);
  auto value = next_token({});
  tokenless = !value;
  return value;
}

std::optional<std::string> Login::next_token(std::string_view received) const {
  const auto token = negotiation ? negotiation->next(received) : Result<std::string>();
  if (!token || token->empty()) return std::nullopt;
  return "Negotiate " + base64(*token);
}

Result<void> Login::take_last_token(std::string_view received) const {
  if (!negotiation) return {};
  std::string why = "its last token is not base64";
  if (!received.empty()) {
    const auto token = negotiation->next(received);
    if (token && token->empty()) return {};
    why = token ? "its last token leaves the login unfinished" : token.error().context;
  }
  return std::unexpected(
      make_error(Code::authentication_failed, "Negotiate: the server has not shown who it is: " + why));
}

// RFC 4559 does not say whether a connection stays logged in. Servers that keep it so say it; for the others each
// request needs a token.
bool Login::is_completed_by(const ResponseHead& head) const {
  if (scheme == rules::LoginScheme::ntlm) return sent == LoginStep::answer;
  return sent != LoginStep::none && equals_ignoring_case(head.fields.find("Persistent-Auth").value_or(""), "true");
}

// nullopt: there is none.
std::optional<std::string> Login::first_message(const Request& request) {
  if (scheme == rules::LoginScheme::ntlm) return "NTLM " + base64(rules::ntlm_negotiate());
  if (!answer.empty()) return std::exchange(answer, {});
  return first_token(request.url.host());
}

Result<const Request*> Login::prepare(Request& request, const LoginPlace& place) {
  const bool ntlm = scheme == rules::LoginScheme::ntlm;
  LoginStep step = next;
  if (step == LoginStep::answer && place.conn != conn) {
    if (repeated) {
      return std::unexpected(make_error(Code::connection_closed,
                                        std::string(ntlm ? "NTLM" : "Negotiate") +
                                            ": the connection was lost between the challenge and its answer, twice"));
    }
    repeated = true;
    step = next = LoginStep::begin;
    answer.clear();
  }
  if (place.multiplexes || (step == LoginStep::begin && place.logged_in && !demanded)) step = LoginStep::none;
  std::string value;
  if (step == LoginStep::begin) {
    auto first = first_message(request);
    if (!first) step = LoginStep::none;
    value = std::move(first).value_or("");
  } else if (step == LoginStep::answer) {
    value = answer;
  }
  sent = step;
  bare.reset();
  // Where no step is next, the field may be another scheme's.
  if (step == LoginStep::none) {
    if (next != LoginStep::none) request.fields.remove(kAuthorization);
    return &request;
  }
  Request* carrier = &request;
  if (ntlm && step == LoginStep::begin && has_body(request)) {
    auto made = without_body(request);
    if (!made) return std::unexpected(std::move(made.error()));
    bare = *std::move(made);
    carrier = bare.get();
  }
  if (auto set = carrier->fields.set(kAuthorization, value); !set) return std::unexpected(std::move(set.error()));
  return carrier;
}

}  // namespace sluice::flow
