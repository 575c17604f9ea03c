"""Breaks one rule of the source at a time, in a copy, and shows that a checker of it notices.

A mutate.py beside the checker has the table of mutations, and calls `main`:

    mutate.py            every mutation: build, run, one line of a table each
    mutate.py NAME …     these only
    mutate.py --check    only that each mutation's text is in the source, once

Nothing in the tree is changed: what is built is a copy, by $CXX (c++). Exit status 0: every
mutation was caught, and the unchanged source passed.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from typing import NamedTuple, Tuple

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMPILER = [os.environ.get("CXX", "c++"), "-std=c++20", "-O1", "-w", "-I."]
LIBRARIES = ["-lxxhash", "-lgtest", "-lgtest_main", "-lpthread"]
FIRST_SEED = 1
RUN_SECONDS_MAX = 120


class Checker(NamedTuple):
    """A GoogleTest program of schedules that are drawn by seeds (support/schedules.hpp)."""

    folders: Tuple[str, ...]    # copied: all that it includes is in them
    sources: Tuple[str, ...]    # patterns of its .cpp files
    replay: str                 # what it says of a seed that failed; the first group is the seed
    columns: Tuple[str, ...]    # what the groups of `replay` are
    arguments: Tuple[str, ...] = ()


def changed(changes, root):
    """{path: text} of the files that (path, text, what stands there instead) … change. Raises
    ValueError if a text is not there exactly once: the mutation breaks nothing, or something else.
    """
    texts = {}
    for path, old, new in changes:
        text = texts.get(path) or (root / path).read_text(encoding="utf-8")
        if text.count(old) != 1:
            raise ValueError(f"{text.count(old)} times in {path}: {old!r}")
        texts[path] = text.replace(old, new)
    return texts


def check(mutations):
    faults = 0
    for name, (_, *changes) in mutations.items():
        try:
            changed(changes, ROOT)
        except ValueError as error:
            print(f"{name}: {error}")
            faults += 1
    print(f"{len(mutations)} mutations, {faults} do not apply")
    return 1 if faults else 0


class Builder:
    """Builds the checker in a folder; what is unchanged is compiled once."""

    def __init__(self, checker, folder):
        self.checker, self.folder = checker, folder
        self.original = folder / "original"  # copied once: the tree may be worked on meanwhile
        for part in checker.folders:
            shutil.copytree(ROOT / part, self.original / part)
        self.kept = {}

    def build(self, name, changes=()):
        """The program's path."""
        tree = self.folder / name
        shutil.copytree(self.original, tree)
        texts = changed(changes, tree)
        for path, text in texts.items():
            (tree / path).write_text(text, encoding="utf-8")
        touches_header = any(path.endswith(".hpp") for path in texts)
        sources = sorted(str(path.relative_to(tree)) for pattern in self.checker.sources
                         for path in tree.glob(pattern))
        objects = [self._object(tree, source, touches_header or source in texts)
                   for source in sources]
        program = tree / "checker"
        subprocess.run([COMPILER[0], *objects, *LIBRARIES, "-o", program], check=True)
        return program

    def _object(self, tree, source, is_changed):
        if source in self.kept and not is_changed:
            return self.kept[source]
        made = tree / (source.replace("/", "_") + ".o")
        subprocess.run([*COMPILER, "-c", source, "-o", made], check=True, cwd=tree)
        return made if is_changed else self.kept.setdefault(source, made)


def run(program, arguments, **environment):
    """(status, output); status None: still running after RUN_SECONDS_MAX."""
    try:
        done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False,
                              timeout=RUN_SECONDS_MAX, env={**os.environ, **environment})
        return done.returncode, done.stdout + done.stderr
    except subprocess.TimeoutExpired:
        return None, ""


def first_finding(output):
    """The first message that says what was wrong, without numbers of lines."""
    block = re.search(r": Failure\n(.*?)(?=\n\S+:\d+: Failure|\nreplay|\Z)", output, re.S)
    lines = block.group(1).splitlines() if block else ["?"]
    said = [line for line in lines if not re.match(r"\s|Expected|Value of|Which is", line)]
    return (said or lines)[-1].strip()


def judge(checker, program):
    """(caught, the table's cells behind what is broken)."""
    no_place = ["–"] * len(checker.columns)
    status, output = run(program, checker.arguments, PRESENTER_SIMULATION_FIRST=str(FIRST_SEED))
    if status == 0:
        return False, [*no_place, "NOT CAUGHT"]
    if status is None:
        return True, [*no_place, "never ends"]
    replay = re.search(checker.replay, output)
    if not replay:
        return True, [*no_place, f"ends by signal {-status}" if status < 0
                      else "places that were never reached"]
    again, _ = run(program, checker.arguments, PRESENTER_SEED=replay.group(1))
    found = first_finding(output) + ("" if again != 0 else ", NOT REPEATED")
    return again != 0, [*replay.groups(), found]


def print_row(cells):
    print(f"| {' | '.join(cells)} |", flush=True)


def chosen(about, mutations):
    """The names that the command line gives, else all. With --check it ends here."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--check", action="store_true",
                        help="only that each mutation's text is in the source, once")
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()
    if options.check:
        sys.exit(check(mutations))
    unknown = set(options.names) - set(mutations)
    if unknown:
        parser.error(f"no such mutation: {', '.join(sorted(unknown))}")
    return options.names or list(mutations)


def main(about, checker, mutations):
    """`mutations`: {name: (what is broken, change …)}, a change being as for `changed`."""
    names = chosen(about, mutations)
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        builder = Builder(checker, pathlib.Path(folder))
        status, output = run(builder.build("unchanged"), checker.arguments,
                             PRESENTER_SIMULATION_FIRST=str(FIRST_SEED))
        if status != 0:
            print(f"the unchanged source fails:\n{output}")
            return 1
        print_row(["mutation", "what is broken", *checker.columns, "found by"])
        print(f"|{'---|' * (3 + len(checker.columns))}")
        for name in names:
            what, *changes = mutations[name]
            caught, cells = judge(checker, builder.build(name, changes))
            missed += not caught
            print_row([name, what, *cells])
    return 1 if missed else 0
