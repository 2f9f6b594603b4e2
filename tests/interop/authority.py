"""The operator's anchor and the cards' certificate authority (docs/operations.md, first set-up)."""

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from suites import new_key, point, sign
from tlv import label, number, tlv


def _name(*pairs):
    return x509.Name([x509.NameAttribute(oid, text) for oid, text in pairs])


def _key_usage(is_root):
    """keyCertSign for the root, digitalSignature for a card."""
    return x509.KeyUsage(
        digital_signature=not is_root,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_root,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


class Anchor:
    """Vouches for the platform's keys; its private half never leaves the operator."""

    def __init__(self):
        self._key = new_key()

    @property
    def public(self):
        return self._key.public_key()

    def point(self):
        return point(self._key)

    def vouch(self, deployment, tenant, generation, suite, public_key):
        """The PKC's proof (docs/protocol.md, section 3.2)."""
        statement = (
            label("simlatch/1 platform key credential")
            + tlv(0x82, deployment)
            + tlv(0x83, tenant)
            + number(0xC0, generation)
            + number(0x88, suite["code"], 1)
            + tlv(0xC1, public_key)
        )
        return sign(self._key, statement)


class CardAuthority:
    """A root that issues card certificates, whose serialNumber is the card id."""

    def __init__(self):
        self._key = new_key()
        self._subject = _name((NameOID.COMMON_NAME, "Interoperation card root"))
        self._root = self._issue(self._subject, self._key.public_key(), True)

    def _issue(self, subject, public_key, is_root):
        now = datetime.datetime.utcnow()
        day = datetime.timedelta(days=1)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._subject)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - day)
            .not_valid_after(now + 30 * day)
            .add_extension(x509.BasicConstraints(is_root, None), critical=True)
            .add_extension(_key_usage(is_root), critical=True)
        )
        return builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.DER)

    def root(self):
        return self._root

    def issue(self, card):
        subject = _name(
            (NameOID.COMMON_NAME, "Interoperation card"),
            (NameOID.SERIAL_NUMBER, card.text_id),
        )
        return self._issue(subject, card.credential.key.public_key(), False)
