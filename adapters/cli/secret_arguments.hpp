// Keeps passwords and tokens out of what `ps` shows of a running command. Leaves secrets in URLs and fields as they
// are, as curl does.
#pragma once

#include <span>

namespace sluice::cli {

// Overwrites the values of options that hold a secret (--user, --oauth2-bearer, --cert, --proxy-user, --proxy and
// others) with blanks, in place. `arguments`: those of main() after the program's name. Call it when they have been
// parsed.
void hide_secrets(std::span<char* const> arguments);

}  // namespace sluice::cli
