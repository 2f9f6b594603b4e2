"""Negative controls: each is refused as the page says, and the same card binds afterwards."""

from card import IDLE, LOCKED, SERVING, Refused
from http_api import Problem, decode, encode
from suites import ENCRYPTED, P256, SIGNED, random_bytes
from terminal import Exchange
from tlv import parse, tlv
from usim import NOT_AUTHENTIC, Usim


NOT_AUTHENTICATED = "card_not_authenticated"


class Unexpected(Exception):
    """The platform did not do what the page says."""


def expect(what, found, wanted):
    if found != wanted:
        raise Unexpected(f"{what}: {found!r}, not {wanted!r}")


def refused_by_platform(status, code, step, *given):
    """The step ends in this problem of section 4's table."""
    try:
        step(*given)
    except Problem as problem:
        expect("problem", (problem.status, problem.code), (status, code))
    else:
        raise Unexpected(f"accepted, not {status} {code}")


def refused_by_card(word, step, *given):
    """The step ends in this status word of section 7's table."""
    try:
        step(*given)
    except Refused as refused:
        expect("status word", refused.word, word)
    else:
        raise Unexpected(f"accepted, not {word:04X}")


def flipped(data, at=-1):
    """The same bytes with one bit the other way."""
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)


class Bench:
    """One combination of suite and mode on one tenant; makes a fresh card for each control."""

    def __init__(self, operator, api, suite, mode):
        self.operator = operator
        self.api = api
        self.suite = suite
        self.mode = mode

    def pair(self, on_mismatch="refuse", seq=0):
        """A card, and the subscriber that its rule allows beside it."""
        kind = "TF" if self.suite is P256 else "SD"
        modes = [SIGNED, ENCRYPTED] if self.mode is ENCRYPTED else [SIGNED]
        card = self.operator.personalise(self.suite, kind, modes)
        usim = self.operator.subscribe(seq)
        self.operator.allow(card, usim.imsi, on_mismatch)
        return card, usim

    def exchange(self, card, usim, with_tag=False):
        key = self.operator.concealment
        return Exchange(self.api, self.operator.tenant, card, usim, key, with_tag)

    def bind(self, card, usim, with_tag=False):
        """A whole session that ends in SUCCESS; everything the card checks was checked."""
        before = card.epoch
        exchange = self.exchange(card, usim, with_tag)
        expect("state", exchange.run(), SERVING)
        expect("mode", exchange.mode, self.mode["name"])
        expect("epoch rises", card.epoch > before, True)
        expect("uses in the lease", card.lease[0] > 0, True)
        expect("receipt", self.last_event(card), ("receipt", "serving"))
        return exchange

    def last_event(self, card):
        event = self.operator.audit(card)["events"][-1]
        return event["type"], event["reason"]


def fails(bench, exchange, answer):
    """This answer of the module gets FAILURE, which the card verifies."""
    given = exchange.send_answer(exchange.card_answer(answer))
    if bench.mode is SIGNED:
        expect("verdict", given["verdict"], "FAILURE")
    exchange.finish(given)
    expect("state", exchange.card.state, IDLE)
    expect("receipt", bench.last_event(exchange.card), ("receipt", "idle"))


def wrong_response(bench):
    """A RES with one bit changed is FAILURE; a card that was serving goes idle."""
    card, usim = bench.pair()
    bench.bind(card, usim)
    exchange = bench.exchange(card, usim)
    exchange.open()
    response, tag = parse(exchange.run_module(), 0xB5, 0x98)
    fails(bench, exchange, tlv(0xB5, flipped(response)) + tlv(0x98, tag))
    bench.bind(card, usim)
    return 1


def wrong_tag(bench):
    """A confirmation tag that does not fit is a wrong answer, though RES is right (section 3.5)."""
    card, usim = bench.pair()
    exchange = bench.exchange(card, usim, with_tag=True)
    exchange.open()
    fails(bench, exchange, flipped(exchange.run_module()))
    bench.bind(card, usim, with_tag=True)
    return 1


def unknown_subscriber(bench):
    """An unknown IMSI gets a challenge that no module can answer (end of section 4)."""
    card, usim = bench.pair()
    stranger = Usim("460019999999999", random_bytes(16), random_bytes(16))
    exchange = bench.exchange(card, stranger)
    exchange.open()
    answer = exchange.run_module()
    expect("module", answer, tlv(0xB5, tlv(0x97, NOT_AUTHENTIC)) + tlv(0x98, b""))
    fails(bench, exchange, answer)
    bench.bind(card, usim)
    return 1


def changed_card_proof(bench):
    """S2 with one bit changed."""
    card, usim = bench.pair()
    exchange = bench.exchange(card, usim)
    exchange.ask()
    proof = exchange.present()
    refused_by_platform(403, NOT_AUTHENTICATED, exchange.send_proof, flipped(proof))
    bench.bind(card, usim)
    return 1


