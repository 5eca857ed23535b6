// --data-urlencode and --url-query, compared with what curl 7.88 sent for the same values.
#include "adapters/cli/url_encode_option.hpp"

#include <doctest/doctest.h>

#include <map>
#include <utility>
#include <vector>

namespace sluice::cli {
namespace {

using namespace std::string_literals;

struct Files {
  std::vector<std::string> asked = {};

  ReadFile reader() {
    return [this](const std::string& path) -> std::expected<std::string, UsageError> {
      static const std::map<std::string, std::string> kFiles = {
          {"bin", "a b\n\0\xff&"s}, {"empty", ""}, {"-", "stdin"}, {"x@y", "at"}};
      asked.push_back(path);
      const auto found = kFiles.find(path);
      if (found == kFiles.end()) return std::unexpected(UsageError{26, "no file " + path});
      return found->second;
    };
  }
};

const std::pair<std::string_view, std::string_view> kRows[] = {
    // content
    {"", ""},
    {"a b&c", "a+b%26c"},
    {"-._~!*'()", "-._~%21%2A%27%28%29"},
    {"\xc3\xa9", "%C3%A9"},
    {"a\nb", "a%0Ab"},
    {"%zz", "%25zz"},
    // =content
    {"=", ""},
    {"=a b", "a+b"},
    {"=@bin", "%40bin"},
    {"==", "%3D"},
    // name=content
    {"n m=a b", "n m=a+b"},
    {"a@b=c", "a@b=c"},
    {"a=b@c", "a=b%40c"},
    {"n=", "n="},
    {"@=x", "@=x"},
    {"@x=y", "@x=y"},
    {"a==b", "a=%3Db"},
    {"a=@bin", "a=%40bin"},
    // @file and name@file
    {"@bin", "a+b%0A%00%FF%26"},
    {"n@bin", "n=a+b%0A%00%FF%26"},
    {"%20@bin", "%20=a+b%0A%00%FF%26"},
    {"@empty", ""},
    {"n@empty", ""},
    {"n@-", "n=stdin"},
    {"n@x@y", "n=at"},
};

}  // namespace

TEST_CASE("url encode option: --data-urlencode, and --url-query reads the same") {
  Files files;
  for (const auto& [value, encoded] : kRows) {
    CHECK(url_encode_data(value, files.reader()).value() == encoded);
    CHECK(url_encode_query(value, files.reader()).value() == encoded);
  }
}

TEST_CASE("url encode option: a '+' at the begin means encoded already, in --url-query alone") {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"+", ""}, {"+x%20y&", "x%20y&"}, {"++", "+"}, {"+@bin", "@bin"}, {"+a=b c", "a=b c"}};
  Files files;
  for (const auto& [value, query] : rows) CHECK(url_encode_query(value, files.reader()).value() == query);
  CHECK(files.asked.empty());
  CHECK(url_encode_data("+x y", files.reader()).value() == "%2Bx+y");
  CHECK(url_encode_data("+a=b", files.reader()).value() == "+a=b");
  CHECK(url_encode_query(" +a", files.reader()).value() == "+%2Ba");
}

TEST_CASE("url encode option: a file that cannot be read is an error, and no other file is asked for") {
  Files files;
  for (const char* value : {"@no", "n@no", "@", "n@"}) {
    const auto data = url_encode_data(value, files.reader());
    REQUIRE_FALSE(data.has_value());
    CHECK(data.error().exit_code == 26);
    CHECK_FALSE(url_encode_query(value, files.reader()).has_value());
  }
  CHECK(files.asked == std::vector<std::string>{"no", "no", "no", "no", "", "", "", ""});
}

TEST_CASE("url encode option: every byte has its form") {
  std::string kept;
  for (int byte = 0; byte < 256; ++byte) {
    const std::string one(1, static_cast<char>(byte));
    const std::string encoded = form_encoded(one);
    if (encoded == one)
      kept += one;
    else
      CHECK((byte == ' ' ? encoded == "+" : encoded.size() == 3 && encoded[0] == '%'));
  }
  CHECK(kept == "-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~");
}

}  // namespace sluice::cli
