// Transfers with a Multi for tests with real servers: adds them, runs them to the end within a time limit, and gives
// the results. Bodies are compared when they arrive, so thousands of transfers need no memory for them.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/multi.hpp"

namespace sluice::test {

class Fetch final : public TransferHandler {
 public:
  std::optional<std::string_view> expected;  // must outlive the transfer; none: the body is kept in `body`
  std::string body;
  std::size_t received = 0;
  bool as_expected = true;  // every byte so far
  // Takes no more than so many bytes and then pauses, until hold_at is set again and Multi::resume() called.
  std::size_t hold_at = static_cast<std::size_t>(-1);

  TransferId id;
  std::optional<Message> message;  // after the end
  int status = 0;
  std::vector<std::pair<std::string, std::string>> fields;

  std::string field(std::string_view name) const;  // "" when absent
  bool ok() const { return message && message->result.has_value(); }
  // Done, without an error, and all of `expected` is there.
  bool complete() const { return ok() && as_expected && (!expected || received == expected->size()); }
  std::optional<Code> code() const;  // of the error it ended in
  std::string error() const;         // its message; "" without one

 private:
  friend class Client;
  std::size_t on_upload(Multi& multi, TransferId upload, MutableBytes space) override;
  void on_head(Multi&, TransferId, const ResponseHead& head) override;
  std::size_t on_body(Multi&, TransferId, Bytes bytes) override;
  std::string upload_;  // Get::stream
  std::size_t given_ = 0;
  bool gives_next_ = false;
};

struct Get {
  std::string method = "GET";
  std::vector<std::pair<std::string, std::string>> fields;
  std::optional<std::string> body;
  std::shared_ptr<const TlsConfig> tls;
  HttpVersions versions = HttpVersions::any;
  // A body without a length, given in pieces; after each the upload pauses until the next step.
  std::optional<std::string> stream = {};
  bool follow = false;  // redirects
};

class Client {
 public:
  explicit Client(MultiOptions options = {});
  Multi& multi() { return *multi_; }

  // Fails the test case when the URL or the request is refused.
  Fetch& add(const std::string& url, const Get& get = {}, std::optional<std::string_view> expected = std::nullopt);
  // Runs until no transfer runs. Fails the test case if that takes longer.
  void run(std::chrono::seconds longest = std::chrono::seconds(60));
  // One step: waits a little, then performs.
  void step();
  // Adds a transfer and runs it to its end.
  Fetch& fetch(const std::string& url, const Get& get = {}, std::optional<std::string_view> expected = std::nullopt);

 private:
  void collect();
  std::unique_ptr<Multi> multi_;
  std::vector<std::unique_ptr<Fetch>> fetches_;
  std::vector<Fetch*> uploads_;  // with a Get::stream
};

// Fails the test case when the options are refused.
std::shared_ptr<const TlsConfig> tls_config(TlsOptions options);
std::shared_ptr<const TlsConfig> trusting(const std::string& root_pem);

// Raises the limit of descriptors as far as the system allows.
void raise_descriptor_limit();

}  // namespace sluice::test
