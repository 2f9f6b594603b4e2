/**
 * Enrolment of an MTM card (docs/protocol.md, section 8.2). The operator names the endorsement key
 * of a TPM that it trusts; the secret shows that the attestation key lives in that TPM, with the
 * attributes that its Name stands for; the attestation key vouches for the service key.
 */
import type { CertificateTools, Dependencies } from "#edge/dependencies";
import type { MtmEnrolmentChallenge } from "#protocol/admin";
import { LENGTH } from "#protocol/assigned-numbers";
import { encodeBase64Url } from "#protocol/bytes";
import { cardIdBytes } from "#protocol/identifiers";
import { failure, type Result, success } from "#protocol/result";
import { issueEnrolmentToken, type MtmKeys } from "./enrolment-token.ts";
import {
  attestationKeyName,
  isServiceKeyCertified,
  policyPublicKey,
  servicePolicy,
} from "./secure-connection/mtm.ts";
import { makeCredential } from "./secure-connection/tpm-credential.ts";
import type { FailureReason } from "./wire-error.ts";

/** The suite of MTM cards. */
function mtmTools({ suites }: Pick<Dependencies, "suites">): CertificateTools {
  const tools = suites("P-256");
  if (!("verify" in tools)) throw new Error("P-256 is a certificate suite");
  return tools;
}

export function issueMtmChallenge(
  dependencies: Dependencies,
  card: { readonly tenant: string; readonly cardId: string },
  mtm: MtmKeys,
): Result<MtmEnrolmentChallenge, FailureReason> {
  const tools = mtmTools(dependencies);
  const { hash } = tools;
  const cardId = cardIdBytes(card.cardId);
  const secret = dependencies.random(LENGTH.nonce);
  const keyName = attestationKeyName(hash, mtm.attestationKey);
  const credential = makeCredential(dependencies, tools, mtm.endorsementKey, { keyName, secret });
  if (credential === undefined || !tools.isPoint(mtm.attestationKey)) return failure("malformed");
  const policyKey = policyPublicKey(dependencies, { tenant: card.tenant, cardId });
  const token = issueEnrolmentToken(dependencies, { ...card, challenge: secret, mtm });
  return success({
    credentialBlob: encodeBase64Url(credential.blob),
    encryptedSecret: encodeBase64Url(credential.secret),
    policyKey: encodeBase64Url(policyKey),
    servicePolicy: encodeBase64Url(servicePolicy(hash, policyKey, cardId)),
    token: encodeBase64Url(token),
  });
}

/** Whether the service key is what the policy key opens, in the TPM of the attestation key. */
export function isMtmCardProven(
  dependencies: Dependencies,
  card: { readonly tenant: string; readonly cardId: Uint8Array },
  { attestationKey: publicKey }: MtmKeys,
  proof: {
    readonly statement: Uint8Array;
    readonly proof: Uint8Array;
    readonly servicePublicKey: Uint8Array;
  },
): boolean {
  const tools = mtmTools(dependencies);
  const policyKey = policyPublicKey(dependencies, card);
  const authPolicy = servicePolicy(tools.hash, policyKey, card.cardId);
  const certified = { proof: proof.proof, hash: tools.hash(proof.statement) };
  return isServiceKeyCertified(tools, { publicKey, authPolicy }, proof.servicePublicKey, certified);
}
