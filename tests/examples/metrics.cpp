// Fetches URLs, and prints what a monitoring system wants: metrics in Prometheus' text format, and on the standard
// error a line for each span of a trace, as OpenTelemetry has them. An Observer sees all events; Multi::counters() has
// the sums. Usage: metrics URL...
#include <iostream>
#include <map>
#include <string>

#include <sluice/multi.hpp>
#include <sluice/select.hpp>
#include <sluice/trust.hpp>

using namespace sluice;

struct Spans : Observer {
  struct Span {
    std::string name;
    Instant begin;
  };
  std::map<TransferId, Span> transfers, requests;
  std::map<ConnId, Span> connections;
  std::map<int, std::uint64_t> statuses;
  double first_byte_seconds = 0;

  static double end(const Span& span, const EngineEvent& event, const std::string& result) {
    const double seconds = std::chrono::duration<double>(event.at - span.begin).count();
    std::cerr << "span " << span.name << ", " << seconds << " s: " << result << '\n';
    return seconds;
  }
  void on_event(Multi&, const EngineEvent& event) override {
    using enum EngineEvent::Kind;
    if (event.kind == transfer_added) transfers[event.transfer] = {event.text, event.at};
    if (event.kind == connection_begun) connections[event.conn] = {"connect " + event.text, event.at};
    if (event.kind == connection_made) end(connections[event.conn], event, "made " + event.text);
    if (event.kind == connection_failed) end(connections[event.conn], event, event.text);
    if (event.kind == connection_closed) connections.erase(event.conn);
    if (event.kind == request_begun) requests[event.transfer] = {event.reused ? "used" : "new", event.at};
    if (event.kind == response_begun) {
      ++statuses[event.status];
      first_byte_seconds += end(requests[event.transfer], event, std::to_string(event.status));
    }
    if (event.kind == transfer_ended) {
      end(transfers[event.transfer], event, event.failure ? event.text : std::to_string(event.status));
      transfers.erase(event.transfer);
      requests.erase(event.transfer);
    }
  }
};

static void print(const Counters& now, const Spans& spans) {
  const auto one = [](const char* type, const std::string& name, auto value) {
    std::cout << "# TYPE sluice_" << name << ' ' << type << "\nsluice_" << name << ' ' << value << '\n';
  };
  one("gauge", "transfers_running", now.transfers_running);
  one("gauge", "transfers_queued", now.transfers_queued);
  one("gauge", "connections_open", now.connections_open);
  one("gauge", "connections_idle", now.connections_idle);
  one("counter", "transfers_succeeded_total", now.transfers_succeeded);
  one("counter", "transfers_failed_total", now.transfers_failed);
  one("counter", "requests_total", now.requests);
  one("counter", "requests_reused_total", now.requests_reused);
  one("counter", "connections_made_total", now.connections_made);
  one("counter", "connections_failed_total", now.connections_failed);
  one("counter", "look_ups_total", now.look_ups);
  one("counter", "received_bytes_total", now.bytes_received);
  one("counter", "first_byte_seconds_total", spans.first_byte_seconds);
  std::cout << "# TYPE sluice_responses_total counter\n";
  for (const auto& [status, count] : spans.statuses)
    std::cout << "sluice_responses_total{status=\"" << status << "\"} " << count << '\n';
}

static int give_up(const Error& error) { return std::cerr << error.message() << '\n', 1; }

int main(int argc, char** argv) {
  const auto spans = std::make_shared<Spans>();
  MultiOptions options;
  options.observer = spans;
  if (auto tls = system_tls()) options.engine.default_tls = *tls;
  auto multi = Multi::create(std::move(options));
  if (!multi) return give_up(multi.error());
  for (int i = 1; i < argc; ++i) {
    const auto url = Url::parse(argv[i]);
    if (!url) return give_up(url.error());
    if (auto added = (*multi)->add(Request(*url)); !added) return give_up(added.error());
  }
  if (auto ran = run(**multi); !ran) return give_up(ran.error());
  print((*multi)->counters(), *spans);
}
