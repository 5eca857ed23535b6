// One GET over https by sluice as a C function, so that programs can also load it with dlopen (Python with ctypes).
#pragma once

// Trusts the certificates of `pem`, the text of a file. Returns the number of bytes of the body, or -1 after it has
// said why on stderr.
extern "C" __attribute__((visibility("default"))) long fetch_by_sluice(const char* url, const char* pem);
