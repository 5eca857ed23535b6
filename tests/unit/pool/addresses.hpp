// Lists of addresses as one text, for the tests of names, races and dials.
#pragma once

#include <doctest/doctest.h>

#include <sstream>
#include <string>
#include <vector>

#include "core/address.hpp"

namespace sluice::test {

// "192.0.2.1 2001:db8::1": the addresses, in this order.
inline std::vector<IpAddress> addresses(const std::string& text) {
  std::vector<IpAddress> all;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const auto address = IpAddress::parse(word);
    REQUIRE_MESSAGE(address.has_value(), word);
    all.push_back(*address);
  }
  return all;
}

// The inverse.
inline std::string texts(const std::vector<IpAddress>& addresses) {
  std::string all;
  for (const IpAddress& address : addresses) all += (all.empty() ? "" : " ") + address.to_string();
  return all;
}

}  // namespace sluice::test
