"""Rules that read what was built: what the core imports, what it keeps in memory, what is loaded beside it."""

import os
import re
import subprocess

import tables


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True, errors="replace").stdout


def ours(member):
    """llhttp's generated C is part of the archive but not our code."""
    return not member.endswith(".c.o")


def symbols(archive):
    """(member, kind, name) of every symbol nm knows, names demangled."""
    for line in run("nm", "-A", "-C", "--format=posix", archive).splitlines():
        # archive[member]: name kind value size; a demangled name may hold spaces.
        match = re.match(r"(?:.*\[)?([^\[\]:]+?)\]?: (.+?) ([A-Za-z?])(?: +[0-9a-f]+){0,2}\s*$", line)
        if match:
            yield match[1], match[3], match[2]


def check_imports(archive):
    everything = list(symbols(archive))
    defined = {name for _, kind, name in everything if kind not in "Uwv"}
    allowed = re.compile("|".join(f"(?:{p})" for p in tables.ALLOWED_IMPORTS))
    denied = re.compile("|".join(f"(?:{p})" for p in tables.DENIED_IMPORTS))
    if not any(ours(member) for member, _, _ in everything):
        yield f"{archive}: holds no object of ours"
    for member, kind, name in dict.fromkeys(everything):
        if kind not in "Uwv" or name in defined or not ours(member):
            continue
        if not allowed.fullmatch(name) or denied.fullmatch(name):
            yield f"{member}: imports {name}, which the pure core may not"


def check_data(archive):
    writable = re.compile(tables.WRITABLE_SECTIONS)
    harmless = re.compile(tables.HARMLESS_DATA)
    member = os.path.basename(archive)
    for line in run("objdump", "-t", "-C", archive).splitlines():
        header = re.match(r"(\S+):\s+file format", line)
        if header:
            member = header[1]
            continue
        # value, seven flags, section, size, name
        match = re.match(r"[0-9a-f]+ (.{7}) (\S+)\t[0-9a-f]+\s+(.*)$", line)
        if not match or not ours(member) or "d" in match[1] or "f" in match[1]:
            continue
        name = match[3].removeprefix(".hidden ").strip()
        if match[2] == "*COM*" or writable.fullmatch(match[2]):
            if not harmless.fullmatch(name):
                yield f"{member}: {name} in {match[2]} is state that outlives every object"


def loads(library):
    return re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "-d", library))


def check_core_loads(library):
    for name in loads(library):
        if not re.fullmatch(tables.CORE_LOADS, name):
            yield f"{library}: loads {name}; the core links llhttp and BoringSSL only"


def check_no_openssl(program):
    """Through every library that is loaded, not only the direct ones."""
    for name in re.findall(r"^\s*(\S+) =>", run("ldd", program), flags=re.M):
        if re.fullmatch(tables.OPENSSL_LOADS, name):
            yield f"{program}: loads {name}; OpenSSL and BoringSSL must not meet in one process"
