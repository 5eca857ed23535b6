// Order, case, validation, and the number of allocations.
#include "core/fields.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace {
using namespace sluice;

using Pairs = std::vector<std::pair<std::string, std::string>>;

Pairs pairs_of(const Fields& fields) {
  Pairs pairs;
  for (const Field field : fields) pairs.emplace_back(field.name, field.value);
  return pairs;
}

std::size_t bytes_of(const Fields& fields) {
  std::size_t sum = 0;
  for (const Field field : fields) sum += field.name.size() + field.value.size();
  return sum;
}

Fields make(const Pairs& pairs) {
  Fields fields;
  for (const auto& [name, value] : pairs) REQUIRE(fields.add(name, value));
  return fields;
}

TEST_CASE("fields keep their order, their case and their repetitions") {
  const Pairs pairs = {{"Host", "a"}, {"Set-Cookie", "x=1"}, {"ETag", "\"e\""}, {"set-cookie", "y=2"}, {"Empty", ""}};
  const Fields fields = make(pairs);
  CHECK(pairs_of(fields) == pairs);
  CHECK(fields.size() == 5);
  CHECK_FALSE(fields.empty());
  CHECK(fields.text_bytes() == bytes_of(fields));
  CHECK(fields.at(4).value.empty());
  Fields::Iterator at = fields.begin();
  CHECK((*at++).name == "Host");
  CHECK((*at).name == "Set-Cookie");
}

TEST_CASE("look-ups ignore the case of ASCII letters and nothing else") {
  const Fields fields = make({{"Content-Length", "5"}, {"X", "1"}, {"x", "2"}, {"A^b", "3"}});
  CHECK(fields.find("content-LENGTH") == "5");
  CHECK(fields.find("X") == "1");
  CHECK(fields.count("x") == 2);
  CHECK(fields.contains("a^B"));
  CHECK_FALSE(fields.contains("A~b"));  // '^' and '~' differ by the bit that makes letters lower case
  CHECK_FALSE(fields.find("Content-Lengt"));
  CHECK_FALSE(fields.find("Content-Length "));
  CHECK_FALSE(fields.find(""));
  CHECK(fields.count("none") == 0);
  CHECK_FALSE(Fields().find("x"));
}

TEST_CASE("white space around a value is dropped, inside it is kept") {
  Fields fields;
  REQUIRE(fields.add("A", " \t one two\tthree \t "));
  REQUIRE(fields.add("B", " \t "));
  CHECK(fields.find("a") == "one two\tthree");
  CHECK(fields.find("b") == "");
}

TEST_CASE("SB-11 no CR, LF, NUL or other control byte gets into a field value, wherever it stands") {
  for (int byte = 0; byte < 256; ++byte) {
    const bool good = byte == '\t' || (byte >= 0x20 && byte != 0x7f);
    for (std::size_t place = 1; place < 20; ++place) {
      std::string value(21, 'v');
      value[place] = static_cast<char>(byte);
      Fields fields;
      const Result<void> added = fields.add("Name", value);
      REQUIRE(added.has_value() == good);
      REQUIRE(is_field_value(value) == good);
      REQUIRE(fields.size() == (good ? 1 : 0));
      if (!good) {
        REQUIRE(added.error().code == Code::invalid_request);
        REQUIRE(added.error().blame == Blame::caller);
      }
    }
  }
  Fields fields;
  CHECK_FALSE(fields.add("A", "x\r\nEvil: 1"));
  CHECK_FALSE(fields.add("A", "\r\n"));
  CHECK_FALSE(fields.add("A", "\n x"));  // trimming does not take a line end for white space
  CHECK_FALSE(fields.add("A", "x \r"));
  CHECK_FALSE(fields.set("A", "x\ny"));
  CHECK(fields.empty());
}

