/** An emulated card with keys that are public, to try things on. */
import { suiteNamed, type AppletKindName, type ModeName, type SuiteName } from "#protocol/suites";
import { type Card, createCard } from "#tests/emulators/card/card";
import type { CardProfile } from "#tests/emulators/card/context";
import { generateCardKeys } from "#tests/emulators/card/keys";
import { createNonVolatileMemory } from "#tests/emulators/card/non-volatile-memory";
import { createOperator } from "#tests/emulators/operator/operator";
import { sharedKeyOf, signingKeysOf, TEST_DEPLOYMENT, TEST_TENANT } from "./test-keys.ts";

export interface TestCardOptions {
  readonly suite: SuiteName;
  readonly modes: readonly ModeName[];
  readonly kind: AppletKindName;
  readonly now: Date;
  readonly random: (length: number) => Uint8Array;
}

/** "TESTCARD" in ASCII. */
export const TEST_CARD_ID = "5445535443415244";

export function createTestCard(options: TestCardOptions): Card {
  const { suite: name, modes, kind, now } = options;
  const random = (length: number): Uint8Array<ArrayBuffer> =>
    Uint8Array.from(options.random(length));
  const common = { cardId: TEST_CARD_ID, kind, suite: name, modes } as const;
  const scope = { deployment: TEST_DEPLOYMENT, tenant: TEST_TENANT };
  const environment = { random, nonVolatile: createNonVolatileMemory() };
  if (suiteNamed(name).credential === "shared key") {
    const { key, keyVersion } = sharedKeyOf(name);
    const keys = generateCardKeys(name, { random }, { sharedKey: key });
    const nothing = new Uint8Array(0);
    const rest = { keys, keyVersion, anchorPublicKey: nothing, certificate: nothing };
    return createCard({ ...common, ...scope, ...rest }, environment);
  }
  const keys = generateCardKeys(name, { random });
  const anchorPublicKey = signingKeysOf(name).anchor.publicKey;
  const certificate = issueCertificate(name, keys.credentialPublicKey, now);
  return createCard({ ...common, ...scope, keys, anchorPublicKey, certificate }, environment);
}

function issueCertificate(
  name: CardProfile["suite"],
  publicKey: Uint8Array,
  now: Date,
): Uint8Array {
  if (name === "AES" || name === "SM4") return new Uint8Array(0);
  const operator = createOperator({ now, deployment: TEST_DEPLOYMENT, tenant: TEST_TENANT });
  return operator.issueCardCertificate(name, TEST_CARD_ID, publicKey).certificate;
}
