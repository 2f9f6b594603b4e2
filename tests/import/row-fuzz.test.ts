/** Rows of a batch against seeded malformed ones, and against the decoder of single enrolments. */
import { expect, test } from "bun:test";
import { safeParse } from "valibot";
import { algorithms } from "#edge/algorithms";
import { DEFAULT_LIMITS } from "#edge/limits";
import { subscriberEnrolment } from "#edge/routes/subscriber-schemas";
import { createRowReader } from "#edge/subscriber-row";
import { ROW_REASONS } from "#protocol/import";
import { createSeeded } from "#tests/terminal/seeded";
import { mutateEnvelope } from "#tests/bad-input/mutations";
import { imsiOf, K, OPC } from "./keys.ts";

const INPUTS = Number(process.env["SIMLATCH_FUZZ_INPUTS"] ?? "20000");
const TIMEOUT_MS = 600_000;
const limits = DEFAULT_LIMITS;
const readRow = createRowReader({ algorithms, limits, slots: 1 });
const enrolment = subscriberEnrolment({ algorithms, limits, connectors: new Map() });

const COLUMNS = new Set([
  "",
  "imsi",
  "mncLength",
  "msisdn",
  "status",
  "centre",
  "algorithm",
  "amf",
  "indBits",
  "sqn",
  ...algorithms.names.flatMap((name) =>
    (algorithms.find(name)?.keys ?? []).flatMap((key) => [key.name, key.from ?? key.name]),
  ),
]);

const VALID: readonly Readonly<Record<string, unknown>>[] = [
  { imsi: imsiOf(1), mncLength: 2, msisdn: "46701", k: K, opc: OPC, amf: "8000", indBits: 5 },
  { imsi: imsiOf(2), mncLength: 3, algorithm: "comp128-3", ki: K },
  { imsi: imsiOf(3), mncLength: 2, algorithm: "cave", akey: K.slice(16), uimId: "01020304" },
  { imsi: imsiOf(4), mncLength: 2, algorithm: "tuak", k: `${K}${K}`, top: `${K}${K}` },
];

/**
 * A single enrolment may name its tenant, a row has none; and valibot passes over these names,
 * where a row is refused for them.
 */
function isToldApart(value: unknown): boolean {
  const names = ["tenant", "__proto__", "constructor", "prototype"];
  const isObject = typeof value === "object" && value !== null;
  return isObject && names.some((name) => Object.hasOwn(value, name));
}

test.each([...VALID.entries()])(
  "row %d: a fault has a place and a reason, and both decoders agree",
  (index, valid) => {
    const seeded = createSeeded(index + 1);
    expect(readRow(valid).ok).toBe(true);
    let accepted = 0;
    for (let input = 0; input < INPUTS; input++) {
      const value = mutateEnvelope(seeded, valid);
      const read = readRow(value);
      if (read.ok) accepted += 1;
      else {
        expect(COLUMNS.has(read.column)).toBe(true);
        expect(ROW_REASONS).toContain(read.reason);
      }
      if (!isToldApart(value)) expect(safeParse(enrolment, value).success).toBe(read.ok);
    }
    expect(accepted).toBeGreaterThan(0);
    expect(accepted).toBeLessThan(INPUTS);
  },
  TIMEOUT_MS,
);
