/** What every export has: a platform to ask, and standard output to write to. */
import { encodeCsvRecord } from "#protocol/csv";
import { ADMIN_ADVICE, type AdminProblem } from "./admin-call.ts";
import { EXIT } from "./command.ts";
import { printNote } from "./output.ts";

export interface Exporter {
  readonly url: string;
  readonly tenant: string | undefined;
  readonly adminKey: string;
}

/** Resolves when standard output has taken it. */
export async function writeRecords(records: readonly (readonly string[])[]): Promise<void> {
  const text = records.map((cells) => encodeCsvRecord(cells)).join("");
  await new Promise<void>((resolve) => {
    process.stdout.write(text, () => {
      resolve();
    });
  });
}

export function reportExportProblem(problem: AdminProblem): number {
  const advice =
    problem === "unreachable"
      ? "the platform does not answer"
      : (ADMIN_ADVICE[problem] ?? `the platform said ${problem}`);
  printNote(`simlatch export: ${advice}; what was written is not all`);
  return problem === "unauthorized" ? EXIT.configuration : EXIT.unexpected;
}

export function reportLoss(): number {
  printNote("simlatch export: standard output takes no more; what was written is not all");
  return EXIT.unexpected;
}
