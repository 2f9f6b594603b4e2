/** Where the card under test is: in a PC/SC reader, or emulated in this process. */
import type { AppletKindName, ModeName, SuiteName } from "#protocol/suites";
import { createPcscTransport } from "#terminal/pcsc";
import { createTestCard } from "#cli/test-card/test-card";

export interface CardSlot {
  /** One APDU in, one out. */
  transmit(apdu: Uint8Array): Promise<Uint8Array>;
  /** SD cards, where the slot shows them: the same in blocks of 512 bytes. */
  readonly transmitBlocks?: (blocks: Uint8Array) => Promise<Uint8Array>;
  /** Warm reset. */
  reset(): Promise<void>;
  /** Lets the card's clock, if it has one, go on by this much. */
  wait(seconds: number): Promise<void>;
  close(): Promise<void>;
}

/** What an emulated card is to be. */
export interface EmulatedCard {
  readonly suite: SuiteName;
  readonly modes: readonly ModeName[];
  readonly kind: AppletKindName;
  /** Whether it counts the seconds of its lease. */
  readonly hasClock: boolean;
}

/** Throws PcscError. */
export async function openReader(reader: string, timeoutMs: number): Promise<CardSlot> {
  const connection = await createPcscTransport({ reader, timeoutMs });
  return {
    transmit: (apdu) => connection.transmit(apdu),
    reset: () => connection.reset(),
    wait: (seconds) => Bun.sleep(1000 * seconds),
    close: () => connection.close(),
  };
}

/** Its clock stands still but in `wait`, which takes no time. */
export function openEmulated(
  { hasClock, ...card }: EmulatedCard,
  create: typeof createTestCard = createTestCard,
): CardSlot {
  let seconds = 0;
  const clock = hasClock ? { clock: { now: () => seconds } } : {};
  const device = create({ ...card, ...clock, now: new Date(), random: drawRandom });
  const blocks = { transmitBlocks: (frame: Uint8Array) => device.transmitBlocks(frame) };
  return {
    transmit: (apdu) => device.transmit(apdu),
    ...(card.kind === "SD" ? blocks : {}),
    reset: async () => void (await device.reset()),
    wait(passed) {
      seconds += passed;
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  };
}

export function drawRandom(length: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(length));
}
