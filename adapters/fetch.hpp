// One call for a whole transfer, or for many at once: get, post, json, fetch, fetch_all. For programs and tests without
// an event loop: each call makes a Multi, drives it until all transfers have ended, and blocks the calling thread until
// then.
//
// Knows no HTTP. What needs more than one call is left to Multi (multi.hpp): connections that a later call uses again,
// bodies in pieces, an event loop. https uses the system's trust anchors, which are read once for the process
// (system_tls() in trust.hpp), unless TransferOptions::tls is set.
//
// Errors: those of Url::parse and Multi::add, and the error with which a transfer ends. A status of 400 or more is a
// response, not an error. Nothing is printed. Nothing is thrown, except std::bad_alloc when the arguments are copied.
// There is no default limit for time and size: set TransferOptions::total_timeout and max_body_bytes. Threads: any
// thread, any number of calls at once.
//
// Example: the status and size of what the URLs of the command line answer, fetched at once.
//   #include <iostream>
//   #include <vector>
//
//   #include <sluice/fetch.hpp>
//
//   int main(int argc, char** argv) {
//     std::vector<sluice::Request> requests;
//     for (int i = 1; i < argc; ++i) {
//       auto url = sluice::Url::parse(argv[i]);
//       if (!url) return std::cerr << url.error().message() << '\n', 1;
//       requests.push_back(sluice::Request::get(*url));
//     }
//     bool succeeded = true;
//     for (const auto& response : sluice::fetch_all(std::move(requests))) {
//       const char* url = *++argv;
//       if (response) {
//         std::cout << response->head.status << ' ' << response->body.size() << ' ' << url << '\n';
//       } else {
//         std::cerr << response.error().message() << '\n';
//         succeeded = false;
//       }
//     }
//     return succeeded ? 0 : 1;
//   }
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "multi.hpp"

namespace sluice {

// A GET.
Result<Response> get(std::string_view url, TransferOptions options = {});
// A POST. `type` becomes Content-Type; empty: no such field.
Result<Response> post(std::string_view url, std::string body,
                      std::string_view type = "application/x-www-form-urlencoded", TransferOptions options = {});
// A POST of JSON text, which is sent unchanged, with Content-Type and Accept "application/json".
Result<Response> json(std::string_view url, std::string text, TransferOptions options = {});

// Any request except one with a BodyStream (invalid_option), because nothing could supply its bytes.
Result<Response> fetch(Request request, TransferOptions options = {});
// Sends all requests with the same options, at most `at_once` at a time (0: all). They share connections. The results
// are in the order of the requests.
std::vector<Result<Response>> fetch_all(std::vector<Request> requests, const TransferOptions& options = {},
                                        std::size_t at_once = 50);

}  // namespace sluice
