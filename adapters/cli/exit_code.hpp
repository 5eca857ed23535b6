// Maps errors to curl's exit codes. Knows errors and numbers only. Leaves the choice of the command's exit code to
// command.hpp.
//
//   code                    exit   as curl
//   invalid_url                3   URL malformed
//   unsupported_scheme         1   unsupported protocol
//   invalid_request           43   a request that cannot be sent as asked; 25: a body without a length, over HTTP/1.0
//   invalid_option            43   26: a netrc file that cannot be read
//   tls_config                77   CA certificates unusable; 58: the client's certificate or key; 35: versions, ALPN;
//                                  59: ciphers, groups, signature algorithms; 82: revocation lists; 90: pinned keys
//   canceled                  42   stopped by the application
//   rewind_failed             65   what is sent would have to be sent again, and cannot be
//   upload_failed             26   the file or stream to send could not be read
//   resolve_failed             6
//   proxy_resolve_failed       5
//   connect_failed             7
//   address_forbidden          7
//   bind_failed               45   --interface, --local-port
//   send_failed               55
//   receive_failed            56
//   connection_closed         52   nothing came back
//   malformed_response         8   in the head; 56: after it
//   not_http                   1
//   unsupported_coding        61
//   bad_coding                61
//   truncated                 18
//   unexpected_upgrade         8   (curl ends with 52 or hangs)
//   http2_error               16   HTTP/2: the connection
//   http2_stream              92   HTTP/2: one exchange
//   tls_handshake             35
//   tls_certificate           60
//   tls_pin                   90
//   tls_status                91
//   tls_failed                56
//   tunnel_failed             56
//   socks_failed              97
//   timeouts, too_slow        28
//   response_too_large        56   (curl 7 says 27, later ones 56)
//   body_too_large            63
//   too_many_redirects        47
//   too_many_descriptors       7   no socket could be made
//   descriptor_too_large      93   wrong use of Multi by the command: cannot happen to a user
//   recursive_call            93
//   out_of_memory             27
//   internal                   2   failed to start
//
// Without an Error: 2 usage, 22 status >= 400 with --fail, 23 writing the output, 33 a range that was not served, 49 a
// bad --resolve or --connect-to.
#pragma once

#include "core/error.hpp"

namespace sluice::cli {

enum ExitCode : int {
  kExitOk = 0,
  kExitUnsupportedProtocol = 1,
  kExitUsage = 2,
  kExitUrlMalformed = 3,
  kExitResolveProxy = 5,
  kExitResolve = 6,
  kExitConnect = 7,
  kExitWeirdReply = 8,
  kExitHttp2 = 16,
  kExitPartialFile = 18,
  kExitHttpError = 22,
  kExitWrite = 23,
  kExitUpload = 25,
  kExitRead = 26,
  kExitMemory = 27,
  kExitTimeout = 28,
  kExitRange = 33,
  kExitTlsHandshake = 35,
  kExitBadResume = 36,
  kExitAborted = 42,
  kExitBadArgument = 43,
  kExitInterface = 45,
  kExitTooManyRedirects = 47,
  kExitOptionSyntax = 49,
  kExitEmptyReply = 52,
  kExitSend = 55,
  kExitReceive = 56,
  kExitClientCertificate = 58,
  kExitCipher = 59,
  kExitPeerCertificate = 60,
  kExitBadCoding = 61,
  kExitFileSize = 63,
  kExitRewind = 65,
  kExitCaCertificates = 77,
  kExitRevocationList = 82,
  kExitPinnedKey = 90,
  kExitCertificateStatus = 91,
  kExitHttp2Stream = 92,
  kExitRecursiveCall = 93,
  kExitAuthentication = 94,
  kExitProxy = 97,
};

// `head_received`: the response's head had come before the failure.
int exit_code(const Error& error, bool head_received = false);

}  // namespace sluice::cli
