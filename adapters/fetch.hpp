// One statement for a whole transfer, or for many at once: get, post, json, fetch, fetch_all. For programs and tests
// without a loop of their own: each call makes a Multi, drives it until all has ended, and blocks the calling thread so
// long.
//
// Knows no HTTP. Leaves to Multi (multi.hpp) what a call cannot have: connections that are used again by a later call,
// bodies in pieces, a loop beside others. https trusts the system's store, read once for the process (system_tls() in
// trust.hpp), unless TransferOptions::tls says otherwise.
//
// Errors: those of Url::parse and Multi::add, and what a transfer ends with; a status of 400 or more is a response, no
// error. Nothing is printed and nothing is thrown, but what memory for the arguments may throw. Time and size have no
// limits by themselves: set TransferOptions::total_timeout and max_body_bytes. Thread rules: any thread, any number at
// once.
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

Result<Response> get(std::string_view url, TransferOptions options = {});
// `type` becomes Content-Type; empty: no such field.
Result<Response> post(std::string_view url, std::string body,
                      std::string_view type = "application/x-www-form-urlencoded", TransferOptions options = {});
// POST of JSON text as it is, with Content-Type and Accept for it.
Result<Response> json(std::string_view url, std::string text, TransferOptions options = {});

// Any request but one with a BodyStream, for which there is no handler to supply the bytes (invalid_option).
Result<Response> fetch(Request request, TransferOptions options = {});
// All of them, `at_once` at a time (0: all), with the same options; they share connections. Answers in the order of the
// requests.
std::vector<Result<Response>> fetch_all(std::vector<Request> requests, const TransferOptions& options = {},
                                        std::size_t at_once = 50);

}  // namespace sluice
