// Fuzzes core/fields.hpp and writing fields to the wire. Input: a program, one operation in each line; its first
// character is the operation (see Program::step), the rest is "name: value" or a list. Oracles: a plain list of pairs
// gives the same results; fields come back from the wire unchanged, both as fields of a response and in the head of a
// request, to which no field can add a line.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/fields.hpp"
#include "core/http1/reader.hpp"
#include "core/request.hpp"
#include "fuzz/support/input.hpp"
#include "fuzz/support/oracle.hpp"
#include "fuzz/support/response_feed.hpp"

namespace sluice::fuzz {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}
std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}
bool good_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    const bool alnum = (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z');
    return alnum || (c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos);
  });
}
bool good_value(std::string_view value) {
  return std::all_of(value.begin(), value.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
  });
}

class Program {
 public:
  void step(std::string_view line) {
    if (line.empty()) return;
    const char operation = line.front();
    line.remove_prefix(1);
    const std::size_t colon = std::min(line.find(':'), line.size());
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = line.substr(std::min(colon + 1, line.size()));
    check_words(name, value);
    if (operation == '+') add(name, value);
    if (operation == '=') set(name, value);
    if (operation == '-') remove(name);
    if (operation == '?') look_up(name);
    if (operation == ',') check_list(line);
    if (operation == '!') run_whole(line);
  }

  void check() const {
    FUZZ_CHECK(copy_of(fields_) == model_);
    FUZZ_CHECK(fields_.size() == model_.size() && fields_.empty() == model_.empty());
    std::size_t bytes = 0;
    for (const auto& [name, value] : model_) bytes += name.size() + value.size();
    FUZZ_CHECK(fields_.text_bytes() == bytes && (bytes == 0 || fields_.capacity_bytes() >= bytes));
    for (std::size_t i = 0; i < model_.size(); ++i) FUZZ_CHECK(fields_.at(i).name == model_[i].first);
  }

  void check_response() const {
    std::string wire = "HTTP/1.1 200 OK\r\n";
    for (const auto& [name, value] : model_) {
      for (const std::string_view framing :
           {"Content-Length", "Transfer-Encoding", "Connection", "Proxy-Connection", "Upgrade"})
        if (same_name(name, framing)) return;
      wire += name + ":" + value + "\r\n";
    }
    const Outcome got = in_pieces(wire + "\r\n", {}, {.expectation = {.to_head = true}});
    FUZZ_CHECK_SAYING(got.complete() && got.fields == model_ && got.surplus == 0,
                      described(got) + " from " + shown(wire));
  }

  // Whether a request with them can be sent.
  bool check_request() const {
    Request request;
    request.url = Url::parse("http://example.org/path?query").value();
    request.fields = fields_;
    const auto valid = validate(request);
    const auto head = http1_head(request);
    FUZZ_CHECK(valid.has_value() == head.has_value());
    if (!head) FUZZ_CHECK(head.error().code == Code::invalid_request);
    if (!head) return false;
    constexpr std::string_view kStart = "GET /path?query HTTP/1.1\r\nHost:";
    FUZZ_CHECK(head->starts_with(kStart) && head->ends_with("\r\n\r\n"));
    const std::string_view host = std::string_view(*head).substr(kStart.size());  // empty, or after one space
    FUZZ_CHECK(host.starts_with("\r\n") || (host.starts_with(" ") && !host.starts_with(" \r\n")));
    // One line for each field, in order, except those that the request makes itself or replaces.
    FieldList lines, wanted;
    std::string_view rest = std::string_view(*head).substr(head->find("\r\n") + 2);
    std::size_t hosts = 0;
    for (std::size_t end = rest.find("\r\n"); end != 0; end = rest.find("\r\n")) {
      FUZZ_CHECK(end != std::string_view::npos);
      const std::string_view line = rest.substr(0, end);
      // An empty value has no space before it.
      const std::size_t colon = line.find(':');
      FUZZ_CHECK(colon != std::string_view::npos && good_name(line.substr(0, colon)) && good_value(line));
      const std::size_t value = std::min(colon + 2, line.size());
      FUZZ_CHECK(value == line.size() ? line.size() == colon + 1 : line[colon + 1] == ' ');
      if (same_name(line.substr(0, colon), "Host")) ++hosts;
      if (!is_left_out(line.substr(0, colon), line.substr(value)))
        lines.emplace_back(line.substr(0, colon), line.substr(value));
      rest.remove_prefix(end + 2);
    }
    FUZZ_CHECK(hosts == 1 && rest == "\r\n");
    for (const auto& field : model_) {
      if (!is_left_out(field.first, field.second)) wanted.push_back(field);
    }
    FUZZ_CHECK_SAYING(lines == wanted, shown(*head));
    return true;
  }
  bool refused_any() const { return refused_any_; }

