// content::Codings: names and lists of Content-Encoding, row by row; what a build without a library says; and the value
// of Accept-Encoding.
#include "core/content/coding.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace sluice;
using namespace sluice::content;

namespace {

using List = std::vector<Coding>;
constexpr CodingSet kAll = {Coding::gzip, Coding::deflate, Coding::br, Coding::zstd};

List listed(const Codings& codings) { return {codings.list().begin(), codings.list().end()}; }

Result<List> read(std::string_view value, CodingSet known = kAll) {
  Codings codings(known);
  if (auto added = codings.add_list(value); !added) return std::unexpected(added.error());
  return listed(codings);
}

std::string why_not(std::string_view value, CodingSet known = kAll) {
  const auto codings = read(value, known);
  REQUIRE_FALSE(codings.has_value());
  CHECK(codings.error().code == Code::unsupported_coding);
  CHECK(codings.error().blame == Blame::peer);
  return codings.error().message();
}

}  // namespace

TEST_CASE("coding: the values of Content-Encoding, row by row") {
  using enum Coding;
  struct Row {
    std::string_view value;
    List codings;
  };
  const Row rows[] = {
      {"gzip", {gzip}},
      {"deflate", {deflate}},
      {"br", {br}},
      {"zstd", {zstd}},
      {"GZip", {gzip}},
      {"BR", {br}},
      {"x-gzip", {gzip}},
      {"X-GZIP", {gzip}},
      {"identity", {}},
      {"Identity, none, NONE", {}},
      {"", {}},
      {" , ,, ", {}},
      {"gzip, br", {gzip, br}},
      {"br,gzip", {br, gzip}},
      {",\tgzip\t,  , br ,", {gzip, br}},
      {"gzip, identity, gzip", {gzip, gzip}},
      {"deflate, gzip, br, zstd, x-gzip", {deflate, gzip, br, zstd, gzip}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.value);
    const auto codings = read(row.value);
    REQUIRE(codings.has_value());
    CHECK(*codings == row.codings);
  }
}

TEST_CASE("coding: what is not known is an error that says the name") {
  CHECK(why_not("lzma") == "decode a body with the content coding \"lzma\": it is not known");
  for (const std::string_view value :
       {"compress", "x-compress", "gzip, aes128gcm", "gzi", "gzipp", "x-br", "gzip;q=1", "gzip br", "\"gzip\"", "*"}) {
    CAPTURE(value);
    CHECK(why_not(value).ends_with(": it is not known"));
  }
  const std::string name(64, 'n');
  CHECK(why_not(name) == "decode a body with the content coding \"" + name + "\": it is not known");
  CHECK(why_not(name + "o") == "decode a body with the content coding \"" + name + "...\": it is not known");
}

TEST_CASE("coding: a coding without its library is an error that says so") {
  const CodingSet some = {Coding::deflate, Coding::zstd};
  CHECK(why_not("br", some) == "decode a body with the content coding \"br\": this build has no such coding");
  CHECK(why_not("x-gzip", some) == "decode a body with the content coding \"x-gzip\": this build has no such coding");
  CHECK(read("deflate, zstd, identity", some) == List{Coding::deflate, Coding::zstd});
  CHECK(read("identity", CodingSet()) == List{});
  // A library and its coding are there, or neither.
  for (const Coding coding : {Coding::gzip, Coding::deflate, Coding::br, Coding::zstd}) {
    const auto decoder = make_decoder(coding);
    CHECK(decoder.has_value() == codings_in_build().contains(coding));
    if (!decoder) CHECK(decoder.error().code == Code::unsupported_coding);
  }
  CHECK(codings_in_build().contains(Coding::gzip) == codings_in_build().contains(Coding::deflate));
}

