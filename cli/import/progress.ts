/** A bar on a terminal, for what takes longer than a second. */

const AFTER_MS = 1000;
const EVERY_MS = 200;
const CELLS = 24;
/** To the start of the line, and nothing right of it (ECMA-48, EL). */
const CLEAR = "\r\u001B[K";

export interface ProgressOptions {
  readonly isTerminal: boolean;
  /** To the terminal, without a line break. */
  readonly write: (text: string) => void;
  /** Milliseconds. */
  readonly clock: () => number;
}

export interface Progress {
  /** `share` of the whole, 0 to 1; undefined when the whole is not known. */
  draw(rows: number, share: number | undefined): void;
  /** Before anything else is written there. */
  clear(): void;
}

export function createProgress({ isTerminal, write, clock }: ProgressOptions): Progress {
  const start = clock();
  let drawnAt = start;
  let isDrawn = false;
  return {
    draw(rows, share) {
      const now = clock();
      if (!isTerminal || now - start < AFTER_MS || now - drawnAt < EVERY_MS) return;
      drawnAt = now;
      isDrawn = true;
      write(`${CLEAR}${describe(rows, share, now - start)}`);
    },
    clear() {
      if (isDrawn) write(CLEAR);
      isDrawn = false;
    },
  };
}

function describe(rows: number, share: number | undefined, elapsedMs: number): string {
  const rate = Math.round((rows * 1000) / elapsedMs);
  const counted = `${rows.toLocaleString("en")} rows, ${rate.toLocaleString("en")}/s`;
  if (share === undefined || share === 0) return counted;
  const full = Math.round(share * CELLS);
  const left = Math.ceil((elapsedMs * (1 - share)) / share / 1000);
  const bar = `${"#".repeat(full)}${".".repeat(CELLS - full)}`;
  return `[${bar}] ${Math.floor(share * 100)}%  ${counted}, ${left} s left`;
}
