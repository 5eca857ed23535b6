// See fetch.hpp.
#include "adapters/fetch.hpp"

#include <algorithm>
#include <chrono>
#include <new>
#include <utility>
#include <variant>

#include "adapters/trust.hpp"

namespace sluice {
namespace {

// One transfer of a call: collects its response into its place among the results.
class Collector final : public TransferHandler {
 public:
  explicit Collector(Result<Response>& answer) : answer_(&answer) {}
  bool done() const { return done_; }

  std::size_t on_body(Multi& multi, TransferId transfer, Bytes bytes) override {
    try {
      (*answer_)->body += as_text(bytes);
    } catch (const std::bad_alloc&) {
      end(multi, transfer, std::unexpected(make_error(Code::out_of_memory, {})));
    }
    return bytes.size();
  }
  void on_done(Multi& multi, TransferId transfer, const Result<void>& ended) override {
    try {
      if (!ended) return end(multi, transfer, std::unexpected(ended.error()));
      Response& response = **answer_;
      response.head = multi.head(transfer);
      response.trailers = multi.trailers(transfer);
      response.progress = multi.progress(transfer);
      response.info = multi.info(transfer);
      end(multi, transfer, {});
    } catch (const std::bad_alloc&) {
      end(multi, transfer, std::unexpected(make_error(Code::out_of_memory, {})));
    }
  }

 private:
  void end(Multi& multi, TransferId transfer, Result<void> how) {
    done_ = true;
    if (!how) *answer_ = std::unexpected(std::move(how.error()));
    multi.remove(transfer);
  }

  Result<Response>* answer_;
  bool done_ = false;
};

// Why a request is refused before it is added.
Result<void> check(const Request& request) {
  if (!std::holds_alternative<BodyStream>(request.body)) return {};
  return std::unexpected(make_error(
      Code::invalid_option,
      "fetch " + request.url.text_without_secrets() + ": a BodyStream needs a TransferHandler, which a fetch has not"));
}

class Call {
 public:
  Call(Multi& multi, std::vector<Request>& requests, const TransferOptions& options, std::size_t at_once,
       std::vector<Result<Response>>& answers)
      : multi_(multi), requests_(requests), options_(options), at_once_(at_once), answers_(answers) {
    collectors_.reserve(requests.size());
    for (Result<Response>& answer : answers_) collectors_.emplace_back(answer);
  }

  // Runs until all transfers have ended. If the Multi cannot go on, the remaining transfers end with that error.
  void run() {
    for (;;) {
      start();
      int running = 0;
      const Drive drive = multi_.perform(&running);
      if (drive == Drive::failed) return give_up(make_error(Code::internal, "fetch: out of descriptors or memory"));
      if (running == 0) {
        if (next_ == requests_.size()) return;
      } else if (drive == Drive::ok) {
        if (auto waited = multi_.poll({}, std::chrono::hours(1)); !waited) return give_up(waited.error());
      }
    }
  }

 private:
  void start() {
    for (; next_ < requests_.size() && (at_once_ == 0 || multi_.running() < at_once_); ++next_) {
      auto valid = check(requests_[next_]);
      if (valid) {
        auto added = multi_.add(std::move(requests_[next_]), options_, &collectors_[next_]);
        if (added) continue;
        valid = std::unexpected(std::move(added.error()));
      }
      answers_[next_] = std::unexpected(std::move(valid.error()));
    }
  }
  void give_up(const Error& error) {
    for (std::size_t i = 0; i < answers_.size(); ++i) {
      const bool ended = i < next_ && (collectors_[i].done() || !answers_[i]);
      if (!ended) answers_[i] = std::unexpected(error);
    }
  }

  Multi& multi_;
  std::vector<Request>& requests_;
  const TransferOptions& options_;
  const std::size_t at_once_;
  std::vector<Result<Response>>& answers_;
  std::vector<Collector> collectors_;
  std::size_t next_ = 0;  // the first request that was not added yet
};

Result<std::unique_ptr<Multi>> make_multi(const std::vector<Request>& requests, const TransferOptions& options) {
  MultiOptions multi;
  const auto is_tls = [](const Request& request) { return request.url.is_tls(); };
  if (!options.tls && std::ranges::any_of(requests, is_tls)) {
    auto tls = system_tls();
    if (!tls) return std::unexpected(std::move(tls.error()));
    multi.engine.default_tls = *std::move(tls);
  }
  return Multi::create(std::move(multi));
}

template <class Make>
Result<Response> fetch_text(std::string_view text, TransferOptions options, Make make) {
  auto url = Url::parse(text);
  if (!url) return std::unexpected(std::move(url.error()));
  return fetch(make(*std::move(url)), std::move(options));
}

}  // namespace

Result<Response> get(std::string_view url, TransferOptions options) {
  return fetch_text(url, std::move(options), [](Url to) { return Request::get(std::move(to)); });
}

Result<Response> post(std::string_view url, std::string body, std::string_view type, TransferOptions options) {
  return fetch_text(url, std::move(options),
                    [&](Url to) { return Request::post(std::move(to), std::move(body), type); });
}

Result<Response> json(std::string_view url, std::string text, TransferOptions options) {
  return fetch_text(url, std::move(options), [&](Url to) { return Request::json(std::move(to), std::move(text)); });
}

Result<Response> fetch(Request request, TransferOptions options) {
  std::vector<Request> requests;
  requests.push_back(std::move(request));
  return std::move(fetch_all(std::move(requests), options).front());
}

std::vector<Result<Response>> fetch_all(std::vector<Request> requests, const TransferOptions& options,
                                        std::size_t at_once) {
  std::vector<Result<Response>> answers(requests.size());
  if (requests.empty()) return answers;
  auto multi = make_multi(requests, options);
  if (!multi) {
    for (Result<Response>& answer : answers) answer = std::unexpected(multi.error());
    return answers;
  }
  Call(**multi, requests, options, at_once, answers).run();
  return answers;
}

}  // namespace sluice