TEST_CASE("SB-11 a field name is a token and nothing else") {
  const std::string marks = "!#$%&'*+-.^_`|~";
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool good = alnum || (byte != 0 && byte < 0x80 && marks.find(c) != std::string::npos);
    for (const std::string& name : {std::string(1, c), "Na" + std::string(1, c) + "me"}) {
      Fields fields;
      REQUIRE(fields.add(name, "v").has_value() == good);
      REQUIRE(is_token(name) == good);
    }
  }
  Fields fields;
  CHECK_FALSE(fields.add("", "v"));
  CHECK_FALSE(fields.add("A ", "v"));
  CHECK_FALSE(fields.add("A:", "v"));
  CHECK_FALSE(fields.add("A\r\nB", "v"));
  CHECK_FALSE(is_token(""));
  CHECK(fields.empty());
}

TEST_CASE("an error names the field and the byte, and shows no value") {
  Fields fields;
  const auto value = fields.add("Authorization", "Basic secret\r\nX: y");
  CHECK(value.error().message() == "value of field \"Authorization\" holds the control byte 0x0d at 12");
  const auto name = fields.add("Foo\nsecret", "");
  CHECK(name.error().message() ==
        "field name that begins with \"Foo\" holds the byte 0x0a at 3, which no field name may hold");
  CHECK(fields.add("", "x").error().message() == "field name is empty");
}

TEST_CASE("set replaces all of a name by one, at the place of the first") {
  Fields fields = make({{"A", "1"}, {"B", "2"}, {"C", "3"}, {"b", "4"}, {"D", "5"}, {"B", "6"}});
  REQUIRE(fields.set("b", "a longer value"));
  CHECK(pairs_of(fields) == Pairs{{"A", "1"}, {"b", "a longer value"}, {"C", "3"}, {"D", "5"}});
  REQUIRE(fields.set("E", "new"));
  REQUIRE(fields.set("E", ""));  // the last one
  REQUIRE(fields.set("a", "0"));
  CHECK(pairs_of(fields) == Pairs{{"a", "0"}, {"b", "a longer value"}, {"C", "3"}, {"D", "5"}, {"E", ""}});
  CHECK(fields.text_bytes() == bytes_of(fields));
}

TEST_CASE("remove takes every one of a name and closes the gaps") {
  Fields fields = make({{"A", "1"}, {"B", "22"}, {"a", "333"}, {"C", "4444"}, {"A", "5"}});
  CHECK(fields.remove("a") == 3);
  CHECK(pairs_of(fields) == Pairs{{"B", "22"}, {"C", "4444"}});
  CHECK(fields.text_bytes() == 8);
  CHECK(fields.remove("a") == 0);
  CHECK(fields.remove("C") == 1);
  CHECK(fields.remove("B") == 1);
  CHECK(fields.empty());
  CHECK(fields.text_bytes() == 0);
}

TEST_CASE("arguments may be views of the object itself") {
  Fields fields = make({{"A", std::string(400, 'a')}, {"B", std::string(400, 'b')}});
  for (int i = 0; i < 20; ++i) REQUIRE(fields.add(fields.at(0).name, *fields.find("B")));  // grows more than once
  CHECK(fields.count("A") == 21);
  CHECK(fields.at(21).value == std::string(400, 'b'));
  REQUIRE(fields.set(fields.at(0).name, fields.at(1).value));
  CHECK(pairs_of(fields) == Pairs{{"A", std::string(400, 'b')}, {"B", std::string(400, 'b')}});
  CHECK(fields.remove(fields.at(0).name) == 1);
  CHECK(fields.size() == 1);
}

TEST_CASE("setting and removing for ever takes no more memory") {
  Fields fields = make({{"A", "1"}, {"B", "2"}, {"C", "3"}});
  const std::size_t capacity = fields.capacity_bytes();
  for (int i = 0; i < 10'000; ++i) {
    REQUIRE(fields.set("B", std::string(static_cast<std::size_t>(i % 50), 'x')));
    REQUIRE(fields.add("D", "some value"));
    REQUIRE(fields.remove("D") == 1);
  }
  CHECK(fields.capacity_bytes() == capacity);
  CHECK(fields.size() == 3);
}

