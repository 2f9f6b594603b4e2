/**
 * Secure-connection establishment, steps 311 and 312: which terms a session will have, and the
 * challenge that a card proves itself on. Nothing is stored.
 */
import type { CardTerms, Dependencies } from "#edge/dependencies";
import { LENGTH } from "#protocol/assigned-numbers";
import { encodeAscii, encodeBase64Url, encodeHex } from "#protocol/bytes";
import { failure, type Result, success } from "#protocol/result";
import { MODE_NUMBERS, suiteNamed } from "#protocol/suites";
import { hashCredential } from "#protocol/transcript";
import type { AccessRequest, CardChallenge } from "#protocol/wire";
import { issueToken } from "./token.ts";

/** An access request whose offer may hold names that this version does not know. */
export type Offer = Omit<AccessRequest, "suites" | "modes"> & {
  readonly tenant: string;
  readonly suites: readonly string[];
  readonly modes: readonly string[];
};

/** What is asked of strangers where nobody is registered yet. */
const NO_CARDS: CardTerms = { suite: "P-256", modes: ["encrypted", "signed"] };

export type ChallengeFailure = "suite_not_offered" | "platform_key_absent";

export async function issueCardChallenge(
  dependencies: Dependencies,
  request: Offer,
): Promise<Result<CardChallenge, ChallengeFailure>> {
  const { clock, random, limits, repositories } = dependencies;
  const { tenant, cardId } = request;
  const stranger = strangerId(dependencies, tenant, cardId);
  const terms = await repositories.cards.findTerms(tenant, cardId, stranger);
  const { suite, modes } = terms ?? NO_CARDS;
  const [mode] = modes;
  if (mode === undefined) throw new Error("a card has no mode");
  if (!request.suites.includes(suite) || !request.modes.includes(mode)) {
    return failure("suite_not_offered");
  }
  const key = await repositories.platformKeys.findActive(tenant, suite);
  if (key === undefined) return failure("platform_key_absent");
  const now = clock();
  const sid = random(LENGTH.sessionId);
  const session = {
    tenant,
    sid,
    suite: suiteNamed(suite).number,
    mode: MODE_NUMBERS[mode],
    generation: key.generation,
    credentialId: hashCredential(dependencies.suites(suite).hash, key.credential),
  };
  const expiresAt = now + limits.challengeSeconds * 1000;
  const token = issueToken(dependencies, "challenge", cardId, session, { now, expiresAt });
  return success({
    sid: encodeBase64Url(sid),
    token: encodeBase64Url(token),
    credential: encodeBase64Url(key.credential),
    suite,
    mode,
  });
}

/**
 * Stands for a card id that may not be registered: a keyed hash, so that the same id always meets
 * the same neighbour in the registry and nobody can tell which.
 */
function strangerId({ vault }: Dependencies, tenant: string, cardId: string): string {
  const hash = vault.mac("unknown card", encodeAscii(`${tenant}/${cardId}`));
  return encodeHex(hash.subarray(0, LENGTH.cardId)).toUpperCase();
}
