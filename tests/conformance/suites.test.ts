/** The emulated card conforms: every row, every suite, TF and SD, with and without a clock. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import type { Row } from "#cli/conformance/row";
import { ROWS } from "#cli/conformance/rows";
import { examine, type Line, tryRows } from "#cli/conformance/run";
import { type EmulatedCard, openEmulated } from "#cli/conformance/slot";
import { formatTally, isPassed } from "#cli/conformance/table";
import { UnreachedError } from "#cli/conformance/bench";
import { SUITES } from "#protocol/suites";

const CARDS: readonly EmulatedCard[] = SUITES.flatMap(({ name }) =>
  (["TF", "SD"] as const).map((kind): EmulatedCard => ({
    suite: name,
    kind,
    modes: ["signed", "encrypted"],
    hasClock: kind === "SD",
  })),
);

const runs = new Map<string, Promise<readonly Line[]>>();

/** Once for each kind of card. */
function tryCard(options: EmulatedCard): Promise<readonly Line[]> {
  const name = JSON.stringify(options);
  const run = runs.get(name) ?? tryNewCard(options);
  runs.set(name, run);
  return run;
}

async function tryNewCard(options: EmulatedCard): Promise<readonly Line[]> {
  const lines: Line[] = [];
  const card = await examine(openEmulated(options));
  expect(card.keys.tools.suite.name).toBe(options.suite);
  expect(card.kind).toBe(options.kind);
  expect(card.modes).toEqual(options.modes);
  for await (const line of tryRows(card, ROWS)) lines.push(line);
  return lines;
}

for (const card of CARDS) {
  test(`${card.suite}, ${card.kind}: the emulated card passes every row`, async () => {
    const lines = await tryCard(card);
    expect(lines.filter(({ verdict }) => verdict !== "pass")).toEqual([]);
    expect(isPassed(lines)).toBe(true);
    expect(lines.length).toBeGreaterThan(200);
    process.stdout.write(`${card.suite}, ${card.kind}: ${formatTally(lines)}\n`);
  });
}

test("every row is tried on one of these cards", async () => {
  const ids = new Set<string>();
  for (const card of CARDS.filter(({ suite }) => suite === "P-256" || suite === "AES")) {
    for (const { id } of await tryCard(card)) ids.add(id);
  }
  expect(ROWS.map(({ id }) => id).filter((id) => !ids.has(id))).toEqual([]);
});

test("a card of one mode is tried in that mode alone", async () => {
  for (const mode of ["signed", "encrypted"] as const) {
    const lines = await tryCard({ suite: "AES", kind: "TF", modes: [mode], hasClock: false });
    expect(new Set(lines.map((line) => line.mode))).toEqual(new Set([undefined, mode]));
    expect(isPassed(lines)).toBe(true);
  }
});

test("a card that a run left locked, serving or with a higher floor is tried all the same", async () => {
  const slot = openEmulated({ suite: "AES", kind: "TF", modes: ["signed"], hasClock: false });
  for (const id of ["RES-06", "LCK-05", "RES-01", "STA-06", "GRB-02"]) {
    for await (const line of tryRows(
      await examine(slot),
      ROWS.filter((row) => row.id === id || row.id === "STA-01"),
    )) {
      expect(line.verdict).toBe("pass");
    }
  }
});

test("what cannot be examined is said, and no row is tried", () => {
  const slot = openEmulated({ suite: "AES", kind: "TF", modes: ["signed"], hasClock: false });
  const dumb = { ...slot, transmit: () => Promise.resolve(Uint8Array.of(0x6a, 0x82)) };
  expect(examine(dumb)).rejects.toThrow(new UnreachedError("SELECT: 6A82"));
  expect(examine(slot, { suite: "SM4" })).rejects.toThrow("takes no suite under the test keys");
});

test("docs/conformance.md lists every row as it is, and no other", async () => {
  const page = await Bun.file(join(import.meta.dir, "../../docs/conformance.md")).text();
  const listed = page.split("\n").filter((line) => /^\| [A-Z]{2,3}-\d\d \|/.test(line));
  const isListed = ({ id, section, invariant, sends, expects }: Row): boolean => {
    const cites = invariant === undefined ? section : `${section}, ${invariant}`;
    return listed.some(
      (line) =>
        line.startsWith(`| ${id} | ${cites} | `) && line.endsWith(` | ${sends} | ${expects} |`),
    );
  };
  expect(ROWS.filter((row) => !isListed(row)).map(({ id }) => id)).toEqual([]);
  expect(listed.length).toBe(ROWS.length);
});
