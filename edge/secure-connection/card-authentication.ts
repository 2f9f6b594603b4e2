/**
 * Step 317: is this the registered card, here and now? Everything is decided from the registry and
 * the token; no writer is called before the answer is yes (invariant I14).
 */
import type { Dependencies, RegisteredCard, SuiteTools } from "#edge/dependencies";
import { LABEL } from "#protocol/assigned-numbers";
import { encodeAscii, encodeBase64Url } from "#protocol/bytes";
import { cardIdBytes } from "#protocol/identifiers";
import { type CardProof, decodeCardProof } from "#protocol/messages";
import { failure, type Result, success } from "#protocol/result";
import { CARD_KIND_NUMBERS, findMode, findSuite, type ModeName } from "#protocol/suites";
import { hashCardKey, hashOpening } from "#protocol/transcript";
import { cardKeyName, unwrapCardKey } from "./card-key.ts";
import { isProvenByCard, mtmSession } from "./connection.ts";
import { decoyPublicKey, decoySharedKey } from "./decoy.ts";
import { deriveMacKeys, type DirectionKeys } from "./key-schedule.ts";
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
  readonly mode: ModeName;
  readonly proof: CardProof;
  readonly h1: Uint8Array;
  /** CMAC keys of the session; in the symmetric suites alone. */
  readonly mac: DirectionKeys | undefined;
}

export type CardAuthenticationFailure =
  | "malformed"
  | "token_invalid"
  | "card_unknown"
  | "kind_mismatch"
  | CardLapse
  | "proof_invalid";

export async function verifyCardResponse(
  dependencies: Dependencies,
  response: CardResponse,
): Promise<Result<AuthenticatedCard, CardAuthenticationFailure>> {
  const { clock, repositories } = dependencies;
  const now = clock();
  const terms = openToken(dependencies, "challenge", response.cardId, response.token, now);
  if (terms === undefined || encodeBase64Url(terms.sid) !== response.sid) {
    return failure("token_invalid");
  }
  const suite = findSuite(terms.suite);
  const mode = findMode(terms.mode);
  if (suite === undefined || mode === undefined) throw new Error("a token names no suite or mode");
  const proof = decodeCardProof(response.proof, suite, mode);
  if (proof === undefined) return failure("malformed");
  const tools = dependencies.suites(suite.name);
  const found = await repositories.cards.find(terms.tenant, response.cardId);
  // A card that changed its suite since step 1 has no key that could prove anything here.
  const card = found?.suite === suite.name && found.modes.includes(mode) ? found : undefined;
  const proven = verifyCardProof(dependencies, tools, mode, { response, terms, proof, card });
  if (card === undefined) return failure("card_unknown");
  if (!proven.ok) return proven;
  if (proof.cardKind !== CARD_KIND_NUMBERS[card.kind]) return failure("kind_mismatch");
  const lapse = findLapse(card, now);
  if (lapse !== undefined) return failure(lapse);
  if ("isPoint" in tools && mode === "encrypted" && !tools.isPoint(proof.ephemeralKey)) {
    return failure("malformed");
  }
  return success({ card, terms, mode, proof, ...proven.value });
}

interface ProofInput {
  readonly response: CardResponse;
  readonly terms: SessionTerms;
  readonly proof: CardProof;
  readonly card: RegisteredCard | undefined;
}

/** S2 over h1. A card that is not registered costs the same, under a key that nobody holds. */
function verifyCardProof(
  dependencies: Dependencies,
  tools: SuiteTools,
  mode: ModeName,
  input: ProofInput,
): Result<Pick<AuthenticatedCard, "h1" | "mac">, "proof_invalid"> {
  const { proof, card } = input;
  const pinnedKey = card?.pinnedKey ?? decoyPublicKey(tools);
  const h1 = openingHash(dependencies, tools, input, pinnedKey);
  const mac = "verify" in tools ? undefined : sessionMacKeys(dependencies, tools, input, h1);
  const secrets = mac === undefined ? {} : { mac };
  const mtm = mtmSession(proof.cardKind, proof.cardNonce);
  const connection = { tools, mode, pinnedKey, secrets, mtm };
  const { signature, epoch } = proof;
  const proven = isProvenByCard(connection, LABEL.cardProof, h1, signature, epoch);
  return proven ? success({ h1, mac }) : failure("proof_invalid");
}

function sessionMacKeys(
  dependencies: Dependencies,
  tools: Exclude<SuiteTools, { verify: unknown }>,
  { response, terms, card }: ProofInput,
  h1: Uint8Array,
): DirectionKeys {
  const { wrappedKey } = card ?? {};
  const { tenant } = terms;
  const { cardId } = response;
  const key =
    wrappedKey === undefined
      ? decoySharedKey(dependencies, encodeAscii(`${tenant}/${cardId}`))
      : unwrapCardKey(dependencies, { tenant, cardId, wrappedKey });
  const keys = deriveMacKeys(tools, key, terms.generation, h1);
  key.fill(0);
  return keys;
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
  { deployment }: Dependencies,
  { hash, suite }: SuiteTools,
  { response, terms, proof, card }: ProofInput,
  pinnedKey: Uint8Array,
): Uint8Array {
  const keyVersion = card?.keyVersion ?? 0;
  return hashOpening(hash, {
    deployment,
    tenant: terms.tenant,
    credentialId: terms.credentialId,
    cardId: cardIdBytes(response.cardId),
    cardKind: proof.cardKind,
    cardKeyHash: hashCardKey(hash, cardKeyName({ suite: suite.name, pinnedKey, keyVersion })),
    suite: terms.suite,
    mode: terms.mode,
    token: response.token,
    cardNonce: proof.cardNonce,
    epoch: proof.epoch,
    state: proof.state,
    ephemeralKey: proof.ephemeralKey,
  });
}
