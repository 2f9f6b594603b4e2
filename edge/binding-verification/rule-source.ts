/**
 * Rules as a point of presence has them: read from storage, compiled once, kept by version. What
 * is kept may be `ruleStalenessSeconds` old; a caller that knows of a newer version says so, and
 * gets at least that one.
 */
import type { Dependencies, Page } from "../dependencies.ts";
import { compileRules } from "./rule-index.ts";
import type { RuleTable } from "./rule-table.ts";
import type { RuleSet } from "./rule-verification.ts";
import { openRule } from "./sealed-rules.ts";

export interface LoadedRules {
  readonly version: number;
  readonly set: RuleSet;
  /** Whether the subscriber directory has to be asked. */
  readonly needsProfile: boolean;
}

export type RuleTools = Pick<Dependencies, "repositories" | "vault" | "clock" | "limits">;

export interface RuleSource {
  /**
   * The rules that may name this card, of the active version or of one that was active
   * `ruleStalenessSeconds` ago. An older version than `atLeast` only if storage has no newer one.
   */
  load(tools: RuleTools, tenant: string, cardId: string, atLeast: number): Promise<LoadedRules>;
}

/** How long what begins or ends by the clock is compiled ahead. */
const COMPILED_MS = 3_600_000;
/** Cards whose rules are kept compiled. */
const OWN_KEPT_MAX = 4096;
const PAGE_ROWS = 1000;

interface CompiledShared {
  readonly version: number;
  readonly rules: RuleTable;
  readonly compiledAt: number;
}

interface KeptShared {
  readonly shared: CompiledShared;
  /** When storage last said that this version is active. */
  readonly checkedAt: number;
}

interface KeptOwn {
  /** Undefined for a card that no rule names. */
  readonly rules: RuleTable | undefined;
  readonly compiledAt: number;
}

/**
 * With `sharesReading` calls at the same moment wait for one reading. Not among Durable Objects:
 * who waits for what another one reads waits for ever when that one is cut off.
 */
export function createRuleSource({ sharesReading }: { sharesReading: boolean }): RuleSource {
  const kept = new Map<string, KeptShared>();
  const loading = new Map<string, Promise<CompiledShared>>();
  const own = new Map<string, KeptOwn>();

  async function findShared(
    tools: RuleTools,
    tenant: string,
    atLeast: number,
  ): Promise<CompiledShared> {
    const now = tools.clock();
    const known = kept.get(tenant);
    if (known !== undefined && known.shared.version >= atLeast && isFresh(tools, known, now)) {
      return known.shared;
    }
    const { active } = await tools.repositories.rules.findState(tenant);
    const isSame = known?.shared.version === active && now < known.shared.compiledAt + COMPILED_MS;
    const read = sharesReading ? loadOnce : loadShared;
    const shared = isSame ? known.shared : await read(tools, tenant, active);
    // Another call may have found a newer version meanwhile.
    const newest = kept.get(tenant)?.shared.version ?? 0;
    if (shared.version >= newest) kept.set(tenant, { shared, checkedAt: now });
    return shared;
  }

  /** Calls at the same moment share one reading. */
  function loadOnce(tools: RuleTools, tenant: string, version: number): Promise<CompiledShared> {
    const key = `${tenant}/${version}`;
    const running = loading.get(key) ?? loadShared(tools, tenant, version);
    loading.set(key, running);
    return running.finally(() => loading.delete(key));
  }

  async function findOwn(
    tools: RuleTools,
    tenant: string,
    version: number,
    cardId: string,
  ): Promise<RuleTable | undefined> {
    const key = `${tenant}/${version}/${cardId}`;
    const now = tools.clock();
    const known = own.get(key);
    own.delete(key);
    const isUsable = known !== undefined && now < known.compiledAt + COMPILED_MS;
    const found = isUsable ? known : await loadOwn(tools, tenant, version, cardId);
    // The one that was not asked for the longest time is the first of the map.
    own.set(key, found);
    for (const oldest of own.keys()) {
      if (own.size <= OWN_KEPT_MAX) break;
      own.delete(oldest);
    }
    return found.rules;
  }

  return {
    async load(tools, tenant, cardId, atLeast) {
      const shared = await findShared(tools, tenant, atLeast);
      const ofCard = await findOwn(tools, tenant, shared.version, cardId);
      const { version, rules } = shared;
      return {
        version,
        set: { own: ofCard, shared: rules },
        needsProfile: rules.needsProfile || ofCard?.needsProfile === true,
      };
    },
  };
}

function isFresh({ limits }: RuleTools, { shared, checkedAt }: KeptShared, now: number): boolean {
  const isChecked = now < checkedAt + limits.ruleStalenessSeconds * 1000;
  return isChecked && now < shared.compiledAt + COMPILED_MS;
}

async function loadShared(
  tools: RuleTools,
  tenant: string,
  version: number,
): Promise<CompiledShared> {
  const { rules } = tools.repositories;
  const compiledAt = tools.clock();
  const read = [];
  for await (const page of pagesOf(
    (after) => rules.findShared(tenant, version, after),
    ({ id }) => id,
  )) {
    read.push(...page.map((rule) => openRule(tools, tenant, rule)));
  }
  return { version, rules: compileRules(read, compiledAt, compiledAt + COMPILED_MS), compiledAt };
}

async function loadOwn(
  tools: RuleTools,
  tenant: string,
  version: number,
  cardId: string,
): Promise<KeptOwn> {
  const compiledAt = tools.clock();
  const stored = await tools.repositories.rules.findOwn(tenant, version, cardId);
  if (stored.length === 0) return { rules: undefined, compiledAt };
  const opened = stored.map((rule) => openRule(tools, tenant, rule));
  return { rules: compileRules(opened, compiledAt, compiledAt + COMPILED_MS), compiledAt };
}

/** All rows in the order of their keys, a page at a time, until one is empty. */
export async function* pagesOf<Row>(
  find: (page: Page) => Promise<Row[]>,
  keyOf: (row: Row) => string,
): AsyncGenerator<Row[]> {
  for (let after = ""; ;) {
    const page = await find({ after, limit: PAGE_ROWS });
    const last = page.at(-1);
    if (last === undefined) return;
    yield page;
    after = keyOf(last);
  }
}
