/**
 * Protection of the critical information, signed mode: the card's signature over the module's
 * answer (step 328), the platform's over the result (step 332), the card's over its receipt.
 */
import type { Core, Dependencies } from "../dependencies.ts";
import { LABEL } from "#protocol/assigned-numbers";
import type { Receipt } from "#protocol/messages";
import type { SuiteName } from "#protocol/suites";
import { hashAnswer, hashReceipt, signedMessage } from "#protocol/transcript";

export const PLATFORM_KEY_PURPOSE = "platform-key";

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

/** The wrapping context of a platform key's private half. */
export function platformKeyContext(tenant: string, suite: SuiteName, publicKeyHex: string): string {
  return `${tenant}/${suite}/${publicKeyHex}`;
}

/** SIG_P over h4, by the private key whose wrapped form the catalog holds. */
export function signResult(
  { vault, signer }: Pick<Dependencies, "vault" | "signer">,
  key: { readonly context: string; readonly wrappedPrivateKey: Uint8Array },
  h4: Uint8Array,
): Uint8Array {
  const privateKey = vault.unwrap(PLATFORM_KEY_PURPOSE, key.context, key.wrappedPrivateKey);
  if (privateKey === undefined) throw new Error("a platform key does not unwrap");
  try {
    return signer.sign(privateKey, signedMessage(LABEL.result, h4));
  } finally {
    privateKey.fill(0);
  }
}
