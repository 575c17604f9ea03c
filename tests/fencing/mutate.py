#!/usr/bin/env python3
"""Breaks one rule of fencing or of retrying at a time, and shows that the checker notices.

    tests/fencing/mutate.py            every mutation: build, run, one line of a table each
    tests/fencing/mutate.py NAME …     these only
    tests/fencing/mutate.py --check    only that each mutation's text is in the source, once

Nothing in the tree is changed: what is built is a copy. Exit status 0: every mutation was caught,
and the unchanged source passed.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
OWNERSHIP = "shard_router/ownership.cpp"
RETRY = "gateway/upstream/open_retry.cpp"
WAITERS = "gateway/upstream/open_waiters.cpp"
FLEET = "tests/fencing/fleet.cpp"
BACKENDS = "tests/fencing/fleet_backends.cpp"  # stands for acceptor_state and stream_sweeper
SOURCES = [OWNERSHIP, "shard_router/hash_ring.cpp", "shard_router/shard_map.cpp", RETRY, WAITERS,
           "gateway/close_reason.cpp", "tests/fencing/acceptance_book.cpp",
           FLEET, BACKENDS, "tests/fencing/fleet_gateways.cpp",
           "tests/fencing/fencing_test.cpp"]
COMPILER = [os.environ.get("CXX", "c++"), "-std=c++20", "-O1", "-w", "-I."]
RUN_SECONDS_MAX = 120

# name: what is broken, and how: (file, text, what stands there instead) …
MUTATIONS = {
    "fencing_off": (
        "a backend accepts every key",
        (OWNERSHIP, "return {owner_verdict::not_own, epoch()};",
         "return {owner_verdict::own, epoch()};")),
    "owner_check_off": (
        "the key is looked up, another process of our name takes it for its own",
        (OWNERSHIP, "(instance_.empty() || owner->instance == instance_)", "true")),
    "wait_off_at_the_backend": (
        "a backend with an older map than the gateway's answers by it",
        (OWNERSHIP, "reigns_.empty() || epoch() < map_epoch", "reigns_.empty()")),
    "settle_off": (
        "a key is accepted as soon as the map says so",
        (OWNERSHIP, "own_since(key) + settle_;", "own_since(key);")),
    "settle_off_at_a_pace": (
        "the same, where streams that are lost end at a pace",
        (OWNERSHIP, "own_since(key) + settle_;", "own_since(key);"),
        (FLEET, "is_strict(draw.one_in(2))", "is_strict(draw.one_in(2) && false)")),
    "settle_half": (
        "a key settles in half of the time that a map may take",
        (OWNERSHIP, "own_since(key) + settle_;", "own_since(key) + settle_ / 2;")),
    "settle_forgets_absence": (
        "a key that was away counts as ours all the time",
        (OWNERSHIP, "if (!owns_by(*earlier->map, key)) break;", "")),
    "accept_unasked": (
        "the fence is not asked again when the application takes the stream",
        (BACKENDS, "stream] { decide(backend, stream, true); }",
         "stream] { if (backend.opening.contains(stream)) accept(backend, stream); }")),
    "lost_streams_stay": (
        "who loses a key goes on serving it",
        (BACKENDS, "if (plan_.is_strict) return sweep(backend);", "")),
    "wait_off_at_the_gateway": (
        "a gateway that is told of a newer map routes again by its own",
        (RETRY, "if (epoch_wanted_ > map_epoch) return wait(", "if (false) return wait(")),
    "any_map_will_do": (
        "a gateway that waits for a map routes by the next one, whichever it is",
        (RETRY, "waiting_ == open_step::wait_for_map && map_epoch < epoch_wanted_",
         "false")),
    "not_owner_is_told": (
        "the client is told not_owner",
        (RETRY, "epoch_wanted_ = std::max(epoch_wanted_, refusal.map_epoch.value_or(0));",
         "return open_step::give_up;")),
    "busy_is_told": (
        "the client is told busy",
        (RETRY, "    case protocol::refuse_reason::busy:\n",
         "    case protocol::refuse_reason::busy:\n      return open_step::give_up;\n")),
    "lost_link_is_told": (
        "a client whose link broke before Accept is closed",
        (RETRY, "return pause(open_step::wait_for_change, pause_first, now, dice);\n}\n",
         "return open_step::give_up;\n}\n")),
    "no_pause": (
        "refused opens are tried again at once",
        (RETRY, "now + milliseconds(around(dice))", "now")),
    "no_cap": (
        "refused opens are tried again without end, and at once",
        (RETRY, "now + milliseconds(around(dice))", "now"),
        (RETRY, "  if (opens_ >= opens_max) return open_step::give_up;\n  const", "  const")),
    "map_wakes_nobody": (
        "who waits for a map is not told that it is there",
        (WAITERS, "  woken.swap(for_map_);\n", "")),
    "map_wakes_no_room": (
        "who waits for a backend's links is not told that the map has changed",
        (WAITERS, "    woken.splice(woken.end(), queue);\n", "    ;\n"),
        (WAITERS, "  for_room_.clear();\n", "")),
}


def check():
    """Each text must be there exactly once: else the mutation breaks nothing, or something else."""
    missing = 0
    for name, (_, *changes) in MUTATIONS.items():
        for file, text, _ in changes:
            count = (ROOT / file).read_text(encoding="utf-8").count(text)
            if count != 1:
                print(f"{name}: {count} times in {file}: {text!r}")
                missing += 1
    return 1 if missing else 0


class Builder:
    """Builds the checker in a folder; unchanged files are compiled once."""

    def __init__(self, folder):
        self.folder = folder
        self.objects = {}

    def compile(self, tree, source, to):
        subprocess.run([*COMPILER, "-c", source, "-o", str(to)], check=True, cwd=tree)
        return to

    def build(self, name):
        tree = self.folder / name
        for part in ("shard_router", "gateway", "protocol", "tests/fencing", "tests/simulation"):
            shutil.copytree(ROOT / part, tree / part)
        changed = set()
        for file, text, instead in MUTATIONS[name][1:] if name in MUTATIONS else ():
            path = tree / file
            path.write_text(path.read_text(encoding="utf-8").replace(text, instead),
                            encoding="utf-8")
            changed.add(file)
        objects = []
        for source in SOURCES:
            to = tree / (source.replace("/", "_") + ".o")
            if source in changed or source not in self.objects:
                self.compile(tree, source, to)
                if source not in changed:
                    self.objects[source] = to
            else:
                to = self.objects[source]
            objects.append(str(to))
        program = tree / "fencing"
        subprocess.run([COMPILER[0], *objects, "-lxxhash", "-lgtest", "-lgtest_main", "-lpthread",
                        "-o", str(program)], check=True)
        return program


def run(program, **environment):
    """(status, output); status None: still running after RUN_SECONDS_MAX."""
    try:
        done = subprocess.run([str(program)], capture_output=True, text=True, check=False,
                              timeout=RUN_SECONDS_MAX, env={**os.environ, **environment})
        return done.returncode, done.stdout + done.stderr
    except subprocess.TimeoutExpired:
        return None, ""


def judge(program):
    """(caught, what the table says of it)."""
    status, output = run(program, PRESENTER_SIMULATION_FIRST="1")
    if status == 0:
        return False, "| – | not caught |"
    replay = re.search(r"PRESENTER_SEED=(\d+)", output)
    if not replay:
        return True, f"| – | ends with status {status} |"
    found = re.search(r": Failure\nFailed\n(.*)", output).group(1)
    again, _ = run(program, PRESENTER_SEED=replay.group(1))
    return again != 0, f"| {replay.group(1)} | {found}{'' if again else ', NOT REPEATED'} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()
    if options.check:
        return check()
    unknown = set(options.names) - set(MUTATIONS)
    if unknown:
        parser.error(f"no such mutation: {', '.join(sorted(unknown))}")

    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        builder = Builder(pathlib.Path(folder))
        status, output = run(builder.build("unchanged"), PRESENTER_SIMULATION_FIRST="1")
        if status != 0:
            print(f"the unchanged source fails:\n{output}")
            return 1
        print("| mutation | what is broken | seed | found by |\n|---|---|---|---|")
        for name in options.names or MUTATIONS:
            caught, said = judge(builder.build(name))
            missed += not caught
            print(f"| {name} | {MUTATIONS[name][0]} {said}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
