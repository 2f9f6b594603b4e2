// Signatures that every runtime must judge alike: good ones, and the ones a runtime may mistake.

import { generateKeyPairSync, sign } from "node:crypto";
import rsaVectors from "../vectors/rsa_signatures.json";
import { SeededRandom } from "./random.ts";

/** What OpenSSL signed. */
export { rsaVectors };

/** All in hexadecimal; the key is SubjectPublicKeyInfo. */
export interface RsaCase {
  readonly scheme: "pss" | "pkcs1";
  readonly publicKey: string;
  readonly message: string;
  readonly signature: string;
  readonly isValid: boolean;
}

const SEED = 0x25a;
const PADDING = { pkcs1: 1, pss: 6 }; // RSA_PKCS1_PADDING, RSA_PKCS1_PSS_PADDING
const MESSAGE_LENGTHS = [0, 1, 128, 5000];

function flip(hex: string): string {
  return hex.slice(0, -1) + (hex.endsWith("0") ? "1" : "0");
}

/** Signatures by node:crypto of this process, and each of them altered or under another scheme. */
export function makeRsaCases(): RsaCase[] {
  const random = new SeededRandom(SEED);
  const pair = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const publicKey = pair.publicKey.export({ type: "spki", format: "der" }).toString("hex");
  return MESSAGE_LENGTHS.flatMap((length) => {
    const bytes = random.bytes(length);
    const message = bytes.toHex();
    const made = (padding: number, hash = "sha256", saltLength = 32): string =>
      sign(hash, bytes, { key: pair.privateKey, padding, saltLength }).toString("hex");
    const pss = made(PADDING.pss);
    const pkcs1 = made(PADDING.pkcs1);
    const wrong = (scheme: RsaCase["scheme"], signature: string): RsaCase => ({
      scheme,
      publicKey,
      message,
      signature,
      isValid: false,
    });
    return [
      { ...wrong("pss", pss), isValid: true },
      { ...wrong("pkcs1", pkcs1), isValid: true },
      wrong("pss", pkcs1),
      wrong("pkcs1", pss),
      wrong("pss", flip(pss)),
      wrong("pkcs1", flip(pkcs1)),
      wrong("pss", made(PADDING.pss, "sha256", 20)),
      wrong("pss", made(PADDING.pss, "sha256", 0)),
      wrong("pss", made(PADDING.pss, "sha1")),
      wrong("pkcs1", made(PADDING.pkcs1, "sha1")),
      wrong("pkcs1", "ff".repeat(256)),
      wrong("pss", "ff".repeat(256)),
      wrong("pkcs1", "00".repeat(256)),
      wrong("pss", "00".repeat(256)),
      { ...wrong("pss", pss), message: `${message}00` },
      { ...wrong("pkcs1", pkcs1), message: `${message}00` },
    ];
  });
}
