// Prints the server-sent events of a URL as they come, and connects again when the stream ends: core/event_source.hpp
// decides when and how, Multi does it. Usage: event_source URL. Prints "id type data" for each event; ends when the
// server answers 204 (No Content), or says why it cannot go on.
#include <iostream>
#include <optional>

#include <sluice/event_source.hpp>
#include <sluice/multi.hpp>
#include <sluice/trust.hpp>

using namespace sluice;

// One connection to the source.
struct Connection : TransferHandler {
  explicit Connection(EventSource& events) : source(events) {}
  void on_head(Multi& multi, TransferId id, const ResponseHead& head) override {
    if (!source.accept(head)) multi.cancel(id);
  }
  std::size_t on_body(Multi& multi, TransferId id, Bytes bytes) override {
    const std::size_t all = bytes.size();
    for (;;) {
      const auto event = source.next(bytes);
      if (!event) multi.cancel(id);
      if (!event || !*event) return all;
      std::cout << (*event)->last_event_id << ' ' << (*event)->type << ' ' << (*event)->data << std::endl;
    }
  }
  void on_done(Multi&, TransferId, const Result<void>& ended) override { result = ended; }

  EventSource& source;
  std::optional<Result<void>> result;
};

// Returns how the connection ended.
static Result<void> connect(Multi& multi, EventSource& source, const Url& url) {
  Request request(url);
  if (auto begun = source.begin(request.fields); !begun) return begun;
  TransferOptions options;
  options.redirects.emplace();
  options.idle_timeout = std::chrono::minutes(5);  // servers send comments now and then, so that this does not happen
  Connection connection(source);
  const auto id = multi.add(std::move(request), std::move(options), &connection);
  if (!id) return std::unexpected(id.error());
  while (!connection.result) {
    if (multi.perform() == Drive::failed) return std::unexpected(make_error(Code::internal, "the loop failed"));
    if (connection.result) break;
    if (auto waited = multi.poll({}, std::chrono::seconds(1)); !waited) return std::unexpected(waited.error());
  }
  multi.remove(*id);
  return *connection.result;
}

int main(int argc, char** argv) {
  const auto url = Url::parse(argc == 2 ? argv[1] : "");
  if (!url) return std::cerr << url.error().message() << '\n', 1;
  MultiOptions options;
  options.engine.default_tls = system_tls().value_or(nullptr);
  const auto multi = Multi::create(options);
  if (!multi) return std::cerr << multi.error().message() << '\n', 1;
  EventSource source;
  for (;;) {
    const Result<void> ended = connect(**multi, source, *url);
    const auto wait = source.end(ended);
    if (!wait) return std::cerr << "GET " << argv[1] << ": " << wait.error().message() << '\n', 1;
    if (!*wait) return 0;
    for (const Instant until = (*multi)->now() + **wait; (*multi)->now() < until; (*multi)->perform()) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - (*multi)->now());
      if (!(*multi)->poll({}, left)) return 1;  // which also closes connections that are kept too long
    }
  }
}
