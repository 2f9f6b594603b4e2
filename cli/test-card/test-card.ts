/** An emulated card with keys that are public, to try things on. */
import { type AppletKindName, type ModeName, type SuiteName } from "#protocol/suites";
import { type Card, createCard } from "#tests/emulators/card/card";
import { generateCardKeys } from "#tests/emulators/card/keys";
import { createNonVolatileMemory } from "#tests/emulators/card/non-volatile-memory";
import { createOperator } from "#tests/emulators/operator/operator";
import { sharedKeyOf, signingKeysOf, TEST_DEPLOYMENT, TEST_TENANT } from "./test-keys.ts";

export interface TestCardOptions {
  readonly suite: SuiteName;
  readonly modes: readonly ModeName[];
  readonly kind: AppletKindName;
  readonly now: Date;
  /** A card with a clock: seconds, of any epoch. */
  readonly clock?: { readonly now: () => number };
  readonly random: (length: number) => Uint8Array;
}

/** "TESTCARD" in ASCII. */
export const TEST_CARD_ID = "5445535443415244";

export function createTestCard(options: TestCardOptions): Card {
  const { suite: name, modes, kind, now } = options;
  const random = (length: number): Uint8Array<ArrayBuffer> =>
    Uint8Array.from(options.random(length));
  const clock = options.clock === undefined ? {} : { clock: options.clock };
  const common = { cardId: TEST_CARD_ID, kind, suite: name, modes, ...clock } as const;
  const scope = { deployment: TEST_DEPLOYMENT, tenant: TEST_TENANT };
  const environment = { random, nonVolatile: createNonVolatileMemory() };
  if (name === "AES" || name === "SM4") {
    const { key, keyVersion } = sharedKeyOf(name);
    const keys = generateCardKeys(name, { random }, { sharedKey: key });
    const nothing = new Uint8Array(0);
    const rest = { keys, keyVersion, anchorPublicKey: nothing, certificate: nothing };
    return createCard({ ...common, ...scope, ...rest }, environment);
  }
  const keys = generateCardKeys(name, { random });
  const anchorPublicKey = signingKeysOf(name).anchor.publicKey;
  const operator = createOperator({ now, ...scope });
  const { certificate } = operator.issueCardCertificate(
    name,
    TEST_CARD_ID,
    keys.credentialPublicKey,
  );
  return createCard({ ...common, ...scope, keys, anchorPublicKey, certificate }, environment);
}
