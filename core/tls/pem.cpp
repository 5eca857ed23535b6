// See pem.hpp.
#include "core/tls/pem.hpp"

#include <openssl/bio.h>
#include <openssl/bytestring.h>
#include <openssl/err.h>
#include <openssl/mem.h>
#include <openssl/nid.h>
#include <openssl/obj.h>
#include <openssl/pem.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "core/base/limits.hpp"
#include "core/tls/errors.hpp"
#include "core/tls/pkcs8.hpp"

namespace sluice::tls {
namespace {

Error unusable(std::string context) { return make_error(Code::tls_config, std::move(context)); }

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

// A text that is read block by block. Byte order marks at the start of lines are removed: editors put them at the start
// of files, files are concatenated, and BoringSSL would skip a block whose first line begins with one.
class PemText {
 public:
  explicit PemText(const std::string& text) {
    if (!text.contains(kByteOrderMark)) {
      open(text);
      return;
    }
    std::size_t at = 0;
    for (std::size_t mark; (mark = text.find(kByteOrderMark, at)) != std::string::npos;
         at = mark + kByteOrderMark.size()) {
      cleaned_.append(text, at, mark - at);
      if (!cleaned_.empty() && cleaned_.back() != '\n') cleaned_ += kByteOrderMark;
    }
    cleaned_.append(text, at);
    open(cleaned_);
  }
  PemText(const PemText&) = delete;
  PemText& operator=(const PemText&) = delete;
  BIO* get() const { return bio_.get(); }
  explicit operator bool() const { return bio_ != nullptr; }

 private:
  void open(const std::string& text) { bio_.reset(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }
  std::string cleaned_;
  bssl::UniquePtr<BIO> bio_;
};

struct Block {
  bssl::UniquePtr<char> name, header;
  bssl::UniquePtr<std::uint8_t> data;
  long size = 0;

