"""Rules about the documentation: the maps (README.md of each folder), the table of errors, the security bar."""

import os
import re

import rules_source as source
import tables

KEY = re.compile(r"SB-\d\d")
ROW = re.compile(r"^\| (SB-\d\d) \|")


def text_of(root, path):
    try:
        with open(os.path.join(root, path), encoding="utf-8", errors="replace") as text:
            return text.read()
    except FileNotFoundError:
        return ""


def check_maps(root):
    """Each map is there, each path that it names exists, and each folder is on the map of its parent."""
    for path in tables.MAPS:
        text = text_of(root, path)
        if not text:
            yield f"{path}: there is no such map"
        command = False
        for number, line in enumerate(text.splitlines(), 1):
            if line.startswith("```"):
                command = line == "```sh"  # there it may be a target of the build
            for wanted in source.PATH_IN_TEXT.findall(line) if not command else ():
                if "NAME" not in wanted and not os.path.exists(os.path.join(root, wanted)):
                    yield f"{path}:{number}: {wanted} does not exist"
    for folder in tables.MAPPED_FOLDERS:
        text = text_of(root, f"{folder}/README.md")
        for name in sorted(os.listdir(os.path.join(root, folder))) if os.path.isdir(os.path.join(root, folder)) else ():
            if os.path.isdir(os.path.join(root, folder, name)) and name != "__pycache__" and f"`{name}/" not in text:
                yield f"{folder}/README.md: `{name}/` is not on the map"


def check_error_table(root):
    """Every Code has one row in the table of errors, and every row is of a Code."""
    codes = re.search(r"enum class Code\b[^{]*\{(.*?)\};", text_of(root, tables.ERRORS), re.S)
    known = re.findall(r"^\s*(\w+)\s*(?:=\s*\d+)?\s*,", re.sub(r"//[^\n]*", "", codes[1]) if codes else "", re.M)
    section = re.search(r"^## Errors$(.*?)^## ", text_of(root, tables.ERROR_TABLE), re.S | re.M)
    cells = re.findall(r"^\| ((?:`\w+` )+)\|", section[1] if section else "", re.M)  # codes that are alike share a row
    rows = [code for cell in cells for code in re.findall(r"\w+", cell)]
    if not known:
        yield f"{tables.ERRORS}: has no enum class Code"
    yield from (f"{tables.ERROR_TABLE}: Errors: no row for {code}" for code in known if code not in rows)
    yield from (f"{tables.ERROR_TABLE}: Errors: {row} is no Code" for row in rows if row not in known)
    yield from (f"{tables.ERROR_TABLE}: Errors: {row} has two rows" for row in sorted(set(rows)) if rows.count(row) > 1)


# ---- the security bar ----

CASE = re.compile(r'(?:(?:TEST_CASE|SUBCASE)\w*\(\s*(?:\w+,\s*)?|^check )"((?:[^"\\]|\\.)*)"', re.M)


def holders(root):
    """What carries keys: {key: {file: [names of its cases], folder of inputs: None}}, and {key: a file that names it anywhere}."""
    held, mentioned = {}, {}
    for path in source.files(root, "core", "adapters", "tests", "fuzz", suffixes=("",)):
        if path == tables.SECURITY_BAR or path.startswith("tests/tidy/"):
            continue
        if path.startswith("fuzz/corpus/"):
            for key in KEY.findall(os.path.basename(path)):
                held.setdefault(key, {})[os.path.dirname(path)] = None
                mentioned[key] = path
            continue
        told = text_of(root, path)
        mentioned.update((key, path) for key in KEY.findall(told))
        for name in CASE.findall(told) if path.startswith("tests/") else ():
            for key in KEY.findall(name):
                held.setdefault(key, {}).setdefault(path, []).append(re.sub(r"^(SB-\d\d )+", "", name))
    return held, mentioned


def cell_of(held):
    """The last cell of a row, but for what it says of things that are not built."""
    cases = [f"`{path}`: " + "; ".join(names) for path, names in sorted(held.items()) if names is not None]
    return "<br>".join([*cases, *(f"`{path}`" for path, names in sorted(held.items()) if names is None)])


def check_security_bar(root):
    held, mentioned = holders(root)
    rows = set()
    for number, line in enumerate(text_of(root, tables.SECURITY_BAR).splitlines(), 1):
        match = ROW.match(line)
        if not match:
            continue
        key, cells = match[1], line.strip().removeprefix("| ").removesuffix(" |").split(" | ")
        where = f"{tables.SECURITY_BAR}:{number}: {key}"
        if key in rows:
            yield f"{where} has two rows"
        rows.add(key)
        if len(cells) != 4:
            yield f"{where}: {len(cells)} cells, where a row has 4"
            continue
        built = key in tables.SECURITY_KEYS
        wanted = "<br>".join(filter(None, ["" if built else tables.NOT_BUILT, cell_of(held.get(key, {}))]))
        if cells[3] != wanted:
            yield f"{where}: what holds it should read: {wanted}"
    yield from (f"{tables.SECURITY_BAR}: no row for {key}" for key in tables.SECURITY_KEYS if key not in rows)
    for key, path in sorted(mentioned.items()):
        if key not in rows:
            yield f"{path}: names {key}, which {tables.SECURITY_BAR} does not have"
