/**
 * The platform and the operator as the runner plays them: the keys of cli/test-card, the product's
 * own algorithms and transcript. Every proof can also be asked for wrong.
 */
import type { CertificateTools, SharedKeyTools, SuiteTools } from "#edge/dependencies";
import { deriveEnrolmentKey, type DirectionKeys } from "#edge/secure-connection/key-schedule";
import { createSuiteTools } from "#edge/suites/tools";
import type { KeyPair } from "#edge/suites/scheme";
import { LENGTH } from "#protocol/assigned-numbers";
import { type Bytes, equalBytes } from "#protocol/bytes";
import { encodeCredential } from "#protocol/messages";
import type { SuiteName } from "#protocol/suites";
import {
  type CardKeyName,
  credentialStatement,
  type ProofLabel,
  proofMessage,
} from "#protocol/transcript";
import { sharedKeyOf, signingKeysOf, TEST_DEPLOYMENT, TEST_TENANT } from "#cli/test-card/test-keys";
import { drawRandom } from "./slot.ts";

export type PlatformKeys =
  | {
      readonly tools: CertificateTools;
      readonly anchor: KeyPair;
      readonly platform: KeyPair;
    }
  | {
      readonly tools: SharedKeyTools;
      /** 16 bytes, shared with the card. */
      readonly key: Uint8Array;
      readonly keyVersion: number;
    };

const toolsOf = createSuiteTools(drawRandom);

export function platformKeysOf(suite: SuiteName): PlatformKeys {
  const tools = toolsOf(suite);
  return "verify" in tools ? { tools, ...signingKeysOf(suite) } : { tools, ...sharedKeyOf(suite) };
}

/** How the transcript names the card's key. */
export function cardKeyName(keys: PlatformKeys, publicKey: Uint8Array): CardKeyName {
  return "anchor" in keys ? { publicKey } : { keyVersion: keys.keyVersion };
}

/** The tools of the card's service signatures: ECDSA on P-256, or SM2. */
export function verifyService(
  { suite }: SuiteTools,
  publicKey: Uint8Array,
  document: Uint8Array,
  signature: Uint8Array,
): boolean {
  const tools = toolsOf(suite.curve === "SM2" ? "SM" : "P-256");
  return "verify" in tools && tools.verify(publicKey, document, signature);
}

export interface CredentialChange {
  readonly generation?: number;
  readonly suite?: number;
  readonly tenant?: string;
  readonly deployment?: Uint8Array;
  /** Signed by the platform's own key in place of the anchor's. */
  readonly isForged?: boolean;
}

/** Element E2. */
export function issueCredential(
  keys: PlatformKeys,
  generation: number,
  change: CredentialChange = {},
): Bytes {
  const named = {
    generation: change.generation ?? generation,
    suite: change.suite ?? keys.tools.suite.number,
  };
  const nothing = new Uint8Array(0);
  if (!("anchor" in keys)) {
    return encodeCredential({ ...named, publicKey: nothing, signature: nothing });
  }
  const { publicKey } = keys.platform;
  const statement = credentialStatement({
    deployment: change.deployment ?? TEST_DEPLOYMENT,
    tenant: change.tenant ?? TEST_TENANT,
    ...named,
    publicKey,
  });
  const signer = change.isForged === true ? keys.platform : keys.anchor;
  return encodeCredential({ ...named, publicKey, signature: keys.tools.sign(signer, statement) });
}

/**
 * The platform's proof over `hash`; `mac` are the session's keys in the symmetric suites. Forged:
 * by the anchor's key, or under a key of zeros.
 */
export function provePlatform(
  keys: PlatformKeys,
  mac: DirectionKeys | undefined,
  label: ProofLabel,
  hash: Uint8Array,
  isForged = false,
): Uint8Array {
  const message = proofMessage(label, hash);
  if ("anchor" in keys) return keys.tools.sign(isForged ? keys.anchor : keys.platform, message);
  const key = isForged || mac === undefined ? new Uint8Array(LENGTH.mac) : mac.platform;
  return keys.tools.cmac(key, message);
}

/** Whether `proof` is the card's over `hash` under this label. */
export function isCardProof(
  keys: PlatformKeys,
  { publicKey, mac }: { readonly publicKey: Uint8Array; readonly mac: DirectionKeys | undefined },
  label: ProofLabel,
  hash: Uint8Array,
  proof: Uint8Array,
): boolean {
  const message = proofMessage(label, hash);
  if ("anchor" in keys) return keys.tools.verify(publicKey, message, proof);
  return mac !== undefined && equalBytes(keys.tools.cmac(mac.card, message), proof);
}

/** Whether `proof` is the card's proof of possession over `message`. */
export function isPossessionProof(
  keys: PlatformKeys,
  publicKey: Uint8Array,
  challenge: Uint8Array,
  message: Uint8Array,
  proof: Uint8Array,
): boolean {
  if ("anchor" in keys) return keys.tools.verify(publicKey, message, proof);
  const key = deriveEnrolmentKey(keys.tools, keys.key, challenge);
  return equalBytes(keys.tools.cmac(key, message), proof);
}
