// The authority for tests is the demonstration's own.
#pragma once

#include "adapters/cli/demo/tls_authority.hpp"
