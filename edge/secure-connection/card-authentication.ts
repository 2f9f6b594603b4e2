/**
 * Step 317: is this the registered card, here and now? Everything is decided from the registry and
 * the token; no writer is called before the answer is yes (invariant I14).
 */
import type { Core, Dependencies, RegisteredCard } from "../dependencies.ts";
import { LABEL } from "#protocol/assigned-numbers";
import { decodeHex, encodeBase64Url } from "#protocol/bytes";
import { cardIdBytes } from "#protocol/identifiers";
import { type CardProof, decodeCardProof } from "#protocol/messages";
import { failure, type Result, success } from "#protocol/result";
import { CARD_KIND_NUMBERS } from "#protocol/suites";
import { hashCardKey, hashOpening, signedMessage } from "#protocol/transcript";
import { openToken, type SessionTerms } from "./token.ts";

export interface CardResponse {
  /** From the path, base64url. */
  readonly sid: string;
  readonly cardId: string;
  readonly token: Uint8Array;
  /** As the card gave it. */
  readonly proof: Uint8Array;
}

export interface AuthenticatedCard {
  readonly card: RegisteredCard;
  readonly terms: SessionTerms;
  readonly proof: CardProof;
  readonly h1: Uint8Array;
}

export type CardAuthenticationFailure =
  | "malformed"
  | "token_invalid"
  | "card_unknown"
  | "kind_mismatch"
  | CardLapse
  | "proof_invalid";

/**
 * Stands in for the key of a card that is not registered: a point whose private key nobody uses
 * (the base point of FIPS 186-5), so that the refusal costs the same verification.
 */
const DECOY_PUBLIC_KEY = decodeHex(
  "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296" +
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
);

export async function verifyCardResponse(
  dependencies: Dependencies,
  response: CardResponse,
): Promise<Result<AuthenticatedCard, CardAuthenticationFailure>> {
  const { clock, core, repositories } = dependencies;
  const now = clock();
  const proof = decodeCardProof(response.proof);
  if (proof === undefined) return failure("malformed");
  const terms = openToken(dependencies, "challenge", response.cardId, response.token, now);
  if (terms === undefined || encodeBase64Url(terms.sid) !== response.sid) {
    return failure("token_invalid");
  }
  const card = await repositories.cards.find(terms.tenant, response.cardId);
  const publicKey = card?.publicKey ?? DECOY_PUBLIC_KEY ?? new Uint8Array(0);
  const h1 = openingHash(dependencies, response, terms, proof, publicKey);
  const message = signedMessage(LABEL.cardProof, h1);
  const proven = core.verifyP256(publicKey, message, proof.signature);
  if (card === undefined) return failure("card_unknown");
  if (!proven) return failure("proof_invalid");
  if (proof.cardKind !== CARD_KIND_NUMBERS[card.kind]) return failure("kind_mismatch");
  const lapse = findLapse(card, now);
  return lapse === undefined ? success({ card, terms, proof, h1 }) : failure(lapse);
}

export type CardLapse = "card_revoked" | "certificate_revoked" | "certificate_out_of_date";

/** What the registry holds against a card at this moment. */
export function findLapse(card: RegisteredCard, now: number): CardLapse | undefined {
  if (card.status !== "active") return "card_revoked";
  if (card.chainRevoked) return "certificate_revoked";
  if (now < card.notBefore || now > card.notAfter) return "certificate_out_of_date";
  return undefined;
}

function openingHash(
  { core, deployment }: { readonly core: Core; readonly deployment: Uint8Array },
  response: CardResponse,
  terms: SessionTerms,
  proof: CardProof,
  publicKey: Uint8Array,
): Uint8Array {
  return hashOpening(core.sha256, {
    deployment,
    tenant: terms.tenant,
    credentialId: terms.credentialId,
    cardId: cardIdBytes(response.cardId),
    cardKind: proof.cardKind,
    cardKeyHash: hashCardKey(core.sha256, publicKey),
    suite: terms.suite,
    mode: terms.mode,
    token: response.token,
    cardNonce: proof.cardNonce,
    epoch: proof.epoch,
    state: proof.state,
  });
}
