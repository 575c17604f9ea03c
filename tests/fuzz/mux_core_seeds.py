"""The named seeds of mux_core: scripts of mux_core_fuzz.cpp, in its own words. See seeds.py."""

GATEWAY, BACKEND = 0, 1
TINY_WINDOWS, FEW_STREAMS, FEW_OPENING, SLOW_OPENS = 2, 4, 0x48, 0x50
LONG_FLOODS, HANDS_OVER = 0xa8, 0x10


def hello(choice=0):
    return bytes([0, choice])


def raw(data):
    return bytes([1, len(data)]) + data


def peer_opens(step=1):
    return bytes([2, step])


def peer_accepts(stream):
    return bytes([3, stream, 0])


def peer_refuses(stream, reason=1):
    return bytes([3, stream, reason])


def peer_data(stream, size=20):
    return bytes([4, stream, size])


def peer_finishes(stream):
    return bytes([5, stream])


def peer_resets(stream, reason=2):
    return bytes([6, stream, reason])


def credit(stream, power=9):
    return bytes([7, stream, power])


def ping(value=1):
    return bytes([8, value << 3 | 0])


def pong(value=1):
    return bytes([8, value << 3 | 1])


def peer_goes_away(last, reason=0):
    return bytes([8, (reason << 3 | last) << 3 | 2])


def half_seconds(count):
    return bytes([8, count << 3 | 3])


def go_away():
    return bytes([8, 4])


PINGS, OPENS, OPENS_AND_RESETS, LINK_CREDITS, CREDITS, EMPTY_DATA, DRIBBLE, GO_AWAYS = range(8)


def flood(kind, size=3):
    return bytes([8, (size << 3 | kind) << 3 | 5])


def close():
    return bytes([8, 31 << 3 | 6])


def open_stream():
    return bytes([9])


def accept(stream):
    return bytes([9, stream])


def submit(stream, amount=4):
    return bytes([10, stream, amount << 3])


def finish(stream):
    return bytes([11, stream, 0])


def reset(stream):
    return bytes([12, stream, 0])


def release(stream):
    return bytes([12, stream, 1 << 3])


def refuse(stream):
    return bytes([12, stream, 2 << 3])


def consume(stream, part=0):
    return bytes([13, stream, part << 3])


PEER_ASKS, PEER_NOTES, PEER_CHECKPOINT, PEER_CONTINUES = range(16, 20)
HAND_OFF, CONTINUE, NOTE, CHECKPOINT, PEER_INSISTS = range(20, 25)


def over(word, stream=1, shape=0, *error):
    """A step of handing over; `shape` of a Checkpoint: 1 last, 2 finished, 4 unread, 32 state."""
    return bytes([word, stream, shape, *(error or ([0] if word == PEER_CHECKPOINT else []))])


TAKE = bytes([14])
DO_ACCEPT, DO_SUBMIT, DO_FINISH, DO_RESET, DO_CONSUME, DO_OPEN, DO_WAIT, DO_NOTHING = (
    0, 4 << 3 | 1, 2, 3, 4, 5, 6, 7)
DO_RELEASE, DO_REFUSE = 1 << 3 | 3, 2 << 3 | 3


def handlers(*reactions):
    return bytes([15, len(reactions), *reactions])


def script(options, *steps):
    return bytes([options]) + b"".join(steps)


def served(stream=1):
    """A gateway's stream that the backend has accepted."""
    return hello() + open_stream() + TAKE + peer_accepts(stream)


