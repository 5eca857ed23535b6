// The HTTP/1.1 origin of sim_origin.hpp: answers one request completely before it reads the next one. Without a fault
// it follows RFC 9112; every fault is made in answer() and reported there.
#include <algorithm>
#include <utility>

#include "adapters/sim/request_reader.hpp"
#include "adapters/sim/response_writer.hpp"
#include "adapters/sim_origin.hpp"
#include "core/base/ascii.hpp"
#include "core/base/limits.hpp"
#include "core/fields.hpp"

namespace sluice::sim {
namespace {

using Framing = HttpReply::Framing;

struct HttpSite {
  Responder responder;
  HttpOriginOptions options;
};

bool has_no_body(const HttpRequest& request, int status) {
  return request.method == "HEAD" || status == 204 || status == 304;
}

bool asks_to_close(const HttpRequest& request) {
  for (const auto& [name, value] : request.fields) {
    if (name != "connection") continue;
    std::string_view list = value;
    while (const auto element = next_list_element(list)) {
      if (equals_ignoring_case(*element, "close")) return true;
    }
  }
  return false;
}

class HttpPeer final : public Peer {
 public:
  HttpPeer(std::shared_ptr<const HttpSite> site, std::uint64_t nth) : site_(std::move(site)), nth_(nth) {}

  void on_open(Line& line) override { rest(line); }
  void on_bytes(Line& line, Bytes bytes) override {
    if (over_) return;
    came_.append(as_text(bytes));
    work(line);
  }
  void on_end(Line& line) override {
    over_ = true;
    line.close();
  }
  void on_wake(Line& line) override;

 private:
  enum class Alarm : std::uint8_t { none, reply, idle };

  void work(Line& line);
  void head_came(Line& line);
  void request_came(Line& line);
  void bad_request(Line& line);
  void begin(Line& line, HttpReply reply);
  void decide(Line& line, HttpReply reply);
  bool closes(const HttpRequest& request) const;
  void answer(Line& line);
  void say(Line& line, std::string_view text);
  void say_interims(Line& line);
  void flush(Line& line);
  bool misbehave(Line& line, const HttpRequest& request);
  void send_whole(Line& line, const Written& response);
  void cut(Line& line, const HttpRequest& request);
  void surplus(Line& line);
  void answered(Line& line, bool close);
  void rest(Line& line);

