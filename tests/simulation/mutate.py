#!/usr/bin/env python3
"""Breaks one rule of protocol/mux at a time, and shows that the simulation notices.

    tests/simulation/mutate.py            every mutation: build, run, one line of a table each
    tests/simulation/mutate.py NAME …     these only
    tests/simulation/mutate.py --check    only that each mutation's text is in the source, once

Nothing in the tree is changed: protocol/mux is copied, the copy is changed, and the simulation is
built against it with $CXX (c++). Exit status 0: every mutation was caught, and the unchanged
source passed.
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
CORE = "protocol/mux/mux_core.cpp"
FRAMES = "protocol/mux/mux_core_frames.cpp"
WINDOW = "protocol/mux/credit_window.hpp"
FIRST_SEED = 1
RUN_SECONDS_MAX = 120

# name: what is broken, and how: (file, text, what stands there instead) …
MUTATIONS = {
    "grant_on_receipt": (
        "credit goes back when bytes arrive, not when they are read",
        (FRAMES, "  state->handler->on_data(data.payload, data.more);",
         "  stream_handler* const reader = state->handler;\n"
         "  consume_link(n);\n  state->receive.consume(n);\n"
         "  if (!state->credit_hook.is_linked() && state->receive.is_grant_due()) {\n"
         "    credit_due_.push_back(*state);\n    mark_output();\n  }\n"
         "  reader->on_data(data.payload, data.more);"),
        (CORE, "void mux_core::consumed(stream_id stream, std::size_t n) {\n",
         "void mux_core::consumed(stream_id stream, std::size_t n) {\n  if (n != 0) return;\n")),
    "release_keeps_link_credit": (
        "what a released stream had not read never returns to the link",
        (CORE, "  consume_link(buffered);\n", "")),
    "refuse_keeps_link_credit": (
        "what a refused stream had sent never returns to the link",
        (CORE, "  consume_link(state->receive.buffered());\n", "")),
    "late_data_keeps_link_credit": (
        "Data for a stream that was reset eats the link's window",
        (FRAMES, "state->handler == nullptr) return consume_link(n);",
         "state->handler == nullptr) return;")),
    "finish_overtakes_data": (
        "Finish goes with the control frames",
        (CORE, "  encode(finish_frame{stream}, output_.data);",
         "  encode(finish_frame{stream}, output_.control);")),
    "reset_overtakes_data": (
        "an application's Reset goes with the control frames",
        (CORE, "  if (output_.data.empty()) {\n    encode(reset_frame{state.stream, reason}",
         "  if (is_ready()) {\n    encode(reset_frame{state.stream, reason}")),
    "open_overtakes_finish": (
        "a stream whose Finish still waits does not count any more",
        (CORE, "    return count + finishes_queued_ <", "    return count <")),
    "open_overtakes_opening": (
        "a stream that is not accepted does not count against streams_opening_max",
        (CORE, "         has_room(streams_.unaccepted(), peer_->streams_opening_max);",
         "         peer_->streams_opening_max != 0;")),
    "accept_tells_nobody": (
        "an Accept makes room for another stream, and nobody is told",
        (FRAMES, "  if (!state->told_end) state->handler->on_accepted();\n"
         "  if (!could_open && can_open()) handler_.on_can_open();\n",
         "  if (!state->told_end && !could_open) return state->handler->on_accepted();\n"
         "  if (!state->told_end) state->handler->on_accepted();\n")),
    "half_close_ignored": (
        "the peer's Finish ends our direction as well",
        (FRAMES, "  streams_.end_remote(*state, direction_state::finished);",
         "  end_sending(*state);\n  streams_.end_local(*state, direction_state::finished);\n"
         "  streams_.end_remote(*state, direction_state::finished);")),
    "stream_window_not_spent": (
        "sending takes nothing from the stream's window",
        (CORE, "  state->send.spend(static_cast<std::int64_t>(n));\n", "")),
    "link_window_not_spent": (
        "sending takes nothing from the link's window",
        (CORE, "  link_send_.spend(static_cast<std::int64_t>(n));\n", "")),
    "credit_granted_twice": (
        "a grant is not taken from what is owed",
        (WINDOW, "    owed_ = 0;\n", "")),
    "grant_only_when_whole": (
        "a grant waits until the whole window has been read",
        (WINDOW, "held_by_peer_ < size_ / 2 && owed_ >= ",
         "held_by_peer_ < size_ / 2 && owed_ >= 4 * ")),
    "reader_waits_for_writer": (
        "no input is handled while Data waits to be written",
        (CORE, "  while (!is_over()) {\n    const auto slice",
         "  while (!is_over() && output_.data.empty()) {\n    const auto slice")),
    "no_turn_after_stream_credit": (
        "a stream that waits is forgotten when its credit comes",
        (FRAMES, "  if (state->wants_turn && !state->turn_hook.is_linked()) "
         "turns_.push_back(*state);\n", "")),
    "no_turn_after_link_credit": (
        "nobody has a turn when the link's credit comes",
        (CORE, "look_for_link_grant();\n  give_turns();\n  return taken;",
         "look_for_link_grant();\n  return taken;")),
    "reset_not_acknowledged": (
        "the peer's Reset is never answered",
        (CORE, "submit_reset(state, reset_reason::acknowledged);",
         "end_both_ways(state);")),
    "waiters_overtaken": (
        "who sends without waiting gets ahead of those who wait",
        (CORE, "  if (state != turn_ && !turns_.empty()) return 0;\n", "")),
    "turn_without_end": (
        "a turn lasts as long as there is room",
        (CORE, "    turn_bytes_left_ = limits::stream_turn_bytes;",
         "    turn_bytes_left_ = limits::data_queue_bytes_max * 4;")),
    "newest_waiter_first": (
        "who asked last for a turn has it first",
        (CORE, "  turns_.push_back(*state);\n  mark_output();",
         "  turns_.push_front(*state);\n  mark_output();")),
    "suspect_for_ever": (
        "a byte from a suspect peer clears nothing",
        (CORE, "    if (std::exchange(silent_, false) && can_open())",
         "    if (silent_ && can_open())"),
        (CORE, "  silent_ = silence >= 2 * interval;",
         "  silent_ = silent_ || silence >= 2 * interval;")),
    "link_credit_tells_nobody": (
        "a grant of the link waits for other output",
        (CORE, "  if (link_receive_.is_grant_due()) mark_output();\n", "")),
    "turn_tells_nobody": (
        "who asks for a turn waits for other output",
        (CORE, "  turns_.push_back(*state);\n  mark_output();", "  turns_.push_back(*state);")),
    "no_turns_at_output": (
        "nobody has a turn when the queue was taken",
        (CORE, "  if (is_over()) return;\n  give_turns();\n", "  if (is_over()) return;\n")),
    "queue_without_bound": (
        "Data that waits is bounded by nothing but credit",
        (CORE, "output_.data.size() >= limits::data_queue_bytes_max;",
         "output_.data.size() >= 16 * limits::data_queue_bytes_max;")),
    "frame_larger_than_announced": (
        "the peer's frame_bytes_max is not looked at",
        (CORE, "std::min(rest.size(), payload_bytes_max_)",
         "std::min(rest.size(), limits::data_bytes_max)")),
    "can_open_not_told": (
        "room for a stream comes, and nobody is told",
        (CORE, "  streams_.erase(stream);\n  if (!could_open && can_open()) "
         "handler_.on_can_open();",
         "  streams_.erase(stream);")),
    "link_lost_not_told": (
        "streams do not hear of the end of their link",
        (CORE, "    if (handler != nullptr) handler->on_link_lost();\n", "")),
    "ping_not_answered": (
        "a Ping has no Pong",
        (FRAMES, "  pong_due_ = ping.opaque;\n", "")),
    "silence_is_no_death": (
        "a link on which nothing arrives is never given up",
        (CORE, "  if (silence >= options_.dead_after) fail(errc::link_timeout);\n", "")),
}


def changed(name, root=ROOT):
    """The files of a mutation, changed. Raises if a text is not there exactly once."""
    texts = {}
    for path, old, new in MUTATIONS[name][1:]:
        text = texts.get(path) or (root / path).read_text()
        if text.count(old) != 1:
            raise ValueError(f"{name}: found {text.count(old)} times in {path}: {old!r}")
        texts[path] = text.replace(old, new)
    return texts


def check():
    faults = 0
    for name in MUTATIONS:
        try:
            changed(name)
        except ValueError as error:
            print(error)
            faults += 1
    print(f"{len(MUTATIONS)} mutations, {faults} do not apply")
    return 1 if faults else 0


class Builder:
    """Compiles the simulation against a copy of protocol/mux; the rest once."""

    COMPILE = [os.environ.get("CXX", "c++"), "-std=c++20", "-O1", "-g1", "-c"]

    def __init__(self, folder):
        self.folder = folder
        self.unchanged = folder / "source"  # copied once: the tree may be worked on meanwhile
        shutil.copytree(ROOT / "protocol/mux", self.unchanged / "protocol/mux")
        self.simulation = sorted((ROOT / "tests/simulation").glob("*.cpp"))
        self.others = [*sorted((ROOT / "protocol/wire").glob("mux_frame*.cpp")),
                       ROOT / "protocol/wire/thrift_compact.cpp", ROOT / "protocol/errc.cpp"]
        self.kept = {}

    def build(self, name):
        """The program's path. "unchanged" is the name of no mutation."""
        texts = changed(name, self.unchanged) if name in MUTATIONS else {}
        copy = self.folder / name
        shutil.copytree(self.unchanged / "protocol/mux", copy / "protocol/mux")
        for path, text in texts.items():
            (copy / path).write_text(text)
        touches_header = any(path.endswith(".hpp") for path in texts)
        objects = []
        core = sorted((copy / "protocol/mux").glob("*.cpp"))
        for source in [*self.others, *self.simulation, *core]:
            is_ours = copy in source.parents or (touches_header and source in self.simulation)
            if not is_ours and source in self.kept:
                objects.append(self.kept[source])
                continue
            made = copy / f"{source.stem}.o"
            subprocess.run([*self.COMPILE, f"-I{copy}", f"-I{ROOT}", str(source), "-o", str(made)],
                           check=True)
            objects.append(made)
            if not is_ours:
                self.kept[source] = made
        program = copy / "simulation"
        subprocess.run([self.COMPILE[0], *map(str, objects), "-lgtest", "-lgtest_main", "-lpthread",
                        "-o", str(program)], check=True)
        return program


