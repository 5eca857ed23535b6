// The operations of a command line in their order, with globs in URLs and in -T. The reference is what curl 7.88 sends.
#include "adapters/cli/operation_queue.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "tests/unit/cli/command_line_support.hpp"

namespace sluice::cli {
namespace {

// "PUT /1/a<a>": the target, the file that is sent and the one that is written; "3 MESSAGE" if it is refused.
std::string queued(const std::vector<std::string>& arguments) {
  const auto line = parse(arguments);
  REQUIRE(line.has_value());
  OperationQueue queue(*line);
  std::string out;
  std::uint64_t count = 0;
  for (; !queue.empty() && count < 100; ++count) {
    const auto operation = queue.next();
    out += out.empty() ? "" : " ";
    if (operation->refused) {
      out += std::to_string(operation->refused->exit_code) + " " + operation->refused->message;
      continue;
    }
    out += operation->method + std::string(operation->url.target());
    if (operation->upload) out += "<" + (operation->upload->from_stdin ? "stdin" : operation->upload->path);
    if (!operation->output.to_stdout) out += ">" + operation->output.path;
  }
  CHECK(queue.total() == count);
  return out;
}

}  // namespace

TEST_CASE("operation queue: each file of -T goes to each URL, before the next file does") {
  struct Row {
    std::vector<std::string> arguments;
    const char* sent;
  };
  for (const Row& row : std::vector<Row>{
           {{"-T", "{a,b}", "http://h/"}, "PUT/a<a PUT/b<b"},
           {{"-T", "d/f[1-3].x", "http://h/up/"}, "PUT/up/f1.x<d/f1.x PUT/up/f2.x<d/f2.x PUT/up/f3.x<d/f3.x"},
           {{"-T", "{a,b}", "http://h/[1-2]/"}, "PUT/1/a<a PUT/2/a<a PUT/1/b<b PUT/2/b<b"},
           {{"-T", "{a,b}", "-o", "o_#1", "http://h/[1-2]/"},
            "PUT/1/a<a>o_1 PUT/2/a<a>o_2 PUT/1/b<b>o_1 PUT/2/b<b>o_2"},
           {{"-T", "{a,b}", "-T", "c", "http://h/1/", "http://h/2/", "http://h/3"},
            "PUT/1/a<a PUT/1/b<b PUT/2/c<c GET/3"},
           {{"-T", "a", "http://h/[1-2]/"}, "PUT/1/a<a PUT/2/a<a"},
           {{"-T", "a", "http://h/"}, "PUT/a<a"},
           {{"-T", "", "http://h/[1-2]"}, "GET/1 GET/2"},
           {{"-T", "\\{a\\[", "http://h/"}, "PUT/%7Ba%5B<{a["},
           {{"-T", "{a,.,-}", "http://h/x"}, "PUT/x<a PUT/x<stdin PUT/x<stdin"},
           {{"-g", "-T", "{a,b}", "http://h/"}, "PUT/%7Ba%2Cb%7D<{a,b}"},
           {{"-T", "{,a}", "http://h/x"}, "PUT/x< PUT/x<a"},  // a file without a name cannot be read; it is no GET
           {{"http://h/{a,b}", "http://h/c"}, "GET/a GET/b GET/c"}}) {
    CAPTURE(row.sent);
    CHECK(queued(row.arguments) == row.sent);
  }
}

TEST_CASE("operation queue: a glob that is wrong is its URL's failure") {
  CHECK(queued({"-T", "f[1-", "http://h/", "http://h/2"}) == "3 bad range in --upload-file position 5 GET/2");
  CHECK(queued({"-T", "{a", "http://h/[1-2]"}) == "3 unmatched brace in --upload-file position 1");
  CHECK(queued({"-T", "{a,b}", "http://h/[2-1]"}) == "3 bad range in URL position 15");
  CHECK(one({"-T", "{a", "http://me:secret@h/"}).given_url == "http://h/");
  CHECK(one({"http://me:secret@h/{a"}).given_url == "http://h/{a");
}

TEST_CASE("operation queue: each URL of a glob has its place") {
  const auto line = parse({"-T", "{a,b}", "http://h/[1-2]/", "http://h/3", "http://h/{4,5}"});
  REQUIRE(line.has_value());
  OperationQueue queue(*line);
  std::string places;
  while (!queue.empty()) {
    const auto operation = queue.next();
    places += std::to_string(operation->url_number) + "." + std::to_string(operation->glob_number) + " ";
  }
  CHECK(places == "0.0 0.1 0.2 0.3 1.0 2.0 2.1 ");
}

TEST_CASE("operation queue: it counts without making anything, and does not overflow") {
  const auto line = parse({"-T", "[1-9000000000000000000]", "http://h/[1-9000000000000000000]", "http://h/2"});
  REQUIRE(line.has_value());
  OperationQueue queue(*line);
  CHECK(queue.total() == std::numeric_limits<std::uint64_t>::max());
  CHECK(queue.next()->url.target() == "/1");
  CHECK(queue.next()->upload->path == "1");
}

}  // namespace sluice::cli
