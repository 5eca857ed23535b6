// See login.hpp.
#include "core/flow/login.hpp"

#include <variant>

#include "core/base/base64.hpp"
#include "core/rules/ntlm.hpp"

namespace sluice::flow {

namespace {

// The request without its body, and without the fields that speak of it.
std::unique_ptr<Request> without_body(const Request& request) {
  auto bare = std::make_unique<Request>(request.method, request.url);
  bare->target = request.target;
  bare->fields = request.fields;
  for (const std::string_view name : {"Transfer-Encoding", "Trailer", "Expect"}) bare->fields.remove(name);
  return bare;
}

}  // namespace

Result<const Request*> Login::prepare(Request& request, const LoginPlace& place) {
  LoginStep step = next;
  if (step == LoginStep::answer && place.conn != conn) {
    if (repeated) {
      return std::unexpected(make_error(Code::connection_closed,
                                        "NTLM: the connection was lost between the challenge and its answer, twice"));
    }
    repeated = true;
    step = next = LoginStep::begin;
  }
  if (place.multiplexes || (step == LoginStep::begin && place.logged_in && !demanded)) step = LoginStep::none;
  sent = step;
  bare.reset();
  // Where no step is next, the field may be another scheme's.
  if (step == LoginStep::none) {
    if (next != LoginStep::none) request.fields.remove(kAuthorization);
    return &request;
  }
  Request* carrier = &request;
  const bool has_body = !std::holds_alternative<std::monostate>(request.body) && known_length(request.body) != 0U;
  if (step == LoginStep::begin && has_body) {
    bare = without_body(request);
    if (auto set = bare->fields.set("Content-Length", "0"); !set) return std::unexpected(std::move(set.error()));
    carrier = bare.get();
  }
  const std::string value = step == LoginStep::begin ? "NTLM " + base64(rules::ntlm_negotiate()) : answer;
  if (auto set = carrier->fields.set(kAuthorization, value); !set) return std::unexpected(std::move(set.error()));
  return carrier;
}

}  // namespace sluice::flow
