"""See tests/mutants: single-point bugs in what follows a hop."""

from bugs import bug as mutant

ROWS = [
    mutant("redirect-post-kept", "a POST stays a POST after 301",
           ("rules/redirect.cpp", "return post && !options.keep_post_301;", "return post && !options.keep_post_301 && !PLANTED;")),
    mutant("redirect-307-get", "307 drops the body as 303 does",
           ("rules/redirect.cpp", "    default:\n      return false;", "    default:\n      return status == 307 && PLANTED;")),
    mutant("redirect-credentials", "fields go to every origin",
           ("rules/redirect.cpp", "copy_field(home || is_in", "copy_field(PLANTED || home || is_in")),
    mutant("redirect-not-home", "what was withheld is not sent to the first origin again",
           ("rules/redirect.cpp", "for (const Field& field : what.withheld) take(field);", "if (!PLANTED) for (const Field& field : what.withheld) take(field);")),
    mutant("redirect-downgrade", "Referer goes from https to http",
           ("rules/redirect.cpp", "const bool downgrade = what", "const bool downgrade = !PLANTED && what")),
    mutant("redirect-one-more", "one redirect more than the limit is followed",
           ("rules/redirect.cpp", "if (what.redirects >= what.options.max_redirects)", "if (what.redirects >= what.options.max_redirects + std::size_t{PLANTED})")),
    mutant("redirect-fragment", "the fragment is lost",
           ("rules/redirect.cpp", "if (url && !url->fragment() && fragment)", "if (url && !url->fragment() && fragment && !PLANTED)")),
    mutant("redirect-uncounted", "redirects are not counted",
           ("flow/transfer.cpp", "if (following.is_redirect) ++redirects;", "if (following.is_redirect && !PLANTED) ++redirects;")),
    mutant("redirect-withheld-kept", "what one transfer withheld is there for the next",
           ("flow/transfer.cpp", "  withheld.reset();", "  if (!PLANTED) withheld.reset();")),
]
