// See gssapi.hpp. The calls of GSSAPI (RFC 2744), with SPNEGO (RFC 4178) as the mechanism.
#include "adapters/gssapi.hpp"

#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>

#include <memory>
#include <string>
#include <type_traits>
#include <utility>

namespace sluice {

namespace {

// 1.3.6.1.5.5.2. GSSAPI wants it writable, and does not write.
gss_OID_desc spnego() {
  static char bytes[] = "\x2b\x06\x01\x05\x05\x02";
  return {.length = sizeof bytes - 1, .elements = bytes};
}

struct NameRelease {
  void operator()(gss_name_t name) const {
    OM_uint32 minor = 0;
    gss_release_name(&minor, &name);
  }
};
using Name = std::unique_ptr<std::remove_pointer_t<gss_name_t>, NameRelease>;

struct ContextRelease {
  void operator()(gss_ctx_id_t context) const {
    OM_uint32 minor = 0;
    gss_delete_sec_context(&minor, &context, GSS_C_NO_BUFFER);
  }
};
using Context = std::unique_ptr<std::remove_pointer_t<gss_ctx_id_t>, ContextRelease>;

// What GSSAPI gives; it is released with this.
class Buffer {
 public:
  Buffer() = default;
  ~Buffer() {
    OM_uint32 minor = 0;
    gss_release_buffer(&minor, &buffer_);
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  gss_buffer_t out() { return &buffer_; }
  std::string text() const {
    return buffer_.length == 0 ? "" : std::string(static_cast<const char*>(buffer_.value), buffer_.length);
  }
  // Of a text for people; SPNEGO's ends with a NUL.
  std::string words() const {
    std::string out = text();
    while (out.ends_with('\0')) out.pop_back();
    return out;
  }

 private:
  gss_buffer_desc buffer_ = GSS_C_EMPTY_BUFFER;
};

// Bytes that GSSAPI reads during a call.
gss_buffer_desc view(std::string_view bytes) {
  return {.length = bytes.size(), .value = const_cast<char*>(bytes.data())};
}

// GSSAPI's text for a status; there may be several lines, which are joined.
std::string words(OM_uint32 status, int type) {
  std::string out;
  OM_uint32 more = 0;
  do {
    Buffer line;
    OM_uint32 minor = 0;
    if (GSS_ERROR(gss_display_status(&minor, status, type, GSS_C_NO_OID, &more, line.out()))) break;
    out += (out.empty() ? "" : ", ") + line.words();
  } while (more != 0);
  return out;
}

// The mechanism's own text says more than the general one, if there is one.
std::string reason(OM_uint32 major, OM_uint32 minor) {
  const std::string detail = minor == 0 ? "" : words(minor, GSS_C_MECH_CODE);
  return detail.empty() || detail == "Success" || detail == "Unknown error" ? words(major, GSS_C_GSS_CODE) : detail;
}

// Why there is no user; "": there is one. `user`: null, or it is given here.
std::string find_user(Name* user) {
  OM_uint32 minor = 0;
  gss_name_t given = GSS_C_NO_NAME;
  const OM_uint32 major = gss_inquire_cred(&minor, GSS_C_NO_CREDENTIAL, &given, nullptr, nullptr, nullptr);
  Name found(given);
  if (GSS_ERROR(major)) return reason(major, minor);
  if (user) *user = std::move(found);
  return "";
}

OM_uint32 flags_of(GssapiDelegation delegation) {
  switch (delegation) {
    case GssapiDelegation::none:
      break;
    case GssapiDelegation::policy:
      return GSS_C_MUTUAL_FLAG | GSS_C_REPLAY_FLAG | GSS_C_DELEG_POLICY_FLAG;
    case GssapiDelegation::always:
      return GSS_C_MUTUAL_FLAG | GSS_C_REPLAY_FLAG | GSS_C_DELEG_FLAG;
  }
  return GSS_C_MUTUAL_FLAG | GSS_C_REPLAY_FLAG;
}

class Login final : public NegotiateLogin {
 public:
  Login(std::string_view host, const GssapiOptions& options)
      : service_(options.service + "@" + std::string(host)),
        flags_(flags_of(options.delegation)),
        on_no_token_(options.on_no_token) {
    if (service_.ends_with('.')) service_.pop_back();
  }

  Result<std::string> next(std::string_view received) override {
    auto token = step(received);
    if (!token && !begun_ && on_no_token_) on_no_token_(token.error().context);
    begun_ = true;
    return token;
  }

 private:
  Result<std::string> step(std::string_view received) {
    if (complete_) return fails("a token came after the login was complete");
    OM_uint32 minor = 0;
    if (!server_) {
      gss_buffer_desc text = view(service_);
      gss_name_t name = GSS_C_NO_NAME;
      const OM_uint32 major = gss_import_name(&minor, &text, GSS_C_NT_HOSTBASED_SERVICE, &name);
      if (GSS_ERROR(major)) return fails(reason(major, minor));
      server_.reset(name);
    }
    gss_OID_desc mechanism = spnego();
    gss_buffer_desc in = view(received);
    Buffer out;
    gss_ctx_id_t context = context_.release();
    const OM_uint32 major =
        gss_init_sec_context(&minor, GSS_C_NO_CREDENTIAL, &context, server_.get(), &mechanism, flags_, 0,
                             GSS_C_NO_CHANNEL_BINDINGS, &in, nullptr, out.out(), nullptr, nullptr);
    context_.reset(context);
    if (GSS_ERROR(major)) {
      // SPNEGO does not say why it has no mechanism; that of Kerberos does.
      const std::string no_user = begun_ ? "" : find_user(nullptr);
      return fails(no_user.empty() ? reason(major, minor) : no_user);
    }
    complete_ = major == GSS_S_COMPLETE;
    return out.text();
  }

  Result<std::string> fails(const std::string& why) const {
    return std::unexpected(
        make_error(Code::authentication_failed, (begun_ ? "" : "no token for ") + service_ + ": " + why));
  }

  std::string service_;
  const OM_uint32 flags_;
  const std::function<void(std::string_view)> on_no_token_;
  Name server_;
  Context context_;
  bool begun_ = false;
  bool complete_ = false;
};

class Provider final : public NegotiateProvider {
 public:
  explicit Provider(GssapiOptions options) : options_(std::move(options)) {}

  std::unique_ptr<NegotiateLogin> begin(std::string_view host) override {
    return std::make_unique<Login>(host, options_);
  }

  std::string identity() const override {
    Name user;
    Buffer text;
    OM_uint32 minor = 0;
    if (find_user(&user).empty() && user) gss_display_name(&minor, user.get(), text.out(), nullptr);
    return std::to_string(static_cast<int>(options_.delegation)) + options_.service + '@' + text.text();
  }

 private:
  const GssapiOptions options_;
};

}  // namespace

bool has_gssapi() { return true; }

Result<std::shared_ptr<NegotiateProvider>> gssapi_provider(GssapiOptions options) {
  return std::make_shared<Provider>(std::move(options));
}

}  // namespace sluice
