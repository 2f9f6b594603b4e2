"""What leads to what within the worked examples of every suite: hashes, derived keys, ciphertexts
and proofs, all but the signatures and the curve of SM2, which this library lacks."""

import re

from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.cmac import CMAC

import gcm
import suites

BY_PLATFORM = ("SIG_P", "key agreement proof", "unlock proof")
TO_CARD = ("OPEN CHALLENGE", "RESULT")


class Values:
    """One example: its steps, and everything that was named before in its suite."""

    def __init__(self, suite, steps, known):
        chinese = suite.startswith("SM")
        self.suite = suite
        self.hash = hashes.SM3() if chinese else hashes.SHA256()
        self.cipher = algorithms.SM4 if chinese else algorithms.AES
        self.steps = steps
        self.known = dict(known)
        self.count = 0

    def _expect(self, name, found, expected):
        if found != expected:
            raise SystemExit(f"{self.suite}: {name} is not {found.hex()}")
        self.count += 1

    def check(self):
        """How many values were derived again."""
        for title, values in self.steps:
            self.known.update(values)
            for name, value in values.items():
                if " block " in name:
                    self._check_derived(values, name)
                elif name.endswith(" input"):
                    self._check_hash(values, name.removesuffix(" input"), value)
                elif name.endswith(" message"):
                    self._check_proof(values, name.removesuffix(" message"), value)
            if "anchor's proof" in values:
                proof, salt = values["anchor's proof"], values.get("PSS salt")
                self._check_signature("anchor", values["PKC statement"], proof, salt)
            if "Z" in values:
                self._check_agreed(values)
            if "nonce" in values:
                self._check_sealed(title, values)
        return self.count

    def _check_hash(self, values, name, value):
        digest = hashes.Hash(self.hash)
        digest.update(value)
        self._expect(name, digest.finalize(), values[name])

    def _cmac(self, key, message):
        mac = CMAC(self.cipher(key))
        mac.update(message)
        return mac.finalize()

    def _check_derived(self, values, name):
        """SP 800-108: the blocks of one key, or of a key and an IV, under K."""
        key, number = re.fullmatch(r"(.*) block (\d) input", name).groups()
        expected = values[key] if key in values else values[f"{key} key"] + values[f"{key} IV"]
        at = 16 * (int(number) - 1)
        block = self._cmac(self.known["shared key K"], values[name])
        self._expect(name, block[: len(expected) - at], expected[at : at + 16])

    def _hmac(self, key, data):
        mac = hmac.HMAC(key, self.hash)
        mac.update(data)
        return mac.finalize()

    def _check_agreed(self, values):
        if self.suite != "SM":
            secret = int.from_bytes(self.known["E_P private key"], "big")
            peer = suites.read_point(self.known["E_C (CA)"][2:])
            private = ec.derive_private_key(secret, ec.SECP256R1())
            self._expect("Z", private.exchange(ec.ECDH(), peer), values["Z"])
        prk = self._hmac(self.known["hk"], values["Z"])
        self._expect("PRK", prk, values["PRK"])
        for way in ("card to platform", "platform to card"):
            block = self._hmac(prk, values[f"{way} info"] + b"\x01")
            self._expect(way, block[:28], values[f"{way} key"] + values[f"{way} IV"])

    def _check_sealed(self, title, values):
        way = "platform to card" if title.startswith(TO_CARD) else "card to platform"
        (plain,) = (values[name] for name in values if name.startswith("plaintext"))
        cipher = self.cipher(self.known[f"{way} key"])
        sealed = gcm.seal(cipher, values["nonce"], values["associated data"], plain)
        self._expect(title, sealed, values["ciphertext and tag"])

    def _check_proof(self, values, name, message):
        maker = "platform" if name in BY_PLATFORM else "card"
        if "shared key K" in self.known:
            key = self.known.get("MAC key") or self.known[f"{maker} MAC key"]
            self._expect(name, self._cmac(key, message), values[name])
        else:
            self._check_signature(maker, message, values[name], values.get("PSS salt"))

    def _check_signature(self, maker, message, proof, salt):
        if self.suite == "SM":
            return
        if self.suite == "P-256":
            public = suites.read_point(self.known[f"{maker} key (C1)"][2:])
            suites.verify(public, proof, message)
        else:
            modulus = int.from_bytes(self.known[f"{maker} n"], "big")
            public = rsa.RSAPublicNumbers(65537, modulus).public_key()
            scheme = padding.PKCS1v15()
            if salt is not None:
                scheme = padding.PSS(padding.MGF1(hashes.SHA256()), len(salt))
            public.verify(proof, message, scheme, hashes.SHA256())
        self.count += 1
