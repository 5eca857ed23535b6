// See engine_event.hpp.
#include "core/engine_event.hpp"

namespace sluice {

const char* to_string(EngineEvent::Kind kind) {
  switch (kind) {
    case EngineEvent::Kind::transfer_added:
      return "transfer_added";
    case EngineEvent::Kind::look_up_started:
      return "look_up_started";
    case EngineEvent::Kind::look_up_ended:
      return "look_up_ended";
    case EngineEvent::Kind::connection_begun:
      return "connection_begun";
    case EngineEvent::Kind::connection_opened:
      return "connection_opened";
    case EngineEvent::Kind::connection_made:
      return "connection_made";
    case EngineEvent::Kind::connection_failed:
      return "connection_failed";
    case EngineEvent::Kind::connection_closed:
      return "connection_closed";
    case EngineEvent::Kind::request_begun:
      return "request_begun";
    case EngineEvent::Kind::request_sent:
      return "request_sent";
    case EngineEvent::Kind::response_begun:
      return "response_begun";
    case EngineEvent::Kind::hop_ended:
      return "hop_ended";
    case EngineEvent::Kind::transfer_ended:
      return "transfer_ended";
  }
  return "unknown";
}

}  // namespace sluice
