/** Signatures of the certificate suites, the platform's own and everybody's. */
export interface KeyPair {
  /** As element C1 has it. */
  readonly publicKey: Uint8Array;
  /** 32 bytes on a curve; PKCS #8 for RSA. The caller wipes it. */
  readonly privateKey: Uint8Array;
}

export interface SignatureScheme {
  /** Whether the bytes are a key of this scheme; false for any other length. */
  readonly isPublicKey: (publicKey: Uint8Array) => boolean;
  readonly generateKeyPair: () => KeyPair;
  readonly sign: (keyPair: KeyPair, message: Uint8Array) => Uint8Array;
  /** False for a wrong signature and for any that has another length. */
  readonly verify: Verify;
  /**
   * The same for keys that nobody has proved anything with yet: neither faster for a key that was
   * seen before, nor does it make the next time faster.
   */
  readonly verifyOnce: Verify;
}

type Verify = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean;

/** Ephemeral Diffie-Hellman on one curve. */
export interface KeyAgreementCurve {
  readonly isPoint: (point: Uint8Array) => boolean;
  /** A fresh public key (65 bytes) and the x shared with `peer`; undefined off the curve. */
  readonly agree: (
    peer: Uint8Array,
  ) => { readonly publicKey: Uint8Array; readonly secret: Uint8Array } | undefined;
}
