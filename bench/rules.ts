/** `simlatch bench rules`: the rule decision beside few and beside many cards and rules. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openCatalog } from "#db/bun";
import type { CatalogDatabase } from "#db/database";
import { createRepositories } from "#db/catalog";
import { compileRules } from "#edge/binding-verification/rule-index";
import type { RuleSubject } from "#edge/binding-verification/rule-match";
import type { RuleTable } from "#edge/binding-verification/rule-table";
import { type RuleSet, verifyRules } from "#edge/binding-verification/rule-verification";
import { openRule, sealRule } from "#edge/binding-verification/sealed-rules";
import { createVault } from "#edge/vault";
import type { BindingRule } from "#protocol/rules";
import type { BenchRow } from "./core.ts";
import { interleave, type Repeat, type Sampler, summarise } from "./measure.ts";
import { cardOf, createCandidates, createRuleFleet, type RuleFleet } from "#tests/rules/rule-fleet";

export interface RulesBenchOptions {
  /** Seconds of one sample. */
  readonly seconds: number;
  readonly rounds: number;
  /** Cards, and as many rules: few and many. */
  readonly few: number;
  readonly many: number;
  readonly onStep?: (what: string) => void;
}

const CANDIDATES = 100;
/** Subjects made beforehand, more than a processor keeps at hand. */
const SUBJECTS = 1 << 16;
const NOW = Date.UTC(2026, 10, 25, 12);
const TENANT = "default";
const WRITE_ROWS = 5000;

interface Subjects {
  readonly list: readonly RuleSubject[];
  readonly mask: number;
}

/** mulberry32. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function drawSubjects(fleet: RuleFleet): Subjects {
  const random = createRandom(fleet.size);
  return {
    list: Array.from({ length: SUBJECTS }, () => fleet.subject(random)),
    mask: SUBJECTS - 1,
  };
}

/** Rules of all cards and for all of them in one table, as a dry run has them. */
function compileFleet(fleet: RuleFleet): RuleTable {
  return compileRules(rulesOf(fleet, 0, fleet.size), NOW, NOW);
}

/** Those for groups and for all cards alone, as a point of presence has them. */
function compileShared(fleet: RuleFleet): RuleTable {
  const rules = rulesOf(fleet, 0, fleet.size).filter(({ target }) => !("card" in target));
  return compileRules(rules, NOW, NOW);
}

function rulesOf(fleet: RuleFleet, start: number, count: number): BindingRule[] {
  return Array.from({ length: count }, (_, offset) => fleet.rule(start + offset));
}

const CHUNK = 256;

/** Decisions a second of this process's own time, so that others on the machine count less. */
async function processorRate(
  prepare: (count: number) => void,
  repeat: Repeat,
  seconds: number,
): Promise<number> {
  let used = 0;
  for (let calls = CHUNK; ; calls += CHUNK) {
    prepare(CHUNK);
    const start = process.cpuUsage();
    const pending = repeat(CHUNK);
    if (pending !== undefined) await pending;
    const { user, system } = process.cpuUsage(start);
    used += (user + system) / 1e6;
    if (used >= seconds) return calls / used;
  }
}

/** Counted, so that no engine leaves a decision out; every outcome must come. */
let allowed = 0;
let read = 0;

/**
 * In a platform a subject has just been put together when it is judged, so that it is at hand.
 * Subjects are made beforehand here, and read before the clock runs.
 */
function readSubject({ cardId, cardGroups, imsi, operator, profile }: RuleSubject): number {
  const texts = [cardId, imsi, operator, ...cardGroups];
  if (profile.ok) {
    const { company = "", level = "", homeRegion = "", userGroups, services } = profile.value;
    texts.push(company, level, homeRegion, ...userGroups, ...services);
  }
  return texts.reduce((sum, text) => sum + text.charCodeAt(text.length - 1), 0);
}

function createTurns({ list, mask }: Subjects): {
  readonly next: () => RuleSubject;
  readonly prepare: (count: number) => void;
} {
  let turn = 0;
  const at = (index: number): RuleSubject => {
    const subject = list[index & mask];
    if (subject === undefined) throw new Error("no subject");
    return subject;
  };
  return {
    next: () => at(turn++),
    prepare(count) {
      for (let ahead = 0; ahead < count; ahead++) read += readSubject(at(turn + ahead));
    },
  };
}

function decisionSampler(set: RuleSet, subjects: Subjects): Sampler {
  const { next, prepare } = createTurns(subjects);
  const repeat = (count: number): void => {
    for (let i = 0; i < count; i++) if (verifyRules(set, next(), NOW).allowed) allowed += 1;
  };
  return { sample: (seconds) => processorRate(prepare, repeat, seconds) };
}

