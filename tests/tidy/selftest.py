"""Checks that every rule of tidy.py reports a planted violation, in a temporary tree or a freshly compiled object."""

import os
import subprocess
import tempfile

import rules_binary as binary
import rules_source as source
import selftest_maps
import tables
from planting import write

# rule, file to write, its text, what a complaint must name
PLANTED = [
    (source.check_floors, "core/base/buffer.hpp", '#include "core/tls/client.hpp"\n', "core/base/buffer.hpp:1"),
    (source.check_floors, "core/http/redirect.cpp", '#include "core/tls/client.hpp"\n', "core/http/redirect.cpp:1"),
    (source.check_floors, "core/tls/client.cpp", '#include "core/engine.hpp"\n', "core/tls/client.cpp:1"),
    (source.check_floors, "core/url.hpp", '#include "base/buffer.hpp"\n', "core/url.hpp:1"),
    (source.check_floors, "core/url.hpp", '#include "core/types.hpp"\n', "core/url.hpp:1"),
    (source.check_floors, "adapters/multi.hpp", '#include "../core/base/buffer.hpp"\n', "adapters/multi.hpp:1"),
    (source.check_floors, "core/engine.cpp", '#include "adapters/multi.hpp"\n', "core/engine.cpp:1"),
    (source.check_floors, "adapters/multi.hpp", '#include "net/socket.hpp"\n', "adapters/multi.hpp:1"),
    (source.check_floors, "adapters/net/socket.cpp", '#include "adapters/multi.hpp"\n', "adapters/net/socket.cpp:1"),
    (source.check_floors, "adapters/net/socket.cpp", '#include "adapters/transport/tcp.hpp"\n', "adapters/net/socket.cpp:1"),
    (source.check_floors, "adapters/transport/tcp.cpp", '#include "adapters/multi.hpp"\n', "adapters/transport/tcp.cpp:1"),
    (source.check_floors, "adapters/transport.hpp", '#include "net/socket.hpp"\n', "adapters/transport.hpp:1"),
    (source.check_floors, "adapters/multi.cpp", '#include "core/engine/impl.hpp"\n', "adapters/multi.cpp:1"),
    (source.check_floors, "core/http/x.hpp", '#include "core/connection.hpp"\n', "core/http/x.hpp:1"),
    (source.check_floors, "core/attic/x.cpp", "\n", "core/attic/x.cpp"),
    (source.check_floors, "adapters/attic.hpp", "\n", "adapters/attic.hpp"),
    (source.check_floors, "core/request.cpp", '#include "core/tls/client.hpp"\n', "core/request.cpp:1"),
    (source.check_floors, "core/url.hpp", '#include "engine.hpp"\n', "core/url.hpp:1"),
    (source.check_floors, "core/url.cpp", "#include <sluice/types.hpp>\n", "core/url.cpp:1"),
    (source.check_floors, "adapters/net/socket.hpp", '#include "adapters/resolver/query.hpp"\n', "adapters/net/socket.hpp:1"),
    (source.check_floors, "adapters/resolver/x.cpp", '#include "adapters/multi.hpp"\n', "adapters/resolver/x.cpp:1"),
    (source.check_floors, "adapters/epoll.hpp", '#include "libuv.hpp"\n', "adapters/epoll.hpp:1"),
    (source.check_cycles, "core/tls/certificate.hpp", '#include "core/tls/client.hpp"\n', "core/tls/certificate.hpp:1"),
    (source.check_cycles, "adapters/cli/b.cpp", '#include "adapters/cli/a.hpp"\n', "adapters/cli/b.cpp:1"),
    (source.check_cycles, "core/url.hpp", '#include "types.hpp"\n#include "fields.hpp"\n', "core/url.hpp:2"),
    (source.check_pointers, "core/url.hpp", "// as core/engine/impl.hpp does\n", "core/url.hpp:1"),
    (source.check_pointers, "core/url.hpp", "// as tests/examples/nowhere.cpp does\n", "core/url.hpp:1"),
    (source.check_floors, "core/url.cpp", '#include "nowhere.hpp"\n', "core/url.cpp:1"),
    (source.check_initializers, "core/types.hpp", "struct A {\n  int a = 0;\n  std::vector<int> b;  // words\n};\n", "core/types.hpp:3"),
    (source.check_libraries, "core/http1/reader.cpp", "#include <openssl/ssl.h>\n", "openssl/ssl.h"),
    (source.check_libraries, "core/tls/client.cpp", "#include <llhttp.h>\n", "llhttp.h"),
    (source.check_libraries, "core/content/coding.cpp", "#include <zlib.h>\n", "zlib.h"),
    (source.check_libraries, "core/content/zlib_decoder.cpp", "#include <brotli/decode.h>\n", "brotli/decode.h"),
    (source.check_libraries, "core/content/brotli_decoder.cpp", "#include <zstd_errors.h>\n", "zstd_errors.h"),
    (source.check_libraries, "adapters/multi.cpp", "#include <ares.h>\n", "ares.h"),
    (source.check_libraries, "adapters/net/socket.cpp", "#include <CLI/CLI.hpp>\n", "CLI/CLI.hpp"),
    (source.check_libraries, "adapters/cli/command.cpp", "#include <uv.h>\n", "uv.h"),
    (source.check_libraries, "adapters/libuv.hpp", "#include <event2/event.h>\n", "event2/event.h"),
    (source.check_libraries, "adapters/multi.cpp", "#include <asio.hpp>\n", "asio.hpp"),
    (source.check_libraries, "adapters/epoll.cpp", "#include <asio/post.hpp>\n", "asio/post.hpp"),
    (source.check_libraries, "adapters/select.cpp", "#include <glib.h>\n", "glib.h"),
    (source.check_core_headers, "core/url.cpp", "#include <iostream>\n", "iostream"),
    (source.check_core_headers, "core/http/x.cpp", "#  include <sys/time.h>\n", "sys/time.h"),
    (source.check_core_headers, "core/base/x.hpp", "#include <thread>\n", "thread"),
    (source.check_top_level, "notes.txt", "\n", "notes.txt"),
    (source.check_sizes, "core/long.cpp", "\n" * (tables.MAX_LINES + 1), "core/long.cpp"),
    (source.check_sizes, "tests/run", "\n" * (tables.MAX_LINES + 1), "tests/run"),
    (source.check_sizes, "tests/examples/long.cpp", "\n" * (tables.MAX_LINES_OF_EXAMPLES + 1), "tests/examples/long.cpp"),
    (source.check_format, "core/url.cpp", "int  x;\n", "core/url.cpp"),
    (source.check_corpus_sizes, "fuzz/corpus/url/long", "x" * tables.MAX_CORPUS_FILE_BYTES, "fuzz/corpus/url/long"),
    (source.check_reasons, tables.REASONS, "core/url.cpp: once\n    return;\n", f"{tables.REASONS}:2"),
    (source.check_mutants, "tests/mutants", 'print("core/url.cpp: no such text")\nraise SystemExit(1)\n', "core/url.cpp: no such text"),
    (source.check_switches, "core/http/x.cpp", "switch (a) {\n  case Kind::one: break;\n  default : break; }\n", "x.cpp:3"),
]
# The rules above look at code, not at words.
FINE = """// default: is a word here
char c = '"';
auto t = "default:";
int n = 1'000;
X() = default;
switch (n) {
  case 1:
  case 'a':
    break;
  default:
    break;
}
"""
# What must not be complained about: the rules above look at code, not at words.
HARMLESS = {
    "core/base/fine.hpp": FINE,
    "core/base/buffer.hpp": '#include "core/types.hpp"\n',
    "core/types.hpp": "#include <vector>\nstruct A {\n  int a = 0;\n  int f() const;\n  A(int);\n};\nclass B {\n  int b;\n};\n",
    "core/engine.hpp": '// adapters/multi.hpp, tests/examples/exact.cpp.\n#include "types.hpp"\n',
    "core/fields.hpp": '#include "url.hpp"\n',
    "core/url.hpp": '#include "types.hpp"\n',
    "core/url.cpp": '#include "core/url/host.hpp"\n',
    "core/url/host.hpp": '#include "core/url.hpp"\n',
    "core/tls/client.hpp": '#include <openssl/ssl.h>\n#include "core/base/buffer.hpp"\n',
    "core/tls/client.cpp": '#include "core/tls/client.hpp"\n#include "core/tls/certificate.hpp"\n',
    "core/tls/certificate.hpp": "\n",
    "core/engine/impl.hpp": '#include "core/engine.hpp"\n#include "core/tls/client.hpp"\n',
    "core/engine.cpp": '#include "core/engine/impl.hpp"\n',
    "core/connection.hpp": '#include "engine.hpp"\n',
    "core/connection.cpp": '#include "core/connection.hpp"\n',
    "core/content/zlib_decoder.cpp": "#include <zlib.h>\n",
    "core/content/brotli_decoder.cpp": "#include <brotli/decode.h>\n",
    "core/content/zstd_decoder.cpp": "#include <zstd.h>\n",
    "adapters/transport.hpp": '#include "../core/types.hpp"\n',
    "adapters/cli/a.hpp": '#include "adapters/cli/b.hpp"\n',
    "adapters/cli/b.hpp": "\n",
    "adapters/cli/a.cpp": '#include "adapters/cli/a.hpp"\n',
    "adapters/cli/b.cpp": '#include "adapters/cli/b.hpp"\n',
    "adapters/transferred.hpp": "\n",
    "adapters/net/socket.hpp": '#include <sys/socket.h>\n#include "adapters/transferred.hpp"\n#include "core/types.hpp"\n',
    "adapters/transport/tcp.hpp": '#include "adapters/net/socket.hpp"\n#include "adapters/transport.hpp"\n',
    "adapters/multi/streams.cpp": '#include "adapters/transport/tcp.hpp"\n',
    "adapters/multi.hpp": '#include "../core/engine.hpp"\n',
    "adapters/libuv.hpp": '#include <uv.h>\n#include "multi.hpp"\n',
    "adapters/libevent.hpp": '#include <event2/event.h>\n#include "multi.hpp"\n',
    "adapters/asio.hpp": '#include <asio.hpp>\n#include <asio/post.hpp>\n#include "multi.hpp"\n',
    "adapters/glib.hpp": '#include <glib.h>\n#include "multi.hpp"\n',
    "adapters/multi.cpp": '#include "adapters/multi.hpp"\n#include "adapters/net/socket.hpp"\n',
    "core/exact.cpp": "//\n" * tables.MAX_LINES,
    "tests/examples/exact.cpp": "//\n" * tables.MAX_LINES_OF_EXAMPLES,
    tables.EXAMPLES_TEST: "//\n" * tables.MAX_LINES,
    "fuzz/corpus/url/exact": "x" * (tables.MAX_CORPUS_FILE_BYTES - 1),
    tables.REASONS: '# words\ncore/engine.cpp: once\n    #include "core/engine/impl.hpp"\n',
    "tests/mutants": "print('3 passed, 0 failed')\n",
    "LICENSE": "\n",
    ".hidden": "\n",
}

