/** The secure connection of a session at its card's writer, and the platform key that it names. */
import { mtmSession, type SecureConnection } from "../secure-connection/connection.ts";
import type { StoredPlatformKey } from "../secure-connection/platform-key.ts";
import {
  refreshSecrets,
  type SessionSecrets,
  unwrapSecrets,
} from "../secure-connection/session-secrets.ts";
import { issueSessionToken } from "../secure-connection/token.ts";
import { encodeBase64Url } from "#protocol/bytes";
import { findMode, findSuite, type ModeName, type Suite } from "#protocol/suites";
import { type Card, findSession, type Session } from "./card-store.ts";
import type { CardContext } from "./card-writer.ts";

/** Of a closed session: IMSI and keys end with it. */
export const NO_SECRETS: Uint8Array = new Uint8Array(0);

/** Names the row that a session's secrets are wrapped for. */
export function secretsContext(object: string, sid: string): string {
  return `${object}/${sid}`;
}

/**
 * A session that is held across an await and saved after it. Its secrets are under the newest
 * wrapping key, so that it never brings an older one back behind the re-wrap job.
 */
export function loadSession(context: CardContext, sid: string): Session | undefined {
  const { sql, object, dependencies } = context;
  const session = findSession(sql, object, sid);
  if (session === undefined) return undefined;
  const row = secretsContext(object, sid);
  return { ...session, secrets: refreshSecrets(dependencies, row, session.secrets) };
}

export function sessionSuite({ terms }: Pick<Session, "terms">): Suite {
  const suite = findSuite(terms.suite);
  if (suite === undefined) throw new Error("a session names an unknown suite");
  return suite;
}

export function sessionMode({ terms }: Pick<Session, "terms">): ModeName {
  const mode = findMode(terms.mode);
  if (mode === undefined) throw new Error("a session names an unknown mode");
  return mode;
}

export function readSecrets(
  { dependencies, object }: CardContext,
  session: Session,
): SessionSecrets {
  return unwrapSecrets(dependencies, secretsContext(object, session.sid), session.secrets);
}

export function restoreConnection(
  context: CardContext,
  card: Pick<Card, "pinnedKey">,
  session: Session,
): SecureConnection {
  return {
    tools: context.dependencies.suites(sessionSuite(session).name),
    mode: sessionMode(session),
    pinnedKey: card.pinnedKey,
    secrets: readSecrets(context, session),
    mtm: mtmSession(session.cardKind, session.cardNonce),
  };
}

/** T2. */
export function sessionToken(
  dependencies: CardContext["dependencies"],
  session: Session,
  now: number,
): string {
  const time = { now, expiresAt: session.expiresAt };
  return encodeBase64Url(issueSessionToken(dependencies, session.cardId, session.terms, time));
}

/** A platform key with the floor that holds now. */
export interface PlatformKeyInUse extends StoredPlatformKey {
  readonly floor: number;
}

/** The key that this session's credential names. */
export async function findPlatformKey(
  { dependencies }: CardContext,
  session: Session,
): Promise<PlatformKeyInUse> {
  const { platformKeys } = dependencies.repositories;
  const { tenant, generation } = session.terms;
  const suite = sessionSuite(session).name;
  const key = await platformKeys.find(tenant, suite, generation);
  const active = await platformKeys.findActive(tenant, suite);
  if (key === undefined || active === undefined) throw new Error("a platform key vanished");
  return { ...key, floor: active.floor };
}
