// The text of an error number of the system, for messages. Knows no call that has set one.
#pragma once

#include <string>
#include <system_error>

namespace sluice::net {

// The C library's text for an errno. May throw std::bad_alloc.
inline std::string describe_errno(int error) { return std::generic_category().message(error); }

}  // namespace sluice::net
