#!/usr/bin/env python3
"""Breaks one rule of fencing or of retrying at a time, and shows that the checker notices.

    tests/fencing/mutate.py [--check] [NAME …]      see tests/support/mutation.py
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import mutation  # noqa: E402  pylint: disable=wrong-import-position

OWNERSHIP = "shard_router/ownership.cpp"
RETRY = "gateway/upstream/open_retry.cpp"
WAITERS = "gateway/upstream/open_waiters.cpp"
FLEET = "tests/fencing/fleet.cpp"
BACKENDS = "tests/fencing/fleet_backends.cpp"  # stands for acceptor_state and stream_sweeper

CHECKER = mutation.Checker(
    folders=("shard_router", "gateway", "protocol", "tests/fencing", "tests/simulation",
             "tests/support"),
    sources=(OWNERSHIP, "shard_router/hash_ring.cpp", "shard_router/shard_map.cpp", RETRY, WAITERS,
             "gateway/vocabulary/close_reason.cpp", "tests/fencing/*.cpp"),
    replay=r"PRESENTER_SEED=(\d+)", columns=("seed",))

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


if __name__ == "__main__":
    sys.exit(mutation.main(__doc__, CHECKER, MUTATIONS))
