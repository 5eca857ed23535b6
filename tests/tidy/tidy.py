#!/usr/bin/env python3
"""Checks the structure of the tree: a core without I/O, layers that include only lower ones, small files, no forgotten security key.

Usage: tidy.py --build FOLDER. Prints a line for each violation and `N passed, N failed` last. Every rule is first run on
trees and objects with planted violations (selftest.py), so that a rule that detects nothing fails.
"""

import argparse
import json
import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import rules_binary as binary
import rules_maps as maps
import rules_source as source
import selftest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def test_names(build):
    """The names of every registered case, asked of the executables themselves."""
    told = subprocess.run(["meson", "introspect", "--tests", build], check=True, capture_output=True, text=True).stdout
    names = []
    for test in json.loads(told):
        if test["name"].startswith("fuzz-"):
            continue  # inputs, which state nothing
        listed = subprocess.run([*test["cmd"], "--list-test-cases", "--no-intro"], capture_output=True, text=True)
        names += listed.stdout.splitlines()
    return names


def rules(build):
    core = os.path.join(build, "core", "libsluice-core.a")
    shared = os.path.join(build, "core", "libsluice-core.so")
    libraries = [shared, *(os.path.join(build, "adapters", name) for name in ("libsluice.so", "libsluice-sim.so", "libsluice-gssapi.so"))]
    programs = [os.path.join(build, "adapters", "cli", "sluice"), *libraries]
    yield "files include their own floor and floors below", lambda: source.check_floors(ROOT)
    yield "no two files are made of each other", lambda: source.check_cycles(ROOT)
    yield "public headers name no private file", lambda: source.check_pointers(ROOT)
    yield "members of public structs have initializers", lambda: source.check_initializers(ROOT)
    yield "libraries stay in their rooms", lambda: source.check_libraries(ROOT)
    yield "the core includes pure headers only", lambda: source.check_core_headers(ROOT)
    yield "the top level holds what it should", lambda: source.check_top_level(ROOT)
    yield "no file is too long", lambda: source.check_sizes(ROOT)
    yield "clang-format has nothing to change", lambda: source.check_format(ROOT)
    yield "the core's switches have no default", lambda: source.check_switches(ROOT)
    yield "every key of the security bar has a test", lambda: source.check_keys(test_names(build))
    yield "the security bar's table says which tests hold it", lambda: maps.check_security_bar(ROOT)
    yield "the maps name what exists, and every folder", lambda: maps.check_maps(ROOT)
    yield "every error code is in README.md's table", lambda: maps.check_error_table(ROOT)
    yield "the inputs for fuzzing are small", lambda: source.check_corpus_sizes(ROOT)
    yield "every hostile response of the security bar is an input", lambda: source.check_response_keys(ROOT)
    yield "lines that nothing reaches for a reason are there", lambda: source.check_reasons(ROOT)
    yield "every mutant applies to the core", lambda: source.check_mutants(ROOT)
    yield "the core imports nothing of the world", lambda: binary.check_imports(core)
    yield "the core keeps no global state", lambda: binary.check_data(core)
    yield "the core loads llhttp and the libraries that it is built with", lambda: binary.check_core_loads(shared, core)
    yield "nothing loads a TLS library", lambda: [p for program in programs for p in binary.check_no_openssl(program)]
    yield "the shared libraries export what is ours", lambda: [p for library in libraries for p in binary.check_exports(library)]

    yield "what the core holds of others has names of its own", lambda: binary.check_names(core)


def main():
    arguments = argparse.ArgumentParser(description="Checks that the tree is as it was designed.")
    arguments.add_argument("--build", default=os.path.join(ROOT, "build", "debug"))
    build = os.path.abspath(arguments.parse_args().build)
    passed = failed = 0
    for name, check in [*selftest.rules(ROOT), *rules(build)]:
        try:
            problems = list(check())
        except Exception as trouble:  # a rule that cannot look has not passed
            problems = [f"{type(trouble).__name__}: {trouble}"]
        print(f"{'FAIL' if problems else 'ok  '} {name}")
        for problem in problems:
            print(f"     {problem}")
        passed, failed = (passed, failed + 1) if problems else (passed + 1, failed)
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
