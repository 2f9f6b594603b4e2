/**
 * Secure-connection establishment, steps 311 and 312: which terms a session will have, and the
 * challenge that a card proves itself on. Nothing is stored.
 */
import type { CardTerms, Dependencies } from "#edge/dependencies";
import { LENGTH } from "#protocol/assigned-numbers";
import { encodeAscii, encodeBase64Url } from "#protocol/bytes";
import { failure, type Result, success } from "#protocol/result";
import { MODE_NUMBERS, suiteNamed, type SuiteName } from "#protocol/suites";
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
  const { clock, random, limits, repositories } = dependencies;
  const { tenant, cardId } = request;
  const [card, active] = await Promise.all([
    repositories.cards.findTerms(tenant, cardId),
    repositories.platformKeys.listActiveSuites(tenant),
  ]);
  const terms = card ?? decoyTerms(dependencies, tenant, cardId, active);
  const mode = terms?.modes[0];
  if (terms === undefined || mode === undefined) return failure("platform_key_absent");
  const { suite } = terms;
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
 * What a card id that is not registered is answered with: a keyed hash chooses a suite that the
 * tenant has and a mode, always the same, so the answer looks like any other's.
 */
function decoyTerms(
  { vault }: Dependencies,
  tenant: string,
  cardId: string,
  active: readonly SuiteName[],
): CardTerms | undefined {
  const choice = vault.mac("unknown card", encodeAscii(`${tenant}/${cardId}`));
  const suite = active[(choice[0] ?? 0) % active.length];
  if (suite === undefined) return undefined;
  const { modes } = suiteNamed(suite);
  return { suite, modes: [modes[(choice[1] ?? 0) % modes.length] ?? "signed"] };
}
