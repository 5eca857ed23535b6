// What can carry a connection instead of a TCP socket: the two classes to derive from, and the built-in ones.
//
//   struct Serial : sluice::Transport { ... };                        // one byte stream: open, receive, send
//   struct SerialDialer : sluice::Dialer { ... };                     // makes one for each connection
//   options.route = std::make_shared<SerialDialer>("/dev/ttyS0");     // sluice::TransferOptions, for each transfer
//
// TLS, HTTP, reuse, limits and timeouts work over each of them. Knows no Multi. Leaves to Multi: when each function is
// called.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "../core/address.hpp"
#include "../core/error.hpp"
#include "../core/options.hpp"
#include "../core/stream_security.hpp"
#include "../core/types.hpp"
#include "transferred.hpp"

namespace sluice {

// What Transport::open() waits for.
enum class Opening : std::uint8_t {
  done,         // the stream is open
  wait_read,    // call open() again when fd() is readable
  wait_write,   // call open() again when write_fd() is writable
  wait_signal,  // call open() again when the TransportSignal was called
};

// One byte stream. Used only by the thread that drives the Multi. No function may block, throw, or call the Multi. (An
// exception becomes the error of its connection; from the destructor it ends the program.) Destroyed when the
// connection is closed, after the watch of its descriptors has ended.
class Transport {
 public:
  virtual ~Transport() = default;
  // Opens the stream. Called until it returns done or an error (connect_failed, with a message that says what was tried
  // and what came back). It may be called when nothing has changed, and then returns the same as before.
  virtual Result<Opening> open() = 0;
  // The descriptor to watch, level-triggered. It must not change after `done`, and each descriptor that was returned
  // must stay open until the Transport is destroyed. A descriptor carries one stream only: several streams on one
  // descriptor must be transports without a descriptor. -1: none; the TransportSignal tells when to try again.
  virtual int fd() const { return -1; }
  // If each direction has its own descriptor: the one to watch before send() is tried again. Otherwise as fd().
  virtual int write_fd() const { return fd(); }
  // The address of this end, after `done`; Kind::none (the default): the stream has none. Called once, and only if
  // MultiOptions::local_addresses is set.
  virtual Address local_address() const { return {}; }
  // After `done`, what the stream of a secure route (Route::is_secure) says of its protection; null (the default):
  // nothing, and HTTP/1 is spoken. Called once.
  virtual std::shared_ptr<const StreamSecurity> security() const { return nullptr; }
  // When to try again although nothing has happened (Multi::now()), for timers of the transport's own; nullopt (the
  // default): never. Asked after each open(), receive() and send(); the answer counts until the next one. At that time
  // open() is called again, or receive() and a send() that has blocked, as far as the connection may read and has
  // something to send. One that is not later than the last one that came is not heard.
  virtual std::optional<Instant> deadline() const { return std::nullopt; }
  // Read or write what is possible now, without blocking. `space` is never empty. send() gets at most four pieces, none
  // empty, and sends them in order.
  virtual Transferred receive(MutableBytes space) = 0;
  virtual Transferred send(std::span<const Bytes> pieces) = 0;
  // The text of an error number. Default: as strerror(3).
  virtual std::string describe(int error) const { return std::generic_category().message(error); }
  // After the end or an error: the reason, if known, for the transfer's error message ("exited with status 1").
  // Default: "".
  virtual std::string end_reason() const { return {}; }
};

// Tells that open(), receive() or send() may now get further. A transport without a descriptor must call it after each
// would_block and each `wait_signal`, as soon as the state has changed; an unneeded call does no harm. Copyable. May be
// called from any thread, at any moment, also after the connection or the Multi is gone. It calls nothing back: it
// wakes the loop, and the next drive tries again.
using TransportSignal = std::function<void()>;

// The host and port of the URL or of connect_to. For dialers that can connect to more than one place.
struct DialTarget {
  std::string host = {};  // canonical; an IPv6 address has no brackets
  std::uint16_t port = 0;
};

// Makes the streams of a route. Shared by the application and every transfer and connection that uses it. Used by one
// Multi at a time, in that Multi's thread.
class Dialer : public Route {
 public:
  // Makes a stream for one connection. Must not block, throw, or call the Multi; Transport::open() is the place for
  // work that takes time. Error: connect_failed.
  virtual Result<std::unique_ptr<Transport>> dial(const DialTarget& target, TransportSignal signal) = 0;

 protected:
  using Route::Route;
};

// ---- built-in routes; for TransferOptions::route ----

// A Unix-domain stream socket. "@name" is in Linux's abstract namespace. Error: invalid_option (`path` is longer than
// 107 bytes, empty, or has a NUL byte).
Result<std::shared_ptr<Dialer>> unix_socket(std::string_view path);

// A descriptor that is connected already: a socket, a terminal, a pseudo-terminal, a serial line. The Dialer owns the
// descriptor from here on (it sets O_NONBLOCK and closes it at the end), also if this function returns an error. It
// serves one connection in all. A terminal must be in raw mode (cfmakeraw(3)) already. O_NONBLOCK affects all users of
// the open file (duplicates and inherited ones), also after this descriptor is closed. Error: invalid_option (not a
// descriptor, one that cannot be waited for, or a socket that is not connected).
Result<std::shared_ptr<Dialer>> connected_descriptor(int fd, std::string name = "");

// A program whose standard input and output carry the bytes, like ssh's ProxyCommand: one process for each connection,
// started without a shell. In an argument "%h" and "%p" stand for the target's host and port, "%%" for a percent sign.
// Its standard error is the caller's. When the connection is closed, the process gets SIGTERM. It is then collected
// (waitpid) whenever any Multi is driven, or closes or dials such a connection, and gets SIGKILL if it does not end
// within a second. When a Multi that had routes is destroyed, or at exit(3), the processes that remain get a tenth of a
// second, then SIGKILL, and are collected. If a process has ended, the transfer's error tells its exit status, if
// known. A target whose host begins with "-" is refused (connect_failed), because a program could take it for an
// option. Error: invalid_option (`command` names no program).
Result<std::shared_ptr<Dialer>> child_process(std::vector<std::string> command);

// The application's end of a stream in memory. Never blocks. May be used by one thread at a time, which need not be the
// Multi's.
class MemoryStream {
 public:
  virtual ~MemoryStream() = default;  // the destructor does the same as close()
  virtual Transferred receive(MutableBytes space) = 0;
  virtual Transferred send(Bytes bytes) = 0;
  // No more bytes follow; what was sent is still delivered. receive() still works until the other end closes too.
  virtual void finish() = 0;
  // Ends both directions: the other end can read what was sent, then the end, and cannot send any more (EPIPE).
  virtual void close() = 0;
  // Sets a function that is called when receive() or send() may get further; null: none. The thread that caused the
  // change calls it.
  // It reports changes only: after setting it call receive() and send() once, and later always until would_block, else
  // a change may be missed. In the Multi's thread it is called when the Multi may be used, as from any callback, but
  // not while the Multi is being destroyed; there it may use this stream if no other thread does. If it is called in
  // another thread, a call of the earlier function may still run when on_ready() returns.
  virtual void on_ready(std::function<void()> callback) = 0;
};
struct MemoryPair {
  std::shared_ptr<Dialer> dialer = {};  // for TransferOptions::route; serves one connection in all
  std::unique_ptr<MemoryStream> far_end = {};
};
// A stream in memory. `capacity`: how many bytes each direction can hold before send() returns would_block; at least 1.
// Throws std::bad_alloc.
MemoryPair memory_pair(std::size_t capacity = 64 * 1024);

}  // namespace sluice
