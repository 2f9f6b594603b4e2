"""A card at the level of data fields: its checks, state and answers (docs/protocol.md, section 7)."""

from suites import ENCRYPTED, SIGNED, NotAuthentic, digest, new_key, point, random_bytes
from tlv import Malformed, elements, label, number, parse, sized, tlv

IDLE, SERVING, LOCKED = 0, 1, 2
KINDS = {"TF": 1, "SD": 2}
MODES = {1: SIGNED, 2: ENCRYPTED}
VERSION = tlv(0x81, b"\x01")


class Refused(Exception):
    """The card's status word (section 7)."""

    def __init__(self, word):
        super().__init__(f"{word:04X}")
        self.word = word


class Session:
    """What lives in RAM from START SESSION to a result: the transcript and the round."""

    def __init__(self, mode, generation, platform_key, nonce, ephemeral):
        self.mode = mode
        self.generation = generation
        self.platform_key = platform_key
        self.nonce = nonce
        self.ephemeral = ephemeral
        self.h1 = self.previous = self.h2 = None
        self.to_platform = self.to_card = None
        self.round = 0  # the round that is next, or that was challenged
        self.challenged = False
        self.answered = None  # the tag inside B5 of the last answer


def command(method):
    """Every refusal leaves the card as a status word: 6A80 for content, 6982 for proofs."""

    def run(self, data):
        try:
            return method(self, data)
        except Malformed:
            raise Refused(0x6A80) from None
        except NotAuthentic:
            raise Refused(0x6982) from None

    return run


