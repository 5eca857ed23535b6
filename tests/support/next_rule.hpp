// A rule for transfers of many hops, for tests: the origin's responses tell what follows.
#pragma once

#include <charconv>
#include <chrono>
#include <new>
#include <utility>

#include "core/flow/hop_rule.hpp"

namespace sluice::test {

// A 3xx leads to the URL in its Next field: with the same body for a 307, and after Wait milliseconds if it has that
// field. A failed connection or a truncated response is tried again, up to three hops in all.
class NextRule final : public flow::HopRule {
 public:
  Result<std::optional<flow::NextHop>> next(const flow::HopEnd& end) const override {
    if (end.failure) return after_failure(end);
    const auto where = end.head.fields.find("Next");
    if (end.head.status / 100 != 3 || !where) return std::nullopt;
    flow::NextHop following;
    following.same_body = end.head.status == 307;
    following.request.method = following.same_body ? end.request.method : "GET";
    auto url = Url::parse(*where);
    if (!url) throw std::bad_alloc();  // only for lack of memory: tests use valid URLs
    following.request.url = *std::move(url);
    if (const auto wait = end.head.fields.find("Wait")) {
      int ms = 0;
      std::from_chars(wait->data(), wait->data() + wait->size(), ms);
      following.after = std::chrono::milliseconds(ms);
    }
    return following;
  }

 private:
  static std::optional<flow::NextHop> after_failure(const flow::HopEnd& end) {
    const Code code = end.failure->code;
    if (end.hops >= 3 || (code != Code::connect_failed && code != Code::truncated)) return std::nullopt;
    return flow::NextHop{
        .request = {end.request.method, end.request.url}, .same_body = true, .after = std::chrono::seconds(1)};
  }
};

}  // namespace sluice::test
