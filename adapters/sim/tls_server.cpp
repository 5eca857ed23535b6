// See tls_server.hpp.
#include "adapters/sim/tls_server.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "adapters/sim/even_signature.hpp"
#include "core/base/check.hpp"

namespace sluice::sim {

struct TlsServerContext::Impl {
  bssl::UniquePtr<EVP_PKEY> key;  // the context may refer to it
  bssl::UniquePtr<SSL_CTX> context;
  std::string alpn;                                                     // in wire format
  std::map<std::string, bssl::UniquePtr<SSL_CTX>, std::less<>> others;  // by the host that a client names
  std::vector<std::shared_ptr<Impl>> kept;                              // theirs
};

struct TlsServer::Impl {
  std::shared_ptr<TlsServerContext::Impl> shared;
  bssl::UniquePtr<SSL> ssl;
  Bytes in;
  std::vector<std::uint8_t> out;
  std::string plain;
  std::string server_name;  // stored, because the library drops it after the handshake
  std::string failure;
  std::size_t early_bytes = 0;
  bool done = false;
  bool peer_closed = false;
};

namespace {

std::string error_text() {
  std::string text;
  while (const std::uint32_t error = ERR_get_error()) {
    const char* reason = ERR_reason_error_string(error);
    if (reason != nullptr) text += (text.empty() ? "" : ", ") + std::string(reason);
  }
  return text.empty() ? "failed" : text;
}

std::unexpected<Error> config_error(const char* what) {
  return std::unexpected(make_error(Code::tls_config, std::string("TLS server: ") + what + ": " + error_text()));
}

std::uint16_t wire_version(TlsVersion version) {
  return version == TlsVersion::tls1_2 ? TLS1_2_VERSION : TLS1_3_VERSION;
}

std::vector<bssl::UniquePtr<X509>> certificates(const std::string& pem) {
  std::vector<bssl::UniquePtr<X509>> found;
  const bssl::UniquePtr<BIO> in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  while (X509* one = PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr)) found.emplace_back(one);
  ERR_clear_error();
  return found;
}

int read_wire(BIO* bio, char* out, int size) {
  auto& in = *static_cast<Bytes*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (in.empty() || size <= 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const std::size_t taken = std::min(in.size(), static_cast<std::size_t>(size));
  std::memcpy(out, in.data(), taken);
  in = in.subspan(taken);
  return static_cast<int>(taken);
}

int write_wire(BIO* bio, const char* bytes, int size) {
  auto& out = *static_cast<std::vector<std::uint8_t>*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  out.insert(out.end(), bytes, bytes + std::max(size, 0));
  return size;
}

long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

int initialise(BIO* bio) {
  BIO_set_init(bio, 1);
  return 1;
}

constexpr BIO_METHOD kReader = {BIO_TYPE_SOURCE_SINK, "reader", nullptr, read_wire, nullptr, nullptr, control,
                                initialise,           nullptr,  nullptr};
constexpr BIO_METHOD kWriter = {BIO_TYPE_SOURCE_SINK, "writer", write_wire, nullptr, nullptr, nullptr, control,
                                initialise,           nullptr,  nullptr};

// A constant clock: nothing here depends on the time.
void standing_clock(const SSL*, timeval* out) {
  out->tv_sec = 1;
  out->tv_usec = 0;
}

int choose_alpn(SSL*, const std::uint8_t** out, std::uint8_t* out_size, const std::uint8_t* in, unsigned in_size,
                void* ours) {
  const Bytes known = as_bytes(*static_cast<const std::string*>(ours));
  std::uint8_t* chosen = nullptr;
  const int found =
      SSL_select_next_proto(&chosen, out_size, known.data(), static_cast<unsigned>(known.size()), in, in_size);
  *out = chosen;
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

using OtherContexts = std::map<std::string, bssl::UniquePtr<SSL_CTX>, std::less<>>;

int note_server_name(SSL* ssl, int*, void* ours) {
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name != nullptr) {
    *static_cast<std::string*>(SSL_get_app_data(ssl)) = name;
    const auto& others = *static_cast<const OtherContexts*>(ours);
    if (const auto found = others.find(std::string_view(name)); found != others.end())
      SSL_set_SSL_CTX(ssl, found->second.get());
  }
  return name != nullptr ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

Result<void> use_certificate(SSL_CTX* context, bssl::UniquePtr<EVP_PKEY>& key, const TlsServerOptions& options) {
  const auto chain = certificates(options.certificate_pem);
  if (chain.empty() || !SSL_CTX_use_certificate(context, chain.front().get())) return config_error("certificate");
  for (std::size_t i = 1; i < chain.size(); ++i) {
    if (!SSL_CTX_add1_chain_cert(context, chain[i].get())) return config_error("certificate chain");
  }
  const bssl::UniquePtr<BIO> in(BIO_new_mem_buf(options.key_pem.data(), static_cast<int>(options.key_pem.size())));
  key.reset(in ? PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr) : nullptr);
  if (!key || !SSL_CTX_use_PrivateKey(context, key.get())) return config_error("private key");
  if (is_p256(key.get())) sign_handshakes_evenly(context, key.get());
  return {};
}

Result<void> ask_for_client_certificates(SSL_CTX* context, const TlsServerOptions& options) {
  for (const auto& anchor : certificates(options.client_anchors_pem)) {
    if (!X509_STORE_add_cert(SSL_CTX_get_cert_store(context), anchor.get())) return config_error("client anchors");
  }
  X509_VERIFY_PARAM_set_time(SSL_CTX_get0_param(context), options.client_check_time);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return {};
}

}  // namespace

TlsServerContext::TlsServerContext(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsServerContext::~TlsServerContext() = default;
TlsServerContext::TlsServerContext(TlsServerContext&&) noexcept = default;
TlsServerContext& TlsServerContext::operator=(TlsServerContext&&) noexcept = default;

Result<TlsServerContext> TlsServerContext::create(const TlsServerOptions& options) {
  ERR_clear_error();
  auto impl = std::make_shared<Impl>();
  impl->context.reset(SSL_CTX_new(TLS_method()));
  SSL_CTX* context = impl->context.get();
  if (context == nullptr || !SSL_CTX_set_min_proto_version(context, wire_version(options.min_version)) ||
      !SSL_CTX_set_max_proto_version(context, wire_version(options.max_version)) ||
      (!options.ciphers.empty() && !SSL_CTX_set_strict_cipher_list(context, options.ciphers.c_str()))) {
    return config_error("versions and ciphers");
  }
  if (auto used = use_certificate(context, impl->key, options); !used) return std::unexpected(std::move(used.error()));
  if (!options.client_anchors_pem.empty()) {
    if (auto asked = ask_for_client_certificates(context, options); !asked)
      return std::unexpected(std::move(asked.error()));
  }
  for (const std::string& protocol : options.alpn) {
    impl->alpn += static_cast<char>(static_cast<unsigned char>(protocol.size()));
    impl->alpn += protocol;
  }
  if (!impl->alpn.empty()) SSL_CTX_set_alpn_select_cb(context, choose_alpn, &impl->alpn);
  SSL_CTX_set_current_time_cb(context, standing_clock);
  SSL_CTX_set_tlsext_servername_callback(context, note_server_name);
  SSL_CTX_set_tlsext_servername_arg(context, &impl->others);
  constexpr std::uint8_t kSessionContext[] = {'d', 'e', 'm', 'o'};
  if (!SSL_CTX_set_session_id_context(context, kSessionContext, sizeof kSessionContext))
    return config_error("session context");
  SSL_CTX_set_early_data_enabled(context, options.early_data);
  if (!options.tickets) {
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  }
  return TlsServerContext(std::move(impl));
}

void TlsServerContext::add_host(const std::string& host, const TlsServerContext& other) {
  impl_->others[host] = bssl::UpRef(other.impl_->context);
  impl_->kept.push_back(other.impl_);
}

TlsServer::TlsServer(const TlsServerContext& context) : impl_(std::make_unique<Impl>()) {
  impl_->shared = context.impl_;
  impl_->ssl.reset(SSL_new(context.impl_->context.get()));
  BIO* reader = BIO_new(&kReader);
  BIO* writer = BIO_new(&kWriter);
  SLUICE_CHECK(impl_->ssl && reader != nullptr && writer != nullptr);
  BIO_set_data(reader, &impl_->in);
  BIO_set_data(writer, &impl_->out);
  SSL_set_bio(impl_->ssl.get(), reader, writer);
  SSL_set_accept_state(impl_->ssl.get());
  SSL_set_app_data(impl_->ssl.get(), &impl_->server_name);
}

TlsServer::~TlsServer() = default;
TlsServer::TlsServer(TlsServer&&) noexcept = default;
TlsServer& TlsServer::operator=(TlsServer&&) noexcept = default;

bool TlsServer::feed(Bytes wire) {
  Impl& me = *impl_;
  if (!me.failure.empty()) return false;
  ERR_clear_error();
  me.in = wire;
  int result = 1;
  if (!me.done) {
    result = SSL_do_handshake(me.ssl.get());
    me.done = result == 1;
  }
  std::uint8_t buffer[16 * 1024];
  while (result > 0) {
    result = SSL_read(me.ssl.get(), buffer, sizeof buffer);
    if (result > 0 && SSL_in_early_data(me.ssl.get())) me.early_bytes += static_cast<std::size_t>(result);
    if (result > 0) me.plain.append(as_text({buffer, static_cast<std::size_t>(result)}));
  }
  const int why = SSL_get_error(me.ssl.get(), result);
  me.peer_closed = me.peer_closed || (why == SSL_ERROR_ZERO_RETURN && me.done);
  if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_ZERO_RETURN) me.failure = error_text();
  me.in = {};
  return me.failure.empty();
}

bool TlsServer::write(Bytes plain) {
  ERR_clear_error();
  while (!plain.empty()) {
    const int size = static_cast<int>(std::min<std::size_t>(plain.size(), 1U << 20));
    const int written = SSL_write(impl_->ssl.get(), plain.data(), size);
    if (written <= 0) {
      impl_->failure = error_text();
      return false;
    }
    plain = plain.subspan(static_cast<std::size_t>(written));
  }
  return true;
}

void TlsServer::close_notify() {
  ERR_clear_error();
  SSL_shutdown(impl_->ssl.get());
  ERR_clear_error();
}

std::string& TlsServer::plain() { return impl_->plain; }
std::vector<std::uint8_t>& TlsServer::output() { return impl_->out; }
bool TlsServer::handshake_done() const { return impl_->done && SSL_in_early_data(impl_->ssl.get()) == 0; }
std::string_view TlsServer::alpn() const {
  const std::uint8_t* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(impl_->ssl.get(), &name, &size);
  return as_text({name, size});
}

std::size_t TlsServer::early_bytes() const { return impl_->early_bytes; }
void TlsServer::refuse_early_data() { SSL_set_early_data_enabled(impl_->ssl.get(), 0); }
bool TlsServer::peer_closed() const { return impl_->peer_closed; }
bool TlsServer::resumed() const { return impl_->done && SSL_session_reused(impl_->ssl.get()) != 0; }
std::string TlsServer::server_name() const { return impl_->server_name; }
const std::string& TlsServer::failure() const { return impl_->failure; }
ssl_st* TlsServer::native() const { return impl_->ssl.get(); }

std::string TlsServer::client_subject() const {
  const bssl::UniquePtr<X509> certificate(SSL_get_peer_certificate(impl_->ssl.get()));
  char text[256] = "";
  if (certificate)
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, text, sizeof text);
  return text;
}

}  // namespace sluice::sim
