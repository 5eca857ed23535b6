// Stops the compilation with one message if the compiler is too old or does not compile C++23. Every public header
// includes this file.
#pragma once

#if __cplusplus < 202100L
#error "sluice needs C++23: g++ 12 or later or clang++ 19 or later, with -std=c++23"
// Including a file that does not exist ends the compilation, so that no further messages hide this one.
#define SLUICE_END_OF_COMPILATION "sluice needs C++23"
#include SLUICE_END_OF_COMPILATION
#endif