  const std::shared_ptr<const HttpSite> site_;
  const std::uint64_t nth_;
  RequestReader reader_;
  std::string came_;
  std::uint64_t requests_ = 0;  // requests whose head has come
  HttpReply reply_;             // to the current request
  std::string gathered_;        // bytes of it that are sent in one write
  std::size_t begun_ = 0;       // bytes of it that were sent before the request was complete
  bool decided_ = false;        // reply_ is final
  bool answered_ = false;       // reply_ was sent
  bool complete_ = true;        // the current request is complete
  bool closing_ = false;        // the last response was sent; the rest of its request is read and dropped
  bool over_ = false;           // nothing is read or sent any more
  Alarm alarm_ = Alarm::none;
};

void HttpPeer::on_wake(Line& line) {
  const Alarm alarm = std::exchange(alarm_, Alarm::none);
  if (over_) return;
  if (alarm == Alarm::reply) {
    answer(line);
    work(line);
  } else if (alarm == Alarm::idle && reader_.between_requests()) {
    over_ = true;
    line.admit("idle close");
    line.close();
  }
}

void HttpPeer::work(Line& line) {
  std::string_view input = came_;
  while (!over_) {
    if (complete_ && decided_) {
      if (!answered_) break;  // the reply comes later; bytes after the request wait
      if (closing_) {
        over_ = true;
        // If the end of the stream is part of the message, it is sent after the message; the connection then waits for
        // the client's end.
        reply_.framing == Framing::until_close ? line.finish() : line.close();
        break;
      }
      decided_ = answered_ = false;
      rest(line);
    }
    const RequestReader::Step step = reader_.read(input);
    if (step == RequestReader::Step::need_more) break;
    if (step == RequestReader::Step::head) head_came(line);
    if (step == RequestReader::Step::complete) request_came(line);
    if (step == RequestReader::Step::bad) bad_request(line);
  }
  came_.erase(0, over_ ? came_.size() : came_.size() - input.size());
}

void HttpPeer::head_came(Line& line) {
  complete_ = false;
  HttpRequest& request = reader_.request();
  request.connection = nth_;
  request.number = requests_++;
  request.early_data = request.number == 0 && line.has_early_data();
  request.server_name = line.server_name();
  if (!reader_.has_body()) return;
  HttpReply reply = site_->responder(request);
  if (reply.early) {
    reader_.drop_body();
    decide(line, std::move(reply));
    return;
  }
  const std::string* expect = request.field("expect");
  const bool waits = expect != nullptr && equals_ignoring_case(*expect, "100-continue");
  if (waits && !site_->options.answers_continue) return;
  if (waits) line.send(by_line_end(status_line(100) + "\r\n", reply.oddity));
  if (reply.begins_early && reply.origin_fault == OriginFault::none) begin(line, std::move(reply));
}

void HttpPeer::begin(Line& line, HttpReply reply) {
  const HttpRequest& request = reader_.request();
  reply_ = fitting(std::move(reply));
  const Written whole = write_response(reply_, has_no_body(request, reply_.status), closes(request));
  if (whole.bytes.size() == whole.head_bytes) return;
  say_interims(line);
  begun_ = whole.head_bytes + (whole.bytes.size() - whole.head_bytes) / 2;
  say(line, std::string_view(whole.bytes).substr(0, begun_));
  flush(line);
}

void HttpPeer::request_came(Line& line) {
  complete_ = true;
  if (!decided_) decide(line, site_->responder(reader_.request()));
}

void HttpPeer::bad_request(Line& line) {
  line.admit("bad request");
  if (!decided_ && begun_ == 0)
    line.send(status_line(reader_.fault_status()) + "Connection: close\r\nContent-Length: 0\r\n\r\n");
  over_ = true;
  line.close();
}

void HttpPeer::decide(Line& line, HttpReply reply) {
  reply_ = fitting(std::move(reply));
  decided_ = true;
  if (reply_.delay <= Duration::zero()) return answer(line);
  alarm_ = Alarm::reply;
  line.wake_after(reply_.delay);
}

void HttpPeer::answer(Line& line) {
  const HttpRequest& request = reader_.request();
  if (misbehave(line, request)) return;
  if (begun_ > 0) reply_.interims.clear();  // they were sent
  say_interims(line);
  const bool no_body = has_no_body(request, reply_.status);
  if (reply_.origin_fault == OriginFault::short_body || reply_.origin_fault == OriginFault::reset_in_body ||
      reply_.origin_fault == OriginFault::stall_in_body)
    return cut(line, request);
  // A response that ends with the connection has nothing after it.
  const bool has_more =
      reply_.origin_fault == OriginFault::surplus || reply_.origin_fault == OriginFault::second_response;
  if (has_more && reply_.framing == Framing::until_close) reply_.framing = Framing::length;
  const bool close = closes(request);
  send_whole(line, write_response(reply_, no_body, close));
  if (has_more) surplus(line);
  flush(line);
  if (reply_.origin_fault == OriginFault::abrupt_close) {
    over_ = answered_ = true;
    line.admit(to_string(OriginFault::abrupt_close));
    return line.close();
  }
  answered(line, close);
}

bool HttpPeer::closes(const HttpRequest& request) const {
  return reply_.close || requests_ >= site_->options.max_requests || asks_to_close(request) ||
         reply_.framing == Framing::until_close || (reply_.http10 && !reply_.keep_alive);
}

void HttpPeer::say(Line& line, std::string_view text) {
  reply_.one_write ? static_cast<void>(gathered_ += text) : line.send(text);
}
void HttpPeer::say_interims(Line& line) {
  for (const int status : reply_.interims) {
    std::string interim = status_line(status);
    write_fields(interim, reply_.interim_fields);
    say(line, by_line_end(interim + "\r\n", reply_.oddity));
  }
}
void HttpPeer::flush(Line& line) {
  if (!gathered_.empty()) line.send(std::exchange(gathered_, {}));
}

// A body that ends with the connection is sent in pieces, which are separate records with TLS, so that a cut may be
// between them.
void HttpPeer::send_whole(Line& line, const Written& response) {
  std::string_view rest = response.bytes;
  if (begun_ > 0) {
    rest.remove_prefix(std::exchange(begun_, 0));
  } else if (reply_.framing == Framing::until_close && !reply_.one_write) {
    line.send(rest.substr(0, response.head_bytes));
    rest.remove_prefix(response.head_bytes);
    const std::size_t piece = std::max<std::size_t>(reply_.chunk_bytes, 1);
    for (; rest.size() > piece; rest.remove_prefix(piece)) line.send(rest.substr(0, piece));
  }
  if (!rest.empty()) say(line, rest);
}

// Faults that replace the response. True: nothing more is sent.
bool HttpPeer::misbehave(Line& line, const HttpRequest& request) {
  std::string wrong;
  switch (reply_.origin_fault) {
    case OriginFault::none:
    case OriginFault::short_body:
    case OriginFault::reset_in_body:
    case OriginFault::stall_in_body:
    case OriginFault::surplus:
    case OriginFault::second_response:
    case OriginFault::abrupt_close:
      return false;
    case OriginFault::garbage: {
      // The first byte shows that this is not a status line.
      wrong = static_cast<char>('a' + line.random().below(26));
      std::string noise(line.random().below(200), '\0');
      line.random().fill({reinterpret_cast<std::uint8_t*>(noise.data()), noise.size()});
      wrong += noise;
      break;
    }
    case OriginFault::two_lengths:
      wrong = status_line(200) + "Content-Length: 1, 2\r\n\r\nab";
      break;
    case OriginFault::bad_chunk:
      if (has_no_body(request, reply_.status)) return false;
      reply_.framing = Framing::chunked;
      reply_.http10 = false;
      reply_.trailers.clear();
      wrong = write_response(reply_, false, false).bytes;
      wrong.resize(wrong.rfind("0\r\n"));  // removes the last chunk
      wrong += "zz\r\n";
      break;
    case OriginFault::huge_head:
      wrong = status_line(200);
      while (wrong.size() <= limits::kMaxHeadBytes) wrong += "Filler: " + std::string(1000, 'x') + "\r\n";
      wrong += "Content-Length: 0\r\n\r\n";
      break;
    case OriginFault::too_many_interims:
      while (wrong.size() < 2 * limits::kMaxInterimBytes)
        wrong += status_line(103) + "X-Filler: " + std::string(8'000, 'i') + "\r\n\r\n";
      break;
    case OriginFault::silent_close:
    case OriginFault::never:
      break;
    case OriginFault::unasked_upgrade:
      wrong = status_line(101) + "Connection: Upgrade\r\nUpgrade: none-that-was-asked-for\r\n\r\n";
      break;
  }
  over_ = answered_ = true;
  line.admit(to_string(reply_.origin_fault));
  if (!wrong.empty()) line.send(wrong);
  if (reply_.origin_fault == OriginFault::silent_close) line.close();
  return true;
}

// Stops before the end of the response: in its body, or in its head if there is no body.
void HttpPeer::cut(Line& line, const HttpRequest& request) {
  const bool no_body = has_no_body(request, reply_.status);
  if (reply_.framing == Framing::until_close) reply_.framing = Framing::length;
  // An empty body cannot be cut.
  if (!no_body && reply_.body.empty()) {
    reply_.framing = Framing::chunked;
    reply_.http10 = false;
  }
  const Written whole = write_response(reply_, no_body, false);
  const std::size_t from = no_body ? 1 : whole.head_bytes;
  const std::size_t kept = from + static_cast<std::size_t>(line.random().below(whole.bytes.size() - from));
  over_ = answered_ = true;
  line.admit(to_string(reply_.origin_fault));
  say(line, std::string_view(whole.bytes).substr(0, kept));
  flush(line);
  if (reply_.origin_fault == OriginFault::short_body) line.close();
  if (reply_.origin_fault == OriginFault::reset_in_body) line.reset();
}

void HttpPeer::surplus(Line& line) {
  line.admit(to_string(reply_.origin_fault));
  if (reply_.origin_fault == OriginFault::second_response) {
    return say(line, status_line(200) + "X-Number: none\r\nContent-Length: 6\r\n\r\nsecond");
  }
  say(line, "surplus" + std::string(static_cast<std::size_t>(line.random().below(64)), '!'));
}

void HttpPeer::answered(Line& line, bool close) {
  answered_ = true;
  closing_ = close;
  // RFC 9112 9.6: if the client still sends, closing at once could make it lose this response.
  if (close && !complete_) line.finish();
}

void HttpPeer::rest(Line& line) {
  if (!site_->options.keep_alive) return;
  alarm_ = Alarm::idle;
  line.wake_after(*site_->options.keep_alive);
}

}  // namespace

const std::string* HttpRequest::field(std::string_view name) const {
  const auto found = std::ranges::find(fields, name, [](const auto& one) -> std::string_view { return one.first; });
  return found == fields.end() ? nullptr : &found->second;
}

std::string_view to_string(OriginFault origin_fault) {
  switch (origin_fault) {
    case OriginFault::none:
      return "none";
    case OriginFault::short_body:
      return "short body";
    case OriginFault::reset_in_body:
      return "reset in body";
    case OriginFault::stall_in_body:
      return "stall in body";
    case OriginFault::surplus:
      return "surplus";
    case OriginFault::second_response:
      return "second response";
    case OriginFault::garbage:
      return "garbage";
    case OriginFault::two_lengths:
      return "two lengths";
    case OriginFault::bad_chunk:
      return "bad chunk";
    case OriginFault::huge_head:
      return "huge head";
    case OriginFault::too_many_interims:
      return "too many interims";
    case OriginFault::silent_close:
      return "silent close";
    case OriginFault::unasked_upgrade:
      return "unasked upgrade";
    case OriginFault::abrupt_close:
      return "abrupt close";
    case OriginFault::never:
      return "never";
  }
  return "";
}

std::string_view to_string(Oddity oddity) {
  switch (oddity) {
    case Oddity::none:
      return "none";
    case Oddity::bare_lf:
      return "bare LF";
    case Oddity::mixed_line_ends:
      return "mixed line ends";
    case Oddity::folds:
      return "folds";
    case Oddity::folded_framing:
      return "folded framing";
    case Oddity::equal_lengths:
      return "equal lengths";
    case Oddity::both_lengths:
      return "both lengths";
    case Oddity::empty_elements:
      return "empty elements";
    case Oddity::identity:
      return "identity";
    case Oddity::padded_chunks:
      return "padded chunks";
    case Oddity::odd_fields:
      return "odd fields";
    case Oddity::blank_before_colon:
      return "blank before colon";
  }
  return "";
}

bool leaves_doubt(Oddity oddity, int status, HttpReply::Framing framing) {
  switch (oddity) {
    case Oddity::mixed_line_ends:
    case Oddity::blank_before_colon:
      return true;
    case Oddity::folded_framing:
      return status != 204 && framing != Framing::until_close;
    case Oddity::both_lengths:
      return status != 204 && framing == Framing::chunked;
    case Oddity::identity:
      return status != 204 && framing != Framing::chunked;
    case Oddity::none:
    case Oddity::bare_lf:
    case Oddity::folds:
    case Oddity::equal_lengths:
    case Oddity::empty_elements:
    case Oddity::padded_chunks:
    case Oddity::odd_fields:
      break;
  }
  return false;
}

Accept http_origin(Responder responder, HttpOriginOptions options) {
  const auto site = std::make_shared<const HttpSite>(std::move(responder), options);
  return [site](std::uint64_t nth) { return std::make_unique<HttpPeer>(site, nth); };
}

}  // namespace sluice::sim
