#!/usr/bin/env python3
"""Extracts the example program from a header's first comment, so that a test compiles exactly what the header shows.

Usage: extract.py HEADER OUT. The program begins below the line "// Example: ..." and ends with the comment. The compiler is told
where each line came from.
Or: extract.py README.md OUT WORDS. The program is the C++ block there that contains this text.
"""

import sys

MARK = "// Example:"
PREFIX = "//   "


def example(header, lines):
    starts = [number for number, line in enumerate(lines, 1) if line.startswith(MARK)]
    if len(starts) != 1 or not all(line.startswith("//") for line in lines[: starts[0]]):
        raise ValueError(f'{header}: its leading comment must hold one line that begins with "{MARK}"')
    program = [f'#line {starts[0] + 1} "{header}"']
    for number, line in enumerate(lines[starts[0] :], starts[0] + 1):
        if not line.startswith("//"):
            break
        if line != "//" and not line.startswith(PREFIX):
            raise ValueError(f'{header}:{number}: a line of the example begins with "{PREFIX}"')
        program.append(line.removeprefix(PREFIX).removeprefix("//"))
    if not any(line.startswith("int main(") for line in program):
        raise ValueError(f"{header}: its example has no main()")
    return program


def block(page, lines, words):
    starts = [number for number, line in enumerate(lines, 1) if line == "```cpp"]
    found = []
    for start in starts:
        program = lines[start : lines.index("```", start)]
        if any(words in line for line in program):
            found.append([f'#line {start + 1} "{page}"', *program])
    if len(found) != 1:
        raise ValueError(f'{page}: {len(found)} C++ blocks hold "{words}", and it should be one')
    return found[0]


def main():
    header, out, *words = sys.argv[1:]
    with open(header, encoding="utf-8") as text:
        lines = text.read().splitlines()
    try:
        program = block(header, lines, words[0]) if words else example(header, lines)
    except ValueError as trouble:
        return str(trouble)
    with open(out, "w", encoding="utf-8") as text:
        text.write("\n".join(program) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
