// core/tls/session_cache.hpp: which TLS sessions are kept, returned and dropped.
#include "core/tls/session_cache.hpp"

#include <doctest/doctest.h>
#include <openssl/ssl.h>

#include <string>

#include "core/base/limits.hpp"

using namespace sluice;
using tls::SessionCache;
using tls::StoredSession;

namespace {

// `tag` can be told back by created.
StoredSession session(UnixSeconds tag, bool single_use, UnixSeconds until = 1'000) {
  static const bssl::UniquePtr<SSL_CTX> context(SSL_CTX_new(TLS_method()));
  return {tls::SessionRef(SSL_SESSION_new(context.get())), tag, until, single_use};
}

}  // namespace

TEST_CASE("a single-use session is handed out once, the newest first") {
  SessionCache cache;
  cache.put("a", session(1, true));
  cache.put("a", session(2, true));
  CHECK(cache.size() == 2);
  CHECK(cache.take("a", 0).created == 2);
  CHECK(cache.take("a", 0).created == 1);
  CHECK_FALSE(cache.take("a", 0).session);
  CHECK(cache.size() == 0);
}

TEST_CASE("any other session stays, and outlives the cache where it was handed out") {
  StoredSession kept;
  {
    SessionCache cache;
    cache.put("a", session(1, false));
    CHECK(cache.take("a", 0).created == 1);
    kept = cache.take("a", 0);
    CHECK(cache.size() == 1);
  }
  REQUIRE(kept.session);
  CHECK(SSL_SESSION_get_timeout(kept.session.get()) > 0);
}

TEST_CASE("of sessions for more than one use the newest is handed out, each time") {
  SessionCache cache;
  cache.put("a", session(1, false));
  cache.put("a", session(2, false));
  CHECK(cache.take("a", 0).created == 2);
  CHECK(cache.take("a", 0).created == 2);
  CHECK(cache.size() == 2);
}

TEST_CASE("SB-06 keys are exact: case, prefix and bytes count") {
  SessionCache cache;
  cache.put(std::string("k\0a", 3), session(1, true));
  for (const std::string& key :
       {std::string("k"), std::string("k\0A", 3), std::string("k\0b", 3), std::string("k\0a\0", 4), std::string()}) {
    CHECK_FALSE(cache.take(key, 0).session);
  }
  CHECK(cache.take(std::string("k\0a", 3), 0).session);
}

TEST_CASE("an expired session is dropped, a usable one before it is found") {
  SessionCache cache;
  cache.put("a", session(1, true, 100));
  cache.put("a", session(2, true, 50));
  CHECK(cache.take("a", 51).created == 1);
  cache.put("a", session(3, true, 50));
  CHECK(cache.take("a", 50).created == 3);
  cache.put("a", session(4, true, 50));
  CHECK_FALSE(cache.take("a", 51).session);
  CHECK(cache.size() == 0);
}

TEST_CASE("one key keeps the newest few") {
  SessionCache cache;
  for (UnixSeconds tag = 0; tag < 10; ++tag) cache.put("a", session(tag, true));
  CHECK(cache.size() == limits::kTlsSessionsPerOrigin);
  CHECK(cache.take("a", 0).created == 9);
}

TEST_CASE("in all there is a cap, and the keys unused for longest go first") {
  SessionCache cache;
  for (std::size_t i = 0; i < limits::kMaxTlsSessions; ++i) cache.put(std::to_string(i), session(1, false));
  CHECK(cache.take("0", 0).session);  // used: now the newest
  cache.put("more", session(2, false));
  cache.put("and more", session(3, false));
  CHECK(cache.size() == limits::kMaxTlsSessions);
  CHECK(cache.take("0", 0).session);
  CHECK_FALSE(cache.take("1", 0).session);
  CHECK_FALSE(cache.take("2", 0).session);
  CHECK(cache.take("3", 0).session);
  CHECK(cache.take("and more", 0).session);
}

TEST_CASE("forget takes all of one key and nothing else") {
  SessionCache cache;
  cache.put("a", session(1, false));
  cache.put("a", session(2, false));
  cache.put("b", session(3, false));
  cache.forget("a");
  cache.forget("never seen");
  CHECK(cache.size() == 1);
  CHECK_FALSE(cache.take("a", 0).session);
  CHECK(cache.take("b", 0).session);
  cache.put("empty", {});
  CHECK(cache.size() == 1);
}
