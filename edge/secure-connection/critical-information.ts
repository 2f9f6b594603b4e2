/**
 * Protection of the critical information, signed mode: the card's signature over the module's
 * answer (step 328), the platform's over the result (step 332), the card's over its receipt.
 */
import type { Core, Dependencies } from "../dependencies.ts";
import { LABEL } from "#protocol/assigned-numbers";
import { encodeHex } from "#protocol/bytes";
import type { Receipt } from "#protocol/messages";
import type { SuiteName } from "#protocol/suites";
import { hashAnswer, hashReceipt, signedMessage } from "#protocol/transcript";

/** h3 when S3 is the card's signature over it; `statement` as it came over the wire. */
export function verifyAnswerProof(
  core: Core,
  publicKey: Uint8Array,
  h2: Uint8Array,
  statement: Uint8Array,
  signature: Uint8Array,
): Uint8Array | undefined {
  const h3 = hashAnswer(core.sha256, h2, statement);
  const message = signedMessage(LABEL.answerProof, h3);
  return core.verifyP256(publicKey, message, signature) ? h3 : undefined;
}

export function verifyReceipt(
  core: Core,
  publicKey: Uint8Array,
  h4: Uint8Array,
  receipt: Receipt,
): boolean {
  const h5 = hashReceipt(core.sha256, h4, receipt.state, receipt.epoch);
  const message = signedMessage(LABEL.receipt, h5);
  return core.verifyP256(publicKey, message, receipt.signature);
}

/** A platform key as the catalog keeps it: the private half is PKCS #8, wrapped. */
export interface StoredPlatformKey {
  readonly tenant: string;
  readonly suite: SuiteName;
  /** 65 bytes. */
  readonly publicKey: Uint8Array;
  readonly wrappedPrivateKey: Uint8Array;
}

type KeyTools = Pick<Dependencies, "vault" | "signer">;

const KEY_PURPOSE = "platform-key";

/** A fresh key pair; its private half leaves this function wrapped only. */
export function generatePlatformKey(
  { vault, signer }: KeyTools,
  tenant: string,
  suite: SuiteName,
): StoredPlatformKey {
  const { publicKey, privateKey } = signer.generateKeyPair();
  const context = keyContext({ tenant, suite, publicKey });
  const wrappedPrivateKey = vault.wrap(KEY_PURPOSE, context, privateKey);
  privateKey.fill(0);
  return { tenant, suite, publicKey, wrappedPrivateKey };
}

/** SIG_P over h4. */
export function signResult(
  { vault, signer }: KeyTools,
  key: StoredPlatformKey,
  h4: Uint8Array,
): Uint8Array {
  const privateKey = vault.unwrap(KEY_PURPOSE, keyContext(key), key.wrappedPrivateKey);
  if (privateKey === undefined) throw new Error("a platform key does not unwrap");
  try {
    return signer.sign(privateKey, signedMessage(LABEL.result, h4));
  } finally {
    privateKey.fill(0);
  }
}

function keyContext(key: Omit<StoredPlatformKey, "wrappedPrivateKey">): string {
  return `${key.tenant}/${key.suite}/${encodeHex(key.publicKey)}`;
}
