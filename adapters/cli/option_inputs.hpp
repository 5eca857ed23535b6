// What parsing options needs from the system: files, the standard input, the environment. An argument of the parser,
// so tests can replace it; main.cpp has the real one.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>

#include "core/types.hpp"

namespace sluice::cli {

// The functions that read return the text, or the system's reason ("No such file ...").
struct OptionInputs {
  std::string home;  // $HOME; empty: no ~/.sluicerc is looked for
  std::function<std::expected<std::string, std::string>(const std::string& path)> read_file;
  std::function<std::expected<std::string, std::string>()> read_stdin;  // all of it; "" if it was read before
  // When the file was changed last; nullopt: there is none. May be null.
  std::function<std::optional<UnixSeconds>(const std::string& path)> modified = {};
  UnixSeconds now = 0;
  // A variable of the environment; nullopt: it is not set. May be null: then none is.
  std::function<std::optional<std::string>(const std::string& name)> environment = {};
  // `count` bytes of a file from position `first` on, or as many as there are; "-" is the standard input. Reads no more
  // than it has to, so the file may have no end. Null: read_file is cut.
  std::function<std::expected<std::string, std::string>(const std::string& path, std::uint64_t first,
                                                        std::uint64_t count)>
      read_part = {};
};

}  // namespace sluice::cli
