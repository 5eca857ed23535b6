// The demonstration's server without sockets, and the content of its files.
#include "adapters/cli/demo/responder.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "adapters/cli/demo/sha256.hpp"

using namespace sluice;
using namespace sluice::demo;

namespace {

const std::vector<File>& some_files() {
  static const std::vector<File> files = {{.name = "a", .size = 20}, {.name = "b", .size = 20, .chunked = true}};
  return files;
}

std::string content(const File& file) {
  std::vector<std::uint8_t> bytes(file.size);
  CHECK(Content(file.name, file.size).read(0, bytes) == file.size);
  return std::string(as_text(bytes));
}

std::string answer(Responder& responder, std::string_view request, std::size_t limit = 7) {
  responder.receive(as_bytes(request));
  std::vector<std::uint8_t> out;
  while (responder.has_output()) responder.produce(out, limit);
  return std::string(as_text(out));
}

}  // namespace

TEST_CASE("content follows from name and size, from any offset") {
  std::vector<std::uint8_t> whole(1000);
  const Content content("name", 1000);
  CHECK(content.read(0, whole) == 1000);
  for (std::size_t at = 0; at < 1000; at += 37) {
    std::vector<std::uint8_t> part(50);
    const std::size_t count = content.read(at, part);
    CHECK(count == std::min<std::size_t>(50, 1000 - at));
    CHECK(std::equal(part.begin(), part.begin() + static_cast<std::ptrdiff_t>(count),
                     whole.begin() + static_cast<std::ptrdiff_t>(at)));
  }
  CHECK(content.read(1000, whole) == 0);
  std::vector<std::uint8_t> other(1000);
  Content("eman", 1000).read(0, other);
  CHECK(other != whole);
}

TEST_CASE("demo_files: all different, 1 KiB to 8 MiB") {
  const auto files = demo_files(24);
  std::set<std::string> names;
  std::uint64_t smallest = ~0ull, largest = 0;
  for (const File& file : files) {
    names.insert(file.name);
    smallest = std::min(smallest, file.size);
    largest = std::max(largest, file.size);
  }
  CHECK(names.size() == 24);
  CHECK(smallest == 1024);
  CHECK(largest == 8 * 1024 * 1024);
  CHECK(demo_files(1).size() == 1);
  CHECK(demo_files(0).empty());
}

TEST_CASE("GET, HEAD, chunks, keep-alive and pipelining") {
  Responder responder(some_files());
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n";
  const std::string a = content(some_files()[0]);
  CHECK(answer(responder, "GET /files/a HTTP/1.1\r\n\r\n") == head + "Content-Length: 20\r\n\r\n" + a);
  CHECK(answer(responder, "HEAD /files/a HTTP/1.1\r\n\r\n") == head + "Content-Length: 20\r\n\r\n");
  const std::string b = content(some_files()[1]);
  CHECK(answer(responder, "GET /files/b HTTP/1.1\r\n\r\n", 8192) ==
        head + "Transfer-Encoding: chunked\r\n\r\n14\r\n" + b + "\r\n0\r\n\r\n");
  CHECK(answer(responder, "HEAD /files/a HTTP/1.1\r\n\r\nHEAD /files/a HTTP/1.1\r\n\r\n") ==
        head + "Content-Length: 20\r\n\r\n" + head + "Content-Length: 20\r\n\r\n");
  CHECK(responder.requests() == 5);
  CHECK(!responder.closing());
  CHECK(answer(responder, "GET /files/none HTTP/1.1\r\n").empty());  // not complete yet
  CHECK(answer(responder, "\r\n").starts_with("HTTP/1.1 404 Not Found\r\n"));
  CHECK(!responder.closing());
}

TEST_CASE("what it does not serve closes the connection") {
  for (const char* request :
       {"POST /files/a HTTP/1.1\r\n\r\n", "GET /files/a HTTP/1.0\r\n\r\n", "rubbish\r\n\r\n",
        "GET /files/a HTTP/1.1\r\nContent-Length: 3\r\n\r\n", "GET /files/a HTTP/1.1\r\nConnection: close\r\n\r\n"}) {
    CAPTURE(request);
    Responder responder(some_files());
    CHECK(answer(responder, request).find("Connection: close\r\n") != std::string::npos);
    CHECK(responder.closing());
    CHECK(answer(responder, "GET /files/a HTTP/1.1\r\n\r\n").empty());
  }
  Responder responder(some_files());
  responder.receive(as_bytes(std::string(20'000, 'x')));
  CHECK(responder.closing());
}

TEST_CASE("SHA-256 of a known text") {
  Sha256 sha;
  sha.update(as_bytes("a"));
  sha.update(as_bytes("bc"));
  CHECK(to_hex(sha.finish()) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");  // FIPS 180-2
}
