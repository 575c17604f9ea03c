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
GATEWAYS = "tests/fencing/fleet_gateways.cpp"  # stands for client_session
MOVES = "tests/fencing/fleet_moves.cpp"        # stands for client_session_moves
HANDOFF = "gateway/moves/stream_handoff.cpp"

CHECKER = mutation.Checker(
    folders=("base", "shard_router", "gateway", "protocol", "tests/fencing", "tests/simulation",
             "tests/support"),
    sources=(OWNERSHIP, "shard_router/hash_ring.cpp", "shard_router/shard_map.cpp", RETRY, WAITERS,
             HANDOFF,
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
        (WAITERS, "all : {&for_room_, &for_fate_}", "all : {&for_fate_}")),
    # --- streams that go from backend to backend
    "continued_is_tried_again": (
        "a stream that another backend had is opened again after its new link broke",
        (RETRY, "  if (from_ == open_from::backend) return open_step::give_up;\n", "")),
    "deposit_is_taken_for_the_last": (
        "a deposit that crosses the Handoff counts as the last Checkpoint",
        (HANDOFF, "if (!checkpoint.last && checkpoint.unread.empty()) "
         "return handoff_step::await;", ""),
        (HANDOFF, "  if (!checkpoint.last) return handoff_step::await;\n  consumed_",
         "  consumed_")),
    "unread_forgotten": (
        "what the old application had not taken is not given to the new one",
        (MOVES, "go_on(client, client.moved->checkpoint().consumed)",
         "go_on(client, client.sent)")),
    "opened_at_the_deadline": (
        "a stream whose backend does not answer is opened at the new owner",
        (MOVES, "    ++seen_.deadlines;\n    let_go(client);",
         "    ++seen_.deadlines;\n    client.stream = 0;\n    go_on(client, client.sent);")),
    "given_up_and_goes_on": (
        "the old application goes on after its last Checkpoint",
        (BACKENDS, "  const sim_open open = found->second;\n  on_reset(backend, stream);",
         "  const sim_open open = found->second;")),
    "link_end_ends_nothing": (
        "an application goes on after its link has ended",
        (BACKENDS, "  for (const std::uint64_t stream : lost)\n"
         "    on_reset(backend, stream);", "")),
    "continued_is_not_fenced": (
        "a stream that another backend had is accepted, whoever owns the key",
        (BACKENDS, "  switch (answer.verdict) {", "  switch (open.from ? owner_verdict::own : "
                                                 "answer.verdict) {")),
    "continued_does_not_settle": (
        "a stream that another backend had is accepted before the key has settled",
        (BACKENDS, "      return hold(backend, stream, answer);\n",
         "      if (!open.from || !answer.again_at) return hold(backend, stream, answer);\n"
         "      break;\n")),
    "stale_epoch": (
        "the Open of a stream that goes on names the epoch of an older map",
        (GATEWAYS, "map->epoch(), map->epoch(), client.from}",
         "map->epoch(), client.goes_on() ? 1 : map->epoch(), client.from}")),
    "opened_without_proof": (
        "a stream with a deposit is opened as soon as its link has ended",
        (MOVES, "  look_at_stranded(client);\n  after(settle,",
         "  return go_on(client, *client.deposit);\n  after(settle,")),
    "reset_is_death": (
        "a link that was reset proves that its process is gone",
        (MOVES, "if (backend->is_dead) return on_gone", "return on_gone")),
    "silence_is_death": (
        "a link that this side gave up counts as one that the other side ended",
        (MOVES, "client.now == phase::accepted && by_peer && is_exact",
         "client.now == phase::accepted && is_exact")),
    "old_deposit_will_do": (
        "a deposit that does not know of the last bytes is used",
        (MOVES, "const bool is_exact = client.deposit == client.sent;",
         "const bool is_exact = client.deposit.has_value();")),
    "same_instance_goes_on": (
        "a process whose link was reset, and is up again, is given its stream again",
        (MOVES, "    ++seen_.same_instance;\n    let_go(*client);",
         "    ++seen_.same_instance;\n    go_on(*client, *client->deposit);")),
    "left_is_death_at_once": (
        "an entry that has left the map is believed at once",
        (MOVES, " && now_ - client.lost_at >= settle", "")),
    "instance_not_compared": (
        "the entry of a dead process is removed by its name",
        (MOVES, "std::ranges::find(entries_, process, process_of);",
         "std::ranges::find(entries_, process.substr(0, process.find('/')), "
         "&shard_router::backend_entry::name);")),
}


if __name__ == "__main__":
    sys.exit(mutation.main(__doc__, CHECKER, MUTATIONS))
