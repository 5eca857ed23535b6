// See follow.hpp.
#include "core/flow/follow.hpp"

#include <utility>

#include "core/rules/redirect.hpp"

namespace sluice::flow {

Result<std::optional<NextHop>> Follow::next(const HopEnd& end) const {
  if (end.failure) return std::nullopt;
  auto found = rules::redirect(
      {.request = end.request, .head = end.head, .options = *end.options.redirects, .redirects = end.redirects});
  if (!found) return std::unexpected(std::move(found.error()));
  if (!*found) return std::nullopt;
  NextHop following;
  following.request = std::move((*found)->request);
  following.same_body = (*found)->same_body;
  following.is_redirect = true;
  return following;
}

}  // namespace sluice::flow
