/** A TPM with a service key under a platform policy key, without a platform: leases alone. */
import { sha256 } from "#wasm";
import { ecdsaP256 } from "#edge/suites/p256";
import type { KeyPair } from "#edge/suites/scheme";
import { approvedPolicy, policyOfAuthorize, tpmName } from "#edge/secure-connection/tpm-policy";
import { type Bytes, concatBytes, encodeAscii } from "#protocol/bytes";
import {
  encodeMtmNonce,
  epochIndexArea,
  mtmLease,
  policyKeyArea,
  serviceKeyArea,
  TPM_RH,
  uniqueOfCard,
} from "#protocol/tpm";
import { CardError } from "#terminal/card";
import { type LeaseGrant, openLease } from "#terminal/mtm-lease";
import { TpmError, type TpmTransport } from "#terminal/tpm";
import {
  createPrimary,
  defineEpoch,
  flushContext,
  incrementEpoch,
  readClock,
  readEpoch,
  signDigest,
} from "#terminal/tpm-commands";

export const CARD_ID = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]);
const DOCUMENT = encodeAscii("pay 100 to the plumber");

export interface LeaseScene {
  readonly policyKey: KeyPair;
  readonly authPolicy: Uint8Array;
  /** Of the service key; loaded anew for every use. */
  readonly servicePublicKey: Bytes;
}

export const epochName = tpmName(sha256, epochIndexArea(true));

export async function createLeaseScene(tpm: TpmTransport): Promise<LeaseScene> {
  const policyKey = ecdsaP256.generateKeyPair();
  const keyName = tpmName(sha256, policyKeyArea(policyKey.publicKey));
  const authPolicy = policyOfAuthorize(sha256, keyName, CARD_ID);
  await defineEpoch(tpm);
  await incrementEpoch(tpm);
  const made = await loadServiceKey(tpm, authPolicy);
  await flushContext(tpm, made.handle);
  return { policyKey, authPolicy, servicePublicKey: made.publicKey };
}

export function loadServiceKey(tpm: TpmTransport, authPolicy: Uint8Array) {
  const area = (unique: Uint8Array): Uint8Array => serviceKeyArea(authPolicy, unique);
  return createPrimary(tpm, TPM_RH.owner, area, uniqueOfCard(CARD_ID));
}

/** What the platform gives with a SUCCESS of now. */
export async function grantLease(
  tpm: TpmTransport,
  { policyKey }: Pick<LeaseScene, "policyKey">,
  { seconds = 60, policyRef = CARD_ID } = {},
): Promise<LeaseGrant> {
  const nonce = encodeMtmNonce(await readClock(tpm));
  const lease = mtmLease(nonce, seconds, Number(await readEpoch(tpm)));
  const approved = approvedPolicy(sha256, lease, epochName);
  const authorisation = ecdsaP256.sign(policyKey, concatBytes(approved, policyRef));
  return { lease, authorisation, policyKey: policyKey.publicKey, policyRef };
}

/** Signs `DOCUMENT` in a policy session that is ready. */
export async function signIn(
  tpm: TpmTransport,
  { authPolicy }: Pick<LeaseScene, "authPolicy">,
  session: number,
): Promise<Bytes> {
  const { handle } = await loadServiceKey(tpm, authPolicy);
  try {
    return await signDigest(tpm, handle, session, new Uint8Array(sha256(DOCUMENT)));
  } finally {
    await flushContext(tpm, handle);
  }
}

export async function signUnder(
  tpm: TpmTransport,
  scene: LeaseScene,
  grant: LeaseGrant,
): Promise<Bytes> {
  const session = await openLease(tpm, grant);
  try {
    return await signIn(tpm, scene, session);
  } finally {
    await flushContext(tpm, session);
  }
}

export function isDocumentSigned(scene: LeaseScene, signature: Uint8Array): boolean {
  return ecdsaP256.verify(scene.servicePublicKey, DOCUMENT, signature);
}

/** Command, name and number of the TPM's refusal; "allowed" when there was none. */
export async function refusalOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "allowed";
  } catch (error) {
    if (error instanceof TpmError) {
      return `${error.command} ${error.rcName} 0x${error.rc.toString(16)}`;
    }
    if (error instanceof CardError) return `${error.command} ${error.code}`;
    throw error;
  }
}
