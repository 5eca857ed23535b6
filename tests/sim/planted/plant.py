"""Makes copies of core files with the bugs of bugs.py in them, each switched on by `planted_is(N)`. The core's own files are not
changed.

  plant.py files ROOT                    the core files that have bugs, one per line
  plant.py copy ROOT FILE OUTPUT         FILE with its bugs
  plant.py names ROOT OUTPUT             the list of bugs as C++, for planted_main.cpp

A text that is not in its file exactly once, ignoring white space, stops the build: the core has changed there, and the row must be updated.
"""

import os
import re
import sys

sys.dont_write_bytecode = True  # the tree stays as it is
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bugs import BUGS, MUTED  # noqa: E402

SWITCH = "PLANTED"  # in a new text: true when its bug is switched on


def fail(text):
    sys.exit("plant.py: " + text)


def checked(bugs=BUGS):
    names = [bug.name for bug in bugs]
    for name in names:
        if names.count(name) > 1:
            fail(f"two bugs are called {name}")
    for bug in bugs:
        for edit in bug.edits:
            if SWITCH not in edit.new:
                fail(f"{bug.name}: the new text for {edit.file} does not look at {SWITCH}")
    return bugs


def planted_files():
    return sorted({edit.file for bug in checked() for edit in bug.edits} | {MUTED.file})


def places(text, old):
    """Where `old` is found in `text`: (begin, end) of each place. White space is as clang-format has it, so it does not count; where `old`
    begins or ends with some, there must be some."""
    inner = r"\s*".join(re.escape(letter) for letter in old if not letter.isspace())
    before = r"(?<!\S)" if old[0].isspace() else ""
    after = r"(?!\S)" if old[-1].isspace() else ""
    return [match.span() for match in re.finditer(before + inner + after, text)]


def with_edits(file, original, edits):
    """The text of a core file with all of its edits. `edits`: name, Edit and the condition that switches it on; those of other files
    are left out."""
    spans = []
    for name, edit, condition in edits:
        if edit.file != file:
            continue
        found = places(original, edit.old)
        if len(found) != 1:
            fail(f"{file}: the text of bug \"{name}\" is there {len(found)} times instead of once: {edit.old!r}")
        spans.append((*found[0], edit.new.replace(SWITCH, condition), name))
    spans.sort()
    for one, two in zip(spans, spans[1:]):
        if two[0] < one[1]:
            fail(f"{file}: the bugs \"{one[3]}\" and \"{two[3]}\" overlap")
    text = original
    for begin, end, new, _ in reversed(spans):
        text = text[:begin] + new + text[end:]
    return text


def copy(root, file, output):
    with open(os.path.join(root, file), encoding="utf-8") as source:
        original = source.read()
    edits = [(bug.name, edit, f"planted_is({number})") for number, bug in enumerate(checked(), 1) for edit in bug.edits]
    edits.append(("(muted)", MUTED, "planted_any()"))
    text = with_edits(file, original, edits)
    # Calls, not comparisons: where a bug's text is a whole condition, clang would take "((a == b))" for a slip of the pen.
    head = (f"// Made by tests/sim/planted/plant.py from {file}.\n"
            "#ifndef SLUICE_PLANTED\n"  # several files may be compiled together
            "#define SLUICE_PLANTED\n"
            "extern int sluice_planted;\n"
            "inline bool planted_is(int number) { return sluice_planted == number; }\n"
            "inline bool planted_any() { return sluice_planted != 0; }\n"
            "#endif\n"
            f"#line 1 \"{file}\"\n")
    write(output, head + text)


def names(output):
    quote = lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    lines = [f"    {{{quote(bug.name)}, {quote(bug.what)}}},\n" for bug in checked()]
    write(output, "// Made by tests/sim/planted/plant.py.\n"
                  '#include "tests/sim/planted/planted.hpp"\n\n'
                  "namespace sluice::simtest {\n\n"
                  "const std::vector<PlantedBug>& planted_bugs() {\n"
                  "  static const std::vector<PlantedBug> bugs = {\n" + "".join(lines) +
                  "  };\n  return bugs;\n}\n\n}  // namespace sluice::simtest\n")


def write(output, text):
    with open(output, "w", encoding="utf-8") as out:
        out.write(text)


def main(words):
    if len(words) == 2 and words[0] == "files":
        print("\n".join(planted_files()))
    elif len(words) == 4 and words[0] == "copy":
        copy(*words[1:])
    elif len(words) == 3 and words[0] == "names":
        names(words[2])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
