// See option_group.hpp. The pairing of outputs and uploads with URLs.
#include "adapters/cli/option_group.hpp"

namespace sluice::cli {

UrlSlot& OptionGroup::slot(std::size_t& used) {
  if (used == slots.size()) slots.emplace_back().remote_name = remote_name_all;
  return slots[used++];
}

void OptionGroup::add_url(std::string url) { slot(urls).url = std::move(url); }

void OptionGroup::add_output(std::optional<std::string> file, bool remote_name) {
  UrlSlot& paired = slot(outputs);
  paired.output = std::move(file);
  paired.remote_name = remote_name;
}

// As in curl: an empty name takes its place, and sends nothing.
void OptionGroup::add_upload(std::string file) {
  UrlSlot& paired = slot(uploads);
  if (!file.empty()) paired.upload = std::move(file);
}

}  // namespace sluice::cli