MUX_CORE = {
    "gateway_talks": script(GATEWAY, served(), submit(1), peer_data(1), consume(1), TAKE,
                            finish(1), peer_finishes(1), release(1), TAKE),
    "backend_talks": script(BACKEND, hello(), peer_opens(), accept(1), peer_data(1), consume(1),
                            submit(1), TAKE, peer_finishes(1), finish(1), TAKE, release(1)),
    "handlers_do_it_all": script(BACKEND, handlers(DO_ACCEPT, DO_CONSUME, DO_SUBMIT), hello(),
                                 peer_opens(), peer_data(1), peer_data(1), peer_data(1), TAKE),
    "credit_before_open": script(BACKEND, hello(), credit(1)),
    "credit_to_overflow": script(GATEWAY, served(), credit(1, 24), credit(1, 24), TAKE),
    "link_credit_to_overflow": script(GATEWAY, hello(), credit(0, 30), credit(0, 30)),
    "credit_of_all_bits": script(GATEWAY, served(), credit(1, 62), TAKE),
    "tiny_windows": script(BACKEND | TINY_WINDOWS, hello(3), peer_opens(), accept(1),
                           peer_data(1, 60), consume(1), TAKE, peer_data(1, 60), submit(1, 20),
                           TAKE, credit(1), credit(0, 13), TAKE),
    "window_overrun": script(BACKEND | TINY_WINDOWS, hello(), peer_opens(), accept(1),
                             peer_data(1, 70), TAKE),
    "link_window_overrun": script(BACKEND | TINY_WINDOWS, hello(), peer_opens(), accept(1),
                                  peer_data(1, 255), peer_data(1, 255)),
    "hello_twice": script(GATEWAY, hello(), hello()),
    "hello_of_the_same_role": script(GATEWAY, hello(16)),
    "hello_of_another_version": script(BACKEND, hello(32)),
    "data_before_hello": script(BACKEND, peer_data(1)),
    "open_goes_backwards": script(BACKEND, hello(), peer_opens(5), peer_opens(0)),
    "open_from_a_backend": script(GATEWAY, hello(), peer_opens()),
    "too_many_unaccepted": script(BACKEND | FEW_OPENING, hello(), *[peer_opens()] * 2, accept(1),
                                  peer_opens(), peer_opens()),
    "opens_beyond_the_rate": script(BACKEND | SLOW_OPENS, hello(), *[peer_opens()] * 4,
                                    peer_data(3), TAKE, half_seconds(3), peer_opens(), TAKE),
    "credit_in_crumbs": script(GATEWAY, served(), credit(1, 7), TAKE, release(1)),
    "link_credit_in_crumbs": script(GATEWAY, hello(), credit(0, 11), TAKE),
    "too_many_streams": script(BACKEND | FEW_STREAMS, hello(), *[peer_opens()] * 4),
    "refused_in_on_open": script(BACKEND, handlers(DO_REFUSE), hello(), peer_opens(), peer_data(1),
                                 TAKE, peer_data(1), peer_finishes(1)),
    "released_in_on_open": script(BACKEND, handlers(DO_RELEASE), hello(), peer_opens(),
                                  peer_data(1), peer_resets(1), TAKE),
    "reset_in_on_open": script(BACKEND, handlers(DO_RESET), hello(), peer_opens(), peer_data(1),
                               TAKE, release(1), TAKE),
    "refused_late": script(BACKEND, hello(), peer_opens(), peer_data(1), refuse(1), TAKE),
    "refused_not_owner": script(GATEWAY, hello(), open_stream(), TAKE, submit(1), peer_refuses(1),
                                release(1), TAKE),
    "accepted_twice": script(GATEWAY, served(), peer_accepts(1), TAKE, release(1)),
    "refused_after_accept": script(GATEWAY, served(), peer_refuses(1), TAKE),
    "data_before_accept": script(GATEWAY, hello(), open_stream(), TAKE, peer_data(1), TAKE),
    "data_after_finish": script(GATEWAY, served(), peer_finishes(1), peer_data(1), TAKE),
    "data_empty": script(GATEWAY, served(), peer_data(1, 0), TAKE),
    "reset_crosses_data": script(GATEWAY, served(), submit(1), reset(1), peer_data(1), TAKE,
                                 peer_data(1), peer_resets(1, 1), release(1), TAKE),
    "reset_is_answered_once": script(GATEWAY, served(), peer_resets(1), peer_resets(1), TAKE,
                                     release(1), TAKE, peer_data(1)),
    "release_in_on_data": script(GATEWAY, handlers(DO_RELEASE), hello(), open_stream(), TAKE,
                                 peer_accepts(1), peer_data(1), TAKE),
    "finish_in_on_writable": script(GATEWAY, hello(3), handlers(DO_SUBMIT, DO_FINISH),
                                    open_stream(), TAKE, peer_accepts(1), submit(1, 31), TAKE,
                                    credit(1, 12), TAKE, credit(0, 20), TAKE),
    "turns_of_many": script(GATEWAY, hello(2), handlers(DO_SUBMIT, DO_WAIT), *[open_stream()] * 6,
                            *[submit(s, 31) for s in range(1, 7)], TAKE, credit(0, 15), TAKE,
                            credit(0, 15), TAKE),
    "opens_in_handlers": script(GATEWAY, hello(4), handlers(DO_OPEN, DO_RELEASE), open_stream(),
                                open_stream(), TAKE, peer_accepts(1), peer_resets(2), TAKE),
    "go_away_of_the_peer": script(GATEWAY, hello(), open_stream(), open_stream(), TAKE,
                                  peer_accepts(1), peer_goes_away(1), open_stream(), TAKE,
                                  release(2), peer_data(1), TAKE),
    "go_away_of_ours": script(BACKEND, hello(), peer_opens(), go_away(), peer_opens(), accept(1),
                              peer_data(2), TAKE),
    "go_away_before_hello": script(GATEWAY, peer_goes_away(0, 3)),
    "ping_and_a_wrong_pong": script(GATEWAY, hello(), ping(), TAKE, pong()),
    "silence_to_death": script(GATEWAY, hello(), half_seconds(11), TAKE, pong(), half_seconds(20),
                               half_seconds(20), TAKE),
    "suspect_and_back": script(GATEWAY, hello(), half_seconds(22), open_stream(), ping(),
                               open_stream(), TAKE),
    "no_hello_in_time": script(BACKEND, half_seconds(12), TAKE),
    "closed_with_streams": script(BACKEND, hello(), peer_opens(), peer_opens(), accept(1),
                                  peer_data(1), close(), peer_data(2), TAKE),
    "cut_frame": script(BACKEND, hello(), raw(b"\0\0\0\x05\x9c\x16"), raw(b"\x02\0\0"), TAKE),
    "garbage": script(BACKEND, hello(), raw(b"GET / HTTP/1.1\r\n\r\n")),
    "ping_flood": script(GATEWAY, hello(), flood(PINGS), TAKE),
    "open_flood_refused": script(BACKEND | LONG_FLOODS, handlers(DO_REFUSE), hello(),
                                 *[flood(OPENS)] * 10, TAKE),
    "open_flood_accepted": script(BACKEND, handlers(DO_ACCEPT), hello(), flood(OPENS), TAKE),
    "open_reset_flood": script(BACKEND, hello(), flood(OPENS_AND_RESETS), TAKE),
    "open_reset_flood_released": script(BACKEND | LONG_FLOODS, handlers(DO_RELEASE), hello(),
                                        *[flood(OPENS_AND_RESETS)] * 10, TAKE),
    "open_reset_flood_accepted": script(BACKEND | LONG_FLOODS, handlers(DO_ACCEPT, DO_RELEASE),
                                        hello(),
                                        *[flood(OPENS_AND_RESETS)] * 10, TAKE),
    "credit_dribble": script(GATEWAY, served(), flood(CREDITS), flood(LINK_CREDITS), TAKE),
    "empty_data_flood": script(BACKEND, hello(), peer_opens(), accept(1), flood(EMPTY_DATA), TAKE),
    "data_dribble": script(BACKEND, handlers(DO_CONSUME), hello(), peer_opens(), accept(1),
                           flood(DRIBBLE), TAKE),
    "go_away_flood": script(GATEWAY, served(), flood(GO_AWAYS), TAKE),
}
AT_GATEWAY = GATEWAY | HANDS_OVER, hello(64), open_stream(), TAKE, peer_accepts(1)
AT_BACKEND = BACKEND | HANDS_OVER, hello(64), peer_opens(), accept(1)
MUX_CORE.update({
    "given_up": script(*AT_GATEWAY, submit(1), over(HAND_OFF), TAKE, over(PEER_CHECKPOINT, 1, 4),
                       over(PEER_CHECKPOINT, 1, 37), release(1), TAKE),
    "given_up_wrongly": script(*AT_GATEWAY, submit(1), over(HAND_OFF), TAKE,
                               over(PEER_CHECKPOINT, 1, 37, 1), release(1), TAKE),
    "given_up_half_closed": script(*AT_GATEWAY, peer_finishes(1), over(HAND_OFF), TAKE,
                                   over(PEER_CHECKPOINT, 1, 3), release(1), TAKE),
    "given_up_unasked": script(*AT_GATEWAY, over(PEER_CHECKPOINT, 1, 1), TAKE, release(1)),
    "pieces_without_end": script(*AT_GATEWAY, submit(1), over(HAND_OFF), TAKE,
                                 over(PEER_INSISTS, 1, 12), TAKE),
    "deposits": script(*AT_GATEWAY, over(PEER_CHECKPOINT, 1, 64), submit(1), TAKE,
                       over(PEER_INSISTS, 1, 64), over(PEER_CHECKPOINT, 1, 96), TAKE),
    "lost_with_a_deposit": script(*AT_GATEWAY, over(PEER_CHECKPOINT, 1, 64), close()),
    "goes_on": script(*AT_GATEWAY, over(CONTINUE, 0, 3), submit(2), TAKE, peer_accepts(2),
                      peer_data(2), over(HAND_OFF, 2), over(NOTE), TAKE),
    "gives_up": script(*AT_BACKEND, submit(1), peer_data(1), over(PEER_ASKS),
                       over(CHECKPOINT, 1, 4), over(CHECKPOINT, 1, 1), TAKE, release(1), TAKE),
    "asked_for_twice": script(*AT_BACKEND, over(PEER_ASKS), over(PEER_ASKS), TAKE, release(1)),
    "data_behind_handoff": script(*AT_BACKEND, over(PEER_ASKS), peer_data(1), TAKE, release(1)),
    "takes_over": script(*AT_BACKEND, over(PEER_CONTINUES), over(PEER_CHECKPOINT, 2, 32),
                         accept(2), peer_data(2), over(PEER_NOTES, 2), submit(2), TAKE),
    "takes_over_too_early": script(*AT_BACKEND, over(PEER_CONTINUES), accept(2), submit(2), TAKE,
                                   over(PEER_CHECKPOINT, 2, 32), accept(2), submit(2), TAKE),
    "takes_over_nothing": script(*AT_BACKEND, over(PEER_CONTINUES), peer_data(2), TAKE),
})
