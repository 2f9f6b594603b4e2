/**
 * Enrolment of a TPM as an MTM card (docs/protocol.md, section 8.2): what the personalisation line
 * runs beside the chip. The endorsement key that it reads here must be compared with what the
 * chip's maker says of it; the platform believes the operator.
 */
import type { Bytes } from "#protocol/bytes";
import { CARD_KIND, SUITE } from "#protocol/assigned-numbers";
import { cardIdBytes } from "#protocol/identifiers";
import { endorsementKeyArea, endorsementKeyUnique, TPM_RH } from "#protocol/tpm";
import { enrolmentStatement } from "#protocol/transcript";
import { CardError } from "./card.ts";
import { withAttestationKey, withServiceKey } from "./mtm-card.ts";
import { sha256 } from "./mtm-lease.ts";
import { TpmError, type TpmTransport } from "./tpm.ts";
import {
  activateCredential,
  certifyCreation,
  createPrimary,
  defineEpoch,
  flushContext,
  incrementEpoch,
  type PrimaryKey,
} from "./tpm-commands.ts";
import { policyEndorsement, startPolicySession } from "./tpm-policy.ts";

const NV_DEFINED = 0x14c;

function createEndorsementKey(tpm: TpmTransport): Promise<PrimaryKey> {
  return createPrimary(tpm, TPM_RH.endorsement, endorsementKeyArea, endorsementKeyUnique());
}

/** Both 65 bytes; also makes the epoch counter, once. */
export async function readMtmKeys(
  tpm: TpmTransport,
  cardId: string,
): Promise<{ readonly endorsementKey: Bytes; readonly attestationKey: Bytes }> {
  await ensureEpoch(tpm);
  const { handle, publicKey } = await createEndorsementKey(tpm);
  await flushContext(tpm, handle);
  const id = cardIdBytes(cardId);
  const attestationKey = await withAttestationKey(tpm, id, async (key) => key.publicKey);
  return { endorsementKey: publicKey, attestationKey };
}

/** An index that is there already is the one of before, or its Name will be refused. */
async function ensureEpoch(tpm: TpmTransport): Promise<void> {
  try {
    await defineEpoch(tpm);
  } catch (error) {
    if (error instanceof TpmError && error.rc === NV_DEFINED) return;
    throw error;
  }
  await incrementEpoch(tpm);
}

export interface MtmPossession {
  readonly deployment: Uint8Array;
  readonly tenant: string;
  readonly cardId: string;
  /** As the platform gave them. */
  readonly credentialBlob: Uint8Array;
  readonly encryptedSecret: Uint8Array;
  readonly servicePolicy: Uint8Array;
}

export interface ProvenMtm {
  /** What the challenge held; 16 bytes. */
  readonly challenge: Bytes;
  readonly servicePublicKey: Bytes;
  /** The attestation key's word that this TPM made the service key. */
  readonly proof: Bytes;
}

/** Opens the challenge, makes the service key and has it certified. Throws TpmError, CardError. */
export async function proveMtmPossession(
  tpm: TpmTransport,
  possession: MtmPossession,
): Promise<ProvenMtm> {
  const { deployment, tenant, servicePolicy } = possession;
  const cardId = cardIdBytes(possession.cardId);
  return withAttestationKey(tpm, cardId, async (ak) => {
    const challenge = await openChallenge(tpm, ak.handle, possession);
    return withServiceKey(tpm, cardId, servicePolicy, async (service) => {
      const statement = enrolmentStatement({
        deployment,
        tenant,
        cardId,
        cardKind: CARD_KIND.mtm,
        suite: SUITE.p256,
        key: { publicKey: ak.publicKey },
        servicePublicKey: service.publicKey,
        challenge,
      });
      const proof = await certifyCreation(tpm, ak.handle, service, await sha256(statement));
      return { challenge, servicePublicKey: service.publicKey, proof };
    });
  });
}

async function openChallenge(
  tpm: TpmTransport,
  ak: number,
  { credentialBlob: blob, encryptedSecret: secret }: MtmPossession,
): Promise<Bytes> {
  const ek = await createEndorsementKey(tpm);
  try {
    const session = await startPolicySession(tpm);
    try {
      await policyEndorsement(tpm, session);
      const handles = { ak, ek: ek.handle, session };
      return await activateCredential(tpm, handles, { blob, secret });
    } finally {
      await flushContext(tpm, session).catch(ignoreGone);
    }
  } finally {
    await flushContext(tpm, ek.handle).catch(ignoreGone);
  }
}

/** The slot was freed by a reset; what went wrong before is what counts. */
function ignoreGone(error: unknown): void {
  if (!(error instanceof CardError)) throw error;
}
