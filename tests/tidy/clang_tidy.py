#!/usr/bin/env python3
"""clang-tidy over our own .cpp files: `clang_tidy.py BUILD_FOLDER [--jobs N]`.

Files are taken from the build's compile_commands.json (so each is parsed as it is compiled), less
what is generated; the checks are .clang-tidy's. The files that include one header alone
(CMakeLists.txt) are read by the compiler: what is in the header is checked where it is used.
"""

import argparse
import concurrent.futures
import json
import os
import shlex
import subprocess
import sys

TOOL = "clang-tidy-14"
ALONE = os.path.join("tests", "tidy", "alone", "")  # in the build's folder


def own_files(root, build):
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        entries = json.load(file)
    chosen = {}
    for entry in entries:
        path = os.path.realpath(os.path.join(entry["directory"], entry["file"]))
        inside = path.startswith(root + os.sep) and not path.startswith(build + os.sep)
        if path.startswith(os.path.join(build, ALONE)):
            chosen[path] = entry
        elif inside and not os.path.relpath(path, root).startswith("cmake" + os.sep):
            chosen[path] = entry
    return chosen


def lint(path, entry, build):
    # The compiler's own warnings are g++'s business; clang sees others, and -Werror is in the flags.
    words = [TOOL, "--quiet", "--extra-arg=-Wno-error", "-p", build, path]
    if path.startswith(os.path.join(build, ALONE)):
        words = [*shlex.split(entry["command"]), "-fsyntax-only"]
    run = subprocess.run(words, cwd=entry["directory"], capture_output=True, text=True, check=False,
                         stdin=subprocess.DEVNULL)
    return path, run.returncode, run.stdout + (run.stderr if run.returncode else "")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 2)
    arguments = parser.parse_args()
    root = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
    build = os.path.realpath(arguments.build)
    files = sorted(own_files(root, build).items())
    if not files:
        print(f"clang-tidy: no file of ours in {shlex.quote(build)}", file=sys.stderr)
        return 1
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for path, status, output in pool.map(lambda file: lint(*file, build), files):
            if status:
                failed += 1
                print(f"{os.path.relpath(path, root)}:\n{output}", flush=True)
    print(f"clang-tidy: {len(files)} files, {failed} with findings")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
