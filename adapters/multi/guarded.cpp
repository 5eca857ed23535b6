// See guarded.hpp.
#include "adapters/multi/guarded.hpp"

#include <cerrno>
#include <limits>
#include <utility>

#include "adapters/net/thrown.hpp"

namespace sluice::multi {
namespace {

// Not an errno, and unlikely as a transport's own number.
constexpr int kThrown = std::numeric_limits<int>::min();

template <class Call>
Transferred attempt(Connection& connection, Call call) {
  Transferred failed;
  try {
    return call(*connection.stream);
  } catch (const std::bad_alloc&) {
    failed.error = ENOMEM;
  } catch (...) {
    failed.error = kThrown;
    try {
      connection.thrown = net::what_was_thrown();
    } catch (const std::bad_alloc&) {  // without the text
    }
  }
  return failed;
}

std::string words_of(const Connection& connection, int error) {
  if (error == kThrown)
    return "its transport" + (connection.thrown.empty() ? " threw an exception" : connection.thrown);
  try {
    return connection.stream->describe(error);
  } catch (const std::bad_alloc&) {
    throw;
  } catch (...) {
    return "error " + std::to_string(error) + ", for which it has no words";
  }
}

}  // namespace

Result<std::unique_ptr<Transport>> dial(Dialer& dialer, const DialTarget& target, TransportSignal signal) {
  try {
    auto made = dialer.dial(target, std::move(signal));
    if (!made || *made) return made;
    return std::unexpected(
        make_error(Code::connect_failed, "connect to " + dialer.name() + ": its dialer made no stream"));
  } catch (const std::bad_alloc&) {
    throw;
  } catch (...) {
    return std::unexpected(
        make_error(Code::connect_failed, "connect to " + dialer.name() + ": its dialer" + net::what_was_thrown()));
  }
}

Result<Opening> open_stream(Connection& connection) try {
  return connection.stream->open();
} catch (const std::bad_alloc&) {
  return std::unexpected(make_error(Code::out_of_memory, {}));
} catch (...) {
  return std::unexpected(in_words(Code::connect_failed, 0, [&] {
    return "connect to " + connection.peer() + ": its transport" + net::what_was_thrown();
  }));
}

Transferred receive_from(Connection& connection, MutableBytes space) {
  return attempt(connection, [&](Transport& stream) { return stream.receive(space); });
}
Transferred send_to(Connection& connection, std::span<const Bytes> pieces) {
  return attempt(connection, [&](Transport& stream) { return stream.send(pieces); });
}

int descriptor_of(const Transport& stream) {
  try {
    return stream.fd();
  } catch (...) {
    return -1;
  }
}
int write_descriptor_of(const Transport& stream) {
  try {
    return stream.write_fd();
  } catch (...) {
    return -1;
  }
}

Address local_address_of(const Transport& stream) {
  try {
    return stream.local_address();
  } catch (...) {
    return {};
  }
}

std::shared_ptr<const StreamSecurity> security_of(const Transport& stream) {
  try {
    return stream.security();
  } catch (...) {
    return nullptr;
  }
}
std::optional<Instant> deadline_of(const Transport& stream) {
  try {
    return stream.deadline();
  } catch (...) {
    return std::nullopt;
  }
}

std::string end_reason_of(const Connection& connection) {
  if (!connection.route) return {};
  try {
    return connection.stream->end_reason();
  } catch (...) {
    return {};
  }
}

Error describe(const Connection& connection, Code code, int error) {
  const char* const what = code == Code::send_failed ? "send to " : "receive from ";
  return in_words(code, error == kThrown ? 0 : error, [&] {
    const std::string why = end_reason_of(connection);
    return what + connection.peer() + ": " + words_of(connection, error) + (why.empty() ? "" : " (" + why + ")");
  });
}

}  // namespace sluice::multi
