// The text of --trace. The expected dumps are what curl 7.88 writes for the same bytes.
#include "adapters/cli/trace.hpp"

#include <doctest/doctest.h>

namespace sluice::cli {

TEST_CASE("trace: hexadecimal digits and text, 16 bytes on a line") {
  CHECK(trace_dump("=> Send data", "", TraceForm::hex) == "=> Send data, 0 bytes (0x0)\n");
  CHECK(trace_dump("<= Recv data", "abc", TraceForm::hex) ==
        "<= Recv data, 3 bytes (0x3)\n0000: 61 62 63                                        abc\n");
  CHECK(trace_dump("T", "HTTP/1.1 302 Fou", TraceForm::hex) ==
        "T, 16 bytes (0x10)\n0000: 48 54 54 50 2f 31 2e 31 20 33 30 32 20 46 6f 75 HTTP/1.1 302 Fou\n");
  CHECK(trace_dump("T", "HTTP/1.1 302 Found\r\n", TraceForm::hex) ==
        "T, 20 bytes (0x14)\n0000: 48 54 54 50 2f 31 2e 31 20 33 30 32 20 46 6f 75 HTTP/1.1 302 Fou\n"
        "0010: 6e 64 0d 0a                                     nd..\n");
}

TEST_CASE("trace: text alone, up to 64 bytes or a CRLF on a line") {
  const std::string full(64, 'x');
  const std::pair<std::string, std::string> rows[] = {
      {"abc", "0000: abc\n"},
      {"GET /\r\nA: b\r\n\r\n", "0000: GET /\n0007: A: b\n000d: \n"},
      {"\r\n", "0000: \n"},
      {"\r\n\r\nb", "0000: \n0002: \n0004: b\n"},
      {"a\rb\nc\n\r", "0000: a.b.c..\n"},
      {"a\r", "0000: a.\n"},
      {full, "0000: " + full + "\n"},
      {full + "y", "0000: " + full + "\n0040: y\n"},
      {full + "\r\n", "0000: " + full + "\n"},
      {full + "\r\ny", "0000: " + full + "\n0042: y\n"},
      {full.substr(1) + "\r\ny", "0000: " + full.substr(1) + "\n0041: y\n"},
      {full + "\ry", "0000: " + full + "\n0040: .y\n"},
      {full + "y\r\n", "0000: " + full + "\n0040: y\n"},
  };
  for (const auto& [bytes, lines] : rows) {
    CAPTURE(bytes);
    const std::string dump = trace_dump("T", bytes, TraceForm::ascii);
    CHECK(dump.substr(dump.find('\n') + 1) == lines);
  }
}

TEST_CASE("trace: a byte that is no visible ASCII is a dot, and offsets grow beyond four digits") {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
  for (const TraceForm form : {TraceForm::hex, TraceForm::ascii}) {
    for (const char c : trace_dump("T", bytes, form)) CHECK((c == '\n' || (c >= 0x20 && c < 0x7f)));
  }
  CHECK(trace_dump("T", "\x1f ~\x7f\xff", TraceForm::ascii) == "T, 5 bytes (0x5)\n0000: . ~..\n");
  const std::string dump = trace_dump("T", std::string(0x10000 + 1, 'x'), TraceForm::ascii);
  CHECK(dump.starts_with("T, 65537 bytes (0x10001)\n"));
  CHECK(dump.ends_with("\n10000: x\n"));
}

TEST_CASE("trace: ids, and a prefix for each line") {
  CHECK(trace_ids(0, 1) == "[0-1] ");
  CHECK(trace_ids(12, std::nullopt) == "[12-x] ");
  CHECK(prefix_lines("> ", "") == "");
  CHECK(prefix_lines("> ", "a\n\nb\n") == "> a\n> \n> b\n");
  CHECK(prefix_lines("> ", "a") == "> a");
  CHECK(prefix_lines("", "a\nb\n") == "a\nb\n");
}

}  // namespace sluice::cli
