// See plan.hpp.
#include "tests/sim/multi/plan.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "core/features.hpp"

namespace sluice::simtest::driven {
namespace {

using std::chrono::microseconds;

std::size_t between(Random& random, std::size_t least, std::size_t most) {
  return least + random.below(most - least + 1);
}
Duration time_between(Random& random, Duration least, Duration most) {
  return least + Duration(random.below(static_cast<std::uint64_t>((most - least).count()) + 1));
}

// Mostly small: a seed should be short, and edge cases are near zero.
std::size_t draw_size(Random& random, std::size_t most) {
  const std::array<std::size_t, 6> tops = {0, 64, 2'000, 10'000, 70'000, most};
  const std::array<unsigned, 6> chances = {80, 250, 600, 880, 970, 1000};
  const auto drawn = random.below(1000);
  const auto at =
      std::find_if(chances.begin(), chances.end(), [&](unsigned one) { return drawn < one; }) - chances.begin();
  return random.below(std::min(tops[static_cast<std::size_t>(at)], most) + 1);
}

// A probability that is often zero.
PerMille maybe(Random& random, unsigned on, unsigned most) {
  if (!chance(random, on)) return 0;
  return static_cast<PerMille>(1 + random.below(most));
}

LinePlan draw_line(Random& random, bool harm) {
  LinePlan line;
  const std::array<PerMille, 3> mixes = {0, 1000, 500};
  line.plain = mixes[random.below(3)];
  line.hidden = mixes[random.below(3)];
  line.drips = maybe(random, 400, 600);
  line.blocks = maybe(random, 500, 300);
  line.pieces = maybe(random, 600, 700);
  line.slow_open = maybe(random, 500, 800);
  line.odd_signals = maybe(random, 500, 400);
  line.fault_within = chance(random, 500) ? between(random, 1, 600) : between(random, 600, 20'000);
  if (!harm) return line;
  line.open_failed = maybe(random, 250, 300);
  line.error = maybe(random, 300, 400);
  line.early_end = maybe(random, 300, 400);
  line.lie = maybe(random, 150, 200);
  line.name_fails = maybe(random, 150, 300);
  return line;
}

sim::Weather draw_weather(Random& random, bool harm, bool may_stall) {
  sim::Weather weather;
  weather.delay = time_between(random, microseconds(1), microseconds(300));
  weather.jitter = chance(random, 400) ? time_between(random, microseconds(1), microseconds(1'200)) : Duration(0);
  if (chance(random, 400))
    weather.max_piece = chance(random, 300) ? between(random, 1, 40) : between(random, 100, 20'000);
  if (chance(random, 400))
    weather.max_send = chance(random, 300) ? between(random, 1, 200) : between(random, 100, 20'000);
  weather.window = chance(random, 300) ? between(random, 200, 2'000) : between(random, 2'000, 64 * 1024);
  weather.fault_within = chance(random, 500) ? between(random, 1, 600) : between(random, 600, 20'000);
  if (!harm) return weather;
  weather.refused = maybe(random, 250, 300);
  weather.resets = maybe(random, 300, 400);
  weather.closes_early = maybe(random, 200, 300);
  weather.half_closes = maybe(random, 200, 300);
  if (may_stall) weather.stalls = maybe(random, 600, 400);
  if (may_stall) weather.hangs = maybe(random, 300, 200);
  if (may_stall) weather.half_open = maybe(random, 300, 200);
  return weather;
}

OriginPlan draw_origin(Random& random, std::size_t number, bool harm) {
  OriginPlan origin;
  origin.host = "origin" + std::to_string(number) + ".test";
  origin.tls = chance(random, 180);
  if (chance(random, 600)) origin.identity = "line " + std::to_string(number);
  if (chance(random, 250)) origin.max_connections = between(random, 1, 4);
  origin.line = draw_line(random, harm && chance(random, 700));
  if (chance(random, 250)) origin.http.max_requests = between(random, 1, 4);
  if (harm && chance(random, 300))
    origin.http.keep_alive = time_between(random, microseconds(200), microseconds(3'000));
  return origin;
}

sim::HttpReply draw_reply(Random& random, PerMille origin_faults, bool may_stall) {
  using Framing = sim::HttpReply::Framing;
  sim::HttpReply reply;
  const std::array<Framing, 4> framings = {Framing::length, Framing::length, Framing::chunked, Framing::until_close};
  reply.framing = framings[random.below(framings.size())];
  reply.chunk_bytes = chance(random, 300) ? between(random, 1, 40) : between(random, 100, 20'000);
  if (reply.framing == Framing::chunked && chance(random, 300)) reply.trailers.emplace_back("X-Sum", "1");
  if (chance(random, 150)) reply.interims.assign(between(random, 1, 3), 103);
  if (chance(random, 200)) reply.delay = time_between(random, microseconds(1), microseconds(1'200));
  reply.early = chance(random, 120);
  reply.close = chance(random, 150);
  reply.status = chance(random, 100) ? 404 : 200;
  if (!chance(random, origin_faults)) return reply;
  static constexpr std::array kOriginFaults = {
      sim::OriginFault::short_body,      sim::OriginFault::reset_in_body, sim::OriginFault::surplus,
      sim::OriginFault::garbage,         sim::OriginFault::two_lengths,   sim::OriginFault::bad_chunk,
      sim::OriginFault::huge_head,       sim::OriginFault::silent_close,  sim::OriginFault::too_many_interims,
      sim::OriginFault::unasked_upgrade, sim::OriginFault::stall_in_body, sim::OriginFault::never,
  };
  reply.origin_fault = kOriginFaults[random.below(may_stall ? kOriginFaults.size() : kOriginFaults.size() - 2)];
  // If only the end of the stream gives the length of a body, a short one looks complete.
  if (reply.framing == Framing::until_close) reply.framing = Framing::length;
  return reply;
}

struct Habits {
  PerMille pauses, mischief, cancels, origin_faults, timeouts, uploads;
  // Bodies larger than the buffers, and pauses in which all buffers fill: then nothing more may be read.
  bool backpressure;
  bool may_stall;
};

void draw_request(TransferPlan& transfer, Random& random, const Habits& habits) {
  if (!chance(random, habits.uploads)) {
    if (chance(random, 150)) transfer.method = "HEAD";
    return;
  }
  transfer.method = chance(random, 700) ? "POST" : "PUT";
  static constexpr std::array kUploads = {Upload::view,           Upload::owned,        Upload::sized_stream,
                                          Upload::chunked_stream, Upload::sized_stream, Upload::chunked_stream};
  transfer.upload = kUploads[random.below(kUploads.size())];
  transfer.upload_size = draw_size(random, 200'000);
  transfer.upload_start = random.below(kContentBytes - transfer.upload_size);
  const bool streamed = transfer.upload == Upload::sized_stream || transfer.upload == Upload::chunked_stream;
  // When all bytes of a declared length are there, nothing can fail any more.
  if (streamed && transfer.upload_size > 0 && chance(random, 80))
    transfer.fail_upload_at = random.below(transfer.upload_size);
}

TransferPlan draw_transfer(Random& random, std::size_t origins, const Habits& habits) {
  TransferPlan transfer;
  transfer.origin = random.below(origins);
  if (chance(random, 500)) transfer.add_at_step = random.below(60);
  transfer.size =
      habits.backpressure && chance(random, 700) ? between(random, 80'000, 300'000) : draw_size(random, 300'000);
  transfer.start = random.below(kContentBytes - transfer.size);
  transfer.reply = draw_reply(random, habits.origin_faults, habits.may_stall);
  draw_request(transfer, random, habits);
  const bool streamed = transfer.upload == Upload::sized_stream || transfer.upload == Upload::chunked_stream;
  transfer.no_handler = !streamed && chance(random, 60);
  if (habits.may_stall || chance(random, habits.timeouts))
    transfer.total_timeout = time_between(random, microseconds(2'000), microseconds(12'000));
  if (chance(random, habits.timeouts))
    transfer.idle_timeout = time_between(random, microseconds(1'500), microseconds(6'000));
  if (chance(random, habits.timeouts))
    transfer.connect_timeout = time_between(random, microseconds(1'500), microseconds(6'000));
  if (chance(random, 50)) transfer.max_body_bytes = random.below(transfer.size + 1);
  transfer.fresh_connection = chance(random, 60);
  transfer.forbid_reuse = chance(random, 60);
  if (habits.backpressure || chance(random, 600)) transfer.pauses = habits.pauses;
  transfer.longest_pause = habits.backpressure ? microseconds(3'000) : microseconds(800);
  transfer.mischief = habits.mischief;
  if (chance(random, habits.cancels)) transfer.cancel_after = time_between(random, Duration(0), microseconds(3'000));
  transfer.remove_unread = chance(random, 60);
  return transfer;
}

DrivePlan draw_drive(Random& random) {
  DrivePlan drive;
  for (std::size_t i = 0; i < kDriveKinds; ++i) {
    if (chance(random, 450)) drive.kinds.push_back(static_cast<DriveKind>(i));
  }
  if (drive.kinds.empty()) drive.kinds.push_back(static_cast<DriveKind>(random.below(kDriveKinds)));
  drive.switches = drive.kinds.size() > 1 ? static_cast<PerMille>(10 + random.below(200)) : PerMille{0};
  drive.needless = maybe(random, 400, 300);
  drive.stale = maybe(random, 500, 400);
  drive.lazy = maybe(random, 400, 400);
  drive.wakeups = maybe(random, 300, 100);
  if (chance(random, 400)) drive.max_reads = between(random, 1, 20);
  if (chance(random, 250)) drive.max_time = time_between(random, Duration(1), microseconds(300));
  drive.high_descriptors = chance(random, 50);
  drive.read_messages_every = chance(random, 700) ? 1 : between(random, 2, 40);
  return drive;
}

// ---- HTTP/2 ----

void draw_streams(Random& random, OriginPlan& origin) {
  sim::Http2OriginOptions& options = origin.streams;
  options.http1 = origin.http;
  options.keep_alive = origin.http.keep_alive;
  if (chance(random, 400)) options.max_streams = static_cast<std::uint32_t>(between(random, 1, 4));
  if (chance(random, 300)) options.upload_window = static_cast<std::uint32_t>(between(random, 100, 20'000));
  if (chance(random, 200)) options.window_step = between(random, 100, 5'000);
  if (chance(random, 250)) options.goes_away_after = between(random, 1, 8);
  options.two_steps = chance(random, 500);
  if (chance(random, 200)) options.ping_every = time_between(random, microseconds(2'000), microseconds(10'000));
}

// What is HTTP/1's alone has no effect, so a fault of it becomes one of HTTP/2.
void draw_stream(Random& random, TransferPlan& transfer) {
  using Wrong = sim::Http2Fault;
  static constexpr std::array kFaults = {
      Wrong::refused,         Wrong::calm,           Wrong::reset_at_head,  Wrong::reset_in_body, Wrong::two_statuses,
      Wrong::upper_case_name, Wrong::long_body,      Wrong::short_body,     Wrong::late_head,     Wrong::no_status,
      Wrong::zero_update,     Wrong::push_promise,   Wrong::huge_frame,     Wrong::bad_setting,   Wrong::idle_stream,
      Wrong::stray_data,      Wrong::closes_in_body, Wrong::resets_in_body, Wrong::goaway_calm,
  };
  sim::Http2Reply& http2 = transfer.reply.http2;
  if (chance(random, 300)) http2.frame_bytes = between(random, 20, 2'000);
  if (chance(random, 200)) http2.padding = between(random, 1, 255);
  http2.noise = chance(random, 100);
  http2.stops_upload = transfer.reply.early && chance(random, 500);
  const auto drawn = random.below(kFaults.size());
  sim::OriginFault& fault = transfer.reply.origin_fault;
  if (fault == sim::OriginFault::none || fault == sim::OriginFault::never) return;
  if (fault == sim::OriginFault::stall_in_body) {
    fault = sim::OriginFault::never;
  } else {
    fault = sim::OriginFault::none;
    http2.fault = kFaults[drawn];
  }
}

// With numbers of its own, so that the other seeds mean what they have meant without HTTP/2.
void add_http2(Plan& plan) {
  Random random = draws(plan.seed, Draws::http2);
  plan.http2 = chance(random, 350) && features().http2 && sim::has_http2_origin();
  if (!plan.http2) return;
  for (OriginPlan& origin : plan.origins) {
    origin.http2 = chance(random, 750);
    if (origin.http2) draw_streams(random, origin);
  }
  // Where a call sends little, and says that no more is taken, each second drive after it has nothing to do. An answer
  // to a PING comes late then.
  if (plan.weather.max_send < 300) {
    for (OriginPlan& origin : plan.origins) origin.streams.ping_every.reset();
  }
  const std::size_t most = plan.weather.max_send < 300 ? 20'000 : SIZE_MAX;
  for (TransferPlan& transfer : plan.transfers) {
    if (plan.origins[transfer.origin].http2) draw_stream(random, transfer);
    transfer.upload_size = std::min(transfer.upload_size, most);
    if (transfer.fail_upload_at) transfer.fail_upload_at = *transfer.fail_upload_at % transfer.upload_size;
  }
}

}  // namespace

Random draws(std::uint64_t seed, Draws what, std::uint64_t number, std::uint64_t part) {
  std::uint64_t state = seed;
  for (const std::uint64_t word : {static_cast<std::uint64_t>(what) + 1, number + 1, part + 1}) {
    state ^= word * 0x9e37'79b9'7f4a'7c15;
    state = splitmix64(state);
  }
  return Random(Seed{state});
}

bool chance(Random& random, unsigned per_mille) { return per_mille > 0 && random.below(1000) < per_mille; }

bool has_wrong_body(const TransferPlan& transfer) {
  using Wrong = sim::Http2Fault;
  const Wrong wrong = transfer.reply.http2.fault;
  return wrong == Wrong::long_body || wrong == Wrong::short_body || wrong == Wrong::late_head;
}

std::string_view to_string(Fault fault) {
  switch (fault) {
    case Fault::refused:
      return "refused";
    case Fault::open_failed:
      return "open failed";
    case Fault::error:
      return "error";
    case Fault::early_end:
      return "early end";
    case Fault::lie:
      return "lie";
    case Fault::reset:
      return "reset";
    case Fault::stall:
      return "stall";
    case Fault::idle_close:
      return "idle close";
    case Fault::origin_fault:
      return "origin_fault";
    case Fault::name_fails:
      return "name fails";
  }
  return "";
}

std::string_view to_string(DriveKind kind) {
  switch (kind) {
    case DriveKind::perform_poll:
      return "poll";
    case DriveKind::perform_select:
      return "select";
    case DriveKind::socket_action:
      return "socket_action";
    case DriveKind::fd:
      return "fd";
  }
  return "";
}

Plan draw_plan(std::uint64_t seed) {
  Random random = draws(seed, Draws::plan);
  Plan plan;
  plan.seed = seed;
  const bool harm = chance(random, 600);
  plan.may_stall = harm && chance(random, 450);
  const std::size_t origins = between(random, 1, 4);
  for (std::size_t i = 0; i < origins; ++i) plan.origins.push_back(draw_origin(random, i, harm));
  plan.weather = draw_weather(random, harm, plan.may_stall);
  const bool backpressure = chance(random, 150);
  const Habits habits = {
      .pauses = backpressure ? PerMille{250} : maybe(random, 500, 300),
      .mischief = maybe(random, 500, 60),
      .cancels = maybe(random, 300, 400),
      .origin_faults = harm ? maybe(random, 600, 400) : PerMille{0},
      .timeouts = maybe(random, 200, 500),
      .uploads = maybe(random, 700, 800),
      .backpressure = backpressure,
      .may_stall = plan.may_stall,
  };
  const std::size_t transfers = backpressure          ? between(random, 1, 6)
                                : chance(random, 150) ? between(random, 10, 30)
                                                      : between(random, 1, 12);
  for (std::size_t i = 0; i < transfers; ++i) plan.transfers.push_back(draw_transfer(random, origins, habits));
  plan.drive = draw_drive(random);
  if (chance(random, 300)) plan.max_connections = between(random, 1, 6);
  if (chance(random, 300)) plan.max_connections_per_origin = between(random, 1, 4);
  if (chance(random, 250)) plan.idle_connection_timeout = time_between(random, microseconds(100), microseconds(3'000));
  if (chance(random, 80)) plan.abandon_at_step = random.below(60);
  add_http2(plan);
  return plan;
}

std::string describe(const Plan& plan) {
  std::string text = std::to_string(plan.transfers.size()) + " transfers;";
  for (const OriginPlan& origin : plan.origins) {
    const LinePlan& line = origin.line;
    text += " " + origin.host + (origin.tls ? " tls" : "") + (origin.http2 ? " http2" : "") + " plain " +
            std::to_string(line.plain) + ", hidden " + std::to_string(line.hidden);
    const std::pair<std::string_view, PerMille> faults[] = {
        {"drips", line.drips},          {"blocks", line.blocks},           {"pieces", line.pieces},
        {"slow open", line.slow_open},  {"odd signals", line.odd_signals}, {"open failed", line.open_failed},
        {"error", line.error},          {"early end", line.early_end},     {"lie", line.lie},
        {"name fails", line.name_fails}};
    for (const auto& [name, rate] : faults) {
      if (rate > 0) (text += ", ").append(name) += " " + std::to_string(rate);
    }
    text += ";";
  }
  const sim::Weather& weather = plan.weather;
  const std::pair<std::string_view, PerMille> harms[] = {
      {"refused", weather.refused},         {"resets", weather.resets}, {"closes early", weather.closes_early},
      {"half closes", weather.half_closes}, {"stalls", weather.stalls}, {"hangs", weather.hangs},
      {"half open", weather.half_open}};
  text += " weather: window " + std::to_string(weather.window);
  for (const auto& [name, rate] : harms) {
    if (rate > 0) (text += ", ").append(name) += " " + std::to_string(rate);
  }
  text += "; driven by";
  for (const DriveKind kind : plan.drive.kinds) (text += " ").append(to_string(kind));
  const DrivePlan& drive = plan.drive;
  text += "; needless " + std::to_string(drive.needless) + ", stale " + std::to_string(drive.stale) + ", lazy " +
          std::to_string(drive.lazy) + ", reads " + std::to_string(drive.max_reads);
  if (plan.max_connections > 0) text += "; at most " + std::to_string(plan.max_connections) + " connections";
  if (plan.may_stall) text += "; may stall";
  if (plan.abandon_at_step) text += "; abandoned";
  return text;
}

std::string_view content(std::size_t start, std::size_t size) {
  static const std::vector<std::uint8_t> all = [] {
    std::vector<std::uint8_t> bytes(kContentBytes);
    Random random(Seed{0x5173'0c0a});
    random.fill(bytes);
    return bytes;
  }();
  return as_text(Bytes(all).subspan(start, size));
}

}  // namespace sluice::simtest::driven
