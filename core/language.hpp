// Says at once, and in one message, that a compiler is too old or was not asked for C++23. Every public header includes
// it.
#pragma once

#if __cplusplus < 202100L
#error "sluice needs C++23: g++ 12 or later or clang++ 19 or later, with -std=c++23"
// A file that is not there ends the compilation, so that the message is not lost among those that would follow from it.
#define SLUICE_END_OF_COMPILATION "sluice needs C++23"
#include SLUICE_END_OF_COMPILATION
#endif
