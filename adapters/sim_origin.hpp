// The far ends of a simulated world: what answers a connection. Either a script (any bytes at any moment), or an
// HTTP/1.1 origin that is correct until it is told to misbehave, or a Peer of the user's own.
//
//   sim::Script script;
//   script.await("\r\n\r\n").send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel").wait(2s).send("lo").close();
//
// Knows bytes and virtual time; no name, no address, no engine. TLS is not seen here: a Peer speaks plain bytes, and
// the world puts TLS under it where the origin says so (sim.hpp). Everything runs in the world's one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../core/base/random.hpp"
#include "../core/types.hpp"

namespace sluice::sim {

// What a Peer may do with its end of a connection. Calls after close() or reset() do nothing.
class Line {
 public:
  // Queued without bound; travels as the weather says.
  virtual void send(Bytes bytes) = 0;
  void send(std::string_view text) { send(as_bytes(text)); }
  virtual void finish() = 0;  // no more bytes from this end; what comes is still read (a half close)
  // What was sent still arrives, then the end; what the engine sends afterwards is answered by a reset.
  virtual void close() = 0;
  virtual void reset() = 0;        // at once; what is under way is lost
  virtual void read(bool on) = 0;  // off: what comes waits in the line, and when that is full the engine cannot send
  virtual void wake_after(Duration delay) = 0;  // Peer::on_wake, once; a later call replaces an earlier one
  // A fault this end commits on purpose: for the trace, and for World::faults() under this name.
  virtual void admit(std::string_view fault) = 0;
  // What speaks TLS upon this line has read its end, and no close_notify before it: for World::record().
  virtual void note_cut_off() {}
  virtual Now now() const = 0;
  virtual Random& random() = 0;

 protected:
  ~Line() = default;
};

// The far end of one connection. Destroyed when both ends have let go of it.
class Peer {
 public:
  virtual ~Peer() = default;
  virtual void on_open(Line& line) { static_cast<void>(line); }
  virtual void on_bytes(Line& line, Bytes bytes) = 0;
  virtual void on_end(Line& line) { line.close(); }  // the engine has closed its end
  virtual void on_wake(Line& line) { static_cast<void>(line); }
};
// Called for each connection that an origin accepts; `nth` counts them from 0.
using Accept = std::function<std::unique_ptr<Peer>(std::uint64_t nth)>;

// ---- scripts ----

// Steps that are done one after the other. Bytes that come while no step awaits them are kept for the next that does.
class Script {
 public:
  Script& await(std::string text);         // until what has come holds this; what came up to its end is taken
  Script& await_bytes(std::size_t count);  // until so many have come, which are taken
  Script& send(std::string bytes);
  Script& wait(Duration delay);
  Script& finish();
  Script& close();
  Script& reset();
  Script& again();  // from the first step on
                    // Past the last step it stays silent.

