/** The places where the long runs plant their faults: each still stands once in its source. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { FAULTS } from "#tests/planted/faults";
import { HOSTILE_FAULTS, PATCHES } from "./faults.ts";

const ROOT = resolve(import.meta.dir, "../..");

test("every patch of the hostile terminal's faults finds its place once", () => {
  const stale = PATCHES.filter(
    ({ source, find }) => readFileSync(join(ROOT, source), "utf8").split(find).length !== 2,
  );
  expect(stale.map(({ source, find }) => `${source}: ${find}`)).toEqual([]);
});

test("every planted fault finds its place once", () => {
  const stale = FAULTS.filter(
    ({ source, find }) => readFileSync(join(ROOT, source), "utf8").split(find).length !== 2,
  );
  expect(FAULTS.length).toBeGreaterThan(0);
  expect(stale.map(({ source, what }) => `${source}: ${what}`)).toEqual([]);
});

test("every fault is planted somewhere, and every place has a fault", () => {
  const planted = PATCHES.flatMap(({ replace }) =>
    [...replace.matchAll(/isPlanted\(([^)]*)\)/g)].flatMap(([, names = ""]) =>
      names.split(",").map((name) => name.trim().slice(1, -1)),
    ),
  );
  expect(new Set(planted)).toEqual(new Set(HOSTILE_FAULTS.map(({ name }) => name)));
});
