// The names of the faults of an HTTP/2 origin (sim_origin.hpp).
#include "adapters/sim_origin.hpp"

namespace sluice::sim {

std::string_view to_string(Http2Fault fault) {
  switch (fault) {
    case Http2Fault::none:
      return "none";
    case Http2Fault::refused:
      return "refused exchange";
    case Http2Fault::calm:
      return "calm";
    case Http2Fault::needs_http1:
      return "needs HTTP/1.1";
    case Http2Fault::goaway_http1:
      return "goaway needs HTTP/1.1";
    case Http2Fault::reset_at_head:
      return "reset at head";
    case Http2Fault::reset_in_body:
      return "exchange reset in body";
    case Http2Fault::two_statuses:
      return "two statuses";
    case Http2Fault::upper_case_name:
      return "upper-case name";
    case Http2Fault::connection_field:
      return "connection field";
    case Http2Fault::long_body:
      return "long body";
    case Http2Fault::short_body:
      return "short body over HTTP/2";
    case Http2Fault::late_head:
      return "late head";
    case Http2Fault::no_status:
      return "no status";
    case Http2Fault::zero_update:
      return "zero update";
    case Http2Fault::interim_flood:
      return "interim flood";
    case Http2Fault::push_promise:
      return "push promise";
    case Http2Fault::continuations:
      return "continuations";
    case Http2Fault::pings:
      return "pings";
    case Http2Fault::settings_flood:
      return "settings flood";
    case Http2Fault::update_flood:
      return "update flood";
    case Http2Fault::priority_flood:
      return "priority flood";
    case Http2Fault::hpack_bomb:
      return "HPACK bomb";
    case Http2Fault::empty_frames:
      return "empty frames";
    case Http2Fault::huge_frame:
      return "huge frame";
    case Http2Fault::bad_setting:
      return "bad setting";
    case Http2Fault::idle_stream:
      return "idle stream";
    case Http2Fault::stray_data:
      return "stray data";
    case Http2Fault::goaway_calm:
      return "goaway calm";
    case Http2Fault::closes_in_body:
      return "closes in body";
    case Http2Fault::resets_in_body:
      return "resets in body";
    case Http2Fault::data_after_end:
      return "data after end";
    case Http2Fault::overrun:
      return "overrun";
  }
  return "";
}

}  // namespace sluice::sim
