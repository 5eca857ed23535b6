"""Rules about the sources: which files include which, what belongs where, how long files are, how switches are written."""

import os
import re
import subprocess
import sys

import tables

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def files(root, *folders, suffixes=(".cpp", ".hpp")):
    for folder in folders:
        for where, names, leaves in os.walk(os.path.join(root, folder)):
            names[:] = sorted(n for n in names if n not in ("build", "__pycache__"))
            for leaf in sorted(leaves):
                if leaf.endswith(suffixes):
                    yield os.path.relpath(os.path.join(where, leaf), root)


def includes(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as text:
        for number, line in enumerate(text, 1):
            match = INCLUDE.match(line)
            if match:
                yield number, match[1] == "<", match[2]


def room_of(path):
    """The private room a file stands in, or None for what stands at the front."""
    folder = os.path.dirname(path)
    rooms = [room for room in tables.ROOMS if folder == room or folder.startswith(room + "/")]
    return max(rooms, key=len) if rooms else None


def floor_of(path):
    room = room_of(path)
    if room:
        return tables.ROOMS[room]
    stem, suffix = os.path.splitext(path)
    if os.path.dirname(path) == "core":
        own = tables.CORE_WORDS_FLOOR if suffix == ".hpp" else tables.CORE_SOURCES.get(stem, tables.CORE_SOURCE_FLOOR)
        return tables.CORE_FRONT.get(stem, own)
    if os.path.dirname(path) == "adapters":
        return tables.ADAPTER_FRONT.get(stem)
    return None


def owner_of(path):
    """What a file is a part of, as far as floors go: its room, or, at the front of adapters, its name. None for the core's front."""
    return room_of(path) or (os.path.splitext(path)[0] if os.path.dirname(path) == "adapters" else None)


def is_public_header(path):
    return (os.path.dirname(path) in ("core", "adapters") and path.endswith(".hpp")) or path in tables.PUBLIC_FROM_ROOMS


def why_not(path, wanted):
    """Why `path` may not include `wanted`, both from the root; None when it may."""
    if wanted.startswith(("tests/", "fuzz/")):
        return "the library knows nothing of its tests"
    here, there = floor_of(path), floor_of(wanted)
    if there is None:
        return "it stands in no room that the table of floors knows"
    if is_public_header(path) and not is_public_header(wanted):
        return "a public header includes public headers only"
    if path.startswith("core/") and not wanted.startswith("core/"):
        return "the core knows nothing of adapters"
    if path.startswith("adapters/") and wanted.startswith("core/") and not is_public_header(wanted):
        if room_of(wanted) not in tables.CORE_ROOMS_FOR_ADAPTERS:
            return "a private room of the core"
    if there > here:
        return f"floor {there} from floor {here}"
    if there == here and owner_of(path) and owner_of(wanted) and owner_of(path) != owner_of(wanted):
        return "two rooms on one floor know nothing of each other"
    return None


def check_floors(root):
    for path in files(root, "core", "adapters"):
        if floor_of(path) is None:
            yield f"{path}: stands in no room that the table of floors knows"
            continue
        for number, system, wanted in includes(root, path):
            if system:
                if wanted.startswith("sluice/"):
                    yield f"{path}:{number}: <{wanted}> is how users name it; here it has a path"
                continue
            # A public header finds the others from where it is, whatever folders a user has; all else names them from the root.
            start = os.path.dirname(path) if is_public_header(path) else ""
            named, wanted = wanted, os.path.normpath(os.path.join(start, wanted))
            if not os.path.exists(os.path.join(root, wanted)):
                yield f'{path}:{number}: "{named}" is no path from {start or "the root"}'
                continue
            reason = why_not(path, wanted)
            if reason:
                yield f'{path}:{number}: may not include "{wanted}": {reason}'


def component_of(path):
    """What cycles are looked for between: header and sources of one name in a room. At the front a header is a word of its own, and its
    source, which nobody includes, may use what is made of that word."""
    return os.path.splitext(path)[0] if room_of(path) else path


def check_cycles(root):
    """Floors say nothing of files in one room; there it is the direction that counts: what A is made of is not made of A."""
    graph = {}
    for path in files(root, "core", "adapters"):
        edges = graph.setdefault(component_of(path), {})
        for number, system, wanted in includes(root, path):
            if not system:
                wanted = os.path.normpath(os.path.join(os.path.dirname(path) if is_public_header(path) else "", wanted))
                if component_of(wanted) != component_of(path):
                    edges.setdefault(component_of(wanted), f'{path}:{number}: includes "{wanted}"')
    done = set()

    def walk(component, trail):
        if component in trail:
            yield f"{graph[trail[-1]][component]}, which is made of it: " + " > ".join([*trail[trail.index(component) :], component])
        elif component not in done:
            for other in sorted(graph.get(component, ())):
                yield from walk(other, [*trail, component])
            done.add(component)

    for component in sorted(graph):
        yield from walk(component, [])


PATH_IN_TEXT = re.compile(r"(?<![\w/.*<{-])((?:core|adapters|tests|fuzz)/[\w./-]*\w/?)(?![\w*{<])")


def check_pointers(root):
    """Users have the public headers alone: a comment there that sends them to a private file sends them nowhere."""
    for path in files(root, "core", "adapters"):
        if not is_public_header(path):
            continue
        with open(os.path.join(root, path), encoding="utf-8") as text:
            for number, line in enumerate(text, 1):
                if INCLUDE.match(line):
                    continue
                for wanted in PATH_IN_TEXT.findall(line):
                    if not os.path.exists(os.path.join(root, wanted)):
                        yield f"{path}:{number}: {wanted} does not exist"
                    elif wanted.endswith((".cpp", ".hpp")) and not wanted.startswith("tests/examples/") and not is_public_header(wanted):
                        yield f"{path}:{number}: {wanted} is private, and its users do not have it"


def check_initializers(root):
    """With -Wextra a designated initializer warns of members that it leaves out and that have no initializer of their own."""
    for path in files(root, "core", "adapters"):
        if not is_public_header(path):
            continue
        struct = False
        with open(os.path.join(root, path), encoding="utf-8") as text:
            for number, line in enumerate(text, 1):
                code = line.split("//")[0].rstrip()
                if re.match(r"struct \w+( final)? \{$", code):
                    struct = True
                elif not code.startswith(" ") or code.strip() in ("private:", "protected:"):
                    struct = struct and code == ""
                elif struct and re.match(r"  (?!using |friend |static |return )[\w:<>,*&() ]+ (?!const;|override;|noexcept;)\w+;$", code):
                    yield f"{path}:{number}: a member of a public struct without an initializer"


def check_libraries(root):
    for path in files(root, "core", "adapters"):
        for number, _, wanted in includes(root, path):
            for library, rooms in tables.LIBRARIES.items():
                if wanted.startswith(library) and not any(path.startswith((r + "/", r + ".")) for r in rooms):
                    yield f"{path}:{number}: <{wanted}> belongs in {' and '.join(rooms)} alone"


def check_core_headers(root):
    for path in files(root, "core"):
        for number, system, wanted in includes(root, path):
            if not system or wanted in tables.CORE_STANDARD_HEADERS:
                continue
            if any(wanted.startswith(library) for library in tables.LIBRARIES):
                continue  # check_libraries
            if any(path.startswith(room + "/") for room in tables.CORE_OTHER_HEADERS.get(wanted, ())):
                continue
            yield f"{path}:{number}: <{wanted}> is not on the list of headers the pure core may include"


def check_top_level(root):
    for name in sorted(os.listdir(root)):
        if not (name.startswith(".") or name in tables.TOP_LEVEL or name in tables.IGNORED_TOP_LEVEL):
            yield f"{name}: the top level holds {', '.join(sorted(tables.TOP_LEVEL))} and dotfiles only"


def check_sizes(root):
    def counted(path):
        return path.endswith(tables.COUNTED_SUFFIXES) or "." not in os.path.basename(path)

    top = [n for n in os.listdir(root) if os.path.isfile(os.path.join(root, n)) and n != "LICENSE"]
    for path in [*top, *files(root, "core", "adapters", "tests", "fuzz", suffixes=("",))]:
        if not counted(path) or "/corpus/" in path:
            continue
        with open(os.path.join(root, path), "rb") as text:
            lines = sum(1 for _ in text)
        if lines > tables.MAX_LINES:
            yield f"{path}: {lines} lines; past {tables.MAX_LINES} a file holds two ideas"
        example = path.startswith(tables.EXAMPLES) and path.endswith(".cpp") and path != tables.EXAMPLES_TEST
        if example and lines > tables.MAX_LINES_OF_EXAMPLES:
            yield f"{path}: {lines} lines; past {tables.MAX_LINES_OF_EXAMPLES} it is not the short program that README.md promises"


def check_format(root):
    """One version, since another breaks lines elsewhere."""
    sources = [os.path.join(root, path) for path in files(root, "core", "adapters", "tests", "fuzz", suffixes=(".cpp", ".hpp"))]
    style = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".clang-format")
    told = subprocess.run([tables.FORMATTER, f"--style=file:{style}", "--dry-run", *sources], capture_output=True, text=True, check=True)
    for path in sorted(set(re.findall(r"^(.*?):\d+:\d+: warning", told.stderr, re.M))):
        yield f"{os.path.relpath(path, root)}: it is not as {tables.FORMATTER} has it"


