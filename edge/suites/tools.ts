/** What the platform computes with, one row a suite (docs/protocol.md, section 3). */
import { sha256 } from "#wasm";
import { type BlockCipher, cmac, gcmOpen, gcmSeal } from "#wasm/block-modes";
import { hmacSm3, sm3 } from "#wasm/sm3";
import { createHmac } from "node:crypto";
import type { CertificateTools, SharedKeyTools, SuiteTools } from "#edge/dependencies";
import { LENGTH } from "#protocol/assigned-numbers";
import { concatBytes } from "#protocol/bytes";
import { type CertificateSuite, type Suite, type SuiteName, SUITES } from "#protocol/suites";
import { curveP256, ecdsaP256 } from "./p256.ts";
import { createRsa } from "./rsa.ts";
import type { SignatureScheme } from "./scheme.ts";
import { createSm2 } from "./sm2.ts";

type Random = (length: number) => Uint8Array;

export function createSuiteTools(random: Random): (name: SuiteName) => SuiteTools {
  const sm2 = createSm2(random);
  const schemes: Readonly<Record<CertificateSuite["scheme"], SignatureScheme>> = {
    ECDSA: ecdsaP256,
    SM2: sm2,
    "RSASSA-PSS": createRsa("RSASSA-PSS"),
    "RSASSA-PKCS1-v1_5": createRsa("RSASSA-PKCS1-v1_5"),
  };
  const curves = { "P-256": curveP256, SM2: sm2 };

  function toolsOf(suite: Suite): SuiteTools {
    const common = { ...hashes[suite.hash], ...cipherTools(suite.cipher) };
    const { isPoint, agree } = curves[suite.curve];
    if (suite.credential === "shared key") {
      return { ...common, suite, isServiceKey: isPoint } satisfies SharedKeyTools;
    }
    return {
      ...common,
      ...schemes[suite.scheme],
      suite,
      isServiceKey: isPoint,
      isPoint,
      agree,
    } satisfies CertificateTools;
  }

  const rows = new Map(SUITES.map((suite) => [suite.name, toolsOf(suite)]));
  return (name) => {
    const tools = rows.get(name);
    if (tools === undefined) throw new RangeError("no such suite");
    return tools;
  };
}

const hashes = {
  "SHA-256": {
    hash: sha256,
    hmac: (key: Uint8Array, data: Uint8Array) =>
      new Uint8Array(createHmac("sha256", key).update(data).digest()),
  },
  SM3: { hash: sm3, hmac: hmacSm3 },
} as const;

const CIPHERS: Readonly<Record<Suite["cipher"], BlockCipher>> = {
  "AES-128": "aes-128",
  SM4: "sm4",
};

function cipherTools(name: Suite["cipher"]) {
  const cipher = CIPHERS[name];
  return {
    cmac: (key: Uint8Array, data: Uint8Array) => cmac(cipher, key, data),
    seal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array) {
      const { ciphertext, tag } = gcmSeal(cipher, key, nonce, aad, plaintext);
      return concatBytes(ciphertext, tag);
    },
    open(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array) {
      const end = sealed.length - LENGTH.aeadTag;
      if (end < 0) return undefined;
      return gcmOpen(cipher, key, nonce, aad, sealed.subarray(0, end), sealed.subarray(end));
    },
  };
}