/** One card that has many rules, among the shared ones of a fleet. */
function candidateSampler(shared: RuleTable, { list, mask }: Subjects): Sampler {
  const own = compileRules(createCandidates(CANDIDATES), NOW, NOW);
  const moved = list.map((subject) => Object.assign({}, subject, { cardId: cardOf(0) }));
  return decisionSampler({ own, shared }, { list: moved, mask });
}

const vault = createVault(
  Uint8Array.from({ length: 32 }, (_, index) => (index * 73 + 11) % 256),
  (length) => crypto.getRandomValues(new Uint8Array(length)),
);

const INSERT = `INSERT INTO binding_rule (tenant, id, since, card_id, card_group, effect, priority,
  condition, wrapped_identities, on_mismatch) VALUES (?, ?, 1, ?, ?, ?, ?, ?, ?, ?)`;

async function storeFleet(catalog: CatalogDatabase, fleet: RuleFleet): Promise<void> {
  const tenant = { sql: "INSERT INTO tenant VALUES (?)", params: [TENANT] };
  await catalog.write([tenant]);
  for (let start = 0; start < fleet.size; start += WRITE_ROWS) {
    const length = Math.min(WRITE_ROWS, fleet.size - start);
    const calls = Array.from({ length }, (_, offset) => {
      const rule = sealRule({ vault }, TENANT, fleet.rule(start + offset));
      const { id, target, effect = null, priority = null, onMismatch } = rule;
      const params = [
        TENANT,
        id,
        "card" in target ? target.card : null,
        "group" in target ? target.group : null,
        effect,
        priority,
        JSON.stringify(rule.condition),
        rule.wrappedIdentities ?? null,
        JSON.stringify(onMismatch),
      ];
      return { sql: INSERT, params };
    });
    await catalog.write(calls);
  }
}

/** The first decision about a card here: its rules are read, unwrapped and compiled. */
function storedSampler(catalog: CatalogDatabase, shared: RuleTable, subjects: Subjects): Sampler {
  const { rules } = createRepositories(catalog);
  const { next, prepare } = createTurns(subjects);
  const repeat = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      const subject = next();
      const stored = await rules.findOwn(TENANT, 1, subject.cardId);
      const opened = stored.map((rule) => openRule({ vault }, TENANT, rule));
      const own = compileRules(opened, NOW, NOW);
      if (verifyRules({ own, shared }, subject, NOW).allowed) allowed += 1;
    }
  };
  return { sample: (seconds) => processorRate(prepare, repeat, seconds) };
}

export async function benchRules(options: RulesBenchOptions): Promise<BenchRow[]> {
  const { few, many, onStep } = options;
  const folder = mkdtempSync(join(tmpdir(), "simlatch-bench-rules-"));
  const catalogs: { close(): void }[] = [];
  try {
    const fleets = [];
    for (const size of [few, many]) {
      onStep?.(`${size} cards and rules: compiling, storing`);
      const fleet = createRuleFleet(size);
      const catalog = await openCatalog(join(folder, `${size}.db`));
      catalogs.push(catalog);
      await storeFleet(catalog, fleet);
      const shared = compileShared(fleet);
      const subjects = drawSubjects(fleet);
      fleets.push({
        pure: decisionSampler({ shared: compileFleet(fleet) }, subjects),
        candidates: candidateSampler(shared, subjects),
        stored: storedSampler(catalog, shared, subjects),
      });
    }
    const [small, large] = fleets;
    if (small === undefined || large === undefined) throw new Error("two fleets");
    const pairs = [
      [`decision, ${many} cards`, large.pure, small.pure],
      [`decision, a card with ${CANDIDATES} rules`, small.candidates, small.pure],
      [`decision, ${many} cards, the card's rules read`, large.stored, small.stored],
    ] as const;
    const rows: BenchRow[] = [];
    for (const [name, own, peer] of pairs) {
      onStep?.(name);
      rows.push(await measurePair(name, own, peer, options));
    }
    if (allowed === 0 || read === 0) throw new Error("nothing was ever allowed");
    return rows;
  } finally {
    for (const catalog of catalogs) catalog.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measurePair(
  name: string,
  own: Sampler,
  peer: Sampler,
  { rounds, seconds, few }: RulesBenchOptions,
): Promise<BenchRow> {
  const [ownRates = [], peerRates = []] = await interleave([own, peer], rounds, seconds);
  const ratios = ownRates.map((rate, round) => rate / (peerRates[round] ?? Number.NaN));
  const ratio = summarise(ratios);
  return {
    name,
    runtime: "bun",
    value: summarise(ownRates).median,
    unit: "decisions/s",
    peer: `${few} cards`,
    peerValue: summarise(peerRates).median,
    ratio: ratio.median,
    min: ratio.min,
    max: ratio.max,
  };
}
