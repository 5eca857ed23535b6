// Reads whole files for options that name one. Leaves to others: which files, and what they mean.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>

namespace sluice::cli {

// What options take from one file at the most: more would not fit into memory on many machines, and a device has no
// end.
inline constexpr std::size_t kMaxFileInput = std::size_t{1} << 30;

// All bytes up to the end. Errors, here and below, without the file's name: the system's message, or that there are
// more than `most` bytes.
std::expected<std::string, std::string> read_whole(int fd, std::size_t most = kMaxFileInput);
std::expected<std::string, std::string> read_whole_file(const std::string& path, std::size_t most = kMaxFileInput);
// `count` bytes from `first` on, or as many as there are. "-" is the standard input.
std::expected<std::string, std::string> read_file_part(const std::string& path, std::uint64_t first,
                                                       std::uint64_t count, std::size_t most = kMaxFileInput);

}  // namespace sluice::cli
