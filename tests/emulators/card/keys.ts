/**
 * Keys of a card. The credential key proves the card in the protocol; service keys sign and encrypt
 * documents (I15). What is secret is a closure or stays in the card.
 */
import type { KeyObject } from "node:crypto";
import { LENGTH } from "#protocol/assigned-numbers";
import type { Bytes } from "./bytes.ts";
import type { Random } from "./curve.ts";
import type { KeyPair } from "./signatures.ts";
import { type SuiteName, SUITES } from "./suites.ts";

export type CardKeys = {
  readonly credential:
    | { readonly kind: "key pair"; readonly sign: KeyPair["sign"] }
    /** 16 bytes, AES-128 or SM4. */
    | { readonly kind: "shared key"; readonly key: Uint8Array };
  /** Value of C1: 65 bytes on a curve, 256 of RSA; empty in the symmetric suites. */
  readonly credentialPublicKey: Bytes;
  /** 32 bytes, on the suite's curve. */
  readonly servicePrivateKey: Bytes;
  /** 65 bytes, 04 || X || Y. */
  readonly servicePublicKey: Bytes;
  /** 16 bytes, AES-128 or SM4. */
  readonly serviceCipherKey: Uint8Array;
};

export type KeyMaterial = {
  /** The symmetric suites: the key that the operator shares with this card, 16 bytes. */
  readonly sharedKey?: Uint8Array;
  /** RSA: a private key of 2048 bits in place of a fresh one, which takes some 60 ms. */
  readonly rsaKey?: KeyObject;
};

/** What the card makes for itself in personalisation; `random` decides every key but RSA's. */
export function generateCardKeys(
  suiteName: SuiteName,
  environment: { readonly random: Random },
  material: KeyMaterial = {},
): CardKeys {
  const suite = SUITES[suiteName];
  const { random } = environment;
  const servicePrivateKey = suite.curve.drawPrivateKey(random);
  const service = {
    servicePrivateKey,
    servicePublicKey: suite.curve.publicKeyOf(servicePrivateKey),
    serviceCipherKey: random(LENGTH.sharedKey),
  };
  if (suite.credential === "shared key") {
    const key = new Uint8Array(material.sharedKey ?? []);
    if (key.length !== LENGTH.sharedKey) throw new Error("the shared key is 16 bytes");
    const credential = { kind: "shared key", key } as const;
    return { credential, credentialPublicKey: new Uint8Array(0), ...service };
  }
  const { publicKey, sign } = suite.scheme.createKeyPair(random, material.rsaKey);
  return { credential: { kind: "key pair", sign }, credentialPublicKey: publicKey, ...service };
}
