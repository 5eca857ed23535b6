// A download in segments: one resource over several connections, each with a part of it (RFC 9110 14). Pure decisions:
// whether a response allows it, which ranges to ask for, what the response to a range means, and the text of a journal
// with which a download goes on after its process has died. Parts of two versions are never joined.
// Leaves to others: the requests (Range by segment_range(), If-Range by SegmentedParts::if_range), writing, and files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fields.hpp"
#include "types.hpp"

namespace sluice {

// Positions count the bytes of the whole from 0. first < end, and done <= end - first.
struct Segment {
  std::uint64_t first = 0;
  std::uint64_t end = 0;   // after its last byte
  std::uint64_t done = 0;  // bytes from `first` on that are there

  std::uint64_t next() const { return first + done; }
  std::uint64_t left() const { return end - first - done; }
  friend bool operator==(const Segment&, const Segment&) = default;
};

// What is there of a whole. The segments follow one another, from its first byte to its last one.
struct SegmentedParts {
  std::string url = {};       // that it is from
  std::string if_range = {};  // a validator that proves the version (RFC 9110 13.1.5): a strong entity tag or a date
  std::uint64_t size = 0;
  std::vector<Segment> segments = {};

  std::uint64_t done() const;  // bytes of all segments
  bool whole() const { return done() == size; }
  friend bool operator==(const SegmentedParts&, const SegmentedParts&) = default;
};

struct SegmentsWanted {
  std::size_t count = 1;                      // of segments at most
  std::uint64_t least_bytes = 1024 * 1024;    // of a segment; 0 counts as 1. A whole of less than two is not divided.
  static constexpr std::size_t kMost = 1000;  // of segments, whatever `count` says
};

// Equal shares of a whole of so many bytes; the last one may have fewer. One segment where two would be too small; none
// of an empty whole.
std::vector<Segment> equal_segments(std::uint64_t size, const SegmentsWanted& wanted);

// What the response to a GET without Range allows: its body is the whole, and other requests may ask for parts of it.
// `url` is only kept. Error: why it has to come over one connection, a text that lives forever: "it has no
// Accept-Ranges". Throws std::bad_alloc.
std::expected<SegmentedParts, std::string_view> divide(std::string url, int status, const Fields& fields,
                                                       const SegmentsWanted& wanted, UnixSeconds now);

// The value of a Range field for the missing bytes of a segment: "bytes=500-999". Throws std::bad_alloc.
std::string segment_range(const Segment& segment);

enum class SegmentStep : std::uint8_t {
  append,   // the body is the missing part, or its begin
  whole,    // the same version, but all of it: the server does not serve this range
  changed,  // another version, or a part that was not asked for: what is there is void
  refused,  // another status: the request may be sent again
};

struct SegmentAnswer {
  SegmentStep step = SegmentStep::refused;
  std::uint64_t bytes = 0;  // append: of the body; at least 1 and at most Segment::left()
  std::string why = {};     // of the others, for people; no text of the peer is in it
  friend bool operator==(const SegmentAnswer&, const SegmentAnswer&) = default;
};

// What the final response means whose request asked for segment_range(segment), with If-Range. `segment` is one of
// parts.segments and not whole. Throws std::bad_alloc.
SegmentAnswer judge_segment(const SegmentedParts& parts, const Segment& segment, int status, const Fields& fields);

// The text of a journal, lines of ASCII. `parts.url` and `parts.if_range` must have no control bytes.
std::string format_segment_journal(const SegmentedParts& parts);
// Reads it again. `part_bytes`: the size of the file with the parts, after whose end nothing is there. Error: why the
// text is not the journal of such a file; a text that lives forever. Any text may be given.
std::expected<SegmentedParts, std::string_view> parse_segment_journal(std::string_view text, std::uint64_t part_bytes);

}  // namespace sluice
