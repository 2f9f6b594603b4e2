/** What every sub-command is, and what its exit code means. */

export const EXIT = {
  expected: 0,
  unexpected: 1,
  usage: 2,
  configuration: 3,
  dependencyAbsent: 4,
} as const;

export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** All of `simlatch <name> --help`. */
  readonly help: string;
  /** `args` without the command's own name; gives the exit code. */
  run(args: readonly string[]): Promise<number>;
}

/** The command line is wrong; `main` prints the message and exits with 2. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "UsageError";
  }
}

/** A TCP port, 0 meaning any free one. */
export function parsePort(text: string): number {
  const port = Number(text);
  if (!/^[0-9]{1,5}$/.test(text) || port > 65_535)
    throw new UsageError(`--port wants a number from 0 to 65535, not "${text}"`);
  return port;
}
