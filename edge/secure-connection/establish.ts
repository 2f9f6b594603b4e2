/**
 * Secure-connection establishment, steps 311 and 312: which terms a session will have, and the
 * challenge that a card proves itself on. Nothing is stored.
 */
import type { Dependencies, CardTerms } from "../dependencies.ts";
import { SUITE } from "#protocol/assigned-numbers";
import { encodeAscii, encodeBase64Url } from "#protocol/bytes";
import { failure, type Result, success } from "#protocol/result";
import { MODE_NUMBERS, SUITES, type ModeName, type SuiteName } from "#protocol/suites";
import { hashCredential } from "#protocol/transcript";
import type { AccessRequest, CardChallenge } from "#protocol/wire";
import { issueToken } from "./token.ts";

/** An access request whose offer may hold names that this version does not know. */
export type Offer = Omit<AccessRequest, "suites" | "modes"> & {
  readonly tenant: string;
  readonly suites: readonly string[];
  readonly modes: readonly string[];
};

export type ChallengeFailure = "suite_not_offered" | "platform_key_absent";

export async function issueCardChallenge(
  dependencies: Dependencies,
  request: Offer,
): Promise<Result<CardChallenge, ChallengeFailure>> {
  const { clock, random, core, limits, repositories } = dependencies;
  const { tenant } = request;
  const card = await repositories.cards.findTerms(tenant, request.cardId);
  const { suite, mode } = strongestTerms(dependencies, tenant, request.cardId, card);
  if (!request.suites.includes(suite) || !request.modes.includes(mode)) {
    return failure("suite_not_offered");
  }
  const key = await repositories.platformKeys.findActive(tenant, suite);
  if (key === undefined) return failure("platform_key_absent");
  const now = clock();
  const sid = random(16);
  const terms = {
    tenant,
    sid,
    suite: SUITE.p256,
    mode: MODE_NUMBERS[mode],
    generation: key.generation,
    credentialId: hashCredential(core.sha256, key.credential),
  };
  const expiresAt = now + limits.challengeSeconds * 1000;
  const token = issueToken(dependencies, "challenge", request.cardId, terms, { now, expiresAt });
  return success({
    sid: encodeBase64Url(sid),
    token: encodeBase64Url(token),
    credential: encodeBase64Url(key.credential),
    suite,
    mode,
  });
}

/**
 * The record's strongest suite and mode: a client cannot talk a card down. For a card id that is
 * not registered a keyed hash chooses, always the same, so the answer looks like any other's.
 */
function strongestTerms(
  { vault }: Dependencies,
  tenant: string,
  cardId: string,
  card: CardTerms | undefined,
): { readonly suite: SuiteName; readonly mode: ModeName } {
  const choice = vault.mac("unknown card", encodeAscii(`${tenant}/${cardId}`));
  const fallback = SUITES[(choice[0] ?? 0) % SUITES.length];
  const suite = card?.suites[0] ?? fallback?.name;
  const mode = card?.modes[0] ?? fallback?.modes[0];
  if (suite === undefined || mode === undefined) throw new Error("a card has no suite or no mode");
  return { suite, mode };
}
