/**
 * Enrolment of a card: a challenge that needs no storage, then the chain, the proof of possession
 * and the pinned key in one request.
 */
import type {
  CardRecord,
  CertificateTools,
  Dependencies,
  SharedKeyTools,
  SuiteTools,
  TenantRecord,
} from "#edge/dependencies";
import type { EnrolmentChallenge } from "#protocol/admin";
import { LENGTH } from "#protocol/assigned-numbers";
import { encodeBase64Url, equalBytes } from "#protocol/bytes";
import { cardIdBytes } from "#protocol/identifiers";
import { failure, type Result, success } from "#protocol/result";
import {
  CARD_KIND_NUMBERS,
  type CardKindName,
  type ModeName,
  type SuiteName,
} from "#protocol/suites";
import { type CardKeyName, enrolmentStatement } from "#protocol/transcript";
import { isEnrolmentTokenValid, issueEnrolmentToken, type MtmKeys } from "./enrolment-token.ts";
import { isMtmCardProven } from "./mtm-enrolment.ts";
import { verifyCardChain } from "./secure-connection/card-certificate.ts";
import { nameSharedKey, wrapCardKey } from "./secure-connection/card-key.ts";
import { deriveEnrolmentKey } from "./secure-connection/key-schedule.ts";
import type { FailureReason } from "./wire-error.ts";

/** CardEnrolment with its byte strings decoded. */
export interface EnrolmentInput {
  readonly tenant: string;
  readonly cardId: string;
  readonly kind: CardKindName;
  readonly suite: SuiteName;
  readonly modes?: readonly ModeName[] | undefined;
  readonly servicePublicKey: Uint8Array;
  readonly challenge: Uint8Array;
  readonly token: Uint8Array;
  readonly proof: Uint8Array;
  /** Card first, then each issuer up to, not including, the root; in the certificate suites. */
  readonly certificates?: readonly Uint8Array[] | undefined;
  /** 16 bytes, in the symmetric suites. */
  readonly key?: Uint8Array | undefined;
  readonly keyVersion?: number | undefined;
  /** Of an MTM card. */
  readonly mtm?: MtmKeys | undefined;
}

/** What the registry will know the card's key by. */
type PinnedCredential = Pick<
  CardRecord,
  | "pinnedKey"
  | "wrappedKey"
  | "keyVersion"
  | "certificates"
  | "fingerprints"
  | "notBefore"
  | "notAfter"
>;

/** What the chip is told in encrypted mode would end in the client. */
export const MTM_MODES: readonly ModeName[] = ["signed"];

const WITHOUT_CHAIN = {
  certificates: [],
  fingerprints: [],
  notBefore: 0,
  notAfter: Number.MAX_SAFE_INTEGER,
} as const;

export function issueEnrolmentChallenge(
  dependencies: Dependencies,
  tenant: string,
  cardId: string,
): EnrolmentChallenge {
  const challenge = dependencies.random(LENGTH.nonce);
  const terms = { tenant, cardId, challenge, mtm: undefined };
  return {
    challenge: encodeBase64Url(challenge),
    token: encodeBase64Url(issueEnrolmentToken(dependencies, terms)),
  };
}

/** The card is stored when this succeeds. */
export async function enrolCard(
  dependencies: Dependencies,
  input: EnrolmentInput,
): Promise<Result<CardRecord, FailureReason>> {
  const checked = await checkEnrolment(dependencies, input);
  if (!checked.ok) return checked;
  const outcome = await dependencies.repositories.cards.insert(checked.value);
  return outcome === "inserted" ? checked : failure("conflict");
}

/** The record that the card would be stored as; nothing is. A shared key is wiped in any case. */
export async function checkEnrolment(
  dependencies: Dependencies,
  input: EnrolmentInput,
): Promise<Result<CardRecord, FailureReason>> {
  try {
    return await makeRecord(dependencies, input);
  } finally {
    input.key?.fill(0);
  }
}

