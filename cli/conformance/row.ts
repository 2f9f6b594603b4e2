/** One requirement as a row of the table, and what was seen when it was tried. */
import type { Response } from "#protocol/apdu";
import { equalBytes } from "#protocol/bytes";
import { formatSw } from "#terminal/card";
import { type Bench, UnreachedError } from "./bench.ts";

/** What a row needs: a kind of card or slot, a kind of suite, a mode. All of them must hold. */
export type Condition =
  | "TF"
  | "SD"
  | "blocks"
  | "certificate suite"
  /** More than 256 bytes. */
  | "long certificate"
  | "symmetric suite"
  | "signed"
  | "encrypted";

export interface Row {
  /** Never given to another requirement. */
  readonly id: string;
  /** Of docs/protocol.md. */
  readonly section: string;
  /** Of docs/traceability.md. */
  readonly invariant?: string;
  readonly sends: string;
  readonly expects: string;
  /** Tried in each of the card's modes; once unless given. */
  readonly eachMode?: true;
  /** Does not count for the exit code: docs/conformance.md says why. */
  readonly isOptional?: true;
  readonly needs?: readonly Condition[];
  /** Throws UnreachedError when its question could not be asked. */
  readonly run: (bench: Bench, seen: Findings) => Promise<void>;
}

export interface Findings {
  /** One of the `expected` status words came. */
  sw(what: string, response: Response, ...expected: readonly number[]): void;
  /** Something other than a status word; `got` says what was there in its place. */
  holds(what: string, condition: boolean, got?: string): void;
  same(what: string, got: Uint8Array | undefined, expected: Uint8Array): void;
}

/** What is to be true, and false when the card does not even let it be asked. */
export async function attempt(
  seen: Findings,
  what: string,
  question: () => Promise<boolean>,
): Promise<void> {
  try {
    seen.holds(what, await question());
  } catch (error) {
    if (!(error instanceof UnreachedError)) throw error;
    seen.holds(what, false, error.message);
  }
}

export interface Notes {
  readonly findings: Findings;
  /** What was not as expected, in order. */
  readonly deviations: string[];
  /** Status words that came and were expected, each once. */
  readonly words: Set<string>;
  count: number;
}

export function takeNotes(): Notes {
  const deviations: string[] = [];
  const words = new Set<string>();
  const holds: Findings["holds"] = (what, condition, got = "no") => {
    notes.count += 1;
    if (!condition) deviations.push(`${what}: ${got}`);
  };
  const sw: Findings["sw"] = (what, response, ...expected) => {
    const isExpected = expected.includes(response.sw);
    if (isExpected) words.add(formatSw(response.sw));
    holds(what, isExpected, response.sw === 0 ? "no answer" : formatSw(response.sw));
  };
  const same: Findings["same"] = (what, got, expected) => {
    const isSame = got !== undefined && equalBytes(got, expected);
    holds(what, isSame, got === undefined ? "nothing" : "other bytes");
  };
  const notes: Notes = { findings: { sw, holds, same }, deviations, words, count: 0 };
  return notes;
}

/** Rows that are tried in each of the card's modes. */
export function inEachMode(rows: readonly Row[]): Row[] {
  return rows.map((row) => ({ ...row, eachMode: true }));
}

/** Rows of one kind of card, or of one mode. */
export function onlyOn(condition: Condition, rows: readonly Row[]): Row[] {
  return rows.map((row) => ({ ...row, needs: [...(row.needs ?? []), condition] }));
}