TEST_CASE("a typical response is one allocation, and none the next time") {
  Fields fields;
  CHECK(fields.capacity_bytes() == 0);
  REQUIRE(fields.add("Server", "s"));
  const std::size_t first = fields.capacity_bytes();
  fields.clear();
  for (int i = 0; i < 12; ++i) REQUIRE(fields.add("Some-Header", std::string(31, 'v')));  // 504 bytes
  CHECK(fields.capacity_bytes() == first);                                                // it never grew
  CHECK(first <= 2048);
  const void* text = fields.at(0).name.data();
  fields.clear();
  CHECK(fields.empty());
  CHECK(fields.text_bytes() == 0);
  CHECK(fields.capacity_bytes() == first);
  REQUIRE(fields.add("A", "b"));
  CHECK(static_cast<const void*>(fields.at(0).name.data()) == text);
  fields.release();
  CHECK(fields.capacity_bytes() == 0);
  CHECK(fields.empty());
  REQUIRE(fields.add("A", "b"));
  CHECK(fields.find("a") == "b");
}

TEST_CASE("growth is by doubling, and thousands of fields and large ones are kept") {
  Fields fields;
  std::size_t growths = 0;
  std::size_t capacity = 0;
  for (int i = 0; i < 5000; ++i) {
    REQUIRE(fields.add("Name-" + std::to_string(i), std::to_string(i * 3)));
    growths += fields.capacity_bytes() != capacity ? 1U : 0U;
    capacity = fields.capacity_bytes();
  }
  CHECK(growths < 12);
  CHECK(fields.find("name-4999") == "14997");
  CHECK(fields.at(2500).value == "7500");
  const std::string large(300 * 1024, 'z');
  REQUIRE(fields.add("Large", large));
  CHECK(fields.find("large") == large);
}

TEST_CASE("copies are apart from their origin, moved-from objects are empty and usable") {
  const Pairs pairs = {{"A", "1"}, {"B", "2"}};
  Fields original = make(pairs);
  Fields copy = original;
  REQUIRE(copy.add("C", "3"));
  CHECK(pairs_of(original) == pairs);
  CHECK(copy.size() == 3);

  Fields large = make({{"X", std::string(5000, 'x')}});
  const std::size_t capacity = large.capacity_bytes();
  large = original;
  CHECK(pairs_of(large) == pairs);
  CHECK(large.capacity_bytes() == capacity);  // its own memory served
  REQUIRE(large.add("Y", "y"));
  CHECK(large.find("y") == "y");

  Fields& self = original;
  original = self;
  CHECK(pairs_of(original) == pairs);

  Fields moved = std::move(original);
  CHECK(pairs_of(moved) == pairs);
  CHECK(original.empty());  // NOLINT: what is promised of a moved-from object
  CHECK(original.capacity_bytes() == 0);
  REQUIRE(original.add("Z", "z"));
  moved = std::move(original);
  CHECK(pairs_of(moved) == Pairs{{"Z", "z"}});

  Fields none;
  copy = none;
  CHECK(copy.empty());
  const Fields of_none = none;
  CHECK(of_none.empty());
}

TEST_CASE("a random run does what a plain vector does") {
  std::mt19937 random(7);  // a fixed seed
  const auto below = [&](std::size_t n) { return random() % n; };
  const auto same = [](const std::string& a, const std::string& b) { return equals_ignoring_case(a, b); };
  Fields fields;
  Pairs model;
  for (int step = 0; step < 20'000; ++step) {
    const std::string name(1 + below(3), static_cast<char>((below(2) == 0 ? 'a' : 'A') + static_cast<int>(below(3))));
    const std::string value(below(40), static_cast<char>('0' + below(10)));
    const auto matches = [&](const auto& pair) { return same(pair.first, name); };
    switch (below(8)) {
      case 0:
      case 1: {
        const auto removed = std::erase_if(model, matches);
        REQUIRE(fields.remove(name) == removed);
        break;
      }
      case 2:
      case 3: {
        REQUIRE(fields.set(name, value));
        const auto first = std::find_if(model.begin(), model.end(), matches);
        if (first == model.end()) {
          model.emplace_back(name, value);
        } else {
          *first = {name, value};
          model.erase(std::remove_if(first + 1, model.end(), matches), model.end());
        }
        break;
      }
      default:
        if (model.size() < 60) {
          REQUIRE(fields.add(name, value));
          model.emplace_back(name, value);
        }
    }
    REQUIRE(pairs_of(fields) == model);
    REQUIRE(fields.text_bytes() == bytes_of(fields));
  }
}