def check_reasons(root):
    """fuzz/coverage compares these lines with what was reached; that they are there at all can be seen without measuring."""
    path, source = None, set()
    list_of_reasons = os.path.join(root, tables.REASONS)
    if not os.path.exists(list_of_reasons):
        return
    with open(list_of_reasons, encoding="utf-8") as text:
        for number, line in enumerate(text, 1):
            if line.startswith("#"):
                continue
            if not line.startswith(" "):
                path, source = line.split(":")[0], set()
                if os.path.exists(os.path.join(root, path)):
                    with open(os.path.join(root, path), encoding="utf-8") as file:
                        source = {other.strip() for other in file}
            elif line.strip() not in source:
                yield f"{tables.REASONS}:{number}: {path} has no line `{line.strip()}`"


def check_mutants(root):
    """tests/mutants tells the rows whose text the core does not have any more; nothing is built."""
    told = subprocess.run([sys.executable, os.path.join(root, "tests", "mutants"), "--check"], capture_output=True, text=True, check=False)
    if told.returncode != 0:
        lines = (told.stdout + told.stderr).splitlines() or [f"exit code {told.returncode}"]
        yield from (line for line in lines if not line.endswith(" failed"))


def without_comments_and_text(source):
    pattern = r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''

    def blank(match):
        return re.sub(r"[^\n]", " ", match[0])

    # Digit separators are no character literals.
    return re.sub(pattern, blank, re.sub(r"(?<=[0-9a-fA-F])'(?=[0-9a-fA-F])", " ", source), flags=re.S)


