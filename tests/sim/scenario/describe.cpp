// A scenario as text, for reading a failure. Leaves the scenario itself to scenario.hpp.
#include <algorithm>

#include "tests/sim/scenario/scenario.hpp"

namespace sluice::simtest {
namespace {

std::string in_ms(Duration duration) { return std::to_string(duration / std::chrono::milliseconds(1)) + " ms"; }

class Line {
 public:
  explicit Line(std::string text) : text_(std::move(text)) {}
  Line& add_if(bool said, const std::string& what) {
    if (said) text_ += ", " + what;
    return *this;
  }
  Line& chance(const char* what, sim::PerMille chance) {
    return add_if(chance != 0, std::string(what) + ' ' + std::to_string(chance) + " in a thousand");
  }
  Line& bytes(const char* what, std::size_t bytes) { return add_if(bytes != SIZE_MAX, what + std::to_string(bytes)); }
  std::string end() { return std::move(text_) + '\n'; }

 private:
  std::string text_;
};

std::string describe_weather(const Scenario& scenario) {
  const sim::Weather& weather = scenario.weather;
  const sim::Weather calm;
  return Line("network: delay " + in_ms(weather.delay))
      .add_if(weather.jitter > Duration::zero(), "up to " + in_ms(weather.jitter) + " more")
      .bytes("pieces of up to ", weather.max_piece)
      .bytes("bytes a second: ", weather.bandwidth)
      .bytes("sends of up to ", weather.max_send)
      .add_if(weather.window != calm.window, "a window of " + std::to_string(weather.window))
      .chance("refused", weather.refused)
      .chance("hangs", weather.hangs)
      .chance("half open", weather.half_open)
      .chance("resets", weather.resets)
      .chance("closes early", weather.closes_early)
      .chance("half closes", weather.half_closes)
      .chance("stalls", weather.stalls)
      .chance("stale facts", weather.stale_facts)
      .chance("needless timeouts", weather.needless_timeouts)
      .chance("late reads", weather.late_reads)
      .add_if(weather.late_reads != 0, "by up to " + in_ms(weather.late_by))
      .chance("leaps", weather.leaps)
      .end();
}

std::string describe_engine(const Scenario& scenario) {
  Line line("engine: idle connections are kept for " + in_ms(scenario.idle_connection_timeout));
  line.add_if(scenario.max_connections != 0, "at most " + std::to_string(scenario.max_connections) + " connections");
  line.add_if(scenario.max_connections_per_origin != 0,
              "at most " + std::to_string(scenario.max_connections_per_origin) + " an origin");
  line.add_if(scenario.on.has(Feature::multiplexing),
              "sessions that multiplex take " + std::to_string(scenario.mux_capacity) +
                  " exchanges, and dials count for " + std::to_string(scenario.mux_expected));
  for (const Duration when : scenario.close_idle) line.add_if(true, "idle ones are closed at " + in_ms(when));
  return line.end();
}

void describe_mux(const MuxPlan& mux, Line& line) {
  line.add_if(true, "multiplexes, " + std::to_string(mux.capacity) + " exchanges at once in frames of " +
                        std::to_string(mux.frame_bytes));
  if (mux.lowers_after != SIZE_MAX)
    line.add_if(
        true, std::to_string(mux.lowered) + " from request " + std::to_string(mux.lowers_after) + " to twice as many");
  line.bytes("goes away after requests: ", mux.goes_away_after)
      .bytes("closes in a frame after requests: ", mux.closes_after)
      .bytes("says nonsense after requests: ", mux.nonsense_after);
}

void describe_guard(const GuardPlan& guard, Line& line) {
  line.add_if(guard.basic, "demands Basic")
      .add_if(guard.digest, "demands Digest by hash " + std::to_string(static_cast<int>(guard.algorithm)))
      .add_if(!guard.qop, "without qop")
      .bytes("a nonce is for requests: ", guard.nonce_uses)
      .add_if(guard.stale_every != 0, "stale at once: every " + std::to_string(guard.stale_every) + "th")
      .add_if(guard.next_nonces, "next nonces");
}

std::string describe_origin(const OriginPlan& origin) {
  Line line("origin " + origin.host + ':' + std::to_string(origin.port));
  line.add_if(origin.tls, origin.tls12 ? "TLS 1.2" : "TLS");
  line.add_if(origin.certificate == sim::Certificate::wrong_name, "a certificate for another name");
  line.add_if(origin.certificate == sim::Certificate::expired, "an expired certificate");
  line.add_if(origin.certificate == sim::Certificate::untrusted, "a certificate by somebody whom nobody trusts");
  for (const IpAddress& address : origin.addresses) line.add_if(true, address.to_string());
  line.add_if(origin.name.delay != sim::NameSpec{}.delay, "its name takes " + in_ms(origin.name.delay));
  line.add_if(origin.name.ipv6_later.has_value(),
              "IPv6's answer comes " + in_ms(origin.name.ipv6_later.value_or(Duration())) + " later");
  line.add_if(origin.name.ttl.has_value(), "its answers are good for " + in_ms(origin.name.ttl.value_or(Duration())));
  line.chance("the later one of them does not come", origin.name.rest_never);
  line.chance("its name fails", origin.name.fails)
      .chance("is never answered", origin.name.never)
      .chance("is wrong", origin.name.wrong);
  line.add_if(origin.options.keep_alive.has_value(),
              "closes after " + in_ms(origin.options.keep_alive.value_or(Duration())) + " idle");
  line.bytes("closes after requests: ", origin.options.max_requests);
  line.add_if(!origin.options.answers_continue, "says no 100");
  if (origin.mux) describe_mux(*origin.mux, line);
  if (origin.guard) describe_guard(*origin.guard, line);
  return line.end();
}

std::string_view to_string(UploadPlan::Kind kind) {
  switch (kind) {
    case UploadPlan::Kind::none:
      return "none";
    case UploadPlan::Kind::owned:
      return "owned";
    case UploadPlan::Kind::view:
      return "a view";
    case UploadPlan::Kind::stream:
      return "streamed, of no known length";
    case UploadPlan::Kind::stream_with_length:
      return "streamed, of a known length";
  }
  return "";
}

std::string_view to_string(CancelPlan::When when) {
  switch (when) {
    case CancelPlan::When::never:
      return "never";
    case CancelPlan::When::time:
      return "time";
    case CancelPlan::When::interim:
      return "an interim response";
    case CancelPlan::When::head:
      return "the head";
    case CancelPlan::When::body:
      return "body bytes";
    case CancelPlan::When::upload:
      return "upload space";
    case CancelPlan::When::done:
      return "Done";
  }
  return "";
}

void describe_reply(const ReplyPlan& reply, Line& line) {
  using Framing = sim::HttpReply::Framing;
  line.add_if(true, "answered by " + std::to_string(reply.status) + " with " + std::to_string(reply.bytes) + " bytes");
  line.add_if(reply.framing == Framing::chunked, "in chunks of " + std::to_string(reply.chunk_bytes));
  line.add_if(reply.framing == Framing::until_close, "until the close").add_if(reply.trailers, "trailers");
  for (const int status : reply.interims) line.add_if(true, "behind a " + std::to_string(status));
  line.add_if(reply.delay > Duration::zero(), "after " + in_ms(reply.delay)).add_if(reply.early, "early");
  line.add_if(reply.begins_early, "of which half comes before the request's end");
  line.add_if(reply.close, "Connection: close");
  line.add_if(reply.http10, reply.keep_alive ? "HTTP/1.0, Connection: keep-alive" : "HTTP/1.0")
      .add_if(reply.one_write, "in one write");
  line.add_if(reply.origin_fault != sim::OriginFault::none,
              "origin_fault: " + std::string(sim::to_string(reply.origin_fault)));
  line.add_if(reply.oddity != sim::Oddity::none, "oddity: " + std::string(sim::to_string(reply.oddity)));
}

void describe_redirects(const TransferPlan& plan, const Scenario& scenario, Line& line) {
  if (plan.follows) {
    const RedirectOptions& options = *plan.follows;
    line.add_if(true, "follows " + std::to_string(options.max_redirects) + " redirects")
        .add_if(options.keep_post_301, "POST after 301")
        .add_if(options.keep_post_302, "POST after 302")
        .add_if(options.keep_post_303, "POST after 303")
        .add_if(options.keep_method, "any method after all")
        .add_if(options.trust_other_origins, "with all its fields")
        .add_if(options.auto_referer, "with a Referer");
  }
  line.add_if(plan.secrets, "with secrets");
  for (const RedirectPlan& redirect : plan.redirects) {
    const OriginPlan& to = scenario.origins[redirect.to];
    line.add_if(true, "led to " + to.host + ':' + std::to_string(to.port) + (redirect.literal ? " by address" : ""));
    describe_reply(redirect.reply, line);
  }
}

void describe_login(const TransferPlan& plan, Line& line) {
  if (plan.guarded) {
    line.add_if(true, plan.guarded_everywhere ? "guarded everywhere by" : "guarded by");
    describe_reply(plan.denial, line);
  }
  if (!plan.login) return;
  line.add_if(true, plan.login->is_right ? "right credentials" : "wrong credentials")
      .add_if(plan.login->in_url, "in the URL")
      .add_if(plan.login->schemes.basic, "for Basic")
      .add_if(plan.login->schemes.digest, "for Digest");
}

void describe_retries(const RetryPlan& plan, Line& line) {
  const RetryOptions& options = plan.options;
  line.add_if(true, "tried again " + std::to_string(options.max_retries) + " times")
      .add_if(options.delay.has_value(), "after " + in_ms(options.delay.value_or(Duration())))
      .add_if(options.max_time.has_value(), "within " + in_ms(options.max_time.value_or(Duration())))
      .add_if(options.connection_refused, "also if refused")
      .add_if(options.all_errors, "also after errors")
      .add_if(options.all_error_statuses, "also after statuses")
      .add_if(options.after_head, "also after a head")
      .add_if(!options.jitter, "without jitter")
      .add_if(!plan.resends, "not sent again on another connection");
  for (const RetryPlan::First& first : plan.first) {
    line.add_if(true, "at first");
    describe_reply(first.reply, line);
    line.add_if(!first.retry_after.empty(), "Retry-After: " + first.retry_after);
  }
}

void describe_upload(const UploadPlan& upload, Line& line) {
  if (upload.kind == UploadPlan::Kind::none) return;
  line.add_if(true, "a body of " + std::to_string(upload.bytes) + " bytes, " + std::string(to_string(upload.kind)));
  line.add_if(upload.rewindable, "rewindable");
  line.add_if(upload.expects_continue, "Expect").bytes("given at most at once: ", upload.most);
  line.add_if(upload.every > Duration::zero(), "every " + in_ms(upload.every));
  line.add_if(upload.breaks_at.has_value(), "the source breaks at " + std::to_string(upload.breaks_at.value_or(0)));
}

void describe_application(const TransferPlan& plan, Line& line) {
  line.bytes("read at most at once: ", plan.read.most);
  line.add_if(plan.read.every > Duration::zero(), "every " + in_ms(plan.read.every));
  if (plan.read.pauses_at) {
    line.add_if(true, "reading pauses at " + std::to_string(*plan.read.pauses_at) +
                          (plan.read.pause ? " for " + in_ms(*plan.read.pause) : std::string(" for ever")));
  }
  if (plan.cancel.when == CancelPlan::When::time) {
    line.add_if(true, "removes " + std::to_string(plan.cancel.victim) + " after " + in_ms(plan.cancel.after));
  } else if (plan.cancel.when != CancelPlan::When::never) {
    line.add_if(true,
                "removes " + std::to_string(plan.cancel.victim) + " at " + std::string(to_string(plan.cancel.when)));
  }
  line.add_if(plan.kept, "kept when done").add_if(plan.stale_calls, "calls about it when it is gone");
}

std::string describe_transfer(const TransferPlan& plan, const Scenario& scenario) {
  Line line("transfer " + std::to_string(plan.number) + ": " + plan.method + " from " +
            scenario.origins[plan.origin].host + ':' + std::to_string(scenario.origins[plan.origin].port));
  if (plan.behind) {
    line.add_if(true, "when " + std::to_string(*plan.behind) + " is done");
  } else {
    line.add_if(true, "at " + in_ms(plan.start));
  }
  line.add_if(plan.filler > 0, std::to_string(plan.filler) + " bytes of filler");
  describe_upload(plan.upload, line);
  describe_reply(plan.reply, line);
  const MuxReplyPlan& mux = plan.mux_reply;
  line.add_if(mux.refusals > 0, "refused " + std::to_string(mux.refusals) + " times");
  line.add_if(mux.end == MuxReplyPlan::End::reset_at_head, "reset before its head")
      .add_if(mux.end == MuxReplyPlan::End::reset_in_body, "reset in its body")
      .add_if(mux.end == MuxReplyPlan::End::never, "never answered");
  describe_application(plan, line);
  line.add_if(plan.literal, "by address")
      .add_if(plan.connect_to, plan.own_name ? "by an alias of its own" : "by an alias");
  line.add_if(plan.route.has_value(), "by route " + std::to_string(plan.route.value_or(0)));
  line.add_if(plan.other_tls, "by the second TLS configuration");
  line.add_if(plan.family == AddressFamily::ipv4, "IPv4").add_if(plan.family == AddressFamily::ipv6, "IPv6");
  if (!plan.connect_timeout) {
    line.add_if(true, "no connect timeout");
  } else {
    line.add_if(*plan.connect_timeout != std::chrono::seconds(300), "connects within " + in_ms(*plan.connect_timeout));
  }
  line.add_if(plan.total_timeout.has_value(), "done within " + in_ms(plan.total_timeout.value_or(Duration())));
  line.add_if(plan.idle_timeout.has_value(), "idle for at most " + in_ms(plan.idle_timeout.value_or(Duration())));
  line.add_if(plan.max_body_bytes.has_value(), "at most " + std::to_string(plan.max_body_bytes.value_or(0)) + " bytes");
  describe_redirects(plan, scenario, line);
  describe_login(plan, line);
  if (plan.retries) describe_retries(*plan.retries, line);
  line.add_if(plan.coded, "coded").add_if(plan.cookies, "with cookies");
  line.add_if(plan.fresh, "on a fresh connection").add_if(plan.no_reuse, "which nobody has after it");
  return line.end();
}

}  // namespace

std::string describe(const Scenario& scenario) {
  std::string text = "seed " + std::to_string(scenario.seed) + ", " + std::to_string(scenario.transfers.size()) +
                     " of " + std::to_string(scenario.drawn) + " transfers; on: " + scenario.on.text() + '\n';
  text += describe_weather(scenario) + describe_engine(scenario);
  for (const OriginPlan& origin : scenario.origins) text += describe_origin(origin);
  for (std::size_t i = 0; i < scenario.routes.size(); ++i) {
    const bool used =
        std::ranges::any_of(scenario.transfers, [i](const TransferPlan& plan) { return plan.route == i; });
    if (used)
      text += "route " + std::to_string(i) + ", at most " + std::to_string(scenario.routes[i].max_connections) +
              " connections (0: any)\n";
  }
  for (const TransferPlan& plan : scenario.transfers) text += describe_transfer(plan, scenario);
  return text;
}

}  // namespace sluice::simtest
