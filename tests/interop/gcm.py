"""GCM (NIST SP 800-38D) over any block cipher that the library has in ECB mode: the OpenSSL that
Debian's package is built with knows SM4 and GCM, and not the two together."""

from cryptography.hazmat.primitives.ciphers import Cipher, modes

BLOCK_BYTES = 16
# x^128 + x^7 + x^2 + x + 1, bits in the order of section 6.3.
REDUCTION = 0xE1 << 120


def _multiply(x: int, y: int) -> int:
    """Section 6.3, algorithm 1."""
    product = 0
    for place in range(127, -1, -1):
        if x >> place & 1:
            product ^= y
        y = y >> 1 ^ (REDUCTION if y & 1 else 0)
    return product


def _ghash(key: int, data: bytes) -> int:
    """Section 6.4, algorithm 2; `data` in whole blocks."""
    value = 0
    for start in range(0, len(data), BLOCK_BYTES):
        block = int.from_bytes(data[start : start + BLOCK_BYTES], "big")
        value = _multiply(value ^ block, key)
    return value


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % BLOCK_BYTES)


def seal(cipher, nonce: bytes, aad: bytes, plain: bytes) -> bytes:
    """Section 7.1 with a nonce of 12 bytes: ciphertext and tag of 16 bytes."""
    encryptor = Cipher(cipher, modes.ECB()).encryptor()
    count = -(-len(plain) // BLOCK_BYTES)
    counters = b"".join(nonce + (2 + i).to_bytes(4, "big") for i in range(count))
    stream = encryptor.update(counters)
    sealed = bytes(a ^ b for a, b in zip(plain, stream))
    key = int.from_bytes(encryptor.update(bytes(BLOCK_BYTES)), "big")
    lengths = (8 * len(aad)).to_bytes(8, "big") + (8 * len(sealed)).to_bytes(8, "big")
    hashed = _ghash(key, _padded(aad) + _padded(sealed) + lengths)
    mask = int.from_bytes(encryptor.update(nonce + (1).to_bytes(4, "big")), "big")
    return sealed + (hashed ^ mask).to_bytes(BLOCK_BYTES, "big")