def check_switches(root):
    """Over enums, that is: a switch over numbers or characters (blank by now) cannot name every value."""
    for path in files(root, "core"):
        with open(os.path.join(root, path), encoding="utf-8") as text:
            source = without_comments_and_text(text.read())
        for match in re.finditer(r"\bdefault\s*:", source):
            switch = source.rfind("switch", 0, match.start())
            labels = re.findall(r"\bcase\b(.*?)(?<!:):(?!:)", source[switch : match.start()], flags=re.S)
            if any(re.match(r"\s*[A-Za-z_]", label) for label in labels):
                number = source.count("\n", 0, match.start()) + 1
                yield f"{path}:{number}: a switch over an enum with default hides the case that somebody forgot"


def keys_in(names):
    return {key for name in names for key in re.findall(r"SB-\d\d", name)}


def check_keys(names, keys=tuple(tables.SECURITY_KEYS)):
    found = keys_in(names)
    for key in keys:
        if key not in found:
            yield f"{key}: nothing of this kind carries this key of the security bar in its name"


def corpus_files(root, target=""):
    for where, _, leaves in os.walk(os.path.join(root, "fuzz", "corpus", target)):
        for leaf in sorted(leaves):
            yield os.path.relpath(os.path.join(where, leaf), root)


def check_corpus_sizes(root):
    total = 0
    for path in corpus_files(root):
        size = os.path.getsize(os.path.join(root, path))
        total += size
        if size >= tables.MAX_CORPUS_FILE_BYTES:
            yield f"{path}: {size} bytes, where an input of a corpus has less than {tables.MAX_CORPUS_FILE_BYTES}"
    if total >= tables.MAX_CORPUS_BYTES:
        yield f"fuzz/corpus: {total} bytes in all, {tables.MAX_CORPUS_BYTES} are too many"


def check_response_keys(root):
    for target, numbers in tables.RESPONSE_KEYS.items():
        keys = [f"SB-{number:02d}" for number in numbers]
        yield from (f"fuzz/corpus/{target}: {problem}" for problem in check_keys(list(corpus_files(root, target)), keys))
