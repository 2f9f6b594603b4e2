/** The only place that writes to the terminal: results to stdout, everything else to stderr. */

import type { Writable } from "node:stream";

let lossCode: string | undefined;

/**
 * Whoever reads us may be gone (`| head`) and a disk may be full. From then on what we say is lost,
 * and nothing else: a command ends as it would have, and a platform is stopped and tidied up.
 */
export function keepGoingUnread(): void {
  for (const stream of [process.stdout, process.stderr])
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (stream === process.stdout) lossCode ??= error.code ?? "unknown";
    });
}

/** Why something of standard output was lost: EPIPE where nobody reads it, ENOSPC and so on. */
export function outputLoss(): string | undefined {
  return lossCode;
}

/** What a person or a script asked for. */
export function printLine(line = ""): void {
  process.stdout.write(`${line}\n`);
}

/** Progress, problems and advice, so that stdout stays clean for --json. */
export function printNote(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Resolves when whoever reads us has room again, so that what we say is not kept in memory. */
export async function drainOutput(...others: readonly Writable[]): Promise<void> {
  for (const stream of [process.stdout, process.stderr, ...others]) {
    if (!stream.writableNeedDrain || stream.destroyed) continue;
    await new Promise<void>((resolve) => {
      for (const event of ["drain", "close", "error"]) {
        stream.once(event, () => {
          resolve();
        });
      }
    });
  }
}

type Colour = "green" | "red" | "yellow" | "dim" | "bold";

const CODES: Readonly<Record<Colour, string>> = {
  green: "32",
  red: "31",
  yellow: "33",
  dim: "2",
  bold: "1",
};

export type Paint = (colour: Colour, text: string) => string;

/** Colour only on a terminal, and not when NO_COLOR holds anything (no-color.org). */
export function createPaint(
  isTerminal: boolean,
  environment: Readonly<Record<string, string | undefined>>,
): Paint {
  const plain = !isTerminal || (environment["NO_COLOR"] ?? "") !== "";
  return (colour, text) => (plain ? text : `\u001B[${CODES[colour]}m${text}\u001B[0m`);
}
