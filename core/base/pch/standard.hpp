// The standard library's headers that most files include, for the build to compile once for each library (cpp_pch in
// meson.build). A file includes what it needs all the same: tests/clang_check compiles each alone, without this.
#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <deque>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>