class Card:
    def __init__(self, card_id, kind, credential, modes, deployment, tenant):
        self.card_id = card_id
        self.kind = kind
        self.credential = credential
        self.modes = modes
        self._deployment = deployment
        self._tenant = tenant
        self._service_key = new_key()
        self.epoch = 0
        self.floor = 0
        self.lock_id = None
        self.lease = None
        self.session = None
        self._possession = None

    @property
    def text_id(self):
        return self.card_id.hex().upper()

    @property
    def state(self):
        if self.lock_id is not None:
            return LOCKED
        return SERVING if self.lease else IDLE

    def state_element(self):
        """8D: the lock id follows the state of a locked card (section 2)."""
        return tlv(0x8D, bytes([self.state]) + (self.lock_id or b""))

    def service_public_key(self):
        return point(self._service_key)

    def reset(self):
        """Power loss: session and lease end; epoch, floor and lock stay."""
        self.session = None
        self.lease = None

    @command
    def prove_possession(self, data):
        """The proof of possession, once in the card's life."""
        (challenge,) = parse(data, 0xC3)
        if self.lock_id is not None:
            raise Refused(0x6983)
        if self._possession and self._possession[0] != data:
            raise Refused(0x6985)
        if not self._possession:
            message = (
                label("simlatch/1 enrolment")
                + self._names()
                + tlv(0x85, self.card_id)
                + number(0x86, KINDS[self.kind], 1)
                + number(0x88, self.credential.suite["code"], 1)
                + self.credential.identity()
                + tlv(0xC9, self.service_public_key())
                + tlv(0xC3, sized(challenge, 16))
            )
            proof = self.credential.prove_possession(message, challenge)
            self._possession = (data, tlv(0x8E, proof))
        return self._possession[1]

    def _names(self):
        return tlv(0x82, self._deployment) + tlv(0x83, self._tenant)

    @command
    def start_session(self, data):
        """START SESSION: 8A E2 88 89; the answer ends with S2."""
        token, credential, suite, mode = parse(data, 0x8A, 0xE2, 0x88, 0x89)
        own = bytes([self.credential.suite["code"]])
        if not 1 <= len(token) <= 255 or suite != own or len(mode) != 1:
            raise Malformed("START SESSION")
        chosen = MODES.get(mode[0])
        if chosen not in self.modes:
            raise Malformed("mode")
        named, generation, platform_key = self.credential.platform(credential)
        if named != own:
            raise Malformed("suite of the PKC")
        if generation < self.floor:
            raise NotAuthentic("generation below the floor")
        encrypted = chosen is ENCRYPTED
        ephemeral = self.credential.ephemeral() if encrypted else None
        session = Session(chosen, generation, platform_key, random_bytes(16), ephemeral)
        about = number(0x86, KINDS[self.kind], 1)
        fresh = tlv(0x8B, session.nonce) + number(0x8C, self.epoch) + self.state_element()
        if ephemeral:
            fresh += tlv(0xCA, point(ephemeral))
        session.h1 = digest(
            "simlatch/1 h1",
            VERSION,
            self._names(),
            tlv(0x84, digest("simlatch/1 credential id", tlv(0xE2, credential))),
            tlv(0x85, self.card_id),
            about,
            tlv(0x87, self.credential.key_hash()),
            tlv(0x88, suite),
            tlv(0x89, mode),
            tlv(0x8A, token),
            fresh,
        )
        session.previous = session.h1  # hk of signed mode is h1 itself
        self.session = session
        return about + fresh + self._prove("simlatch/1 card proof", session.h1)

    def _prove(self, name, value):
        """Element 8E over a label and a hash (section 3.2)."""
        session = self.session
        message = label(name) + tlv(0x8F, value)
        return tlv(0x8E, self.credential.prove(message, session.generation, session.h1))

    def _check(self, proof, name, value):
        session = self.session
        message = label(name) + tlv(0x8F, value)
        self.credential.check(
            proof, message, session.generation, session.h1, session.platform_key
        )

    def _open_session(self, *modes):
        if self.lock_id is not None:
            raise Refused(0x6983)
        if not self.session or self.session.mode not in modes:
            raise Refused(0x6985)
        return self.session

    def _next_round(self, session):
        """The round that may be challenged or answered next; others are out of order."""
        if session.answered is None:
            return session.round
        if session.answered not in (0x96, 0xCE) or session.round >= 2:
            raise Refused(0x6985)
        return session.round + 1

    @command
    def open_challenge(self, data):
        """OPEN CHALLENGE: checks the proof over hk in round 0, opens B1 92."""
        session = self._open_session(ENCRYPTED)
        if session.challenged:
            raise Refused(0x6985)
        expected = self._next_round(session)
        round_number = elements(data)[0] if data else None
        if round_number != (0x90, bytes([expected])):
            raise Malformed("round")
        if expected == 0:
            plain = self._open_first(session, data)
        else:
            _, sealed = parse(data, 0x90, 0xD0)
            plain = session.to_card.open(expected, sealed, session.previous)
        rands, autn = parse(plain, 0xB1, 0x92)
        opened = number(0x90, expected, 1) + tlv(0xB1, rands) + tlv(0x92, autn)
        session.h2 = digest("simlatch/1 h2", tlv(0x8F, session.previous), opened)
        session.round, session.challenged, session.answered = expected, True, None
        return opened

    def _open_first(self, session, data):
        """The challenge of round 0 carries the key agreement (sections 3.3, 4)."""
        tag = self.credential.agreement_tag
        _, material, proof, sealed = parse(data, 0x90, tag, 0x8E, 0xD0)
        hk, channels = self.credential.agree(
            session.h1, material, session.ephemeral, session.generation
        )
        self._check(proof, "simlatch/1 key agreement", hk)
        plain = channels[1].open(0, sealed, hk)
        session.to_platform, session.to_card = channels
        session.previous = hk
        session.ephemeral = None
        return plain

    @command
    def answer(self, data):
        """ANSWER: signed gives S3, encrypted the sealed answer."""
        session = self._open_session(SIGNED, ENCRYPTED)
        if session.mode is SIGNED:
            self._take_challenge(session, data)
            statement = b"".join(tlv(tag, value) for tag, value in elements(data)[3:])
        else:
            if not session.challenged:
                raise Refused(0x6985)
            statement = data
        imsi, module, answer, tag = parse(statement, 0x93, 0x94, 0xB5, 0x98)
        kinds = elements(answer)
        if not 6 <= len(imsi) <= 15 or not imsi.isdigit() or len(module) != 1:
            raise Malformed("93, 94")
        if not kinds or len(tag) not in (0, 32):
            raise Malformed("B5, 98")
        h3 = digest("simlatch/1 h3", tlv(0x8F, session.h2), statement)
        session.answered, session.challenged = kinds[0][0], False
        session.previous = h3
        if session.mode is SIGNED:
            return self._prove("simlatch/1 answer proof", h3)
        sealed = session.to_platform.seal(session.round, statement, session.h2)
        return tlv(0xD0, sealed)

    def _take_challenge(self, session, data):
        """Signed mode: the challenge comes with the answer, in the clear."""
        expected = self._next_round(session)
        values = parse(data, 0x90, 0xB1, 0x92, 0x93, 0x94, 0xB5, 0x98)
        if values[0] != bytes([expected]):
            raise Malformed("round")
        challenge = tlv(0x90, values[0]) + tlv(0xB1, values[1]) + tlv(0x92, values[2])
        session.h2 = digest("simlatch/1 h2", tlv(0x8F, session.previous), challenge)
        session.round = expected

    @command
    def result(self, data):
        """RESULT: checks R with the card's own transcript, keeps the record, gives a receipt."""
        session = self._open_session(SIGNED, ENCRYPTED)
        if session.answered is None:
            raise Refused(0x6985)
        count = session.round + 1
        if session.mode is SIGNED:
            body, proof = parse(data, 0xE5, 0x8E)
        else:
            (sealed,) = parse(data, 0xD0)
            (body,) = parse(session.to_card.open(count, sealed, session.previous), 0xE5)
        h4 = digest("simlatch/1 h4", tlv(0x8F, session.previous), tlv(0xE5, body))
        if session.mode is SIGNED:
            self._check(proof, "simlatch/1 result", h4)
        self._take_result(session, body)
        if session.mode is SIGNED:
            return self._receipt("simlatch/1 receipt", h4)
        report = self.state_element() + number(0x8C, self.epoch)
        self.session = None
        return tlv(0xD0, session.to_platform.seal(count, report, h4))

    def _take_result(self, session, body):
        verdict, card_id, nonce, epoch, lock, lease, floor = parse(
            body, 0x99, 0x85, 0x8B, 0x8C, 0x9A, 0xBB, 0x9E
        )
        uses, seconds, services = parse(lease, 0x9B, 0x9C, 0x9D)
        if verdict not in (b"\x00", b"\x01") or lock not in (b"\x00", b"\x01"):
            raise Malformed("99, 9A")
        if verdict == lock == b"\x01":
            raise Malformed("SUCCESS never locks")
        epoch = int.from_bytes(sized(epoch, 4), "big")
        floor = int.from_bytes(sized(floor, 4), "big")
        if card_id != self.card_id or nonce != session.nonce:
            raise NotAuthentic("another card or session")
        if epoch <= self.epoch or floor > session.generation:
            raise NotAuthentic("epoch or floor")
        self.epoch, self.floor = epoch, max(floor, self.floor)
        self.lease = None
        if verdict == b"\x01":
            self.lease = [int.from_bytes(part, "big") for part in (uses, seconds, services)]
        elif lock == b"\x01":
            self.lock_id = random_bytes(16)

    def _receipt(self, name, previous):
        """8D 8C 8E: state and epoch after the card acted; ends the session."""
        report = self.state_element() + number(0x8C, self.epoch)
        h5 = digest("simlatch/1 h5", tlv(0x8F, previous), report)
        receipt = report + self._prove(name, h5)
        self.session = None
        return receipt

    @command
    def unlock(self, data):
        """UNLOCK: E6 8E, on a locked card with an open session."""
        session = self.session
        if self.lock_id is None or not session:
            raise Refused(0x6985)
        body, proof = parse(data, 0xE6, 0x8E)
        card_id, nonce, lock_id, epoch = parse(body, 0x85, 0x8B, 0xCD, 0x8C)
        hu = digest("simlatch/1 hu", tlv(0x8F, session.h1), tlv(0xE6, body))
        self._check(proof, "simlatch/1 unlock", hu)
        epoch = int.from_bytes(sized(epoch, 4), "big")
        if (card_id, nonce, lock_id) != (self.card_id, session.nonce, self.lock_id):
            raise NotAuthentic("another card, session or lock")
        if epoch <= self.epoch:
            raise NotAuthentic("epoch")
        self.epoch, self.lock_id = epoch, None
        return self._receipt("simlatch/1 unlock receipt", hu)
