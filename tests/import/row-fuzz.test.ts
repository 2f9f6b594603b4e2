/** Rows of a batch against seeded malformed ones, and against the decoder of single enrolments. */
import { expect, test } from "bun:test";
import { safeParse } from "valibot";
import { algorithms } from "#edge/algorithms";
import { DEFAULT_LIMITS } from "#edge/limits";
import { subscriberEnrolment, subscriberProfileUpdate } from "#edge/routes/subscriber-schemas";
import { createRowReader } from "#edge/subscriber-row";
import { ROW_REASONS } from "#protocol/import";
import { createSeeded } from "#tests/terminal/seeded";
import { mutateEnvelope } from "#tests/bad-input/mutations";
import { imsiOf, K, OPC } from "./keys.ts";

const INPUTS = Number(process.env["SIMLATCH_FUZZ_INPUTS"] ?? "20000");
const TIMEOUT_MS = 600_000;
const limits = DEFAULT_LIMITS;
const readRow = createRowReader({ algorithms, limits, slots: 1, connectors: new Map() });
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
  "customerData",
  "homeRegion",
  "userGroups",
  "level",
  "company",
  "services",
  "networkSubset",
  "serviceProvider",
  "corporate",
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
      // A row without keys may be of a subscriber that is there; a single enrolment never is.
      const isKeyless = read.ok && read.row.profile === undefined;
      if (!isToldApart(value) && !isKeyless)
        expect(safeParse(enrolment, value).success).toBe(read.ok);
    }
    expect(accepted).toBeGreaterThan(0);
    expect(accepted).toBeLessThan(INPUTS);
  },
  TIMEOUT_MS,
);

const PROFILE = {
  homeRegion: "Shenzhen",
  userGroups: ["drivers", "field; north"],
  level: "gold",
  company: "Ping An",
  services: ["bank"],
  networkSubset: "12",
  serviceProvider: "0A",
  corporate: "FFEE",
};

test(
  "customer data: what a row takes, the route of a profile takes, and nothing else",
  () => {
    const seeded = createSeeded(99);
    let accepted = 0;
    for (let input = 0; input < INPUTS; input++) {
      const profile = mutateEnvelope(seeded, PROFILE);
      const isProfile = typeof profile === "object" && profile !== null && !Array.isArray(profile);
      if (!isProfile || isToldApart(profile)) continue;
      // What else a row may hold, and null, are not a profile's.
      const isOther = Object.entries(profile).some(
        ([name, value]) => value === null || !Object.hasOwn(PROFILE, name),
      );
      if (isOther) continue;
      const read = readRow({ imsi: imsiOf(5), mncLength: 2, ...profile });
      expect(safeParse(subscriberProfileUpdate, { profile }).success).toBe(read.ok);
      if (read.ok) accepted += 1;
      else expect(Object.keys(PROFILE)).toContain(read.column);
    }
    expect(accepted).toBeGreaterThan(0);
  },
  TIMEOUT_MS,
);
