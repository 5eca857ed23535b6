// Fetches a URL with libcurl, which links OpenSSL, and with sluice in one process.
// Usage: program URL CA [LIBRARY ...]
// If linked with both (OPENSSL_LINKED): fetches with each alternately, twice. Otherwise loads the libraries in the
// given order with dlopen and global symbols (RTLD_GLOBAL), and after each fetches with what is loaded. Prints "curl N"
// or "sluice N", where N is the number of bytes.
#include <curl/curl.h>
#include <dlfcn.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/integration/openssl/fetch.hpp"

namespace {

struct Functions {
  decltype(&curl_easy_init) init = nullptr;
  decltype(&curl_easy_setopt) setopt = nullptr;
  decltype(&curl_easy_perform) perform = nullptr;
  decltype(&curl_easy_strerror) strerror = nullptr;
  decltype(&curl_easy_cleanup) cleanup = nullptr;
  decltype(&fetch_by_sluice) fetch = nullptr;
};

std::size_t count(char*, std::size_t size, std::size_t items, void* bytes) {
  *static_cast<long*>(bytes) += static_cast<long>(size * items);
  return size * items;
}

bool by_curl(const Functions& functions, const char* url, const char* ca) {
  long bytes = 0;
  CURL* curl = functions.init();
  functions.setopt(curl, CURLOPT_URL, url);
  functions.setopt(curl, CURLOPT_CAINFO, ca);
  functions.setopt(curl, CURLOPT_NOPROXY, "*");
  functions.setopt(curl, CURLOPT_TIMEOUT, 30L);
  functions.setopt(curl, CURLOPT_WRITEFUNCTION, &count);
  functions.setopt(curl, CURLOPT_WRITEDATA, &bytes);
  const CURLcode code = functions.perform(curl);
  functions.cleanup(curl);
  if (code != CURLE_OK) std::fprintf(stderr, "curl: %s\n", functions.strerror(code));
  std::printf("curl %ld\n", bytes);
  return code == CURLE_OK;
}

bool by_sluice(const Functions& functions, const char* url, const char* ca) {
  std::ifstream file(ca);
  const std::string pem((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const long bytes = functions.fetch(url, pem.c_str());
  std::printf("sluice %ld\n", bytes);
  return bytes >= 0;
}

bool with_all(const Functions& functions, const char* url, const char* ca) {
  if (functions.perform != nullptr && !by_curl(functions, url, ca)) return false;
  return functions.fetch == nullptr || by_sluice(functions, url, ca);
}

#ifndef OPENSSL_LINKED
template <typename Function>
void find(void* library, const char* name, Function& function) {
  if (void* address = ::dlsym(library, name)) function = reinterpret_cast<Function>(address);
}

bool load(const char* name, Functions& functions) {
  void* library = ::dlopen(name, RTLD_NOW | RTLD_GLOBAL);
  if (library == nullptr) return std::fprintf(stderr, "%s\n", ::dlerror()), false;
  find(library, "curl_easy_init", functions.init);
  find(library, "curl_easy_setopt", functions.setopt);
  find(library, "curl_easy_perform", functions.perform);
  find(library, "curl_easy_strerror", functions.strerror);
  find(library, "curl_easy_cleanup", functions.cleanup);
  find(library, "fetch_by_sluice", functions.fetch);
  return true;
}
#endif

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  Functions functions;
#ifdef OPENSSL_LINKED
  functions = {&curl_easy_init,     &curl_easy_setopt,  &curl_easy_perform,
               &curl_easy_strerror, &curl_easy_cleanup, &fetch_by_sluice};
  for (int turn = 0; turn < 2; ++turn) {
    if (!with_all(functions, argv[1], argv[2])) return 1;
  }
#else
  for (int i = 3; i < argc; ++i) {
    if (!load(argv[i], functions) || !with_all(functions, argv[1], argv[2])) return 1;
  }
#endif
}
