/**
 * A lease of an MTM card as its TPM sees it: a policy session that ran through what the platform
 * approved (docs/protocol.md, section 8.4). Nothing here is secret; the TPM judges.
 */
import { type Bytes, concatBytes } from "#protocol/bytes";
import { type MtmLease, policyKeyArea, TIME_INFO_OFFSET, TPM_CC, TPM_EO } from "#protocol/tpm";
import type { TpmTransport } from "./tpm.ts";
import { flushContext, loadPublic, verifySignature } from "./tpm-commands.ts";
import {
  policyAuthorize,
  policyCommandCode,
  policyCounterTimer,
  policyDigest,
  policyEpoch,
  startPolicySession,
} from "./tpm-policy.ts";

export interface LeaseGrant {
  readonly lease: MtmLease;
  /** The platform's r and s over aHash. */
  readonly authorisation: Uint8Array;
  /** The platform's policy key, 65 bytes. */
  readonly policyKey: Uint8Array;
  /** The card id. */
  readonly policyRef: Uint8Array;
}

export async function sha256(data: Uint8Array): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", concatBytes(data)));
}

/**
 * A policy session that opens the service key for one TPM2_Sign; the caller flushes it. Throws
 * TpmError when the TPM refuses, and leaves nothing in its slots then.
 */
export async function openLease(tpm: TpmTransport, grant: LeaseGrant): Promise<number> {
  const session = await startPolicySession(tpm);
  try {
    await runApprovedPolicy(tpm, session, grant.lease);
    await authorise(tpm, session, grant);
    return session;
  } catch (error) {
    await flushContext(tpm, session);
    throw error;
  }
}

/** Same resets and restarts, before the end, same epoch, for TPM2_Sign alone. */
async function runApprovedPolicy(
  tpm: TpmTransport,
  session: number,
  { resets, restarts, end, epoch }: MtmLease,
): Promise<void> {
  const { equal, unsignedLess } = TPM_EO;
  const at = TIME_INFO_OFFSET;
  const compare = (operand: Uint8Array, offset: number, operation: number): Promise<void> =>
    policyCounterTimer(tpm, session, { operand, offset, operation });
  await compare(resets, at.resets, equal);
  await compare(restarts, at.restarts, equal);
  await compare(end, at.clock, unsignedLess);
  await policyEpoch(tpm, session, { operand: epoch, offset: 0, operation: equal });
  await policyCommandCode(tpm, session, TPM_CC.sign);
}

async function authorise(
  tpm: TpmTransport,
  session: number,
  { authorisation, policyKey, policyRef }: LeaseGrant,
): Promise<void> {
  const approvedPolicy = await policyDigest(tpm, session);
  const aHash = await sha256(concatBytes(approvedPolicy, policyRef));
  const { handle, keyName } = await loadPublic(tpm, policyKeyArea(policyKey));
  try {
    const ticket = await verifySignature(tpm, handle, aHash, authorisation);
    await policyAuthorize(tpm, session, { approvedPolicy, policyRef, keyName, ticket });
  } finally {
    await flushContext(tpm, handle);
  }
}
