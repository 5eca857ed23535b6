// A trace of what transfers send and receive, as curl's --trace and CURLOPT_DEBUGFUNCTION tell of it: heads and bodies
// in both directions, and lines about connections and failures. Pure. Leaves to others: where the text goes, the time
// and other prefixes of its lines. What TLS adds is not told of.
//
// With a Multi: adapters/traced_handler.hpp. With an Engine of your own, for transfers with
// TransferOptions::report_heads, where `print` writes trace_text(piece.part, piece.bytes, TraceForm::ascii):
//   TransferTrace trace(print);
//   while (auto out = engine.poll_output()) {
//     trace.take(engine, *out);  // tells of heads, of bodies that the engine reads itself, of failures and trailers
//     ...
//     trace.body_received(engine.body(id));  // before consume_body() of these bytes
//     trace.body_sent(bytes);                // before commit_upload() of these bytes, which are in upload_space()
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "outputs.hpp"
#include "progress.hpp"
#include "request.hpp"
#include "response.hpp"
#include "types.hpp"

namespace sluice {

enum class TracePart : std::uint8_t {
  info,           // one line, with its LF: about the connection, or why a hop has failed
  head_sent,      // the head of a request, or of a CONNECT
  body_sent,      // bytes of its body, without chunk framing
  head_received,  // one line of the head of a response, with its line end; or of its trailers
  body_received,  // bytes of its body, as Engine::body() gives them
};

enum class TraceForm : std::uint8_t {
  hex,    // 16 bytes on a line, as hexadecimal digits and as text
  ascii,  // text only, 64 bytes on a line, or up to a CRLF
};

// Curl's text of one piece, with `prefix` before its first line (of an info, before each): "== Info: " and the line; or
// "=> Send header, 5 bytes (0x5)" and the like, then lines of the bytes with their offset. A byte that is no visible
// ASCII is shown as '.'. As all functions here, throws std::bad_alloc.
std::string trace_text(TracePart part, std::string_view bytes, TraceForm form = TraceForm::hex,
                       std::string_view prefix = {});
// Lines: the peer's address and whether the connection is new; if it is, TLS with the server and with proxies, and what
// their certificates say; and whether the request is sent again. Without control bytes.
std::string connection_lines(const Url& url, const TransferInfo& info);
// One line for a head of a CONNECT handshake, as curl has it: before one that is sent, where the tunnel leads; after
// one that is received, that the tunnel is there. "": there is nothing to say.
std::string tunnel_line(const output::ConnectHead& head);
// `prefix` before each line of the text.
std::string prefix_lines(std::string_view prefix, std::string_view text);

struct TracePiece {
  TransferId transfer = {};
  ConnId conn = {};  // of the present hop; a default id: it has none, or its head is not sent yet
  TracePart part = TracePart::info;
  std::string_view bytes = {};  // valid during the call
};

// Credentials in heads and trailers: replaced (redacted_head() in redaction.hpp), so that the size of a head is that of
// what is shown; or as on the wire. Bodies are never changed.
enum class TraceSecrets : std::uint8_t { hidden, shown };

// Tells of one transfer. `Source` is what drives it, an Engine or a Multi; its getters are called, and nothing else.
class TransferTrace {
 public:
  // Called once for each piece, in their order. It must not change what drives the transfer.
  using Sink = std::function<void(const TracePiece&)>;
  explicit TransferTrace(Sink sink, TraceSecrets secrets = TraceSecrets::hidden)
      : sink_(std::move(sink)), shows_secrets_(secrets == TraceSecrets::shown) {}

  template <class Source>
  void head_sent(const Source& source, TransferId transfer, std::string_view head) {
    sent_so_far(source);  // on an earlier connection, if the request is sent again
    begin_request(transfer, source.request(transfer), source.info(transfer), head);
  }
  template <class Source>
  void connect_head(const Source& source, const output::ConnectHead& head) {
    sent_so_far(source);
    tell_connect(head);
  }
  // `head`: ResponseHead::raw().
  template <class Source>
  void head_received(const Source& source, TransferId transfer, std::string_view head) {
    sent_so_far(source);
    transfer_ = transfer;
    tell_head(head);
  }
  // For bodies that the engine does not read itself (BodyStream), and for what is received.
  void body_sent(Bytes bytes) { tell(TracePart::body_sent, as_text(bytes)); }
  void body_received(Bytes bytes) { tell(TracePart::body_received, as_text(bytes)); }
  template <class Source>
  void hop_done(const Source& source, const output::HopDone& hop) {
    sent_so_far(source);
    end_hop(hop);
  }
  template <class Source>
  void done(const Source& source, TransferId transfer, const Result<void>& result) {
    sent_so_far(source);
    transfer_ = transfer;
    if (!result) return tell_failure(result.error());
    tell_trailers(source.trailers(transfer));
  }
  // What was sent of a body that the engine reads itself (BodyView, BodyOwned). All functions above do it too: call it
  // before a transfer is removed early.
  template <class Source>
  void sent_so_far(const Source& source) {
    if (told_of_body_ < body().size()) tell_sent(source.hops(transfer_));
  }
  // Any output of an Engine; those that say nothing about a transfer have no effect.
  template <class Source>
  void take(const Source& source, const Output& output) {
    std::visit([&](const auto& what) { take_one(source, what); }, output);
  }

 private:
  template <class Source, class Kind>
  void take_one(const Source& source, const Kind& what) {
    if constexpr (std::is_same_v<Kind, output::HeadSent>) head_sent(source, what.transfer, what.head);
    if constexpr (std::is_same_v<Kind, output::ConnectHead>) connect_head(source, what);
    if constexpr (std::is_same_v<Kind, output::InterimReady>) head_received(source, what.transfer, what.head.raw());
    if constexpr (std::is_same_v<Kind, output::HeadReady>) {
      head_received(source, what.transfer, source.head(what.transfer).raw());
    }
    if constexpr (std::is_same_v<Kind, output::HopDone>) {
      // With a failure the head was told of when it came.
      if (!what.failure && what.head.status != 0) head_received(source, what.transfer, what.head.raw());
      hop_done(source, what);
    }
    if constexpr (std::is_same_v<Kind, output::Done>) done(source, what.transfer, what.result);
  }
  void begin_request(TransferId transfer, const Request& request, const TransferInfo& info, std::string_view head);
  void end_hop(const output::HopDone& hop);
  void tell(TracePart part, std::string_view bytes);
  void tell_head(std::string_view head);
  void tell_connect(const output::ConnectHead& head);
  void tell_lines(TracePart part, std::string_view lines);
  void tell_failure(const Error& error);
  void tell_trailers(const Fields& trailers);
  void tell_sent(const std::vector<Hop>& hops);
  std::string shown(std::string_view head) const;
  std::string_view body() const { return owns_body_ ? std::string_view(owned_body_) : viewed_body_; }

  Sink sink_;
  bool shows_secrets_;
  TransferId transfer_ = {};
  ConnId conn_ = {};
  std::size_t hop_ = 0;  // number of the present hop
  // The body of the present request, if the engine reads it itself. One that the request owns is copied: the request of
  // the next hop may have none.
  bool owns_body_ = false;
  std::string owned_body_;
  std::string_view viewed_body_;
  std::size_t told_of_body_ = 0;
};

}  // namespace sluice
