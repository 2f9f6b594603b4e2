/**
 * Enrolment of a card: a challenge that needs no storage, then the chain, the proof of possession
 * and the pinned key in one request.
 */
import type { CardEnrolment, EnrolmentChallenge } from "#protocol/admin";
import { LENGTH, TAG } from "#protocol/assigned-numbers";
import {
  type Bytes,
  concatBytes,
  decodeCounter,
  encodeAscii,
  encodeBase64Url,
  encodeCounter,
  equalBytes,
} from "#protocol/bytes";
import { cardIdBytes } from "#protocol/identifiers";
import { failure, type Result, success } from "#protocol/result";
import { CARD_KIND_NUMBERS, SUITES } from "#protocol/suites";
import { encodeTlv } from "#protocol/tlv";
import { enrolmentStatement } from "#protocol/transcript";

import type { CardRecord, Dependencies } from "./dependencies.ts";
import { verifyCardChain } from "./secure-connection/card-certificate.ts";
import type { FailureReason } from "./wire-error.ts";

/** A personalisation line may take a card from one shift to the next. */
const ENROLMENT_SECONDS = 86_400;

const MAC_PURPOSE = "enrolment";

/** CardEnrolment with its byte strings decoded. */
export interface EnrolmentInput extends Pick<CardEnrolment, "cardId" | "kind"> {
  readonly tenant: string;
  /** Card first, then each issuer up to, not including, the root. */
  readonly certificates: readonly Uint8Array[];
  readonly servicePublicKey: Uint8Array;
  readonly challenge: Uint8Array;
  readonly token: Uint8Array;
  readonly proof: Uint8Array;
}

export function issueEnrolmentChallenge(
  dependencies: Dependencies,
  tenant: string,
  cardId: string,
): EnrolmentChallenge {
  const challenge = dependencies.random(LENGTH.nonce);
  const expiry = encodeCounter(Math.floor(dependencies.clock() / 1000) + ENROLMENT_SECONDS);
  const mac = enrolmentMac(dependencies, tenant, cardId, challenge, expiry);
  return {
    challenge: encodeBase64Url(challenge),
    token: encodeBase64Url(concatBytes(expiry, mac)),
  };
}

/** The card is stored when this succeeds. */
export async function enrolCard(
  dependencies: Dependencies,
  input: EnrolmentInput,
): Promise<Result<CardRecord, FailureReason>> {
  const { core, repositories, clock, log } = dependencies;
  if (!isTokenValid(dependencies, input)) return failure("token_invalid");
  if (!core.isP256Point(input.servicePublicKey)) return failure("malformed");
  const tenant = await repositories.tenants.find(input.tenant);
  if (tenant === undefined) return failure("not_found");

  const { certificates, cardId } = input;
  const chain = verifyCardChain(core, {
    certificates,
    roots: tenant.cardRoots,
    cardId,
    now: clock(),
  });
  if (!chain.ok) {
    log("enrolment_refused", { tenant: input.tenant, cardId, reason: chain.reason });
    return failure("chain_invalid");
  }
  // The service key signs any document, so with one key a document could pass for a card's proof.
  if (equalBytes(chain.value.publicKey, input.servicePublicKey)) return failure("malformed");
  if (!provesPossession(dependencies, input, chain.value.publicKey)) {
    return failure("possession_unproven");
  }

  const record = toRecord(input, chain.value);
  const outcome = await repositories.cards.insert(record);
  return outcome === "inserted" ? success(record) : failure("conflict");
}

function toRecord(
  input: EnrolmentInput,
  chain: Pick<CardRecord, "publicKey" | "fingerprints" | "notBefore" | "notAfter">,
): CardRecord {
  return {
    tenant: input.tenant,
    cardId: input.cardId,
    kind: input.kind,
    suites: SUITES.map(({ name }) => name),
    modes: SUITES.flatMap(({ modes }) => modes),
    status: "active",
    servicePublicKey: input.servicePublicKey,
    certificates: input.certificates,
    ...chain,
  };
}

function provesPossession(
  { core, deployment }: Dependencies,
  input: EnrolmentInput,
  publicKey: Uint8Array,
): boolean {
  const statement = enrolmentStatement({
    deployment,
    tenant: input.tenant,
    cardId: cardIdBytes(input.cardId),
    cardKind: CARD_KIND_NUMBERS[input.kind],
    publicKey,
    servicePublicKey: input.servicePublicKey,
    challenge: input.challenge,
  });
  return core.verifyP256(publicKey, statement, input.proof);
}

/** A token is the expiry, in Unix seconds, and a MAC over it and all that it was issued for. */
function isTokenValid(dependencies: Dependencies, input: EnrolmentInput): boolean {
  const { tenant, cardId, challenge, token } = input;
  if (token.length !== LENGTH.counter + LENGTH.hash) return false;
  const expiry = token.slice(0, LENGTH.counter);
  const mac = enrolmentMac(dependencies, tenant, cardId, challenge, expiry);
  if (!equalBytes(mac, token.subarray(LENGTH.counter))) return false;
  return dependencies.clock() < decodeCounter(expiry) * 1000;
}

function enrolmentMac(
  { vault, deployment }: Dependencies,
  tenant: string,
  cardId: string,
  challenge: Uint8Array,
  expiry: Bytes,
): Uint8Array {
  const statement = concatBytes(
    expiry,
    encodeTlv(TAG.deployment, deployment),
    encodeTlv(TAG.tenant, encodeAscii(tenant)),
    encodeTlv(TAG.cardId, cardIdBytes(cardId)),
    encodeTlv(TAG.enrolmentChallenge, challenge),
  );
  return vault.mac(MAC_PURPOSE, statement);
}
