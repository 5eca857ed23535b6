// core/rules/public_suffix: with libpsl's list and without one.
#include "core/rules/public_suffix.hpp"

#include <doctest/doctest.h>

using namespace sluice::rules;

TEST_CASE("SB-24 public suffix: names with a dot are told apart by the list only") {
  const struct {
    const char* domain;
    bool is_suffix;
  } rows[] = {
      {"com", true},          {"uk", true},           {"co.uk", true},         {"example.co.uk", false},
      {"example.com", false}, {"github.io", true},    {"me.github.io", false}, {"ck", true},
      {"any.ck", true},       {"www.ck", false},      {"a.any.ck", false},     {"localhost", true},
      {"nosuchtld", true},    {"a.nosuchtld", false}, {"xn--p1ai", true},      {"k12.ca.us", true},
  };
  for (const auto& row : rows) {
    const std::string domain = row.domain;
    CAPTURE(domain);
    CHECK(is_top_level(domain) == (domain.find('.') == std::string::npos));
    CHECK(is_public_suffix(domain) == (has_public_suffix_list() ? row.is_suffix : is_top_level(domain)));
  }
}
