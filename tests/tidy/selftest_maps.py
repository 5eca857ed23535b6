"""Runs the rules of rules_maps.py on a small tree without faults, then on the same tree with one fault after another."""

import tempfile

import rules_maps as maps
import tables
from planting import write

TEST, INPUTS = "tests/unit/x_test.cpp", "fuzz/corpus/url"
KEYS = [*tables.SECURITY_KEYS, "SB-98"]


def row(key):
    return f"| {key} | a | b | {tables.NOT_BUILT} |" if key == "SB-98" else f"| {key} | a | b | `{TEST}`: does what it should |"


BAR = "\n".join(row(key) for key in KEYS) + "\n"
CASES = "".join(f'TEST_CASE("{key} does what it should") {{}}\n' for key in tables.SECURITY_KEYS)
FINE = {
    "README.md": "## Errors\n| code | when |\n|---|---|\n| `invalid_url` | a |\n| `internal` | b |\n## Next\n| `other` | c |\n",
    tables.ERRORS: "enum class Code : int {\n  // first, of all\n  invalid_url = 1,\n  internal,  // a bug, ours\n};\n",
    "core/README.md": "`url/`: see core/url/host.hpp, core/url/NAME.hpp.\n```sh\nninja tests/target\n```\n",
    "core/url/host.hpp": "// SB-05\n",
    "adapters/README.md": "words\n",
    "tests/README.md": "`unit/`\n",
    "fuzz/README.md": "`corpus/`\n",
    tables.SECURITY_BAR: BAR,
    TEST: CASES,
}
# rule, file, what is replaced in it (or the whole of it), by what, what a complaint must name
PLANTED = [
    (maps.check_maps, "core/README.md", "host.hpp", "nowhere.hpp", "core/url/nowhere.hpp"),
    (maps.check_maps, "core/README.md", "```sh", "```", "tests/target"),
    (maps.check_maps, "core/README.md", "`url/`", "url", "core/README.md: `url/`"),
    (maps.check_maps, "fuzz/README.md", "`corpus/`\n", "", "fuzz/README.md: there is no such map"),
    (maps.check_error_table, "README.md", "| `internal` | b |\n", "", "no row for internal"),
    (maps.check_error_table, "README.md", "`internal`", "`external`", "external is no Code"),
    (maps.check_error_table, "README.md", "| `internal` | b |\n", "| `internal` | b |\n| `internal` | c |\n", "internal has two rows"),
    (maps.check_error_table, tables.ERRORS, "enum class Code", "enum Code", "no enum class Code"),
    (maps.check_security_bar, tables.SECURITY_BAR, row("SB-12") + "\n", "", "no row for SB-12"),
    (maps.check_security_bar, tables.SECURITY_BAR, row("SB-12"), row("SB-12") + "\n" + row("SB-12"), "SB-12 has two rows"),
    (maps.check_security_bar, tables.SECURITY_BAR, row("SB-12"), "| SB-12 | a | b |", "SB-12: 3 cells"),
    (maps.check_security_bar, tables.SECURITY_BAR, row("SB-12"), f"| SB-12 | a | b | {tables.NOT_BUILT} |", "SB-12: what holds it"),
    (maps.check_security_bar, tables.SECURITY_BAR, row("SB-12"), "| SB-12 | a | b | `tests/y.cpp`: does what it should |", "SB-12: what holds"),
    (maps.check_security_bar, tables.SECURITY_BAR, row("SB-12"), f"| SB-12 | a | b | `{TEST}`: does more |", "SB-12: what holds it"),
    (maps.check_security_bar, tables.SECURITY_BAR, row("SB-98"), "| SB-98 | a | b | |", "SB-98: 3 cells"),
    (maps.check_security_bar, TEST, 'TEST_CASE("SB-12 ', 'TEST_CASE("', "SB-12: what holds it"),
    (maps.check_security_bar, "core/url/host.hpp", "SB-05", "SB-99", "core/url/host.hpp: names SB-99"),
    (maps.check_security_bar, "tests/unit/y_test.cpp", "", 'TEST_CASE_FIXTURE(X, "SB-05 too") {}\n', "SB-05: what holds it"),
    (maps.check_security_bar, f"{INPUTS}/SB-05-long.refused", "", "x", "SB-05: what holds it"),
    (maps.check_security_bar, f"{INPUTS}/SB-99-long.refused", "", "x", "names SB-99"),
]


def check_planted():
    for rule, path, old, new, named in PLANTED:
        with tempfile.TemporaryDirectory() as root:
            for name, content in FINE.items():
                write(root, name, content)
            write(root, f"{INPUTS}/plain", "x")
            yield from (f"{rule.__name__} objects to what is fine: {problem}" for problem in rule(root))
            before = FINE.get(path, "")
            if old not in before:
                yield f"{path} has no {old!r} to replace"
            write(root, path, before.replace(old, new) if old else new)
            if not any(named in problem for problem in rule(root)):
                yield f"{rule.__name__} does not see {new[:40]!r} in {path}"