TEST_CASE("SB-20 coding: a body has five codings at most") {
  CHECK(read("gzip, gzip, gzip, gzip, gzip")->size() == 5);
  CHECK(read("gzip, identity, gzip, gzip, , gzip, none, gzip, identity")->size() == 5);
  CHECK(why_not("gzip, gzip, gzip, gzip, gzip, br") ==
        "decode a body with the content coding \"br\": the body has more than 5 codings");
  std::string many;
  for (int i = 0; i < 5'000; ++i) many += "gzip,";
  CHECK(why_not(many).ends_with("the body has more than 5 codings"));
  Fields fields;
  for (int i = 0; i < 5; ++i) REQUIRE(fields.add("Content-Encoding", "gzip").has_value());
  CHECK(Codings::of(fields, kAll)->list().size() == 5);
  REQUIRE(fields.add("Content-Encoding", "gzip").has_value());
  CHECK(Codings::of(fields, kAll).error().code == Code::unsupported_coding);
}

TEST_CASE("coding: all Content-Encoding fields are one list; other fields are none of it") {
  Fields fields;
  CHECK(listed(*Codings::of(fields, kAll)).empty());
  REQUIRE(fields.add("Content-Encoding", "br").has_value());
  REQUIRE(fields.add("Content-Type", "gzip").has_value());
  REQUIRE(fields.add("Transfer-Encoding", "gzip").has_value());
  REQUIRE(fields.add("content-encoding", "zstd, gzip").has_value());
  const auto codings = Codings::of(fields, kAll);
  REQUIRE(codings.has_value());
  CHECK(listed(*codings) == List{Coding::br, Coding::zstd, Coding::gzip});
  CHECK_FALSE(Codings::of(fields, {Coding::br, Coding::gzip}).has_value());
}

TEST_CASE("coding: transfer codings come after those of the content, without chunked, and are gzip and deflate only") {
  struct Row {
    std::string_view content, transfer;
    List codings;
    std::string_view refusal = {};
  };
  using enum Coding;
  const Row rows[] = {
      {"", "chunked", {}},
      {"", "gzip, chunked", {gzip}},
      {"", "X-GZip,,deflate , Chunked", {gzip, deflate}},
      {"br", "gzip", {br, gzip}},
      {"", "identity", {}},
      {"", "br", {}, "decode a body with the transfer coding \"br\": it is not known"},
      {"br", "zstd, chunked", {}, "decode a body with the transfer coding \"zstd\": it is not known"},
      {"", "compress", {}, "decode a body with the transfer coding \"compress\": it is not known"},
      {"gzip,gzip,gzip,gzip",
       "gzip, deflate, chunked",
       {},
       "decode a body with the transfer coding \"deflate\": the body has more than 5 codings"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.transfer);
    Fields fields;
    REQUIRE(fields.add("Content-Encoding", row.content).has_value());
    REQUIRE(fields.add("transfer-encoding", row.transfer).has_value());
    auto codings = Codings::of(fields, kAll);
    REQUIRE(codings.has_value());
    const auto added = codings->add_transfer(fields);
    CHECK(added.has_value() == row.refusal.empty());
    if (added) {
      CHECK(listed(*codings) == row.codings);
    } else {
      CHECK(added.error().code == Code::unsupported_coding);
      CHECK(added.error().message() == row.refusal);
    }
  }
}

TEST_CASE("coding: names one by one") {
  Codings codings(kAll);
  CHECK(codings.add("zstd").has_value());
  CHECK(codings.add("Identity").has_value());
  CHECK(codings.add("X-Gzip").has_value());
  CHECK_FALSE(codings.add("").has_value());
  CHECK_FALSE(codings.add("br, gzip").has_value());
  CHECK(listed(codings) == List{Coding::zstd, Coding::gzip});
}

TEST_CASE("coding: the value of Accept-Encoding names what there is, in one order") {
  CHECK(accept_encoding(kAll) == "gzip, deflate, br, zstd");
  CHECK(accept_encoding({Coding::zstd, Coding::gzip}) == "gzip, zstd");
  CHECK(accept_encoding({Coding::br}) == "br");
  CHECK(accept_encoding(CodingSet()) == "");
  CHECK(accept_encoding() == accept_encoding(codings_in_build()));
}
