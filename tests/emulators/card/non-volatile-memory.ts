/**
 * Simulated flash. A page write is what the hardware gives: it can be torn by a loss of power at
 * any byte, and what was written before stays. Atomicity is the business of the layer above.
 */
import type { Bytes } from "./bytes.ts";

export const PAGE_BYTES = 64;
/** What an erased cell reads as. */
export const ERASED_BYTE = 0xff;

/** What the card's operating system sees of its flash. */
export type NonVolatileMemory = {
  /** Copy of a page, `PAGE_BYTES` long. */
  readonly readPage: (page: number) => Bytes;
  /** Replaces a whole page; throws PowerCut when power is lost while it writes. */
  readonly writePage: (page: number, bytes: Uint8Array) => void;
};

/** How a torn page looks: its first bytes are new, the rest is old or was just erased. */
export type Tear = { readonly newBytes: number; readonly rest: "old" | "erased" };

/** What a test sees of it. */
export type SimulatedMemory = NonVolatileMemory & {
  /** The nth page write from now on (1 is the next) is torn and throws PowerCut, once. */
  readonly cutAfterWrites: (nth: number, tear?: Tear) => void;
  readonly cancelCut: () => void;
  /** Page writes since creation, torn ones included. */
  readonly countWrites: () => number;
};

/** Loss of power: whatever ran is gone, what reached the flash stays. */
export class PowerCut extends Error {
  override readonly name = "PowerCut";
}

const DEFAULT_TEAR: Tear = { newBytes: PAGE_BYTES / 2, rest: "old" };

export function createNonVolatileMemory(pageCount = 8): SimulatedMemory {
  const pages = Array.from({ length: pageCount }, () =>
    new Uint8Array(PAGE_BYTES).fill(ERASED_BYTE),
  );
  let writes = 0;
  let cut: { readonly atWrite: number; readonly tear: Tear } | undefined;
  const pageAt = (page: number): Bytes => {
    const bytes = pages[page];
    if (bytes === undefined) throw new RangeError(`there is no page ${page}`);
    return bytes;
  };
  return {
    readPage: (page) => pageAt(page).slice(),
    writePage: (page, bytes) => {
      if (bytes.length !== PAGE_BYTES) throw new RangeError("a page is written whole");
      const target = pageAt(page);
      writes += 1;
      if (cut?.atWrite !== writes) return target.set(bytes);
      const { tear } = cut;
      cut = undefined;
      if (tear.rest === "erased") target.fill(ERASED_BYTE);
      target.set(bytes.subarray(0, tear.newBytes));
      throw new PowerCut("power was cut while a page was written");
    },
    cutAfterWrites: (nth, tear = DEFAULT_TEAR) => {
      cut = { atWrite: writes + nth, tear };
    },
    cancelCut: () => {
      cut = undefined;
    },
    countWrites: () => writes,
  };
}
