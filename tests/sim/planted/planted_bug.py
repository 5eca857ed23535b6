"""What a planted bug is: see bugs.py."""

from typing import NamedTuple


class Edit(NamedTuple):
    file: str
    old: str
    new: str


class Bug(NamedTuple):
    name: str
    what: str
    edits: list


def bug(name, what, *edits):
    return Bug(name, what, [Edit("core/" + file, old, new) for file, old, new in edits])
