// See world.hpp.
#include "tests/conformance/world.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace sluice::conformance {
namespace {

MultiOptions trusting(Surroundings& server, MultiOptions options = {}) {
  options.environment = server.environment();
  options.engine.default_tls = server.trust();
  return options;
}

// Some libraries open a descriptor or two once and keep them: not to be held against a test.
void warm_up() {
  static const bool once = [] {
    const auto server = make_surroundings(Version::http1);
    const auto loop = make_loop();
    const auto multi = Multi::create(trusting(*server)).value();
    loop->attach(*multi, [](Multi&) {});
    loop->every(1ms, [] {});
    Get one(1, 1);
    Request request;
    request.url = Url::parse(server->https(one.path)).value();
    REQUIRE(multi->add(std::move(request), {}, &one).has_value());
    REQUIRE(loop->run_until([&] { return one.complete(); }, kLong));
    loop->detach();
    return true;
  }();
  (void)once;
}

}  // namespace

std::size_t open_descriptors() {
  std::size_t count = 0;
  DIR* const folder = ::opendir("/proc/self/fd");
  REQUIRE(folder != nullptr);
  while (::readdir(folder) != nullptr) ++count;
  ::closedir(folder);
  return count;
}

void Download::take(Bytes bytes) {
  const bool fits = received + bytes.size() <= expected.size();
  as_expected = as_expected && fits && std::memcmp(expected.data() + received, bytes.data(), bytes.size()) == 0;
  received += bytes.size();
}

Get::Get(std::size_t size, std::size_t start, const std::string& words)
    : Download(pattern(size, start)),
      path("/" + std::to_string(size) + "/" + std::to_string(start) + (words.empty() ? "" : "?" + words)) {}

std::size_t Echo::give(Multi& multi, TransferId id, MutableBytes space) {
  const std::size_t size = std::min(space.size(), expected.size() - given);
  std::memcpy(space.data(), expected.data() + given, size);
  given += size;
  if (given == expected.size()) multi.finish_upload(id);
  return size;
}

World::World(Version version) : version_(version) {
  warm_up();
  descriptors_ = open_descriptors();
  server_ = make_surroundings(version);
  loop_ = make_loop();
  multi_ = Multi::create(trusting(*server_)).value();
  attach();
}

World::~World() {
  if (multi_) CHECK(multi_->running() == 0);
  loop_->detach();
  multi_.reset();
  loop_.reset();
  server_.reset();
  CHECK(open_descriptors() == descriptors_);
}

void World::use(MultiOptions options) {
  loop_->detach();
  multi_ = Multi::create(trusting(*server_, std::move(options))).value();
  attach();
}

void World::attach() {
  loop_->attach(*multi_, [this](Multi& multi) {
    ++drives;
    while (auto message = multi.info_read()) {
      const TransferId id = message->transfer;
      if (message->result) CHECK((message->info.stream_id != 0) == over_http2());
      messages.insert_or_assign(id, std::move(*message));
      multi.remove(id);
    }
    if (after) after(multi);
  });
}

Request World::request(const std::string& path, Scheme scheme) const {
  Request request;
  request.url = Url::parse(scheme == Scheme::tls ? server_->https(path) : server_->http(path)).value();
  return request;
}

TransferId World::add(Request request, TransferHandler& handler, TransferOptions options) {
  if (over_http2()) {
    // The simulated server says nothing about HTTP/2 in its handshake.
    const bool agrees = server_->real() && request.url.is_tls();
    options.http_versions = agrees ? HttpVersions::at_least_http2 : HttpVersions::http2_prior_knowledge;
  }
  auto added = multi_->add(std::move(request), std::move(options), &handler);
  REQUIRE_MESSAGE(added.has_value(), (added ? "" : added.error().message()));
  return *added;
}

TransferId World::get(const std::string& path, TransferHandler& handler, TransferOptions options) {
  return add(request(path), handler, std::move(options));
}

TransferId World::get(Get& one, Scheme scheme, TransferOptions options) {
  return add(request(one.path, scheme), one, std::move(options));
}

TransferId World::echo(Echo& one, Scheme scheme, bool declared) {
  Request upload = request("/0/0?echo", scheme);
  upload.method = "PUT";
  upload.body = BodyStream{declared ? std::optional<std::uint64_t>(one.expected.size()) : std::nullopt};
  return add(std::move(upload), one);
}

bool World::run(Milliseconds limit) {
  const bool done = loop_->run_until([this] { return multi_->running() == 0; }, limit);
  if (const auto failure = loop_->take_failure()) MESSAGE(failure->message());
  return done;
}

bool World::until(const std::function<bool()>& condition, Milliseconds limit) {
  const int ticker = loop_->every(5ms, [] {});
  const bool held = loop_->run_until(condition, limit);
  loop_->cancel(ticker);
  if (const auto failure = loop_->take_failure()) MESSAGE(failure->message());
  return held;
}

std::size_t World::turns_within(Milliseconds time) {
  const std::size_t before = loop_->turns();
  loop_->run_until([] { return false; }, time);
  return loop_->turns() - before;
}

Pipe::Pipe() {
  int ends[2] = {-1, -1};
  REQUIRE(::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
  read_end = ends[0];
  write_end = ends[1];
}
Pipe::~Pipe() {
  ::close(read_end);
  ::close(write_end);
}
void Pipe::put(char byte) const { REQUIRE(::write(write_end, &byte, 1) == 1); }
int Pipe::take() const {
  char byte = 0;
  return ::read(read_end, &byte, 1) == 1 ? static_cast<unsigned char>(byte) : -1;
}

}  // namespace sluice::conformance