  bool is_certificate() const {
    const std::string_view label = name.get();
    return label == PEM_STRING_X509 || label == PEM_STRING_X509_OLD || is_trusted_certificate();
  }
  bool is_trusted_certificate() const { return std::string_view(name.get()) == PEM_STRING_X509_TRUSTED; }
  // The labels that PEM_read_bio_PrivateKey accepts.
  bool is_private_key() const {
    static constexpr std::array<std::string_view, 5> kLabels = {PEM_STRING_PKCS8, PEM_STRING_PKCS8INF, PEM_STRING_RSA,
                                                                PEM_STRING_ECPRIVATEKEY, PEM_STRING_DSA};
    return std::ranges::find(kLabels, std::string_view(name.get())) != kLabels.end();
  }
};

enum class Next { block, end, broken };

Next next_block(BIO* text, Block& block) {
  char* name = nullptr;
  char* header = nullptr;
  std::uint8_t* data = nullptr;
  clear_errors();
  if (PEM_read_bio(text, &name, &header, &data, &block.size)) {
    block.name.reset(name);
    block.header.reset(header);
    block.data.reset(data);
    return Next::block;
  }
  const std::uint32_t error = ERR_peek_last_error();
  const bool end = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  return end ? Next::end : Next::broken;
}

// Reads what OpenSSL writes after the certificate in a TRUSTED CERTIFICATE (X509_CERT_AUX): the purposes for which it
// is trusted, those for which it is not, and data that is not needed here. Returns whether it is trusted for servers;
// nullopt: it cannot be read.
std::optional<bool> trusted_for_servers(CBS settings) {
  if (CBS_len(&settings) == 0) return true;
  CBS fields, list, oid;
  int present = 0;
  if (!CBS_get_asn1(&settings, &fields, CBS_ASN1_SEQUENCE) || CBS_len(&settings) != 0) return std::nullopt;
  const auto names_servers = [&]() -> std::optional<bool> {
    bool found = false;
    while (CBS_len(&list) != 0) {
      if (!CBS_get_asn1(&list, &oid, CBS_ASN1_OBJECT)) return std::nullopt;
      const int purpose = OBJ_cbs2nid(&oid);
      found |= purpose == NID_server_auth || purpose == NID_anyExtendedKeyUsage;
    }
    return found;
  };
  bool trusted = true;
  if (!CBS_get_optional_asn1(&fields, &list, &present, CBS_ASN1_SEQUENCE)) return std::nullopt;
  if (present) {
    const auto named = names_servers();
    if (!named) return std::nullopt;
    trusted = *named;
  }
  if (!CBS_get_optional_asn1(&fields, &list, &present, CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED))
    return std::nullopt;
  if (present) {
    const auto named = names_servers();
    if (!named) return std::nullopt;
    trusted = trusted && !*named;
  }
  return trusted;
}

bssl::UniquePtr<X509> parse(const Block& block) {
  const std::uint8_t* at = block.data.get();
  const std::uint8_t* const end = at + block.size;
  bssl::UniquePtr<X509> certificate(d2i_X509(nullptr, &at, block.size));
  if (!certificate) return nullptr;
  // Bytes after a plain certificate make it malformed.
  if (!block.is_trusted_certificate()) return at == end ? std::move(certificate) : nullptr;
  CBS settings;
  CBS_init(&settings, at, static_cast<std::size_t>(end - at));
  const auto trusted = trusted_for_servers(settings);
  if (!trusted || (!*trusted && !X509_add1_reject_object(certificate.get(), OBJ_nid2obj(NID_server_auth))))
    return nullptr;
  return certificate;
}

// The password for the key reader, and whether it asked for it.
struct PasswordRequest {
  const std::string* password;
  bool asked = false;
};

int give_password(char* out, int capacity, int, void* context) {
  auto& request = *static_cast<PasswordRequest*>(context);
  request.asked = true;
  const std::string& password = *request.password;
  if (password.empty() || capacity < 0 || password.size() > static_cast<std::size_t>(capacity)) return -1;
  std::memcpy(out, password.data(), password.size());
  return static_cast<int>(password.size());
}

std::unexpected<Error> key_error(std::string context) {
  return std::unexpected(unusable("private key: " + std::move(context)));
}

std::unexpected<Error> no_password() { return key_error("it is encrypted and no password was given"); }

std::unexpected<Error> unusable_key(const PasswordRequest& request) {
  const Failure failure = take_failure("malformed");
  if (failure.out_of_memory) return std::unexpected(make_error(Code::out_of_memory, {}));
  // BoringSSL asks for the password when it knows how to decrypt. A failure after that is caused by a wrong password.
  if (request.asked && request.password->empty()) return no_password();
  if (request.asked) return key_error("wrong password (" + failure.reason + ")");
  return key_error("unusable: " + failure.reason);
}

// The first block with a private key. If there is none, an error that names a block that looks like one.
Result<Block> find_key(BIO* text) {
  std::string other;
  for (;;) {
    Block block;
    const Next next = next_block(text, block);
    if (next == Next::broken) return unusable_key({nullptr});
    if (next == Next::end) break;
    if (block.is_private_key()) return block;
    if (other.empty() && std::string_view(block.name.get()).ends_with("PRIVATE KEY"))
      other = printable(block.name.get(), 64);
  }
  clear_errors();
  return key_error(other.empty() ? "none in the PEM text" : "in a form that is not supported (" + other + ")");
}

}  // namespace

Result<std::vector<bssl::UniquePtr<X509>>> read_certificates(const std::string& text, std::string_view what) {
  if (text.size() > limits::kMaxPemBytes)
    return std::unexpected(unusable(std::string(what) + ": more than 16 MiB of text"));
  const PemText input(text);
  std::vector<bssl::UniquePtr<X509>> certificates;
  for (std::size_t number = 1;;) {
    Block block;
    const Next next = input ? next_block(input.get(), block) : Next::broken;
    if (next == Next::end) break;
    if (next == Next::broken || block.is_certificate()) {
      auto certificate = next == Next::block ? parse(block) : nullptr;
      if (!certificate) {
        const Failure failure = take_failure("malformed");
        if (failure.out_of_memory || !input) return std::unexpected(make_error(Code::out_of_memory, {}));
        return std::unexpected(unusable(std::string(what) + ": certificate " + std::to_string(number) +
                                        " is unusable: " + failure.reason));
      }
      certificates.push_back(std::move(certificate));
      ++number;
    }
  }
  clear_errors();
  if (certificates.empty()) return std::unexpected(unusable(std::string(what) + ": no certificate in the PEM text"));
  return certificates;
}

Result<std::vector<bssl::UniquePtr<X509_CRL>>> read_revocation_lists(const std::string& text) {
  const auto wrong = [](std::string why) { return std::unexpected(unusable("revocation lists: " + std::move(why))); };
  if (text.size() > limits::kMaxPemBytes) return wrong("more than 16 MiB of text");
  const PemText input(text);
  if (!input) {
    clear_errors();
    return std::unexpected(make_error(Code::out_of_memory, {}));
  }
  std::vector<bssl::UniquePtr<X509_CRL>> lists;
  for (;;) {
    Block block;
    const Next next = next_block(input.get(), block);
    if (next == Next::end) break;
    if (next == Next::block && std::string_view(block.name.get()) != PEM_STRING_X509_CRL) continue;
    const std::uint8_t* at = next == Next::block ? block.data.get() : nullptr;
    bssl::UniquePtr<X509_CRL> list(at == nullptr ? nullptr : d2i_X509_CRL(nullptr, &at, block.size));
    if (!list) {
      const Failure failure = take_failure("malformed");
      if (failure.out_of_memory) return std::unexpected(make_error(Code::out_of_memory, {}));
      return wrong("list " + std::to_string(lists.size() + 1) + " is unusable: " + failure.reason);
    }
    lists.push_back(std::move(list));
  }
  clear_errors();
  if (lists.empty()) return wrong("none in the PEM text");
  return lists;
}

Result<bssl::UniquePtr<EVP_PKEY>> read_private_key(const std::string& text, const std::string& password) {
  if (text.size() > limits::kMaxPemBytes) return key_error("more than 16 MiB of text");
  const PemText search(text), input(text);
  if (!search || !input) {
    clear_errors();
    return std::unexpected(make_error(Code::out_of_memory, {}));
  }
  auto block = find_key(search.get());
  if (!block) return std::unexpected(std::move(block.error()));
  if (std::string_view(block->name.get()) == PEM_STRING_PKCS8) {
    if (password.empty()) return no_password();
    return decrypt_private_key(Bytes(block->data.get(), static_cast<std::size_t>(block->size)), password);
  }
  PasswordRequest request{&password};
  bssl::UniquePtr<EVP_PKEY> key(PEM_read_bio_PrivateKey(input.get(), nullptr, give_password, &request));
  if (!key) return unusable_key(request);
  clear_errors();
  return key;
}

}  // namespace sluice::tls
