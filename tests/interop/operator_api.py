"""The operator's side: a tenant with cards, subscribers and rules (docs/operations.md)."""

from authority import Anchor, CardAuthority
from card import Card
from credential import CertificateCredential, SharedCredential
from http_api import Api, decode, encode
from suites import AES, P256, random_bytes
from tlv import parse, tlv
from usim import Usim

OPERATOR = "46001"


class Operator:
    def __init__(self, url, admin_key, deployment, tenant):
        self._api = Api(url + "/v1/admin", admin_key)
        self.deployment = deployment
        self.tenant = tenant
        self._anchor = Anchor()
        self._authority = CardAuthority()
        self._subscribers = 0

    def call(self, method, path, body):
        return self._api.call(method, path, {"tenant": self.tenant, **body})

    def set_up(self):
        """Anchor, card root, a platform key for each suite, a concealment key."""
        self._api.call(
            "PUT",
            f"/tenants/{self.tenant}",
            {
                "anchors": {"P-256": encode(self._anchor.point())},
                "cardRoots": [encode(self._authority.root())],
            },
        )
        self.rotate(AES)
        self.rotate(P256)
        key = self.call("POST", "/concealment-keys", {})
        self.concealment = (key["id"], decode(key["publicKey"]))

    def rotate(self, suite):
        """A new generation in use; the anchor vouches for it where the suite has one."""
        key = self.call("POST", "/platform-keys", {"suite": suite["name"]})
        generation = key["generation"]
        if suite is P256:
            tenant = self.tenant.encode("ascii")
            public_key = decode(key["publicKey"])
            signature = self._anchor.vouch(self.deployment, tenant, generation, suite, public_key)
            body = {"suite": suite["name"], "signature": encode(signature)}
            self.call("PUT", f"/platform-keys/{generation}", body)
        return generation

    def raise_floor(self, suite, floor):
        """Voids the generations below; cards learn it with their next result."""
        self.call("PUT", "/floor", {"suite": suite["name"], "floor": floor})

    def personalise(self, suite, kind, modes):
        """A card with its credential, enrolled; its registered modes are what it offers."""
        tenant = self.tenant.encode("ascii")
        if suite is P256:
            credential = CertificateCredential(self._anchor.public, self.deployment, tenant)
        else:
            credential = SharedCredential(random_bytes(16), 1)
        card = Card(random_bytes(8), kind, credential, modes, self.deployment, tenant)
        self.enrol(card)
        return card

    def enrol(self, card):
        given = self.call("POST", "/enrolments", {"cardId": card.text_id})
        proof = card.prove_possession(tlv(0xC3, decode(given["challenge"])))
        body = {
            "cardId": card.text_id,
            "kind": card.kind,
            "suite": card.credential.suite["name"],
            "modes": [mode["name"] for mode in card.modes],
            "servicePublicKey": encode(card.service_public_key()),
            "challenge": given["challenge"],
            "token": given["token"],
            "proof": encode(parse(proof, 0x8E)[0]),
        }
        if card.credential.suite is P256:
            body["certificates"] = [encode(self._authority.issue(card))]
        else:
            body["key"] = card.credential.key.hex()
            body["keyVersion"] = card.credential.version
        return self.call("POST", "/cards", body)

    def subscribe(self, seq=0):
        """A subscriber, and the USIM that has the same K; seq is what it accepted last."""
        self._subscribers += 1
        unique = int.from_bytes(random_bytes(3), "big") % 10**7
        imsi = f"{OPERATOR}{self._subscribers:03d}{unique:07d}"
        k, opc = random_bytes(16), random_bytes(16)
        body = {"imsi": imsi, "mncLength": 2, "k": k.hex(), "opc": opc.hex()}
        self.call("POST", "/subscribers", body)
        return Usim(imsi, k, opc, seq)

    def allow(self, card, imsi, on_mismatch="refuse"):
        """The rule that this card may serve beside this subscriber."""
        body = {
            "target": {"card": card.text_id},
            "condition": {"imsi": imsi},
            "onMismatch": on_mismatch,
        }
        self.call("PUT", f"/rules/{card.text_id.lower()}", body)
        self.call("POST", "/rule-set/activate", {})

    def order_unlock(self, card):
        """Lifts the card's lock at its next session; two different people order it."""
        body = {"order": "unlock", "by": ["first of two", "second of two"]}
        self.call("POST", f"/cards/{card.text_id}/orders", body)

    def audit(self, card):
        return self._api.call("GET", f"/audit?card={card.text_id}&tenant={self.tenant}")
