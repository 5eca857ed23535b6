// What may carry a connection when it is not a TCP socket: the two classes to derive from, and those that are built in.
//
//   struct Serial : sluice::Transport { ... };                        // one byte stream: open, receive, send
//   struct SerialDialer : sluice::Dialer { ... };                     // makes one for each connection
//   options.route = std::make_shared<SerialDialer>("/dev/ttyS0");     // sluice::TransferOptions, for each transfer
//
// TLS, HTTP, reuse, limits and timeouts are the same over each. Knows no Multi; multi.hpp knows this.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "../core/error.hpp"
#include "../core/options.hpp"
#include "../core/types.hpp"
#include "transferred.hpp"

namespace sluice {

enum class Opening : std::uint8_t {
  done,         // the stream is open
  wait_read,    // call open() again when fd() is readable,
  wait_write,   // when write_fd() is writable,
  wait_signal,  // or when the TransportSignal was given
};

// One byte stream. Used by the thread that drives the Multi; nothing in it may block, throw, or call the Multi. (An
// exception is the error of its own connection; from a destructor it ends the program.) Destroyed when the connection
// is given up, after its watch has ended.
class Transport {
 public:
  virtual ~Transport() = default;
  // Called until it answers done or an error (connect_failed, with a line that says what was tried and what came back).
  // It may be called when nothing has changed: it then answers as before.
  virtual Result<Opening> open() = 0;
  // What to watch, level-triggered; it must stay the same from `done` on, and each one that was shown stays open until
  // the Transport is destroyed. A descriptor carries one stream: many over one are for transports without a descriptor.
  // -1: nothing; the TransportSignal says when to try again.
  virtual int fd() const { return -1; }
  // Where the two directions have a descriptor each: what to watch before send() is tried again. As fd() in all else.
  virtual int write_fd() const { return fd(); }
  // Moves what can be moved now. receive() is never called with empty space, and send() gets at most four pieces, none
  // empty.
  virtual Transferred receive(MutableBytes space) = 0;
  virtual Transferred send(std::span<const Bytes> pieces) = 0;
  // The default: as strerror(3).
  virtual std::string describe(int error) const { return std::generic_category().message(error); }
  // After an end or an error: what is known of why, for the line that a transfer's error is ("exited with status 1").
  // Default: nothing.
  virtual std::string end_reason() const { return {}; }
};

// "Try again": open(), receive() or send() may get further. For a transport without a descriptor: to be given after
// every would_block and every `wait_signal`, as soon as that has changed; once too often does no harm. Copyable; may be
// called from any thread, at any moment, also when the connection or the Multi is gone. It calls nothing back; the next
// drive looks, and a loop that sleeps is woken.
using TransportSignal = std::function<void()>;

// What a transfer asked for: the URL's host and port, or connect_to's. For those dialers that lead to more than one
// place.
struct DialTarget {
  std::string host = {};  // canonical; an address without brackets
  std::uint16_t port = 0;
};

// Makes the streams of a route. Is shared by its maker and every transfer and connection that uses it; one Multi at a
// time, in its thread.
class Dialer : public Route {
 public:
  // Must not block, throw, or call the Multi; what takes time belongs into Transport::open(). Error connect_failed: no
  // stream can be had.
  virtual Result<std::unique_ptr<Transport>> dial(const DialTarget& target, TransportSignal signal) = 0;

 protected:
  using Route::Route;
};

// ---- built in ----

// A Unix-domain stream socket. "@name": in Linux's abstract namespace. Error invalid_option: longer than such an
// address can be (107 bytes), empty, or with a NUL byte.
Result<std::shared_ptr<Dialer>> unix_socket(std::string_view path);

// A descriptor that is connected already: a socket, a terminal, a pseudo-terminal, a serial line. Takes it over (made
// non-blocking, closed in the end) also when it answers an error: invalid_option, it is none, cannot be waited for, or
// is a socket that is not connected. Serves one connection at a time, and one in all. A terminal is to be in raw mode
// (cfmakeraw(3)) before: this sets none. O_NONBLOCK is for all who share the open file (duplicates, those who inherited
// it), and stays when this one is closed.
Result<std::shared_ptr<Dialer>> connected_descriptor(int fd, std::string name = "");

// A program whose standard input and output carry the bytes, as ssh's ProxyCommand: one process for each connection,
// started without a shell. "%h" and "%p" in an argument stand for the target's host and port, "%%" for a percent sign.
// Its standard error stays the caller's. When its connection is closed it is told to end (SIGTERM); while some Multi is
// driven, or closes or dials another, it is collected, and killed (SIGKILL) if it takes more than a second. What is
// left when a Multi that had routes goes, or the program ends by exit(3), has a tenth of a second: nothing is left
// afterwards, and nothing else waits. Error invalid_option: no program is named. The error of a transfer whose program
// has ended says its exit status, where that is known by then. A target whose host begins with "-" is refused
// (connect_failed): a program could take it for an option.
Result<std::shared_ptr<Dialer>> child_process(std::vector<std::string> command);

// The application's end of an in-memory stream. Never blocks. May be used by one thread that need not be the Multi's.
class MemoryStream {
 public:
  virtual ~MemoryStream() = default;  // as close()
  virtual Transferred receive(MutableBytes space) = 0;
  virtual Transferred send(Bytes bytes) = 0;
  // No more bytes follow; what was sent is still delivered. Then receive() goes on until the other end closes as well.
  virtual void finish() = 0;
  // Both directions are over; the other end reads what was sent, then its end, and cannot send any more (EPIPE).
  virtual void close() = 0;
  // Called when receive() or send() may get further, from the thread that made it so. Null: nobody.
  // It tells of changes, not of what is there already: try both once after setting it, and then receive until
  // would_block, send until would_block, or the next change goes unheard. In the thread of the Multi it comes when that
  // may be used, as from any callback, but not while the Multi is being destroyed; it may use this stream there if no
  // other thread does. Else a call may still be under way in the other thread when this returns.
  virtual void on_ready(std::function<void()> callback) = 0;
};
struct MemoryPair {
  std::shared_ptr<Dialer> dialer = {};  // for TransferOptions::route; serves one connection in all
  std::unique_ptr<MemoryStream> far_end = {};
};
// `capacity`: how many bytes wait in each direction before send() would block; at least 1.
MemoryPair memory_pair(std::size_t capacity = 64 * 1024);

}  // namespace sluice
