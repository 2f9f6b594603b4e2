"""What a card proves itself with and trusts (docs/protocol.md, sections 1 and 3.2)."""

from suites import (
    AES,
    P256,
    NotAuthentic,
    agreed_keys,
    cmac,
    digest,
    kdf,
    new_key,
    point,
    read_point,
    shared_keys,
    sign,
    verify,
)
from tlv import label, number, parse, sized, tlv


class CertificateCredential:
    """Suite P-256: a private key, and the operator's anchor for the suite."""

    suite = P256

    def __init__(self, anchor, deployment, tenant):
        self.key = new_key()
        self._anchor = anchor
        self._names = tlv(0x82, deployment) + tlv(0x83, tenant)

    def identity(self):
        """The element that H(card key) and the proof of possession name."""
        return tlv(0xC1, point(self.key))

    def key_hash(self):
        return digest("simlatch/1 card key", self.identity())

    def platform(self, credential):
        """Generation and key of a PKC that the anchor signed (section 3.2)."""
        generation, suite, key, proof = parse(credential, 0xC0, 0x88, 0xC1, 0x8E)
        sized(generation, 4)
        named = tlv(0xC0, generation) + tlv(0x88, suite) + tlv(0xC1, key)
        statement = label("simlatch/1 platform key credential") + self._names + named
        verify(self._anchor, proof, statement)
        return suite, int.from_bytes(generation, "big"), read_point(key)

    def prove(self, message, _generation, _h1):
        return sign(self.key, message)

    def prove_possession(self, message, _challenge):
        return sign(self.key, message)

    def check(self, proof, message, _generation, _h1, platform_key):
        verify(platform_key, proof, message)

    def ephemeral(self):
        """The key pair whose public half is CA; only certificate suites have one."""
        return new_key()

    def agree(self, h1, material, ephemeral, _generation):
        """hk and both directions' keys; material is the CB of the challenge."""
        hk = digest("simlatch/1 hk", tlv(0x8F, h1), tlv(0xCB, sized(material, 65)))
        return hk, agreed_keys(ephemeral, material, hk)

    agreement_tag = 0xCB


class SharedCredential:
    """Suite AES: a key of 16 bytes that card and platform share, and its version."""

    suite = AES

    def __init__(self, key, version):
        self.key = key
        self.version = version

    def identity(self):
        return number(0xCF, self.version)

    def key_hash(self):
        return digest("simlatch/1 card key", self.identity())

    def platform(self, credential):
        """A symmetric PKC has no signature; a false one gives other keys (section 5, step 2)."""
        generation, suite = parse(credential, 0xC0, 0x88)
        return suite, int.from_bytes(sized(generation, 4), "big"), None

    def _mac_key(self, name, generation, h1):
        return kdf(self.key, name, number(0xC0, generation) + tlv(0x8F, h1), 16)

    def prove(self, message, generation, h1):
        return cmac(self._mac_key("simlatch/1 card mac", generation, h1), message)

    def prove_possession(self, message, challenge):
        key = kdf(self.key, "simlatch/1 card mac", tlv(0xC3, challenge), 16)
        return cmac(key, message)

    def check(self, proof, message, generation, h1, _platform_key):
        if cmac(self._mac_key("simlatch/1 platform mac", generation, h1), message) != proof:
            raise NotAuthentic("platform's MAC")

    def ephemeral(self):
        return None

    def agree(self, h1, material, _ephemeral, generation):
        """hk and both directions' keys; material is the CC of the challenge."""
        hk = digest("simlatch/1 hk", tlv(0x8F, h1), tlv(0xCC, sized(material, 16)))
        return hk, shared_keys(self.key, generation, hk)

    agreement_tag = 0xCC