async function makeRecord(
  dependencies: Dependencies,
  input: EnrolmentInput,
): Promise<Result<CardRecord, FailureReason>> {
  const { repositories, suites } = dependencies;
  const tools = suites(input.suite);
  const { mtm, token, challenge } = input;
  const terms = { tenant: input.tenant, cardId: input.cardId, challenge, mtm };
  if (!isEnrolmentTokenValid(dependencies, terms, token)) return failure("token_invalid");
  const offered = mtm === undefined ? tools.suite.modes : MTM_MODES;
  const modes = offered.filter((mode) => input.modes?.includes(mode) ?? true);
  if (!tools.isServiceKey(input.servicePublicKey) || modes.length === 0) {
    return failure("malformed");
  }
  const tenant = await repositories.tenants.find(input.tenant);
  if (tenant === undefined) return failure("not_found");
  const credential = checkCredential(dependencies, tools, tenant, input);
  if (!credential.ok) return credential;
  const { tenant: name, cardId, kind, suite, servicePublicKey } = input;
  const record: CardRecord = {
    tenant: name,
    cardId,
    kind,
    suite,
    modes,
    servicePublicKey,
    status: "active",
    groups: [],
    company: undefined,
    ...credential.value,
  };
  return success(record);
}

function checkCredential(
  dependencies: Dependencies,
  tools: SuiteTools,
  tenant: TenantRecord,
  input: EnrolmentInput,
): Result<PinnedCredential, FailureReason> {
  if (!("verify" in tools)) return checkSharedKey(dependencies, tools, input);
  return input.mtm === undefined
    ? checkChain(dependencies, tools, tenant, input)
    : checkMtm(dependencies, tools, input, input.mtm);
}

function checkChain(
  dependencies: Dependencies,
  tools: CertificateTools,
  { cardRoots }: TenantRecord,
  input: EnrolmentInput,
): Result<PinnedCredential, FailureReason> {
  const { clock, log } = dependencies;
  const { certificates, cardId, tenant, servicePublicKey } = input;
  if (certificates === undefined) return failure("malformed");
  const chain = verifyCardChain(dependencies, {
    certificates,
    roots: cardRoots,
    cardId,
    family: tools.suite.family,
    now: clock(),
  });
  if (!chain.ok) {
    log("enrolment_refused", { tenant, cardId, reason: chain.reason });
    return failure("chain_invalid");
  }
  const { publicKey, ...rest } = chain.value;
  // The service key signs any document, so with one key a document could pass for a card's proof.
  if (equalBytes(publicKey, servicePublicKey)) return failure("malformed");
  const statement = possessionStatement(dependencies, input, tools, { publicKey });
  if (!tools.verify(publicKey, statement, input.proof)) return failure("possession_unproven");
  return success({
    pinnedKey: publicKey,
    wrappedKey: undefined,
    keyVersion: 0,
    certificates,
    ...rest,
  });
}

/** The endorsement key is the operator's word; like a shared key it has no dates. */
function checkMtm(
  dependencies: Dependencies,
  tools: CertificateTools,
  input: EnrolmentInput,
  mtm: MtmKeys,
): Result<PinnedCredential, FailureReason> {
  const { tenant, proof, servicePublicKey } = input;
  const publicKey = mtm.attestationKey;
  const statement = possessionStatement(dependencies, input, tools, { publicKey });
  const card = { tenant, cardId: cardIdBytes(input.cardId) };
  const isProven = isMtmCardProven(dependencies, card, mtm, { statement, proof, servicePublicKey });
  if (!isProven) return failure("possession_unproven");
  return success({ ...WITHOUT_CHAIN, pinnedKey: publicKey, wrappedKey: undefined, keyVersion: 0 });
}

/** A shared key has no dates: it ends when the card is revoked. */
function checkSharedKey(
  dependencies: Dependencies,
  tools: SharedKeyTools,
  input: EnrolmentInput,
): Result<PinnedCredential, FailureReason> {
  const { key, keyVersion, challenge, proof } = input;
  if (key === undefined || keyVersion === undefined) return failure("malformed");
  const statement = possessionStatement(dependencies, input, tools, { keyVersion });
  const macKey = deriveEnrolmentKey(tools, key, challenge);
  const proven = equalBytes(tools.cmac(macKey, statement), proof);
  macKey.fill(0);
  const pinnedKey = nameSharedKey(dependencies, key, keyVersion);
  const wrappedKey = wrapCardKey(dependencies, input, key);
  if (!proven) return failure("possession_unproven");
  return success({ ...WITHOUT_CHAIN, pinnedKey, wrappedKey, keyVersion });
}

function possessionStatement(
  { deployment }: Dependencies,
  input: EnrolmentInput,
  { suite }: SuiteTools,
  key: CardKeyName,
): Uint8Array {
  return enrolmentStatement({
    deployment,
    tenant: input.tenant,
    cardId: cardIdBytes(input.cardId),
    cardKind: CARD_KIND_NUMBERS[input.kind],
    suite: suite.number,
    key,
    servicePublicKey: input.servicePublicKey,
    challenge: input.challenge,
  });
}