def changed_answer(bench):
    """S3, or the sealed answer, with one bit changed; the right one is still taken."""
    card, usim = bench.pair()
    exchange = bench.exchange(card, usim)
    exchange.open()
    body = exchange.card_answer(exchange.run_module())
    member = "proof" if bench.mode is SIGNED else "sealed"
    changed = {**body, member: encode(flipped(decode(body[member])))}
    refused_by_platform(403, NOT_AUTHENTICATED, exchange.send_answer, changed)
    exchange.finish(exchange.send_answer(body))
    expect("state", card.state, SERVING)
    bench.bind(card, usim)
    return 1


def other_mode(bench):
    """A body of the other mode's form is malformed and changes nothing (section 4)."""
    card, usim = bench.pair()
    exchange = bench.exchange(card, usim)
    exchange.open()
    answer = exchange.run_module()
    body = exchange.card_answer(answer)
    if bench.mode is SIGNED:
        other = {"sealed": encode(tlv(0xD0, random_bytes(64)))}
    else:
        size = 64 if bench.suite is P256 else 16
        statement = exchange.statement(answer)
        other = {"statement": encode(statement), "proof": encode(tlv(0x8E, random_bytes(size)))}
    other["token"] = exchange.token
    refused_by_platform(400, "malformed", exchange.send_answer, other)
    exchange.finish(exchange.send_answer(body))
    expect("state", card.state, SERVING)
    return 1


def weaker_mode(bench):
    """A card with both modes is not bound in signed mode (section 4)."""
    if bench.mode is SIGNED:
        return 0
    card, usim = bench.pair()
    exchange = bench.exchange(card, usim)
    exchange.offer = [SIGNED]
    refused_by_platform(403, NOT_AUTHENTICATED, exchange.ask)
    bench.bind(card, usim)
    return 1


def changed_result(bench):
    """The card refuses a result with one bit changed, keeps its session and takes the right one."""
    card, usim = bench.pair()
    exchange = bench.exchange(card, usim)
    exchange.open()
    given = exchange.answer_rounds()
    result = decode(given["result"])
    refused_by_card(0x6982, card.result, flipped(result))
    expect("state", card.state, IDLE)
    exchange.finish(given)
    expect("state", card.state, SERVING)
    return 1


def old_result(bench):
    """A result of one session is worth nothing in the next."""
    card, usim = bench.pair()
    exchange = bench.exchange(card, usim)
    exchange.open()
    first = exchange.answer_rounds()
    exchange.finish(first)
    exchange = bench.exchange(card, usim)
    exchange.open()
    given = exchange.answer_rounds()
    refused_by_card(0x6982, card.result, decode(first["result"]))
    exchange.finish(given)
    expect("state", card.state, SERVING)
    return 1


def resynchronisation(bench):
    """A USIM that is ahead answers AUTS; the next round succeeds (section 5, step 5)."""
    card, usim = bench.pair(seq=1000)
    exchange = bench.bind(card, usim)
    expect("rounds", exchange.rounds, 2)
    expect("rounds", bench.bind(card, usim).rounds, 1)
    return 0


def lock(bench):
    """A SIM that the rule does not allow locks the card, until the operator unlocks it."""
    card, usim = bench.pair("lock")
    other = bench.operator.subscribe()
    bench.bind(card, usim)
    expect("state", bench.exchange(card, other).run(), LOCKED)
    expect("receipt", bench.last_event(card), ("receipt", "locked"))
    card.reset()
    expect("locked session", bench.exchange(card, usim).open(), {"verdict": "FAILURE"})
    refused_by_card(0x6983, card.result, b"")
    bench.operator.order_unlock(card)
    exchange = bench.exchange(card, usim)
    given = exchange.open()
    order = decode(given["unlock"])
    refused_by_card(0x6982, card.unlock, flipped(order))
    exchange.send_receipt(card.unlock(order))
    expect("state", card.state, IDLE)
    bench.bind(card, usim)
    return 4


CONTROLS = [
    wrong_response,
    wrong_tag,
    unknown_subscriber,
    changed_card_proof,
    changed_answer,
    other_mode,
    weaker_mode,
    changed_result,
    old_result,
    resynchronisation,
    lock,
]


def superseded_generation(bench):
    """A card that has learned a raised floor refuses the PKC of before (section 5, step 2)."""
    card, usim = bench.pair()
    before = bench.exchange(card, usim)
    before.ask()
    floor = bench.operator.rotate(bench.suite)
    bench.operator.raise_floor(bench.suite, floor)
    bench.bind(card, usim)
    expect("floor", card.floor, floor)
    refused_by_card(0x6982, before.present)
    bench.bind(card, usim)
    return 1
