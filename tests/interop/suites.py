"""The suites P-256 and AES (docs/protocol.md, section 3): hashes, proofs, keys of a session."""

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tlv import Malformed, label, number, tlv

P256 = {"name": "P-256", "code": 1}
AES = {"name": "AES", "code": 4}
SIGNED = {"name": "signed", "code": 1}
ENCRYPTED = {"name": "encrypted", "code": 2}

TO_PLATFORM = "simlatch/1 card to platform"
TO_CARD = "simlatch/1 platform to card"


class NotAuthentic(Exception):
    """A proof does not verify or a ciphertext does not open."""


def digest(name, *parts):
    """H of section 3.1; SHA-256 in both suites."""
    return hashlib.sha256(label(name) + b"".join(parts)).digest()


def point(key):
    """A public key as C1, C9, CA and CB have it: 04, X, Y."""
    public = key.public_key() if hasattr(key, "public_key") else key
    return public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def read_point(data):
    """A public key on P-256; what is not on the curve is refused (sections 3.3 and 7)."""
    if len(data) != 65 or data[0] != 4:
        raise Malformed("point")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), data)
    except ValueError:
        raise NotAuthentic("point") from None


def new_key():
    return ec.generate_private_key(ec.SECP256R1())


def sign(key, message):
    """ECDSA with SHA-256, r then s, 64 bytes (section 3)."""
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def verify(public, proof, message):
    if len(proof) != 64:
        raise NotAuthentic("length of a signature")
    r, s = int.from_bytes(proof[:32], "big"), int.from_bytes(proof[32:], "big")
    try:
        public.verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise NotAuthentic("signature") from None


def cmac(key, message):
    mac = CMAC(algorithms.AES(key))
    mac.update(message)
    return mac.finalize()


def kdf(key, name, context, size):
    """SP 800-108 in counter mode with CMAC (section 3.2)."""
    fixed = label(name) + b"\x00" + context + (8 * size).to_bytes(2, "big")
    blocks = (cmac(key, bytes([i]) + fixed) for i in range(1, (size + 15) // 16 + 1))
    return b"".join(blocks)[:size]


def agreed_keys(private, peer, hk):
    """Both directions' key and IV of a certificate suite (section 3.3)."""
    z = private.exchange(ec.ECDH(), read_point(peer))
    prk = hmac.new(hk, z, hashlib.sha256).digest()

    def expand(name):
        return HKDFExpand(algorithm=hashes.SHA256(), length=28, info=label(name)).derive(prk)

    return Channel(expand(TO_PLATFORM)), Channel(expand(TO_CARD))


def shared_keys(key, generation, hk):
    """Both directions' key and IV of a symmetric suite (section 3.3)."""
    context = number(0xC0, generation) + tlv(0x8F, hk)
    return Channel(kdf(key, TO_PLATFORM, context, 28)), Channel(kdf(key, TO_CARD, context, 28))


class Channel:
    """One direction of section 3.3."""

    def __init__(self, material):
        self._aead = AESGCM(material[:16])
        self._iv = material[16:]

    def _nonce(self, count):
        last = int.from_bytes(self._iv[8:], "big") ^ count
        return self._iv[:8] + last.to_bytes(4, "big")

    def seal(self, count, plaintext, associated):
        return self._aead.encrypt(self._nonce(count), plaintext, associated)

    def open(self, count, sealed, associated):
        try:
            return self._aead.decrypt(self._nonce(count), sealed, associated)
        except (InvalidTag, ValueError):
            raise NotAuthentic("sealed") from None


def conceal(imsi, token, key_id, public):
    """The IMSI, concealed to the platform's key and bound to T (section 3.4)."""
    ephemeral = new_key()
    z = ephemeral.exchange(ec.ECDH(), read_point(public))
    r = ephemeral.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    keys = b"".join(hashlib.sha256(z + i.to_bytes(4, "big") + r).digest() for i in (1, 2))
    encryptor = Cipher(algorithms.AES(keys[:16]), modes.CTR(keys[16:32])).encryptor()
    c = encryptor.update(bytes.fromhex(imsi.ljust(16, "F")))
    m = hmac.new(keys[32:], c + token, hashlib.sha256).digest()[:8]
    return bytes([key_id]) + r + c + m


def confirmation_tag(ck, ik, sid, round_number, rands, autn, answer):
    """The tag over the module's answer under CK and IK (section 3.5); parts are whole elements."""
    message = label("simlatch/1 confirmation tag") + tlv(0xC7, sid) + number(0x90, round_number, 1)
    return hmac.new(ck + ik, message + rands + autn + answer, hashlib.sha256).digest()


def random_bytes(size):
    return os.urandom(size)
