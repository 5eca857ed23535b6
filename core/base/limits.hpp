// Every cap of the core, in one place. A number here is a promise; those that a peer can reach have tests named
// for their row of the security bar.
// Leaves to others: limits an application chooses (options.hpp).
#pragma once

#include <chrono>
#include <cstddef>

#include "core/types.hpp"

namespace sluice::limits {

// URLs
inline constexpr std::size_t kMaxUrlBytes = 64 * 1024;

// Response heads (SB-18, SB-19). Caps hold over a head or a trailer section, line ends included.
inline constexpr std::size_t kMaxHeadBytes = 300 * 1024;
inline constexpr std::size_t kMaxFields = 5'000;
inline constexpr std::size_t kMaxReasonBytes = 8 * 1024;
// Of all interim responses to one request: so many bytes, and more at this pace from the start of the exchange on. A
// server that says 102 every few seconds for hours is far below it.
inline constexpr std::size_t kMaxInterimBytes = 300 * 1024;
inline constexpr std::size_t kInterimBytesPerSecond = 256;

// Chunked framing (SB-17, SB-59)
// In one chunk's size line. Over one message: as much, and a byte more for each of its body's.
inline constexpr std::size_t kMaxChunkExtensionBytes = 16 * 1024;

// Buffers
inline constexpr std::size_t kLandingBytes = 256 * 1024;   // one for each engine
inline constexpr std::size_t kTlsRecordBytes = 17 * 1024;  // a record that is not yet complete (RFC 8446 5.2)
// Ciphertext waiting to be sent, a connection, when it stops taking more.
inline constexpr std::size_t kWireOutBytes = 64 * 1024;
// Unconsumed body at which a connection is not read any more.
inline constexpr std::size_t kBodyBufferBytes = 64 * 1024;
inline constexpr std::size_t kUploadBufferBytes = 64 * 1024;  // a streamed body, a transfer
inline constexpr std::size_t kMaxRequestHeadBytes = 1024 * 1024;

// TLS configuration
inline constexpr std::size_t kMaxPemBytes = 16 * 1024 * 1024;  // of one text: trust anchors, certificate chain, key

// The engine
inline constexpr std::size_t kMaxAddresses = 64;  // taken from one resolution
// Of a response that another hop follows: what is read to keep its connection. A longer one costs that.
inline constexpr std::size_t kMaxSkippedBytes = 64 * 1024;
// Of one transfer after a reused connection turned out dead: on one that is new.
inline constexpr int kMaxRetries = 1;
// After an answer: who closes within it, unsaid, keeps no connection.
inline constexpr Duration kSettleTime = std::chrono::seconds(1);
inline constexpr std::size_t kMaxUnusedOrigins = 256;     // remembered for what is known of their peers
inline constexpr std::size_t kMaxNames = 256;             // remembered for their addresses, while nobody asks
inline constexpr std::size_t kExchangesBeforeYield = 16;  // on a connection that another origin waits for
inline constexpr std::size_t kMaxTlsSessions = 1'024;     // remembered by an engine
inline constexpr std::size_t kTlsSessionsPerOrigin = 2;
inline constexpr std::size_t kMaxChainAttempts = 8;  // to find a good chain among certificates of the same names
// How long an engine reuses an answer at most.
inline constexpr Duration kResolveTtl = std::chrono::seconds(60);
// RFC 8305 3: how long IPv4 waits for IPv6's answer.
inline constexpr Duration kResolutionDelay = std::chrono::milliseconds(50);
inline constexpr std::size_t kMaxAttempts = 8;                               // of one dial, at once
inline constexpr Duration kAddressStagger = std::chrono::milliseconds(250);  // RFC 8305 5
// RFC 9110 10.1.1: waiting for 100 has an end.
inline constexpr Duration kContinueTimeout = std::chrono::seconds(1);

}  // namespace sluice::limits