IMPURE = r"""
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <random>
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/time.h>
int mutable_global;
int initialised_global = 3;
thread_local int of_a_thread;
static const char* const texts[] = {"a", "b"};  // constant: no complaint
const char* text(int i) { return texts[i]; }
int counted() { static int hidden_counter; return ++hidden_counter; }
long f(char* b) {
  timespec t; clock_gettime(CLOCK_MONOTONIC, &t); timeval v; gettimeofday(&v, nullptr);
  std::ifstream in(b); std::random_device device; pthread_t p; pthread_create(&p, nullptr, nullptr, nullptr);
  errno = 0;
  return std::chrono::steady_clock::now().time_since_epoch().count() + time(nullptr) + (getenv(b) != nullptr) + open(b, 0) +
         socket(1, 2, 3) + recv(1, b, 1, 0) + send(1, b, 1, 0) + (fopen(b, b) != nullptr) + rand() + of_a_thread + device();
}
extern "C" int RAND_bytes(unsigned char*, unsigned long);
extern "C" int sluice_boringssl_RAND_bytes(unsigned char*, unsigned long);
int g(unsigned char* b) { return RAND_bytes(b, 1) + sluice_boringssl_RAND_bytes(b, 1); }
"""
IMPURE_IMPORTS = ["clock_gettime", "gettimeofday", "time", "getenv", "open", "socket", "recv", "send", "fopen", "rand",
                  "pthread_create", "__errno_location", "std::chrono::_V2::steady_clock::now()", "RAND_bytes", "sluice_boringssl_RAND_bytes"]
