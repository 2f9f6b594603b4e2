"""Replays the worked examples of suites P-256 and AES on this client's own card: given the same
keys and random values, every hash and every answer must come out as protocol_examples.json says.
Signatures have nonces, so those of the examples are verified and taken over."""

import json
import sys

from cryptography.hazmat.primitives.asymmetric import ec

import card as card_module
import credential as credential_module
import suites
from example_values import Values
from tlv import elements, parse, tlv

COMMANDS = {
    "START SESSION": "start_session",
    "OPEN CHALLENGE": "open_challenge",
    "ANSWER": "answer",
    "RESULT": "result",
    "UNLOCK": "unlock",
    "PROVE POSSESSION": "prove_possession",
}
REPLAYED = ("P-256", "AES")


def check(found, expected, what):
    if found != expected:
        raise SystemExit(f"{what}: {found.hex()} is not {expected.hex()}")


def values_of(example):
    """Every step's values, as bytes."""
    return [
        (step["title"], {name: bytes.fromhex(text) for name, text in step["values"].items()})
        for step in example["steps"]
    ]


def private_key(scalar):
    return ec.derive_private_key(int.from_bytes(scalar, "big"), ec.SECP256R1())


def public_key(element):
    (value,) = parse(element, 0xC1)
    return suites.read_point(value)


class Replayed(credential_module.CertificateCredential):
    """Signs with the example's signatures: one for each message that the example names."""

    def __init__(self, keys, names, steps):
        super().__init__(public_key(keys["anchor key (C1)"]), *names)
        self.key = private_key(keys["card private key"])
        self._steps = steps

    def ephemeral(self):
        return private_key(find(self._steps, "E_C private key"))

    def prove(self, message, _generation, _h1):
        for _, values in self._steps:
            for name, value in values.items():
                if name.endswith(" message") and value == message:
                    proof = values[name.removesuffix(" message")]
                    suites.verify(self.key.public_key(), proof, message)
                    return proof
        raise SystemExit(f"the example has no proof over {message.hex()}")

    def prove_possession(self, message, _challenge):
        return self.prove(message, None, None)


def find(steps, name):
    """The first value of this name."""
    return next(values[name] for _, values in steps if name in values)


def value(element):
    ((_, content),) = elements(element)
    return content


def build_card(common, keys, steps):
    names = (value(find(common, "deployment (82)")), value(find(common, "tenant (83)")))
    if "shared key K" in keys:
        version = int.from_bytes(value(find(common, "key version (CF)")), "big")
        credential = credential_module.SharedCredential(keys["shared key K"], version)
    else:
        credential = Replayed(keys, names, steps)
    card_id = value(find(common, "card id (85)"))
    modes = [suites.SIGNED, suites.ENCRYPTED]
    card = card_module.Card(card_id, "TF", credential, modes, *names)
    card.epoch = int.from_bytes(value(find(common, "card's epoch (8C)")), "big")
    card.floor = int.from_bytes(value(find(common, "card's floor (9E)")), "big")
    return card


def set_draws(card, steps):
    """What the card draws in this example, and the lock that it starts with."""
    titles = [title for title, _ in steps]
    if "PROVE POSSESSION" in titles:
        card._service_key = private_key(find(steps, "service private key"))
        return
    card_module.random_bytes = lambda _size: find(steps, "N_C")
    if "UNLOCK" in titles:
        body = value(find(steps, "unlock body (E6)"))
        card.lock_id = parse(body, 0x85, 0x8B, 0xCD, 0x8C)[2]


def replay(example, common, keys):
    """How many commands the card answered as the example says."""
    steps = values_of(example)
    card = build_card(common, keys, steps)
    set_draws(card, steps)
    hashes = []

    def digest(name, *parts):
        hashes.append(suites.digest(name, *parts))
        return hashes[-1]

    card_module.digest = credential_module.digest = digest
    done = 0
    for at, (title, values) in enumerate(steps):
        command = COMMANDS.get(title.split(",")[0])
        if command is None:
            continue
        expected = values if "answer" in values else steps[at + 1][1]
        found = getattr(card, command)(values["data field"])
        check(found, expected["answer"], f"{example['title']}, {title}")
        done += 1
    for _, values in steps:
        for name, expected in values.items():
            if name + " input" in values and expected not in hashes:
                raise SystemExit(f"{example['title']}: another {name}")
    return done


def check_client(examples, common):
    """The concealed IMSI and the confirmation tag (sections 3.4 and 3.5)."""
    steps = values_of(examples["Concealed IMSI"])
    suites.new_key = lambda: private_key(find(steps, "ephemeral private key"))
    imsi = value(find(common, "IMSI (93)")).decode()
    token = value(find(common, "token T (8A)"))
    key_id = find(steps, "key id")[0]
    found = suites.conceal(imsi, token, key_id, find(steps, "platform's public key"))
    check(found, find(steps, "concealedImsi"), "concealed IMSI")
    ck, ik = find(common, "CK"), find(common, "IK")
    sid = value(find(common, "session id (C7)"))
    rands = tlv(0xB1, tlv(0x91, find(common, "RAND")))
    autn = tlv(0x92, find(common, "AUTN"))
    answer = tlv(0xB5, tlv(0x95, find(common, "RES")))
    found = suites.confirmation_tag(ck, ik, sid, 0, rands, autn, answer)
    tag = find(values_of(examples["Confirmation tag"]), "confirmation tag (98)")
    check(found, value(tag), "confirmation tag")


def check_values(examples, common):
    """How many values of all suites come out again."""
    everywhere = {name: each for _, values in common for name, each in values.items()}
    count = 0
    for title, example in examples.items():
        if "suite" not in example:
            continue
        steps = values_of(example)
        if title.endswith(": keys and credential"):
            count += Values(example["suite"], steps, everywhere).check()
        else:
            keys = keys_of(examples, example["suite"])
            count += Values(example["suite"], steps, {**everywhere, **keys}).check()
    return count


def keys_of(examples, suite):
    steps = values_of(examples[f"{suite}: keys and credential"])
    return {name: each for _, values in steps for name, each in values.items()}


def main(path):
    with open(path, encoding="ascii") as file:
        examples = {example["title"]: example for example in json.load(file)["examples"]}
    common = values_of(examples["Common values"])
    commands = 0
    for example in examples.values():
        suite = example.get("suite")
        if suite in REPLAYED and "mode" in example:
            commands += replay(example, common, keys_of(examples, suite))
    check_client(examples, common)
    print(json.dumps({"commands": commands, "values": check_values(examples, common)}))


main(sys.argv[1])
