/**
 * The fault of one cell of the matrix: in sessions of this suite, mode, kind of card and kind of
 * module, the platform takes any answer for the right one. matrix.ts patches a copy of the platform
 * so that it asks here; nothing of the product does.
 */
import { VERIFIED_WORD_MS } from "#edge/limits";
import type { ConcludedAccess } from "#edge/state/card-deciding";
import { readSecrets, sessionMode, sessionSuite } from "#edge/state/card-connection";
import type { Session } from "#edge/state/card-store";
import type { CardContext } from "#edge/state/card-writer";
import { type Result, success } from "#protocol/result";
import type { Cell } from "#tests/matrix/cells";
import { algorithmOf } from "#tests/fleet/modules";

let planted: Cell | undefined;

export function plantCellFault(cell: Cell | undefined): void {
  planted = cell;
}

/** Undefined leaves the session to the platform. */
export async function plantedAnswer(
  context: CardContext,
  session: Session,
): Promise<Result<ConcludedAccess, never> | undefined> {
  if (planted === undefined) return undefined;
  if (sessionSuite(session).name !== planted.suite) return undefined;
  if (sessionMode(session) !== planted.mode) return undefined;
  const { cards, subscribers } = context.dependencies.repositories;
  const { tenant } = session.terms;
  const card = await cards.find(tenant, session.cardId);
  const subscriber = await subscribers.find(tenant, readSecrets(context, session).imsi);
  if (card?.kind !== planted.card || subscriber === undefined) return undefined;
  if (subscriber.algorithm !== algorithmOf(planted.module)) return undefined;
  const wordExpiresAt = context.dependencies.clock() + VERIFIED_WORD_MS;
  const strength = "USIM with tag";
  const proven = { ...subscriber, provisionedStrength: strength } as const;
  return success({ kind: "verified", subscriber: proven, strength, wordExpiresAt });
}
