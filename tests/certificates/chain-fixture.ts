/** A chain of card, two issuers and a root that verifies, and every way to spoil one link of it. */
import { createHash, createPublicKey, type KeyObject, verify } from "node:crypto";

import type { Dependencies } from "#edge/dependencies";
import { type CardChainInput, verifyCardChain } from "#edge/secure-connection/card-certificate";
import { concatBytes, encodeHex } from "#protocol/bytes";

import {
  CA_USAGE,
  caConstraints,
  CARD_USAGE,
  type CertificateSpec,
  commonName,
  fromHex,
  keyUsage,
  makeCertificate,
  makeKeyPair,
  makeName,
  noCaConstraints,
  serialNumber,
  specOf,
} from "./make-certificate.ts";

export const CARD_ID = "00112233445566AA";
export const NOW = Date.UTC(2027, 5, 15, 12);
const YEAR = 31_536_000_000;

const SPKI_PREFIX = fromHex("3059301306072a8648ce3d020106082a8648ce3d030107034200");

type ChainTools = Pick<Dependencies, "certificates"> & {
  readonly core: Pick<Dependencies["core"], "sha256">;
};

/** The runtime's own cryptography: another implementation than the platform's core. */
function createNodeTools(): ChainTools {
  const keys = new Map<string, KeyObject | undefined>();
  function keyOf(publicKey: Uint8Array): KeyObject | undefined {
    const name = encodeHex(publicKey);
    if (!keys.has(name)) keys.set(name, importKey(publicKey));
    return keys.get(name);
  }
  const nothing = { isPublicKey: () => false, verify: () => false };
  return {
    core: { sha256: (data) => new Uint8Array(createHash("sha256").update(data).digest()) },
    certificates: {
      ECDSA: {
        isPublicKey: (publicKey) => keyOf(publicKey) !== undefined,
        verify(publicKey, message, signature) {
          const key = keyOf(publicKey);
          return key !== undefined && verify("sha256", message, key, signature);
        },
      },
      SM2: nothing,
      RSA: nothing,
    },
  };
}

function importKey(publicKey: Uint8Array): KeyObject | undefined {
  const key = Buffer.from(concatBytes(SPKI_PREFIX, publicKey));
  try {
    return createPublicKey({ key, format: "der", type: "spki" });
  } catch {
    return undefined;
  }
}

export const nodeTools = createNodeTools();

export const ROOT = { name: makeName(commonName("Root")), key: makeKeyPair() };
const POLICY = { name: makeName(commonName("Policy CA")), key: makeKeyPair() };
export const ISSUER = { name: makeName(commonName("Issuing CA")), key: makeKeyPair() };
export const CARD = {
  name: makeName(commonName("a card"), serialNumber(CARD_ID)),
  key: makeKeyPair(),
};

const caExtensions = (pathLength: number) => [caConstraints(pathLength), keyUsage(CA_USAGE)];

/** Each certificate is valid for longer than the one it signs. */
export const SPECS = {
  card: specOf(CARD, ISSUER, [NOW - YEAR, NOW + YEAR], [noCaConstraints, keyUsage(CARD_USAGE)]),
  issuer: specOf(ISSUER, POLICY, [NOW - 2 * YEAR, NOW + 2 * YEAR], caExtensions(0)),
  policy: specOf(POLICY, ROOT, [NOW - 3 * YEAR, NOW + 3 * YEAR], caExtensions(1)),
  root: specOf(ROOT, ROOT, [NOW - 4 * YEAR, NOW + 40 * YEAR], caExtensions(2)),
} as const satisfies Record<string, CertificateSpec>;

export type Link = keyof typeof SPECS;
export const LINKS: readonly Link[] = ["card", "issuer", "policy", "root"];

export type Changes = { readonly [L in Link]?: Partial<CertificateSpec> };

/** The chain with some fields of some certificates changed, signed again. */
export function makeChain(changes: Changes = {}): Pick<CardChainInput, "certificates" | "roots"> {
  const [card, issuer, policy, root] = LINKS.map((link) =>
    makeCertificate({ ...SPECS[link], ...changes[link] }),
  );
  if (!card || !issuer || !policy || !root) throw new Error("the fixture has four links");
  return { certificates: [card, issuer, policy], roots: [root] };
}

/** "ok", or the reason. */
export function judge(input: Partial<CardChainInput>): string {
  const outcome = verifyCardChain(nodeTools, {
    ...makeChain(),
    cardId: CARD_ID,
    family: "ECDSA",
    now: NOW,
    ...input,
  });
  return outcome.ok ? "ok" : outcome.reason;
}
