// See span_bio.hpp.
#include "core/tls/span_bio.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "core/base/check.hpp"

namespace sluice::tls {

namespace {

SpanBio& bio_of(BIO* bio) { return *static_cast<SpanBio*>(BIO_get_data(bio)); }

int bio_read(BIO* bio, char* out, int size) {
  BIO_clear_retry_flags(bio);
  if (size <= 0) return 0;
  const int taken = bio_of(bio).take({out, static_cast<std::size_t>(size)});
  if (taken == 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  return taken;
}

int bio_write(BIO* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  return size <= 0 ? 0 : bio_of(bio).put({bytes, static_cast<std::size_t>(size)});
}

long bio_ctrl(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

int bio_create(BIO* bio) {
  BIO_set_init(bio, 1);
  return 1;
}

constexpr BIO_METHOD kSpanBio = {BIO_TYPE_SOURCE_SINK, "spans", bio_write, bio_read, nullptr, nullptr, bio_ctrl,
                                 bio_create,           nullptr, nullptr};

}  // namespace

BIO* SpanBio::make() {
  BIO* const bio = BIO_new(&kSpanBio);
  if (bio != nullptr) BIO_set_data(bio, this);
  return bio;
}

int SpanBio::take(std::span<char> out) {
  if (in_ == nullptr || in_->empty()) return 0;
  const std::size_t size = std::min(out.size(), in_->size());
  std::memcpy(out.data(), in_->data(), size);
  *in_ = in_->subspan(size);
  records_.add(out.first(size));
  return static_cast<int>(size);
}

int SpanBio::put(std::span<const char> bytes) {
  SLUICE_CHECK(out_ != nullptr);
  try {  // BoringSSL called this function: no exception may pass through it
    out_->insert(out_->end(), bytes.begin(), bytes.end());
  } catch (...) {
    is_out_of_memory_ = true;
    return -1;
  }
  return static_cast<int>(bytes.size());
}

}  // namespace sluice::tls