IMPURE_PARTS = ["ifstream", "random_device"]
IMPURE_DATA = ["mutable_global", "initialised_global", "of_a_thread", "hidden_counter"]
PURE = r"""
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>
static constexpr const char* kNames[] = {"a", "b"};
struct Base { virtual ~Base() = default; virtual int f() { return 1; } };
struct Leaf : Base { std::unordered_map<std::string, std::vector<int>> map; int f() override { return (int)map.size(); } };
std::shared_ptr<Base> make(int i) { auto leaf = std::make_shared<Leaf>(); leaf->map[kNames[i]].push_back(i); return leaf; }
"""


def check_planted():
    for rule, path, text, named in PLANTED:
        with tempfile.TemporaryDirectory() as root:
            for name, content in HARMLESS.items():
                write(root, name, content)
            for problem in rule(root):
                yield f"{rule.__name__} objects to what is fine: {problem}"
            write(root, path, text)
            if not any(named in problem for problem in rule(root)):
                yield f"{rule.__name__} does not see {text[:40]!r} in {path}"


def check_keys():
    complete = [f"{key} does what it should" for key in tables.SECURITY_KEYS]
    yield from source.check_keys(complete)
    if len(list(source.check_keys(complete[1:]))) != 1:
        yield "check_keys does not see a missing key"
    with tempfile.TemporaryDirectory() as root:
        keys = [f"fuzz/corpus/{target}: SB-{number:02d}" for target, numbers in tables.RESPONSE_KEYS.items() for number in numbers]
        for key in keys[1:]:
            write(root, key.replace(": ", "/") + "-x.refused", "x")
        if [problem[: len(keys[0])] for problem in source.check_response_keys(root)] != keys[:1]:
            yield "check_response_keys does not see a missing key"


