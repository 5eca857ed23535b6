// The exchanges of one HTTP/2 connection: what each reads and writes, how far its request has been sent, and a table by
// stream id. Leaves to the session: what changes them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/http/session.hpp"
#include "core/http2/response_reader.hpp"
#include "core/http2/window_growth.hpp"

namespace sluice::http2 {

using http::StreamId;

// How the request's body is sent.
enum class SendState : std::uint8_t {
  waiting,  // for 100 (Continue) (RFC 9110 10.1.1)
  body,
  done,     // the stream was ended by us; also if there is no body
  stopped,  // the rest is not sent: the response has made it useless
};

class Stream {
 public:
  Stream() = default;
  void start(StreamId id, const http::Exchange& exchange, bool expects_continue, bool is_head);
  void recycle();  // no pointer of the exchange is kept

  StreamId id() const { return id_; }
  http::UploadBody* upload() const { return exchange_.upload; }
  ResponseReader& reader() { return reader_; }
  const ResponseReader& reader() const { return reader_; }
  SendState sending() const { return sending_; }
  // A move that the table does not have stops the process.
  void enter(SendState to);
  bool may_enter(SendState to) const;

  // Facts about the request's bytes, for http::Session. `held_back`: the library waits until it is told that there is
  // more of the body.
  bool begun = false, sent = false, held_back = false;
  bool blocked = false;      // it waits for its turn
  bool ended_by_us = false;  // the library does not know that the request has ended
  std::uint8_t urgency = Priority{}.urgency;
  std::size_t buffered = 0;  // body bytes that the application has not consumed
  Window window;
  std::uint64_t reported = 0;  // the last call of on_wire() that named it
  std::size_t on_wire = 0;     // how many bytes of its request that call has told of

 private:
  StreamId id_ = 0;
  http::Exchange exchange_;
  ResponseReader reader_;
  SendState sending_ = SendState::done;
};

// Objects do not move. At most limits::kMaxStreams, so that a removal may move the places after it.
class Streams {
 public:
  void make_room();  // the next add() needs no memory. Throws std::bad_alloc.
  // Ids grow from call to call. Throws std::bad_alloc.
  Stream& add(StreamId id, const http::Exchange& exchange, bool expects_continue, bool is_head);
  Stream* find(StreamId id) const;  // null: there is none
  void remove(Stream& stream);
  std::size_t size() const { return open_.size(); }
  bool empty() const { return open_.empty(); }
  // The one with the lowest id; there is one.
  Stream& front() const { return *open_.front(); }
  auto begin() const { return open_.begin(); }
  auto end() const { return open_.end(); }
  void release();  // frees what an idle connection does not need. Only when empty

 private:
  std::size_t place_of(StreamId id) const;  // ids_.size(): there is none

  std::vector<StreamId> ids_;  // of `open_`, which grow: searched without touching the objects
  std::vector<std::unique_ptr<Stream>> open_;
  std::vector<std::unique_ptr<Stream>> spare_;  // to be used again
  mutable std::size_t latest_ = 0;              // the place that was found last: facts about a stream come in a row
};

// Which bytes of the output belong to which request. Positions count all bytes of the connection.
class RequestMarks {
 public:
  struct Mark {
    std::uint64_t begin = 0, end = 0;
    StreamId stream = 0;
    bool last = false;  // the request ends at `end`
  };
  // Marks are added in the order of their bytes. Throws std::bad_alloc.
  void add(const Mark& mark);
  // The first mark, if it begins before `taken`; else null.
  const Mark* next(std::uint64_t taken) const;
  bool has(StreamId stream) const;  // of a request, some bytes are marked. Looks at all marks
  void pop();                       // removes the first
  void release();                   // frees the memory, if there are none

 private:
  std::vector<Mark> marks_;
  std::size_t first_ = 0;
};

}  // namespace sluice::http2
