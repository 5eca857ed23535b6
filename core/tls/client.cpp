// See client.hpp. One SSL object, which reads and writes the buffers of each call.
#include "core/tls/client.hpp"

#include <openssl/ssl.h>

#include <algorithm>
#include <new>
#include <utility>

#include "core/base/check.hpp"
#include "core/tls/certificate.hpp"
#include "core/tls/config.hpp"
#include "core/tls/description.hpp"
#include "core/tls/ech.hpp"
#include "core/tls/errors.hpp"
#include "core/tls/judge.hpp"
#include "core/tls/signing.hpp"
#include "core/tls/span_bio.hpp"
#include "core/tls/verify.hpp"

namespace sluice::tls {
namespace {

constexpr std::size_t kMaxRecordPlain = SSL3_RT_MAX_PLAIN_LENGTH;  // RFC 8446 5.1

class Client final : public ClientLayer {
 public:
  Client(ClientParams params, ReferenceId peer, bssl::UniquePtr<SSL> ssl, std::shared_ptr<const Config> config)
      : config_(std::move(config)), params_(std::move(params)), peer_(std::move(peer)), ssl_(std::move(ssl)) {}

  Pump start(std::vector<std::uint8_t>& wire_out, Now now) override;
  Pump decode(Bytes& wire_in, MutableBytes& plain_out, std::vector<std::uint8_t>& wire_out, Now now) override;
  Pump encode(Bytes& plain_in, std::vector<std::uint8_t>& wire_out, std::size_t wire_cap, Now now) override;
  bool established() const override { return state_ == State::established || state_ == State::peer_closed; }
  StreamEnd stream_end() const override;
  void close(std::vector<std::uint8_t>& wire_out) noexcept override;
  const Error& error() const override { return error_; }

  std::string_view version() const override { return handshaken() ? SSL_get_version(ssl_.get()) : ""; }
  std::string_view cipher() const override;
  std::string_view group() const override;
  std::string_view alpn() const override;
  bool resumed() const override { return handshaken() && SSL_session_reused(ssl_.get()) != 0; }
  bool verified() const override { return verified_; }
  std::optional<PeerCertificate> peer_certificate() const override;
  std::string_view task() const override { return params_.task(); }
  Code failure() const override { return Code::tls_handshake; }
  Again again() const override;
  std::string_view keys_to_retry() const override { return retry_list_; }
  bool proves(const std::string& host, HostKind kind, std::uint16_t port, Now now) override {
    return verified_ && state_ == State::established && proves_host(*config_, ssl_.get(), host, kind, port, now.wall);
  }
  void describe(StreamFacts& facts) const override;

  SSL* native() const { return ssl_.get(); }
  static Client& of(const SSL* ssl) { return *static_cast<Client*>(SSL_get_app_data(ssl)); }
  bool connect_bio();  // before everything else; false: out of memory
  void store_session(SSL_SESSION* session);
  void log_key(const char* line);
  void offers_ech() { offered_ech_ = true; }
  ssl_verify_result_t verify(std::uint8_t& out_alert);
  bool sign(std::uint16_t scheme, Bytes input, MutableBytes out, std::size_t& size);

 private:
  enum class State : std::uint8_t { idle, handshaking, established, peer_closed, failed };

  // Makes the buffers and the time of a call available to the BIO and the callbacks, only during that call.
  class Call {
   public:
    Call(Client& client, Bytes* wire_in, std::vector<std::uint8_t>* wire_out, UnixSeconds wall) : client_(client) {
      clear_errors();
      client.wire_.begin(wire_in, wire_out);
      client.wall_ = wall;
    }
    ~Call() {
      client_.wire_.end();
      clear_errors();
    }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

   private:
    Client& client_;
  };