def compiled(folder, text, flags=()):
    write(folder, "x.cpp", text)
    target = os.path.join(folder, "x.o")
    subprocess.run(["g++", "-std=c++23", "-fPIC", "-w", *flags, "-c", os.path.join(folder, "x.cpp"), "-o", target], check=True)
    return target


def check_objects():
    with tempfile.TemporaryDirectory() as folder:
        impure = compiled(folder, IMPURE)
        said = list(binary.check_imports(impure))
        for name in IMPURE_IMPORTS:
            if not any(f"imports {name}," in problem for problem in said):
                yield f"check_imports does not see {name}"
        for name in IMPURE_PARTS:
            if not any(name in problem for problem in said):
                yield f"check_imports does not see {name}"
        said = list(binary.check_data(impure))
        for name in IMPURE_DATA:
            if not any(name in problem for problem in said):
                yield f"check_data does not see {name}"
        yield from (f"check_data objects to a constant: {problem}" for problem in said if "texts" in problem)
        for flags in ((), ("-O1", "-fsanitize=address,undefined")):
            pure = compiled(folder, PURE, flags)
            yield from (f"objects to what is fine: {problem}" for problem in binary.check_imports(pure))
            yield from (f"objects to what is fine: {problem}" for problem in binary.check_data(pure))