TEST_CASE("names are compared as ASCII") {
  CHECK(equals_ignoring_case("aZ-09", "Az-09"));
  CHECK(equals_ignoring_case("", ""));
  CHECK_FALSE(equals_ignoring_case("a", "ab"));
  CHECK_FALSE(equals_ignoring_case("[", "{"));
  CHECK_FALSE(equals_ignoring_case("@", "`"));
  CHECK_FALSE(equals_ignoring_case("\xc4", "\xe4"));
}

TEST_CASE("SB-13 what a peer sends is taken but for CR, LF, NUL, and names that would not read as they came") {
  Fields fields;
  const Pairs odd = {{"X(y)", "1"}, {"na\xc3\xafve", "\x01\x1f\x7f"}, {"My Own", "\xff"}, {"@", ""}, {"Good", "a"}};
  for (const auto& [name, value] : odd) CHECK(fields.add_received(name, value));
  CHECK(pairs_of(fields) == odd);
  CHECK(fields.find("x(Y)") == "1");
  CHECK_FALSE(fields.are_sendable());
  for (const std::string& name :
       {std::string(), std::string("a:b"), std::string("a "), std::string(" a"), std::string("a\0", 2),
        std::string("a\rb"), std::string("a\x7f"), std::string("\ta")}) {
    CHECK(fields.add_received(name, "v").error().code == Code::invalid_request);
  }
  for (const std::string& value : {std::string("a\rb"), std::string("a\nb"), std::string("a\0b", 3)}) {
    CHECK(fields.add_received("a", value).error().code == Code::invalid_request);
  }
  CHECK(fields.add_received("a", std::string("\x01\0", 2)).error().message() ==
        "value of field \"a\" holds the control byte 0x00 at 1");
  CHECK(fields.size() == odd.size());
}

TEST_CASE("a list of tokens is looked through without regard to case or quotes") {
  for (const char* list : {"close", "CLOSE", "a, close", "close,a", ", close ,", "\"x, close", "a\t,\tclose\t"})
    CHECK(lists_token(list, "close"));
  for (const char* list : {"", ",", "closed", "a close", "clos", "close;q=1", "\"close\""})
    CHECK_FALSE(lists_token(list, "close"));
}

TEST_CASE("list elements come one by one, without the empty ones") {
  const auto all = [](std::string_view list) {
    std::vector<std::string> out;
    while (const auto element = next_list_element(list)) out.emplace_back(*element);
    CHECK(list.empty());
    return out;
  };
  using Strings = std::vector<std::string>;
  CHECK(all("").empty());
  CHECK(all(" , ,\t,").empty());
  CHECK(all("a") == Strings{"a"});
  CHECK(all(" gzip , chunked\t,,close ") == Strings{"gzip", "chunked", "close"});
  CHECK(all("a b;q=\"1,2\", c") == Strings{"a b;q=\"1,2\"", "c"});
  CHECK(all("\"x\\\",y\", z") == Strings{"\"x\\\",y\"", "z"});
  CHECK(all("\"open, z") == Strings{"\"open, z"});
  CHECK(all("\"\\") == Strings{"\"\\"});
  CHECK(all("a,") == Strings{"a"});
  CHECK(all(",a") == Strings{"a"});
}

}  // namespace
