#!/usr/bin/env python3
"""Breaks one rule of the Java SDK at a time, and shows at which fault mixed_test.py notices.

    mutate.py            every mutation, a run of mixed_test.py each; one line of a table each
    mutate.py NAME …     these only
    mutate.py --check    only that each mutation's text is in the source, once

All faults happen to servers in Java. Nothing in the tree is changed: the classes that are changed
stand before the others in the class path. Exit status 0: every mutation was caught, and the
unchanged SDK passed. PRESENTER_BIN and PYTHONPATH as for mixed_test.py.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))

import mutation  # noqa: E402  pylint: disable=wrong-import-position

PROGRAMS = pathlib.Path(os.environ.get("PRESENTER_BIN", mutation.ROOT / "build/release/bin"))
SERVER = "presenter-chatd-java"
SECONDS_MAX = 300
SDK = "protocol/backend_sdk/java/src/main/java/presenter/backend/"
MOVES = SDK + "StreamMoves.java"
CHANNEL = SDK + "MuxChannel.java"
OWNERSHIP = SDK + "fleet/Ownership.java"
REGISTRATION = SDK + "fleet/ZkRegistration.java"

# name: what is broken, and how: (file, text, what stands there instead) …
MUTATIONS = {
    "fence_off": (
        "streams of other servers' keys are served",
        (OWNERSHIP, "return new Refuse(Refusal.notOwner(epoch));", "return new Serve();")),
    "epoch_unchecked": (
        "a map older than the gateway's decides",
        (OWNERSHIP, "all.isEmpty() || epoch < stream.mapEpoch()", "all.isEmpty()")),
    "handoff_without_drain": (
        "a stream is given up before what was written has left",
        (MOVES, "if (channel.isWriting()) {", "if (channel.isWriting() && !isGiving()) {")),
    "unread_dropped": (
        "what was not read does not go along",
        (MOVES, "byte[] unread = channel.input().take(Limits.DATA_BYTES_MAX);",
         "channel.input().take(Limits.DATA_BYTES_MAX);\n      byte[] unread = new byte[0];")),
    "unread_twice": (
        "what was not read goes along twice",
        (MOVES, "channel.input().take(Limits.DATA_BYTES_MAX);",
         "channel.input().take(Limits.DATA_BYTES_MAX);\n"
         "      core.submitGiving(channel.state(), consumed, channel.produced(), new byte[0], "
         "unread, false);")),
    "positions_forgotten": (
        "a stream that goes on counts its bytes from 0",
        (CHANNEL, "received = before.consumed();", ""),
        (CHANNEL, "produced = before.produced();", "")),
    "deposit_dropped": (
        "no deposit reaches the gateway",
        (MOVES, "waiting = new Deposit(state.clone(), channel.consumed(), "
         "channel.producedAfterWrites());", "waiting = null;")),
    "deposit_ahead": (
        "a deposit covers input that was not read",
        (MOVES, "new Deposit(state.clone(), channel.consumed(), ",
         "new Deposit(state.clone(), channel.consumed() + 10, ")),
    "credit_lost": (
        "a stream that goes on gives no credit back",
        (CHANNEL, "if (bytes > 0 && !isClosed) {", "if (bytes > 0 && !isClosed && "
         "info.continued() == null) {")),
    "registered_once": (
        "registers in its first session only",
        (REGISTRATION, "boolean isActive = state != State.IDLE",
         "boolean isActive = !wasRegistered && state != State.IDLE")),
    "order_unheard": (
        "whom an operator drains does not hear of it",
        (REGISTRATION, "onOrdered.accept(draining);", "")),
}


class Programs:
    """The programs as they were built, but for the server in Java, in front of whose classes are
    those that are changed."""

    def __init__(self, folder):
        self.folder, self.classes = folder / "bin", folder / "classes"
        self.folder.mkdir()
        for program in PROGRAMS.iterdir():
            if program.name != SERVER:
                (self.folder / program.name).symlink_to(program.resolve())
        self.script = (PROGRAMS / SERVER).read_text(encoding="utf-8")
        self.class_path = re.search(r"-classpath '(.*?)'", self.script).group(1)

    def build(self, name, changes):
        classes, source = self.classes / name, self.classes / f"{name}.source"
        classes.mkdir(parents=True)
        changed = []
        for path, text in mutation.changed(changes, mutation.ROOT).items():
            changed.append(source / path)
            changed[-1].parent.mkdir(parents=True, exist_ok=True)
            changed[-1].write_text(text, encoding="utf-8")
        if changed:
            subprocess.run(["javac", "--release", "17", "-proc:none", "-nowarn", "-classpath",
                            self.class_path, "-d", classes, *changed], check=True)
        script = self.folder / SERVER
        script.write_text(self.script.replace("-classpath '", f"-classpath '{classes}:"),
                          encoding="utf-8")
        script.chmod(0o755)


def run(programs):
    """(caught, fault, after how many seconds, what was said, all of the output)"""
    began = time.monotonic()
    child = subprocess.Popen(
        [sys.executable, "-B", HERE / "mixed_test.py"], stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, env={
            **os.environ, "PRESENTER_BIN": str(programs.folder),
            "PRESENTER_SEED": "1", "PRESENTER_NEMESIS_LANGUAGE": "Java"})
    try:
        output, _ = child.communicate(timeout=SECONDS_MAX)
    except subprocess.TimeoutExpired:
        child.terminate()
        output, _ = child.communicate()
    faults = re.findall(r"^ *[\d.]+ s  (\w+), ", output, re.M)
    said = re.findall(r"^\S*(?:Error|Exception): (?:False is not true : )?(.+)$", output, re.M)
    return (child.returncode != 0, faults[-1] if faults else "the beginning",
            time.monotonic() - began, said[-1] if said else "", output)


def main():
    names = mutation.chosen(__doc__, MUTATIONS)
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        programs = Programs(pathlib.Path(folder))
        programs.build("unchanged", ())
        fails, *_, output = run(programs)
        if fails:
            print(f"the unchanged SDK fails:\n{output}")
            return 1
        mutation.print_row(["mutation", "what is broken", "found by"])
        print("|---|---|---|")
        for name in names:
            what, *changes = MUTATIONS[name]
            programs.build(name, changes)
            caught, fault, seconds, said, _ = run(programs)
            missed += not caught
            mutation.print_row([f"`{name}`", what, f"`{fault}`, after {seconds:.0f} s: {said}"
                                if caught else "NOT CAUGHT"])
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