def run(program, **environment):
    """(status, output); status None: still running after RUN_SECONDS_MAX."""
    try:
        done = subprocess.run(
            [str(program), "--gtest_filter=Simulation.*"], capture_output=True, text=True,
            timeout=RUN_SECONDS_MAX, check=False, env={**os.environ, **environment})
        return done.returncode, done.stdout + done.stderr
    except subprocess.TimeoutExpired as expired:
        return None, (expired.stdout or b"").decode()


def first_finding(output):
    """The first message that says what was wrong, without numbers of lines."""
    block = re.search(r": Failure\n(.*?)(?=\n\S+:\d+: Failure|\nreplay|\Z)", output, re.S)
    lines = block.group(1).splitlines() if block else ["?"]
    said = [line for line in lines if not re.match(r"\s|Expected|Value of|Which is", line)]
    return (said or lines)[-1].strip()


def judge(program):
    """(caught, what the table says of it)."""
    status, output = run(program, PRESENTER_SIMULATION_FIRST=str(FIRST_SEED))
    if status == 0:
        return False, "not caught"
    if status is None:
        return True, "| – | – | never ends |"
    replay = re.search(r"PRESENTER_SEED=(\d+) \(step (\d+)\)", output)
    if not replay:
        how = f"ends by signal {-status}" if status < 0 else "places that were never reached"
        return True, f"| – | – | {how} |"
    again, _ = run(program, PRESENTER_SEED=replay.group(1))
    found = first_finding(output) + ("" if again != 0 else ", NOT REPEATED")
    return again != 0, f"| {replay.group(1)} | {replay.group(2)} | {found} |"


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
        status, output = run(builder.build("unchanged"),
                             PRESENTER_SIMULATION_FIRST=str(FIRST_SEED))
        if status != 0:
            print(f"the unchanged source fails:\n{output}")
            return 1
        print("| mutation | what is broken | seed | step | found by |\n|---|---|---|---|---|")
        for name in options.names or MUTATIONS:
            caught, said = judge(builder.build(name))
            missed += not caught
            print(f"| {name} | {MUTATIONS[name][0]} {said}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
