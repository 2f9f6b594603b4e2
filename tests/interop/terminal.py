"""The client in the terminal: it carries everything and is trusted with nothing (section 5)."""

from http_api import decode, encode
from suites import ENCRYPTED, conceal, confirmation_tag
from tlv import number, parse, tlv

USIM = 2  # element 94


class Exchange:
    """One session between a card, a USIM and the platform, step by step."""

    def __init__(self, api, tenant, card, usim, concealment, with_tag=False):
        self.api = api
        self.tenant = tenant
        self.card = card
        self.usim = usim
        self.concealment = concealment
        self.with_tag = with_tag
        self.offer = card.modes
        self.rounds = 0

    def ask(self):
        """Steps 311 and 312, 411 and 412."""
        body = {
            "tenant": self.tenant,
            "cardId": self.card.text_id,
            "suites": [self.card.credential.suite["name"]],
            "modes": [mode["name"] for mode in self.offer],
            "moduleKind": "USIM",
        }
        given = self.api.call("POST", "/v1/bindings", body)
        self.mode = given["mode"]
        self.path = f"/v1/bindings/{given['sid']}"
        self.sid = decode(given["sid"])
        self.token = given["token"]
        self.credential = decode(given["credential"])

    @property
    def encrypted(self):
        return self.mode == ENCRYPTED["name"]

    def present(self):
        """START SESSION, steps 313 to 315: gives the card's proof."""
        mode = 2 if self.encrypted else 1
        suite = self.card.credential.suite["code"]
        named = number(0x88, suite, 1) + number(0x89, mode, 1)
        return self.card.start_session(tlv(0x8A, decode(self.token)) + self.credential + named)

    def send_proof(self, proof):
        """Steps 316 and 320: the challenge, or what a locked card gets."""
        body = {
            "token": self.token,
            "cardId": self.card.text_id,
            "proof": encode(proof),
            "moduleKind": "USIM",
        }
        if self.encrypted:
            concealed = conceal(self.usim.imsi, decode(self.token), *self.concealment)
            body["concealedImsi"] = encode(concealed)
        else:
            body["imsi"] = self.usim.imsi
        return self._take(self.api.call("POST", self.path + "/card", body))

    def _take(self, given):
        """A fresh token and, with another round, its challenge."""
        self.token = given.get("token", self.token)
        if "challenge" in given:
            challenge = decode(given["challenge"])
            self.challenge = self.card.open_challenge(challenge) if self.encrypted else challenge
        return given

    def run_module(self):
        """Steps 321 to 323: the USIM's answer, as B5 and 98."""
        round_number, rands, autn = parse(self.challenge, 0x90, 0xB1, 0x92)
        (rand,) = parse(rands, 0x91)
        answered = self.usim.authenticate(rand, autn)
        tag = b""
        if answered[0] == "res":
            answer = tlv(0xB5, tlv(0x95, answered[1]))
            if self.with_tag:
                parts = (tlv(0xB1, rands), tlv(0x92, autn), answer)
                tag = confirmation_tag(*answered[2:], self.sid, round_number[0], *parts)
        else:
            answer = tlv(0xB5, tlv(0x96 if answered[0] == "auts" else 0x97, answered[1]))
        return answer + tlv(0x98, tag)

    def statement(self, answer):
        return tlv(0x93, self.usim.imsi.encode("ascii")) + number(0x94, USIM, 1) + answer

    def card_answer(self, answer):
        """ANSWER, steps 324 to 326 and 427 to 429: the body for the platform."""
        statement = self.statement(answer)
        if self.encrypted:
            return {"token": self.token, "sealed": encode(self.card.answer(statement))}
        proof = self.card.answer(self.challenge + statement)
        return {"token": self.token, "statement": encode(statement), "proof": encode(proof)}

    def send_answer(self, body):
        """Steps 327 and 332, 430 and 435."""
        self.rounds += 1
        return self._take(self.api.call("POST", self.path + "/answer", body))

    def finish(self, given):
        """RESULT, and the card's receipt back to the platform."""
        self.send_receipt(self.card.result(decode(given["result"])))

    def send_receipt(self, receipt):
        body = {"token": self.token, "receipt": encode(receipt)}
        self.api.call("POST", self.path + "/receipt", body)

    def open(self):
        """Everything up to the challenge."""
        self.ask()
        return self.send_proof(self.present())

    def answer_rounds(self):
        """The module's answers, as many rounds as the platform asks for (section 5, step 5)."""
        while True:
            given = self.send_answer(self.card_answer(self.run_module()))
            if "result" in given:
                return given

    def run(self):
        """A whole session; the card's state afterwards says what came of it."""
        self.open()
        self.finish(self.answer_rounds())
        return self.card.state