  bool handshaken() const { return handshaken_; }
  bool lacks_memory() const { return out_of_memory_ || wire_.is_out_of_memory(); }
  void offer_session();
  Pump handshake();
  int send_early(int result);
  Pump finish_early();
  bool begin_renegotiation();
  void note_renegotiation();
  Pump read(MutableBytes& plain_out);
  Pump not_read(int result);
  Pump fail(Error error);
  Error handshake_error(const Failure& failure) const;
  std::string peer_text() const { return (params_.is_proxy() ? "the proxy " : "") + params_.host; }
  std::string place() const;

  std::shared_ptr<const Config> config_;
  ClientParams params_;
  ReferenceId peer_;
  SpanBio wire_;  // `ssl_` uses it
  bssl::UniquePtr<SSL> ssl_;
  UnixSeconds wall_ = 0;
  UnixSeconds good_until_ = 0;  // of what was accepted
  State state_ = State::idle;
  bool handshaken_ = false;
  bool accepted_ = false;  // all that is asked of the peer is right
  bool verified_ = false;
  bool offered_session_ = false;
  bool said_goodbye_ = false;
  bool answered_ = false;       // plain bytes were received since the last ones were sent
  bool renegotiating_ = false;  // a renegotiation is going on: nothing can be encoded
  bool out_of_memory_ = false;  // in a callback; see lacks_memory()
  bool offered_ech_ = false;
  bool lost_ech_ = false;  // the server has refused it, and proved that it has the public name
  // Why the peer was not accepted, or there is no signature; no context: BoringSSL says why.
  Error refusal_;
  Error error_;
  std::string retry_list_;  // with lost_ech_: what the server takes; "": nothing that can be used
};

bool Client::connect_bio() {
  BIO* const bio = wire_.make();
  if (bio != nullptr) SSL_set_bio(ssl_.get(), bio, bio);  // it owns it from here on
  return bio != nullptr;
}

StreamEnd Client::stream_end() const {
  if (state_ == State::peer_closed) return StreamEnd::clean;
  return state_ == State::established && wire_.records().between_records() ? StreamEnd::bare : StreamEnd::cut;
}

// ---- the layer ----

Pump Client::start(std::vector<std::uint8_t>& wire_out, Now now) {
  SLUICE_CHECK(state_ == State::idle);
  const Call call(*this, nullptr, &wire_out, now.wall);
  state_ = State::handshaking;
  offer_session();
  return handshake();
}

void Client::offer_session() {
  if (params_.sessions == nullptr || !config_->options().session_resumption) return;
  const StoredSession stored = params_.sessions->take(params_.session_key, wall_);
  if (!stored.session) return;
  SSL_SESSION_set_time(stored.session.get(),
                       static_cast<std::uint64_t>(kClock - std::max<UnixSeconds>(wall_ - stored.created, 0)));
  offered_session_ = SSL_set_session(ssl_.get(), stored.session.get()) != 0;
  // RFC 8446 8: a ticket that is used once makes one copy of the data that the server cannot tell from a replay.
  if (!params_.early || !stored.single_use || !SSL_SESSION_early_data_capable(stored.session.get())) return;
  SSL_set_early_data_enabled(ssl_.get(), 1);
  SSL_set_mode(ssl_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE);  // the session says how much may be sent
}

Pump Client::decode(Bytes& wire_in, MutableBytes& plain_out, std::vector<std::uint8_t>& wire_out, Now now) {
  SLUICE_CHECK(state_ != State::idle);
  const Call call(*this, &wire_in, &wire_out, now.wall);
  if (state_ == State::failed) return Pump::failed;
  if (state_ == State::handshaking) {
    if (const Pump pump = handshake(); pump != Pump::progressed) return pump;
  }
  if (state_ == State::established) {
    if (const Pump pump = read(plain_out); pump != Pump::closed) return pump;
  }
  wire_in = {};  // RFC 8446 6.1: bytes after a close_notify are ignored
  return Pump::closed;
}

Pump Client::handshake() {
  int result = SSL_do_handshake(ssl_.get());
  if (params_.early) result = send_early(result);
  if (result == 1) {
    if (!accepted_) {
      return fail(make_error(Code::internal, place() + ": finished without a look at the certificate"));
    }
    handshaken_ = true;
    state_ = State::established;
    return params_.early ? finish_early() : Pump::progressed;
  }
  return not_read(result);
}

// After the ClientHello, SSL_do_handshake() returns once when early data may be written: what is asked of the peer was
// checked again for the session. It fails once when the server has refused the data: then the peer is looked at anew.
int Client::send_early(int result) {
  EarlyData& early = *params_.early;
  if (result == 1 && SSL_in_early_data(ssl_.get())) {
    const std::uint8_t* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl_.get(), &name, &size);
    while (early.fits(as_text({name, size})) && early.sent_with_hello < early.bytes.size()) {
      const std::string_view rest = std::string_view(early.bytes).substr(early.sent_with_hello);
      const int written = SSL_write(ssl_.get(), rest.data(), static_cast<int>(rest.size()));
      if (written <= 0) break;  // over the session's limit
      early.sent_with_hello += static_cast<std::size_t>(written);
      early.fate = EarlyData::Fate::sent;
    }
    clear_errors();
    result = SSL_do_handshake(ssl_.get());
  }
  if (result == 1 || SSL_get_error(ssl_.get(), result) != SSL_ERROR_EARLY_DATA_REJECTED) return result;
  if (early.was_sent()) early.fate = EarlyData::Fate::refused;
  accepted_ = verified_ = false;
  SSL_reset_early_data_reject(ssl_.get());
  return SSL_do_handshake(ssl_.get());
}

// The handshake is complete: what did not go early follows.
Pump Client::finish_early() {
  const std::shared_ptr<EarlyData> early = std::exchange(params_.early, nullptr);
  if (early->fate != EarlyData::Fate::sent) return Pump::progressed;
  early->fate = EarlyData::Fate::accepted;
  SLUICE_CHECK(SSL_early_data_accepted(ssl_.get()));
  std::string_view rest = std::string_view(early->bytes).substr(early->sent_with_hello);
  while (!rest.empty()) {
    const int written = SSL_write(ssl_.get(), rest.data(), static_cast<int>(std::min(rest.size(), kMaxRecordPlain)));
    if (written <= 0) return not_read(written) == Pump::failed ? Pump::failed : Pump::closed;
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  return Pump::progressed;
}

Pump Client::read(MutableBytes& plain_out) {
  for (;;) {
    std::uint8_t probe = 0;
    const bool full = plain_out.empty();
    const int wanted = static_cast<int>(std::min<std::size_t>(plain_out.size(), 1U << 30));
    // Without room SSL_peek still processes tickets and alerts, and tells whether room is needed.
    const int result = full ? SSL_peek(ssl_.get(), &probe, 1) : SSL_read(ssl_.get(), plain_out.data(), wanted);
    note_renegotiation();
    if (result <= 0) {
      if (SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_RENEGOTIATE && begin_renegotiation()) continue;
      return not_read(result);
    }
    answered_ = true;
    if (full) return Pump::need_space;
    plain_out = plain_out.subspan(static_cast<std::size_t>(result));
  }
}

// The server asks for another handshake. If it is refused, an alert is sent, and the reason stays in BoringSSL's queue.
bool Client::begin_renegotiation() {
  // RFC 5746 binds the second handshake to the first, and BoringSSL does not let the server show another certificate.
  // But in the middle of a response it would not be clear which bytes came before the client was authenticated.
  renegotiating_ =
      !answered_ && SSL_get_secure_renegotiation_support(ssl_.get()) == 1 && SSL_renegotiate(ssl_.get()) == 1;
  if (!renegotiating_) SSL_send_fatal_alert(ssl_.get(), SSL_AD_NO_RENEGOTIATION);
  return renegotiating_;
}

// After the renegotiation no other is allowed, and BoringSSL frees the handshake's memory.
void Client::note_renegotiation() {
  if (!renegotiating_ || SSL_in_init(ssl_.get())) return;
  renegotiating_ = false;
  SSL_set_renegotiate_mode(ssl_.get(), ssl_renegotiate_never);
}

// What a call without a result means. Everything other than a need for input or a close_notify is a failure.
Pump Client::not_read(int result) {
  const int why = SSL_get_error(ssl_.get(), result);
  if (why == SSL_ERROR_WANT_READ && !lacks_memory()) return Pump::need_input;
  if (lacks_memory()) return fail(make_error(Code::out_of_memory, {}));
  // Our BIO makes no system call, so SSL_ERROR_SYSCALL is a failure without a reason. Some failed allocations of
  // BoringSSL end so, and some inputs of a peer too; they cannot be told apart.
  if (why == SSL_ERROR_ZERO_RETURN && handshaken_) {
    state_ = State::peer_closed;
    return Pump::closed;
  }
  const Failure failure = take_failure(why == SSL_ERROR_ZERO_RETURN        ? "peer closed the connection"
                                       : why == SSL_ERROR_WANT_RENEGOTIATE ? "no renegotiation"
                                                                           : "failed");
  if (failure.out_of_memory) return fail(make_error(Code::out_of_memory, {}));
  lost_ech_ = lost_ech_ && failure.ech_rejected;
  if (lost_ech_) retry_list_ = ech_list_to_retry(ssl_.get());
  if (!handshaken_) return fail(handshake_error(failure));
  return fail(make_error(Code::tls_failed, "TLS connection with " + peer_text() + ": " + failure.reason,
                         failure.alert.value_or(0)));
}

Error Client::handshake_error(const Failure& failure) const {
  if (!refusal_.context.empty()) return make_error(refusal_.code, place() + ": " + refusal_.context, refusal_.detail);
  if (failure.alert) return make_error(Code::tls_handshake, place() + ": " + failure.reason, *failure.alert);
  return make_error(Code::tls_handshake, place() + ": " + reason_after(failure, wire_.records().beginning()));
}

Pump Client::fail(Error error) {
  // The session may be the cause of the failure, so the next attempt offers none.
  if (offered_session_ && !handshaken_) params_.sessions->forget(params_.session_key);
  state_ = State::failed;
  error_ = std::move(error);
  return Pump::failed;
}

Pump Client::encode(Bytes& plain_in, std::vector<std::uint8_t>& wire_out, std::size_t wire_cap, Now now) {
  if (state_ == State::failed) return Pump::failed;
  SLUICE_CHECK(established());
  if (said_goodbye_) return Pump::closed;
  if (renegotiating_) return Pump::need_input;
  const Call call(*this, nullptr, &wire_out, now.wall);
  while (!plain_in.empty()) {
    if (wire_out.size() >= wire_cap) return Pump::need_space;
    const std::size_t size = std::min(plain_in.size(), kMaxRecordPlain);
    const int written = SSL_write(ssl_.get(), plain_in.data(), static_cast<int>(size));
    if (written <= 0) return not_read(written) == Pump::failed ? Pump::failed : Pump::closed;
    plain_in = plain_in.subspan(static_cast<std::size_t>(written));
    answered_ = false;
  }
  return Pump::progressed;
}

void Client::close(std::vector<std::uint8_t>& wire_out) noexcept {
  if (said_goodbye_ || !established()) return;
  said_goodbye_ = true;
  const Call call(*this, nullptr, &wire_out, wall_);
  SSL_shutdown(ssl_.get());  // writes the close_notify; an answer of the peer does not matter
}

// ---- callbacks ----

// Called inside decode(), also long after the handshake (RFC 8446 4.6.1).
void Client::store_session(SSL_SESSION* session) {
  SessionRef owned(session);
  if (params_.sessions == nullptr || !accepted_) return;
  const auto lifetime = static_cast<UnixSeconds>(SSL_SESSION_get_timeout(session));
  const UnixSeconds until = std::min(wall_ + lifetime, good_until_);
  const bool portable = params_.key_is_portable && config_->is_portable();
  auto keeps = config_->is_portable() ? nullptr : params_.config;
  const bool single_use = SSL_SESSION_should_be_single_use(session) != 0;
  try {
    params_.sessions->put(params_.session_key,
                          {std::move(owned), wall_, until, single_use, portable, std::move(keeps)});
  } catch (...) {  // no memory: the session is not stored
  }
}

void Client::log_key(const char* line) {
  if (params_.key_log == nullptr) return;
  try {
    params_.key_log->emplace_back(line);
  } catch (...) {
    out_of_memory_ = true;
  }
}

// RFC 9849 6.1.6: with other keys; or, if there are none, without Encrypted Client Hello, where that may be.
// With the keys that the server has named, or without early data: a server that does not understand it any more may end
// the handshake (RFC 8446 D.3), and the next one offers no session.
Again Client::again() const {
  if (lacks_memory() || error_.code == Code::out_of_memory) return Again::no;
  const bool early = !handshaken_ && params_.early && params_.early->was_sent();
  if (early && refusal_.context.empty()) return Again::yes;
  if (!lost_ech_ || state_ != State::failed) return Again::no;
  const bool is_required = !wants_ech_keys(config_->options()) || config_->options().ech == EncryptedHello::required;
  return retry_list_.empty() && is_required ? Again::no : Again::with_keys;
}

ssl_verify_result_t Client::verify(std::uint8_t& out_alert) {
  try {
    // Before early data is sent BoringSSL has the certificate of the session looked at, and the server has said
    // nothing.
    const bool has_answered = !wire_.records().beginning().empty();
    const bool lacks_ech = offered_ech_ && has_answered && SSL_ech_accepted(ssl_.get()) == 0;
    // BoringSSL ends such a connection itself, and gives the server's keys only after that.
    lost_ech_ = lacks_ech && proves_public_name(*config_, ssl_.get(), params_.port, wall_);
    Judgement judged = lacks_ech ? ech_refused() : judge_peer(*config_, ssl_.get(), peer_, params_.port, wall_);
    accepted_ = judged.accepted;
    verified_ = judged.accepted && judged.verified;
    good_until_ = judged.good_until;
    if (accepted_) return ssl_verify_ok;
    out_of_memory_ = judged.out_of_memory;
    refusal_ = make_error(judged.code, std::move(judged.reason), judged.detail);
    if (lost_ech_) return ssl_verify_ok;
    out_alert = judged.alert;
  } catch (const std::bad_alloc&) {
    out_of_memory_ = true;
  } catch (...) {
    refusal_ = make_error(Code::tls_certificate, "the application's verifier threw an exception");
  }
  return ssl_verify_invalid;
}

bool Client::sign(std::uint16_t scheme, Bytes input, MutableBytes out, std::size_t& size) {
  try {
    const std::string failure = sign_with(*config_->options().signer, scheme, input, out, size);
    if (failure.empty()) return true;
    refusal_ = make_error(Code::tls_handshake, "the signer of the client certificate: " + failure);
  } catch (...) {
    out_of_memory_ = true;
  }
  return false;
}

// ---- results ----

std::string Client::place() const {
  const std::string host = peer_.kind == HostKind::ipv6 ? '[' + params_.host + ']' : params_.host;
  return std::string("TLS handshake with ") + (params_.is_proxy() ? "the proxy " : "") + host +
         (params_.port == 0 ? "" : ':' + std::to_string(params_.port));
}

std::string_view Client::cipher() const {
  const SSL_CIPHER* cipher = handshaken() ? SSL_get_current_cipher(ssl_.get()) : nullptr;
  return cipher == nullptr ? "" : SSL_CIPHER_standard_name(cipher);
}

std::string_view Client::group() const {
  const char* name = handshaken() ? SSL_get_curve_name(SSL_get_curve_id(ssl_.get())) : nullptr;
  return name == nullptr ? "" : name;
}

std::string_view Client::alpn() const {
  const std::uint8_t* name = nullptr;
  unsigned size = 0;
  if (handshaken()) SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return as_text({name, size});
}

void Client::describe(StreamFacts& facts) const {
  if (params_.place == ClientParams::Place::to_forwarder) facts.forwarder_http2 = alpn() == "h2";
  Description known = {.version = version(),
                       .cipher = cipher(),
                       .group = group(),
                       .alpn = alpn(),
                       .resumed = resumed(),
                       .verified = verified_,
                       .certificate = peer_certificate()};
  if (params_.is_proxy()) return add_proxy(std::move(known), facts);
  add_server(std::move(known), facts);
  if (config_->options().keep_certificates) facts.certificates = in_der(SSL_get0_peer_certificates(ssl_.get()));
}

std::optional<PeerCertificate> Client::peer_certificate() const {
  const STACK_OF(CRYPTO_BUFFER)* shown = handshaken() ? SSL_get0_peer_certificates(ssl_.get()) : nullptr;
  if (shown == nullptr || sk_CRYPTO_BUFFER_num(shown) == 0) return std::nullopt;
  const bssl::UniquePtr<X509> leaf(X509_parse_from_buffer(sk_CRYPTO_BUFFER_value(shown, 0)));
  if (!leaf) {
    clear_errors();
    return std::nullopt;
  }
  return summarise(*leaf);
}

}  // namespace

int on_new_session(SSL* ssl, SSL_SESSION* session) {
  Client::of(ssl).store_session(session);
  return 1;  // 1: the reference was taken over
}

void on_key_log(const SSL* ssl, const char* line) { Client::of(ssl).log_key(line); }

ssl_private_key_result_t on_sign(SSL* ssl, std::uint8_t* out, std::size_t* out_size, std::size_t max_out,
                                 std::uint16_t scheme, const std::uint8_t* in, std::size_t in_size) {
  return Client::of(ssl).sign(scheme, {in, in_size}, {out, max_out}, *out_size) ? ssl_private_key_success
                                                                                : ssl_private_key_failure;
}

ssl_verify_result_t on_verify(SSL* ssl, std::uint8_t* out_alert) { return Client::of(ssl).verify(*out_alert); }

Result<std::unique_ptr<ClientLayer>> make_client(ClientParams params) {
  // TlsConfig::create() makes no other type.
  auto config = std::dynamic_pointer_cast<const Config>(params.config);
  SLUICE_CHECK(config != nullptr);
  auto peer = reference_id(params.host, params.host_kind);
  if (!peer) {
    if (take_memory_failure()) return std::unexpected(make_error(Code::out_of_memory, {}));
    return std::unexpected(make_error(
        Code::invalid_url, "TLS: \"" + printable(params.host, 256) + "\" is not a host a certificate can be for"));
  }
  clear_errors();
  auto ssl = config->new_connection(params.http2);
  if (!ssl) {
    clear_errors();
    return std::unexpected(make_error(Code::out_of_memory, {}));
  }
  SSL_set_connect_state(ssl.get());
  SSL_set_shed_handshake_config(ssl.get(), 1);
  if (config->may_renegotiate()) SSL_set_renegotiate_mode(ssl.get(), ssl_renegotiate_explicit);
  // RFC 6066 3: names only, never addresses. reference_id() has checked the length.
  if (peer->kind == HostKind::name && !SSL_set_tlsext_host_name(ssl.get(), peer->host.c_str())) {
    clear_errors();
    return std::unexpected(make_error(Code::out_of_memory, {}));
  }
  const auto offers = offer_ech(ssl.get(), config->options(), params.ech_list);
  if (!offers) return std::unexpected(offers.error());
  auto client = std::make_unique<Client>(std::move(params), std::move(*peer), std::move(ssl), std::move(config));
  if (*offers) client->offers_ech();
  // The callbacks need the app data to find the client.
  if (!client->connect_bio() || !SSL_set_app_data(client->native(), client.get())) {
    clear_errors();
    return std::unexpected(make_error(Code::out_of_memory, {}));
  }
  return client;
}

}  // namespace sluice::tls
