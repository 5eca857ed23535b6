"""Rules about the built files: what the core imports, its static data, which libraries are loaded with it."""

import os
import re
import subprocess

import tables


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True, errors="replace").stdout


def ours(member):
    """llhttp's generated C and BoringSSL are parts of the archive but not our code."""
    return not member.endswith((".c.o", ".cc.o", ".S.o"))


def symbols(archive):
    """(member, kind, name) of every symbol nm knows, names demangled."""
    for line in run("nm", "-A", "-C", "--format=posix", archive).splitlines():
        # archive[member]: name kind value size; a demangled name may hold spaces.
        match = re.match(r"(?:.*\[)?([^\[\]:]+?)\]?: (.+?) ([A-Za-z?])(?: +[0-9a-f]+){0,2}\s*$", line)
        if match:
            yield match[1], match[3], match[2]


def check_imports(archive):
    everything = list(symbols(archive))
    defined = {name for member, kind, name in everything if kind not in "Uwv" and ours(member)}
    allowed = re.compile("|".join(f"(?:{p})" for p in tables.ALLOWED_IMPORTS))
    denied = re.compile("|".join(f"(?:{p})" for p in tables.DENIED_IMPORTS))
    if not any(ours(member) for member, _, _ in everything):
        yield f"{archive}: holds no object of ours"
    for member, kind, name in dict.fromkeys(everything):
        if kind not in "Uwv" or name in defined or not ours(member):
            continue
        plain = name.removeprefix(tables.BORINGSSL_PREFIX)
        if not allowed.fullmatch(plain) or denied.fullmatch(plain):
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


def check_core_loads(library, archive):
    """A library that can be left out of the build is loaded only if an object of the core uses it."""
    imports = [name for member, kind, name in symbols(archive) if kind == "U" and ours(member)]
    for name in loads(library):
        if re.fullmatch(tables.CORE_LOADS, name):
            continue
        wanted = next((w for file, w in tables.CORE_LOADS_FOR_IMPORTS.items() if re.fullmatch(file, name)), None)
        if wanted is None:
            yield f"{library}: loads {name}; the core loads llhttp and the libraries that it uses at most"
        elif not any(re.fullmatch(wanted, other) for other in imports):
            yield f"{library}: loads {name}, of which the core uses nothing"


def check_no_openssl(program):
    """Through every library that is loaded, not only the direct ones."""
    for name in re.findall(r"^\s*(\S+) =>", run("ldd", program), flags=re.M):
        if re.fullmatch(tables.TLS_LOADS, name):
            yield f"{program}: loads {name}; what it has of TLS is its own"


def check_exports(library):
    """A shared library shows what is ours and takes nothing of TLS from others: a process may hold OpenSSL too."""
    exported = 0
    for line in run("nm", "-D", "--without-symbol-versions", library).splitlines():
        *_, kind, name = line.split()
        if kind in "Uwv":
            if re.fullmatch(tables.TLS_NAMES, name):
                yield f"{library}: imports {name} from whatever library has it"
        elif re.fullmatch(tables.EXPORTS, name):
            exported += 1
        else:
            yield f"{library}: exports {name}, which is not ours"
    if exported == 0:
        yield f"{library}: exports nothing of ours"


def check_names(archive):
    """What is within the archive and not ours has names that no other copy of it in a program has."""
    for member, kind, name in symbols(archive):
        if kind in "TDBRVW" and not ours(member) and not re.match(tables.PRIVATE_NAMES, name):
            yield f"{member}: {name} could meet another library's"