def check_loads():
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, "x.so")
        write(folder, "x.cpp", 'extern "C" double cos(double); double f(double x) { return cos(x); }')
        subprocess.run(["g++", "-shared", "-fPIC", os.path.join(folder, "x.cpp"), "-o", program, "-Wl,--no-as-needed",
                        "-l:libresolv.so.2"], check=True)
        user = compiled(folder, 'extern "C" int psl_builtin(); int f() { return psl_builtin(); }')
        if not any("libresolv" in problem for problem in binary.check_core_loads(program, user)):
            yield "check_core_loads does not see libresolv"
        other = os.path.join(folder, "libpsl.so.5")
        subprocess.run(["g++", "-shared", "-fPIC", "-Wl,-soname,libpsl.so.5", user, "-o", other], check=True)
        subprocess.run(["g++", "-shared", "-fPIC", user, "-o", program, "-Wl,--no-as-needed", other], check=True)
        yield from (f"check_core_loads objects to what is fine: {problem}" for problem in binary.check_core_loads(program, user))
        idle = compiled(folder, "int f() { return 1; }")
        if not any("libpsl" in problem for problem in binary.check_core_loads(program, idle)):
            yield "check_core_loads does not see a library of which nothing is used"
        write(folder, "x.c", "int SSL_new(int i) { return i; } int sluice_boringssl_SSL_free(int i) { return i; }")
        subprocess.run(["gcc", "-c", os.path.join(folder, "x.c"), "-o", os.path.join(folder, "x.c.o")], check=True)
        archive = os.path.join(folder, "x.a")
        subprocess.run(["ar", "crs", archive, os.path.join(folder, "x.c.o")], check=True)
        said = list(binary.check_names(archive))
        if len(said) != 1 or "SSL_new" not in said[0]:
            yield f"check_names does not see SSL_new alone: {said}"
        write(folder, "x.cpp", 'extern "C" int SSL_new(int); extern "C" int sluice_boringssl_SSL_free(int i) { return i; }\n'
              "namespace sluice { int fine(int i) { return SSL_new(i); } }")
        subprocess.run(["g++", "-shared", "-fPIC", os.path.join(folder, "x.cpp"), "-o", program], check=True)
        said = list(binary.check_exports(program))
        if not any("imports SSL_new" in problem for problem in said):
            yield "check_exports does not see SSL_new"
        if not any("exports sluice_boringssl_SSL_free" in problem for problem in said):
            yield "check_exports does not see an export that is not ours"
        yield from (f"check_exports objects to what is fine: {problem}" for problem in said if "fine" in problem)


def check_limits(root):
    """tests/within ends what hangs, with all that it started, and passes on how everything else ended."""
    within = os.path.join(root, "tests", "within")

    def code(seconds, *command):
        return subprocess.run([within, str(seconds), *command]).returncode

    if code(0.5, "sh", "-c", "sleep 1000 & sleep 1000") != 124:
        yield "a command that sleeps is not ended"
    if code(0.2, "sh", "-c", "while :; do :; done") != 124:
        yield "a command in a loop is not ended"
    if code(100, "sh", "-c", "exit 7") != 7:
        yield "an exit code is lost"


def rules(root):
    yield "self-test: planted files are seen", check_planted
    yield "self-test: missing keys are seen", check_keys
    yield "self-test: faults of the maps are seen", selftest_maps.check_planted
    yield "self-test: planted symbols and data are seen", check_objects
    yield "self-test: planted libraries are seen", check_loads
    yield "self-test: a command that hangs is ended", lambda: check_limits(root)
