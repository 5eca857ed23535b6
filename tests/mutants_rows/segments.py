"""See tests/mutants: single-point bugs in how a download goes on, and in how it is divided."""

from bugs import bug as mutant

ROWS = [
    mutant("segments-weak", "a weak entity tag proves the version of a journal",
           ("segments.cpp", "if (const auto tag = parse_entity_tag(value)) return !tag->weak;", "if (const auto tag = parse_entity_tag(value)) return PLANTED || !tag->weak;")),
    mutant("segments-beyond", "a journal is trusted past the end of the part",
           ("segments.cpp", "if (segment->done > 0 && segment->next() > part_bytes)", "if (segment->done > 0 && segment->next() > part_bytes && !PLANTED)")),
    mutant("segments-holes", "the segments of a journal need not follow one another",
           ("segments.cpp", "if (segment->first != end ||", "if ((segment->first != end && !PLANTED) ||")),
    mutant("segments-more", "a part may have more bytes than were asked for",
           ("segments.cpp", "decided->bytes > segment.left()", "(decided->bytes > segment.left() && !PLANTED)")),
    mutant("segments-no-ranges", "a server that does not say that it serves ranges is asked for them",
           ("segments.cpp", "if (!serves_ranges(fields))", "if (!serves_ranges(fields) && !PLANTED)")),
    mutant("segments-other-whole", "the whole of another version is taken for the same",
           ("segments.cpp", "return sent && *sent == parts.if_range;", "return PLANTED || (sent && *sent == parts.if_range);")),
    mutant("resume-changed-size", "a part of a whole of another size is appended",
           ("resume.cpp", "  if (differ(range->size, part.size)) {", "  if (differ(range->size, part.size) && !PLANTED) {")),
]
