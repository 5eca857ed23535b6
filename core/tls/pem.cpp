// See pem.hpp.
#include "core/tls/pem.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/mem.h>
#include <openssl/pem.h>

#include <algorithm>
#include <cstring>

#include "core/base/limits.hpp"
#include "core/tls/errors.hpp"

namespace sluice::tls {
namespace {

Error config_error(std::string context) { return make_error(Code::tls_config, std::move(context)); }

bssl::UniquePtr<BIO> open_text(const std::string& text) {
  return bssl::UniquePtr<BIO>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

struct Block {
  bssl::UniquePtr<char> name, header;
  bssl::UniquePtr<std::uint8_t> data;
  long size = 0;

  bool is_certificate() const {
    const std::string_view label = name.get();
    return label == PEM_STRING_X509 || label == PEM_STRING_X509_OLD || is_trusted_certificate();
  }
  bool is_trusted_certificate() const { return std::string_view(name.get()) == PEM_STRING_X509_TRUSTED; }
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

bssl::UniquePtr<X509> parse(const Block& block) {
  const std::uint8_t* at = block.data.get();
  bssl::UniquePtr<X509> certificate(block.is_trusted_certificate() ? d2i_X509_AUX(nullptr, &at, block.size)
                                                                   : d2i_X509(nullptr, &at, block.size));
  if (certificate && at != block.data.get() + block.size) certificate = nullptr;  // bytes after the certificate
  return certificate;
}

// What the key reader wants to know, and what it found out.
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

}  // namespace

Result<std::vector<bssl::UniquePtr<X509>>> read_certificates(const std::string& text, std::string_view what) {
  if (text.size() > limits::kMaxPemBytes)
    return std::unexpected(config_error(std::string(what) + ": more than 16 MiB of text"));
  const auto input = open_text(text);
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
        return std::unexpected(config_error(std::string(what) + ": certificate " + std::to_string(number) +
                                            " is unusable: " + failure.reason));
      }
      certificates.push_back(std::move(certificate));
      ++number;
    }
  }
  clear_errors();
  if (certificates.empty())
    return std::unexpected(config_error(std::string(what) + ": no certificate in the PEM text"));
  return certificates;
}

Result<bssl::UniquePtr<EVP_PKEY>> read_private_key(const std::string& text, const std::string& password) {
  if (text.size() > limits::kMaxPemBytes) return std::unexpected(config_error("private key: more than 16 MiB of text"));
  clear_errors();
  PasswordRequest request{&password};
  const auto input = open_text(text);
  bssl::UniquePtr<EVP_PKEY> key(input ? PEM_read_bio_PrivateKey(input.get(), nullptr, give_password, &request)
                                      : nullptr);
  if (key) {
    clear_errors();
    return key;
  }
  const std::uint32_t error = ERR_peek_last_error();
  const bool missing = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  const Failure failure = take_failure("malformed");
  if (failure.out_of_memory || !input) return std::unexpected(make_error(Code::out_of_memory, {}));
  if (missing) return std::unexpected(config_error("private key: none in the PEM text"));
  if (request.asked && password.empty())
    return std::unexpected(config_error("private key: it is encrypted and no password was given"));
  if (request.asked) return std::unexpected(config_error("private key: wrong password (" + failure.reason + ")"));
  return std::unexpected(config_error("private key: unusable: " + failure.reason));
}

}  // namespace sluice::tls
