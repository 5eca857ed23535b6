// The authority for tests is the demonstration's own.
#pragma once

#include "adapters/sim/tls_authority.hpp"
