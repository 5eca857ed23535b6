"""See tests/mutants: single-point bugs in what follows a hop."""

from bugs import bug as mutant

ROWS = [
    mutant("redirect-post-kept", "a POST stays a POST after 301",
           ("rules/redirect.cpp", "return post && !options.keep_post_301;", "return post && !options.keep_post_301 && !PLANTED;")),
    mutant("redirect-307-get", "307 drops the body as 303 does",
           ("rules/redirect.cpp", "    default:\n      return false;", "    default:\n      return status == 307 && PLANTED;")),
    mutant("redirect-credentials", "fields go to every origin",
           ("rules/redirect.cpp", "if (same || trusted ||", "if (PLANTED || same || trusted ||")),
    mutant("redirect-host", "Host goes to every origin that is trusted",
           ("rules/redirect.cpp", "!equals_ignoring_case(field.name, \"Host\");", "(PLANTED || !equals_ignoring_case(field.name, \"Host\"));")),
    mutant("redirect-userinfo", "a server chooses which credentials are sent",
           ("rules/redirect.cpp", "if (url) url = url->without_userinfo();", "if (url && !PLANTED) url = url->without_userinfo();")),
    mutant("redirect-downgrade", "Referer goes from https to http",
           ("rules/redirect.cpp", "const bool downgrade = what", "const bool downgrade = !PLANTED && what")),
    mutant("redirect-one-more", "one redirect more than the limit is followed",
           ("rules/redirect.cpp", "if (what.redirects >= what.options.max_redirects)", "if (what.redirects >= what.options.max_redirects + std::size_t{PLANTED})")),
    mutant("redirect-fragment", "the fragment is lost",
           ("rules/redirect.cpp", "if (url && !url->fragment() && fragment)", "if (url && !url->fragment() && fragment && !PLANTED)")),
    mutant("redirect-uncounted", "redirects are not counted",
           ("flow/transfer.cpp", "if (following.is_redirect) ++redirects;", "if (following.is_redirect && !PLANTED) ++redirects;")),
]
