"""A USIM: Milenage (TS 35.206) with the SQN check and AUTS of TS 33.102, 6.3 and annex C."""

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

NOT_AUTHENTIC = bytes.fromhex("9862")  # docs/protocol.md, section 6


def _xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def _rotate(block, bits):
    value = int.from_bytes(block, "big")
    turned = (value << bits | value >> (128 - bits)) & ((1 << 128) - 1)
    return turned.to_bytes(16, "big")


class Milenage:
    """f1 to f5* under K and OPc."""

    def __init__(self, k, opc):
        self._k = k
        self._opc = opc

    def _encrypt(self, block):
        encryptor = Cipher(algorithms.AES(self._k), modes.ECB()).encryptor()
        return encryptor.update(block) + encryptor.finalize()

    def _out(self, rand, turn, constant):
        temp = self._encrypt(_xor(rand, self._opc))
        mixed = _rotate(_xor(temp, self._opc), turn)
        return _xor(self._encrypt(_xor(mixed, constant.to_bytes(16, "big"))), self._opc)

    def f1(self, rand, sqn, amf):
        """MAC-A and MAC-S."""
        temp = self._encrypt(_xor(rand, self._opc))
        in1 = (sqn + amf) * 2
        out = _xor(self._encrypt(_xor(temp, _rotate(_xor(in1, self._opc), 64))), self._opc)
        return out[:8], out[8:]

    def f2_f5(self, rand):
        """RES and AK."""
        out = self._out(rand, 0, 1)
        return out[8:], out[:6]

    def f3(self, rand):
        return self._out(rand, 32, 2)

    def f4(self, rand):
        return self._out(rand, 64, 4)

    def f5_star(self, rand):
        return self._out(rand, 96, 8)[:6]


class Usim:
    """AUTHENTICATE of a USIM that keeps the highest SQN it accepted for each IND."""

    IND_BITS = 5

    def __init__(self, imsi, k, opc, seq=0):
        self.imsi = imsi
        self._milenage = Milenage(k, opc)
        self._highest = seq
        self._slots = [seq] * (1 << self.IND_BITS)

    def authenticate(self, rand, autn):
        """One of ("res", RES, CK, IK), ("auts", AUTS) and ("refused", SW)."""
        res, ak = self._milenage.f2_f5(rand)
        sqn, amf, mac = _xor(autn[:6], ak), autn[6:8], autn[8:]
        if self._milenage.f1(rand, sqn, amf)[0] != mac:
            return ("refused", NOT_AUTHENTIC)
        value = int.from_bytes(sqn, "big")
        seq, ind = value >> self.IND_BITS, value & ((1 << self.IND_BITS) - 1)
        if seq <= self._slots[ind] or seq - self._highest > 1 << 28:
            return ("auts", self._auts(rand))
        self._slots[ind] = seq
        self._highest = max(self._highest, seq)
        return ("res", res, self._milenage.f3(rand), self._milenage.f4(rand))

    def _auts(self, rand):
        """The highest SQN, hidden under f5*, and MAC-S over AMF 0000."""
        sqn = (self._highest << self.IND_BITS).to_bytes(6, "big")
        mac = self._milenage.f1(rand, sqn, bytes(2))[1]
        return _xor(sqn, self._milenage.f5_star(rand)) + mac
