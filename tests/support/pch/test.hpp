// What most tests include of other people's headers, for the build to compile once (cpp_pch in meson.build).
#include <doctest/doctest.h>

#include "core/base/pch/standard.hpp"
