// See error_names.hpp.
#include "core/http2/error_names.hpp"

#include <array>
#include <utility>

namespace sluice::http2 {
namespace {

constexpr std::array<std::string_view, 14> kCodeNames = {"NO_ERROR",
                                                         "PROTOCOL_ERROR",
                                                         "INTERNAL_ERROR",
                                                         "FLOW_CONTROL_ERROR",
                                                         "SETTINGS_TIMEOUT",
                                                         "STREAM_CLOSED",
                                                         "FRAME_SIZE_ERROR",
                                                         "REFUSED_STREAM",
                                                         "CANCEL",
                                                         "COMPRESSION_ERROR",
                                                         "CONNECT_ERROR",
                                                         "ENHANCE_YOUR_CALM",
                                                         "INADEQUATE_SECURITY",
                                                         "HTTP_1_1_REQUIRED"};

Error error_with(Code code, std::uint32_t number, std::string_view why) {
  std::string text = "HTTP/2: ";
  text += why;
  text += " (" + name_of(number) + ")";
  return make_error(code, std::move(text), static_cast<int>(number));
}

}  // namespace

std::string name_of(std::uint32_t code) {
  return code < kCodeNames.size() ? std::string(kCodeNames[code]) : "error " + std::to_string(code);
}

Error connection_error(ErrorCode code, std::string_view why) {
  return error_with(Code::http2_error, std::to_underlying(code), why);
}

Error stream_error(std::uint32_t code, std::string_view why) { return error_with(Code::http2_stream, code, why); }

}  // namespace sluice::http2
