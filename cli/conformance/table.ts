/** The table as a person reads it. */
import { encodeHex } from "#protocol/bytes";
import type { Paint } from "#cli/output";
import type { CardUnderTest } from "./bench.ts";
import type { Line, RowVerdict } from "./run.ts";

const COLOURS = { pass: "green", FAIL: "red", "not reached": "yellow" } as const;
const MODE_LETTERS = { signed: "S", encrypted: "E" } as const;

/** Every mandatory row, and there was one. */
export function isPassed(lines: readonly Line[]): boolean {
  const mandatory = lines.filter(({ isMandatory }) => isMandatory);
  return mandatory.length > 0 && mandatory.every(({ verdict }) => verdict === "pass");
}

export function describeCard({ cardId, kind, keys, modes }: CardUnderTest): string {
  const id = encodeHex(cardId).toUpperCase();
  return `card ${id}, ${kind}, ${keys.tools.suite.name}, ${modes.join(" and ")}`;
}

/** `id mode section invariant verdict  sent -> expected`; what came, where it is not that. */
export function formatLine(line: Line, paint: Paint): string[] {
  const { id, mode, section, invariant, verdict, sent, expected, got, isMandatory } = line;
  const letter = mode === undefined ? "-" : MODE_LETTERS[mode];
  const cites = `${section}${invariant === undefined ? "" : ` ${invariant}`}`;
  const word = paint(COLOURS[verdict], verdict.padEnd(11));
  const optional = isMandatory ? "" : " (optional)";
  const first = `${id} ${letter}  ${cites.padEnd(12)} ${word} ${sent}${optional}`;
  const second = `${" ".repeat(22)}expected ${expected}`;
  return [first, second, `${" ".repeat(22)}got      ${got}`];
}

export function formatTally(lines: readonly Line[]): string {
  const count = (verdict: RowVerdict, isMandatory: boolean): number =>
    lines.filter((line) => line.verdict === verdict && line.isMandatory === isMandatory).length;
  const tally = (isMandatory: boolean): string =>
    `${count("pass", isMandatory)} passed, ${count("FAIL", isMandatory)} failed, ` +
    `${count("not reached", isMandatory)} not reached`;
  const verdict = isPassed(lines) ? "conforms" : "does not conform";
  return `${lines.length} rows; mandatory: ${tally(true)}; optional: ${tally(false)}: ${verdict}`;
}