 private:
  friend std::unique_ptr<Peer> play(Script script);
  struct Step {
    enum class Kind : std::uint8_t { await_text, await_bytes, send, wait, finish, close, reset, again };
    Kind kind;
    std::string bytes = {};
    std::size_t count = 0;
    Duration delay = {};
  };
  friend class ScriptPeer;
  std::vector<Step> steps_;
};
std::unique_ptr<Peer> play(Script script);
// Every connection plays the same script.
Accept script_origin(Script script);

// ---- an HTTP/1.1 origin ----

struct HttpRequest {
  std::string method = {};
  std::string target = {};
  std::vector<std::pair<std::string, std::string>> fields = {};  // names in lower case
  // Decoded; empty so far for a reply that is `early`.
  std::string body = {};
  std::uint64_t connection = 0;                           // Accept's nth
  std::uint64_t number = 0;                               // on this connection, from 0
  const std::string* field(std::string_view name) const;  // the first of that lower-case name; null: none
};

// What an origin can be told to do wrong. Each is admitted under the name that to_string() gives.
enum class Misdeed : std::uint8_t {
  none,
  short_body,         // closes before the framing's end
  reset_in_body,      // resets the connection there
  stall_in_body,      // sends no more, and does not close
  surplus,            // bytes after the response's end
  second_response,    // a whole response there, to no request
  garbage,            // no HTTP at all
  two_lengths,        // Content-Length: 1, 2
  bad_chunk,          // a chunk size that is none
  huge_head,          // a head past every cap
  too_many_interims,  // 1xx without end
  silent_close,       // closes without a byte
  unasked_upgrade,    // 101
  // Closes right after the response, without having said so, whatever of the request is still to come.
  abrupt_close,
  never,  // reads the request and says nothing
};
std::string_view to_string(Misdeed misdeed);

// How an origin may be at odds with RFC 9112 without doing wrong by a tolerant client, which gets the right response.
enum class Oddity : std::uint8_t {
  none,
  bare_lf,             // LF ends every line
  mixed_line_ends,     // ... and here one among CRLF
  folds,               // a field of three lines
  folded_framing,      // Content-Length, or Transfer-Encoding, of two
  equal_lengths,       // Content-Length twice, and listed
  both_lengths,        // Content-Length, of another number, beside chunked
  empty_elements,      // Transfer-Encoding: , chunked ,
  identity,            // Transfer-Encoding: identity, where it is not chunked
  padded_chunks,       // blanks after a chunk's size
  odd_fields,          // a name that is no token, and control bytes in a value
  blank_before_colon,  // of a field that frames nothing
};
std::string_view to_string(Oddity oddity);

struct HttpReply {
  enum class Framing : std::uint8_t { length, chunked, until_close };
  int status = 200;
  std::vector<std::pair<std::string, std::string>> fields = {};
  std::string body = {};
  Framing framing = Framing::length;
  std::size_t chunk_bytes = 4096;                                        // of each chunk
  std::vector<std::pair<std::string, std::string>> trailers = {};        // chunked only
  std::vector<int> interims = {};                                        // sent first, such as 103 ...
  std::vector<std::pair<std::string, std::string>> interim_fields = {};  // ... each with these
  Duration delay = {};                                                   // before the first byte
  // Answered when the request's head has come, before its body; the body is read and dropped.
  bool early = false;
  // Its head and half of its body go out when the request's head has come, the rest after its last byte. Not where it
  // misbehaves, has no body, or owes a 100 that it does not give.
  bool begins_early = false;
  bool close = false;  // says Connection: close and closes after the response
  // An HTTP/1.0 response, without chunks and interims, which closes without saying so.
  bool http10 = false;
  bool keep_alive = false;  // beside http10: says Connection: keep-alive and keeps it
  // Interims, the response and what comes after it go out at once: one read may bring them all.
  bool one_write = false;
  Misdeed misdeed = Misdeed::none;
  Oddity oddity = Oddity::none;
};
// Whether it leaves a client in doubt about where that response ends: then nobody may use the connection again.
bool leaves_doubt(Oddity oddity, int status, HttpReply::Framing framing);
// Called once a request: when it is complete, or, if it has a body, also when its head is there, to learn whether the
// reply is `early` (if it is not, that reply is dropped). The answer should depend on the request alone.
using Responder = std::function<HttpReply(const HttpRequest&)>;

struct HttpOriginOptions {
  std::size_t max_requests = SIZE_MAX;      // on one connection; the last response says Connection: close
  std::optional<Duration> keep_alive = {};  // closes a connection idle for so long, without a word
  bool answers_continue = true;             // 100 for Expect: 100-continue
};
// HEAD, 204 and 304 get no body whatever the reply says. Reads pipelined requests too. A request that is not HTTP/1.1
// by RFC 9112, strictly, is answered by 400 and a close, and admitted as "bad request": a client of ours must never
// cause it.
Accept http_origin(Responder responder, HttpOriginOptions options = {});

}  // namespace sluice::sim