 private:
  // Fields that the request makes itself or replaces; and Expect: 100-continue, which is not sent without a body (RFC
  // 9110 10.1.1), as here.
  static bool is_left_out(std::string_view name, std::string_view value) {
    if (same_name(name, "Expect")) {
      while (const auto element = next_list_element(value)) {
        if (same_name(*element, "100-continue")) return true;
      }
    }
    return same_name(name, "Host") || same_name(name, "Content-Length") || same_name(name, "Transfer-Encoding");
  }
  static void check_words(std::string_view name, std::string_view value) {
    FUZZ_CHECK(is_token(name) == good_name(name) && is_field_value(value) == good_value(value));
    FUZZ_CHECK(equals_ignoring_case(name, value) == same_name(name, value));
  }

  void add(std::string_view name, std::string_view value) {
    const auto added = fields_.add(name, value);
    FUZZ_CHECK(added.has_value() == (good_name(name) && good_value(value)));
    if (!added)
      FUZZ_CHECK(added.error().code == Code::invalid_request &&
                 added.error().message().find('\n') == std::string::npos);
    if (added) model_.emplace_back(name, trimmed(value));
    refused_any_ |= !added;
  }
  void set(std::string_view name, std::string_view value) {
    const auto done = fields_.set(name, value);
    FUZZ_CHECK(done.has_value() == (good_name(name) && good_value(value)));
    refused_any_ |= !done;
    if (!done) return;
    const auto first =
        std::find_if(model_.begin(), model_.end(), [&](const auto& field) { return same_name(field.first, name); });
    if (first == model_.end()) {
      model_.emplace_back(name, trimmed(value));
      return;
    }
    *first = {std::string(name), std::string(trimmed(value))};
    model_.erase(
        std::remove_if(first + 1, model_.end(), [&](const auto& field) { return same_name(field.first, name); }),
        model_.end());
  }
  void remove(std::string_view name) {
    const std::size_t before = model_.size();
    model_.erase(
        std::remove_if(model_.begin(), model_.end(), [&](const auto& field) { return same_name(field.first, name); }),
        model_.end());
    FUZZ_CHECK(fields_.remove(name) == before - model_.size());
    FUZZ_CHECK(!fields_.contains(name));
  }
  void look_up(std::string_view name) const {
    const auto is_it = [&](const auto& field) { return same_name(field.first, name); };
    const auto first = std::find_if(model_.begin(), model_.end(), is_it);
    const auto found = fields_.find(name);
    FUZZ_CHECK(found.has_value() == (first != model_.end()) && fields_.contains(name) == found.has_value());
    if (found) FUZZ_CHECK(*found == first->second);
    FUZZ_CHECK(fields_.count(name) == static_cast<std::size_t>(std::count_if(model_.begin(), model_.end(), is_it)));
  }
  // Operations on the whole object: clear, release, copy, move, self-assignment.
  void run_whole(std::string_view how) {
    const char what = how.empty() ? 'c' : how.front();
    if (what == 'c' || what == 'r') {
      what == 'c' ? fields_.clear() : fields_.release();
      if (what == 'r') FUZZ_CHECK(fields_.capacity_bytes() == 0);
      model_.clear();
    } else if (what == 'p') {
      Fields copy(fields_);
      FUZZ_CHECK(copy_of(copy) == model_);
      fields_ = copy;
    } else if (what == 'm') {
      Fields moved(std::move(fields_));
      FUZZ_CHECK(copy_of(moved) == model_);
      fields_ = std::move(moved);
    } else if (what == 's') {
      const Fields& same = fields_;
      fields_ = same;
    } else if (what == 'i' && !model_.empty()) {
      // With a view of its own text as argument.
      const Field first = fields_.at(0);
      const auto own = model_.front();
      FUZZ_CHECK(fields_.add(first.name, first.value).has_value());
      model_.push_back(own);
    }
  }
  // RFC 9110 5.6.1 by splitting at commas.
  static void check_list(std::string_view list) {
    std::vector<std::string> wanted, got;
    for (std::size_t begin = 0; begin <= list.size();) {
      const std::size_t comma = std::min(list.find(',', begin), list.size());
      const std::string_view element = trimmed(list.substr(begin, comma - begin));
      if (!element.empty()) wanted.emplace_back(element);
      begin = comma + 1;
    }
    if (list.find('"') != std::string_view::npos) return;  // quoted commas
    while (const auto element = next_list_element(list)) got.emplace_back(*element);
    FUZZ_CHECK(got == wanted && list.empty());
  }

  Fields fields_;
  FieldList model_;
  bool refused_any_ = false;
};

}  // namespace
}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::fuzz;
  Input input(sluice::Bytes(data, size));
  Program program;
  for (int steps = 0; steps < 300 && !input.spent(); ++steps) {
    program.step(input.up_to('\n'));
    program.check();
  }
  program.check_response();
  // The verdict about the lines, and about a request with the fields: both refusals are Code::invalid_request, as
  // checked before.
  const bool sent = program.check_request();
  last_verdict = program.refused_any() ? "refused" : sent ? "sent" : "unsent";
  return 0;
}
