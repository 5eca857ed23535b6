// See follow.hpp.
#include "core/flow/follow.hpp"

#include <utility>

#include "core/rules/redirect.hpp"

namespace sluice::flow {

Result<std::optional<NextHop>> Follow::next(const HopEnd& end) const {
  if (end.failure) return std::nullopt;
  const Fields none;
  auto found = rules::redirect({.request = end.request,
                                .head = end.head,
                                .options = *end.options.redirects,
                                .redirects = end.redirects,
                                .first = end.first,
                                .withheld = end.withheld ? *end.withheld : none});
  if (!found) return std::unexpected(std::move(found.error()));
  if (!*found) return std::nullopt;
  NextHop following;
  following.request = std::move((*found)->request);
  following.same_body = (*found)->same_body;
  if (!(*found)->withheld.empty()) following.withheld = std::make_unique<Fields>(std::move((*found)->withheld));
  following.is_redirect = true;
  return following;
}

}  // namespace sluice::flow
