// AWS Signature Version 4 of a request, as curl's --aws-sigv4 makes it, also for providers that use other names. A pure
// decision. Leaves to others: adding the fields to what is sent (not to Request::fields: each hop needs a signature of
// its own), and to which origins it is sent. Not done: signatures in the query, and of the chunks of a body.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/error.hpp"
#include "core/fields.hpp"
#include "core/types.hpp"
#include "core/url.hpp"

namespace sluice::rules {

// Owns its text. Each is a token (RFC 9110 5.6.2).
struct AwsSigV4 {
  std::string provider1 = "aws";  // "AWS4-HMAC-SHA256", "aws4_request"
  std::string provider2 = "amz";  // "X-Amz-Date"
  std::string region = {};        // "": the second label of the URL's host
  std::string service = {};       // "": the first label

  friend bool operator==(const AwsSigV4&, const AwsSigV4&) = default;
};

// "provider1[:provider2[:region[:service]]]". An empty part counts as not given; without provider2 it is provider1.
// Errors: invalid_option (no provider1, more parts, one that is no token). Throws std::bad_alloc.
Result<AwsSigV4> parse_aws_sigv4(std::string_view text);

// The request as it will be sent. All members must live during the call.
struct AwsSigV4Request {
  const AwsSigV4& scope;
  std::string_view access_key;  // the user
  std::string_view secret;      // the password; in no output and no error
  std::string_view method;
  const Url& url;
  std::string_view target;  // path and query as sent: url.target(), if nothing replaces it
  const Fields& fields;
  std::optional<std::string_view> body;  // "": none; nullopt: not known as a whole
  UnixSeconds now;
};

// The fields that are to be sent too: Authorization, X-Amz-Date, and for S3 X-Amz-Content-Sha256. `fields` may hold the
// last two already: then they are used as they are, and not returned. If they hold Authorization, nothing is returned.
//
// Signed are Host and all fields but those that proxies change (User-Agent, Accept-Encoding, Connection, ...). The hash
// of the body is the value of X-Amz-Content-Sha256, or made from `body`; if that is not known, it is UNSIGNED-PAYLOAD
// for S3. The path is encoded a second time, and its repeated slashes are one, but for S3.
//
// Errors: invalid_request (no access key or one that cannot be sent; a region or service that is missing and not in the
// host; an unknown body; an X-Amz-Date that is not like 20150830T123600Z). Throws std::bad_alloc.
Result<Fields> aws_sigv4_fields(const AwsSigV4Request& request);

}  // namespace sluice::rules
