// All limits of the core. Users rely on these numbers. Each limit that a peer can reach has a test that is named after
// its row in tests/security-bar.md.
// Leaves to others: the limits that an application chooses (options.hpp).
#pragma once

#include <chrono>
#include <cstddef>

#include "core/types.hpp"

namespace sluice::limits {

// URLs
inline constexpr std::size_t kMaxUrlBytes = 64 * 1024;

// Response heads (SB-18, SB-19). Each limit is for one head or one trailer section, line ends included.
inline constexpr std::size_t kMaxHeadBytes = 300 * 1024;
inline constexpr std::size_t kMaxFields = 5'000;
inline constexpr std::size_t kMaxReasonBytes = 8 * 1024;
// All interim responses to one request together may have this many bytes, and this many more for each second since the
// connection was open or the request got it. A server that sends a 102 every few seconds for hours stays far below.
inline constexpr std::size_t kMaxInterimBytes = 300 * 1024;
inline constexpr std::size_t kInterimBytesPerSecond = 256;

// Chunked framing (SB-17, SB-59)
// In the size line of one chunk. In all chunks of one message together: as many, plus one for each byte of the body.
inline constexpr std::size_t kMaxChunkExtensionBytes = 16 * 1024;

// HTTP/2 (SB-64 to SB-69). Frames are counted on one connection.
inline constexpr std::size_t kMaxContinuations = 8;  // after one HEADERS, each of at most 16 KiB
// PING and SETTINGS frames that came while the peer did not take our answers to all those before.
inline constexpr std::size_t kMaxUnansweredFrames = 500;
// Of all other frames: as many, plus one for each byte of a body in either direction and some for each request; and two
// WINDOW_UPDATE for each DATA frame of ours, of which fewer than this number are saved up.
inline constexpr std::size_t kMaxIdleFrames = 10'000;
inline constexpr std::size_t kIdleFramesPerRequest = 16;
// What a server may have sent of an exchange that the application has given up: so many frames, and DATA for as many
// bytes as its window allowed, where a frame counts as no fewer than these.
inline constexpr std::size_t kIdleFramesPerAbort = 64;
inline constexpr std::size_t kLeastAbandonedFrameBytes = 256;
inline constexpr std::size_t kMaxProvokedResets = 100;  // exchanges that broke the rules, so that we reset them
inline constexpr std::size_t kMaxStreams = 256;         // at once, whatever the peer allows
// What waits to be sent on one connection, when no more exchanges are opened on it: heads and resets of given-up ones
// add up if the peer takes nothing. So many have as many heads as it may carry, of 8 KiB each.
inline constexpr std::size_t kMaxUnsentBytes = kMaxStreams * 8 * 1024;
// Body bytes of one exchange that the application has not consumed: what its window allows the peer to send (SB-69), at
// first and at most; and by how much all windows of a connection together may have grown.
inline constexpr std::size_t kStreamWindowBytes = 512 * 1024;
inline constexpr std::size_t kMaxStreamWindowBytes = 32 * 1024 * 1024;
inline constexpr std::size_t kMaxGrownBytes = 64 * 1024 * 1024;
inline constexpr std::size_t kMaxWindowPings = 16;  // of one connection, to measure the round trip
// The window of the connection limits no memory: it is opened at once for all that comes.
inline constexpr std::size_t kConnectionWindowBytes = 48 * 1024 * 1024;
inline constexpr std::size_t kTurnBytes = 16 * 1024;  // of one request's body, before another one has its turn

// Buffers
inline constexpr std::size_t kLandingBytes = 256 * 1024;   // receive buffer; one for each engine
inline constexpr std::size_t kTlsRecordBytes = 17 * 1024;  // an incomplete TLS record (RFC 8446 5.2)
// Encoded bytes that wait to be sent on a connection: at this size its layers take no more.
inline constexpr std::size_t kWireOutBytes = 64 * 1024;
// Body bytes that are not consumed: at this size the connection is not read any more.
inline constexpr std::size_t kBodyBufferBytes = 64 * 1024;
inline constexpr std::size_t kUploadBufferBytes = 64 * 1024;  // for each transfer with a streamed body
inline constexpr std::size_t kMaxRequestHeadBytes = 1024 * 1024;

// Content codings (SB-20, SB-21)
inline constexpr std::size_t kMaxCodings = 5;  // of one body
// Memory that the library of one decoder may take. Most of it is its window: 32 KiB (RFC 1951), 16 MiB (RFC 7932 9.1,
// with half of that again while it grows), 8 MiB (RFC 9659 3).
inline constexpr std::size_t kMaxZlibBytes = 64 * 1024;
inline constexpr std::size_t kMaxBrotliBytes = 32 * 1024 * 1024;
inline constexpr std::size_t kMaxZstdBytes = 10 * 1024 * 1024;
inline constexpr int kMaxZstdWindowLog = 23;
inline constexpr std::size_t kCodingBufferBytes = 16 * 1024;  // between two codings of a body
inline constexpr std::size_t kDecodedBytes = 32 * 1024;       // that wait for the application
inline constexpr int kCodingBuffersPerCall = 64;              // so many of these are filled in one call at most
// A body that decodes to no more is not judged by the ratio of its sizes.
inline constexpr std::size_t kMinRatedBytes = 1024 * 1024;

// TLS configuration
inline constexpr std::size_t kMaxPemBytes = 16 * 1024 * 1024;  // of each text: trust anchors, certificate chain, key

// Cookies (SB-72, RFC 6265bis 5.6 and 5.7)
inline constexpr std::size_t kMaxCookieBytes = 4'096;           // name and value together
inline constexpr std::size_t kMaxCookieAttributeBytes = 1'024;  // a longer attribute is ignored; of a path and a domain
inline constexpr std::size_t kMaxCookiesPerResponse = 50;       // taken of one response
inline constexpr std::size_t kMaxCookiesPerDomain = 180;        // kept
inline constexpr std::size_t kMaxCookies = 10'000;              // kept in one jar
// Of a whole line "Cookie: ..." without its line end: common servers refuse longer fields.
inline constexpr std::size_t kMaxCookieFieldBytes = 8'190;
inline constexpr UnixSeconds kMaxCookieAge = 400 * 86'400;
inline constexpr std::size_t kMaxCookieLineBytes = 16 * 1024;  // of a cookie file (SB-73)

// The engine
inline constexpr std::size_t kMaxAddresses = 64;  // used from one answer to a look-up
// If another hop follows a response, at most this much of the response's body is waited for to keep its connection. If
// it is longer and has not come, the connection is closed.
inline constexpr std::size_t kMaxSkippedBytes = 64 * 1024;
// One after the other.
inline constexpr std::size_t kMaxProxies = 4;
// How often a dial begins again because a proxy asks for credentials and closes the connection.
inline constexpr int kMaxProxyConnections = 3;
// How often the request of a hop is sent again on a new connection, after a reused connection turned out to be closed.
inline constexpr int kMaxRetries = 1;
// A request that was refused is sent again so often at once, and then once more, after half of this time or up to all
// of it.
inline constexpr Duration kRefusedDelay = std::chrono::seconds(1);
// A peer that closes a connection within this time after its first response, without announcing it, is taken to keep no
// connections (Pool::note_end).
inline constexpr Duration kSettleTime = std::chrono::seconds(1);
// Kept without transfers and connections, for what is known of their peers.
inline constexpr std::size_t kMaxUnusedOrigins = 256;
inline constexpr std::size_t kMaxNames = 256;  // kept for their addresses while nothing waits for them
// On one connection, while another origin waits for a connection.
inline constexpr std::size_t kExchangesBeforeYield = 16;
inline constexpr std::size_t kMaxTlsSessions = 1'024;  // in one store
// A ticket of TLS 1.3 is used once, so connections that are made at the same time need one each.
inline constexpr std::size_t kTlsSessionsPerOrigin = 8;
// Of connections of other hosts, whether their certificates are valid for the host of a new one: by one dial in all. As
// many with one key are looked at by each of its addresses.
inline constexpr std::size_t kMaxCoalescingChecks = 4;
inline constexpr std::size_t kMaxChainAttempts = 8;  // to find a valid chain among certificates with the same names
// How long the family of the address that won a race is tried first for that name.
inline constexpr Duration kFamilyMemory = std::chrono::minutes(10);
// RFC 8305 3: how long connecting to IPv4 waits for the IPv6 answer.
inline constexpr Duration kResolutionDelay = std::chrono::milliseconds(50);
// From the first addresses on: how long connecting waits for the HTTPS records if their keys are used where there are
// any. Without the keys the name of the host would go in clear.
inline constexpr Duration kKeysDelay = std::chrono::seconds(1);
inline constexpr std::size_t kMaxAttempts = 8;                               // at once, of one dial
inline constexpr Duration kAddressStagger = std::chrono::milliseconds(250);  // RFC 8305 5

}  // namespace sluice::limits
