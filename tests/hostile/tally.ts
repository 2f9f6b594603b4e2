/** What the attacks came to: distinct cases by class, what was accepted, who was wrongly locked. */

export interface ClassCount {
  /** The invariant that the class attacks. */
  readonly invariant: string;
  cases: number;
  accepted: number;
  wronglyLocked: number;
  /** Cells in which there is nothing to attack, and why. */
  notApplicable?: { readonly reason: string; readonly cells: number };
}

export interface Totals {
  cases: number;
  /** Flows and cards that had to work, and did. */
  controls: number;
  cells: number;
  /** Cells in which every class ran to its end. */
  cellsCovered: number;
  accepted: number;
  wronglyLocked: number;
  byClass: Record<string, ClassCount>;
}

export interface Tally {
  readonly totals: Totals;
  /** What was accepted, wrongly locked or broken, in words: empty when all is well. */
  readonly findings: string[];
  /**
   * An attack was made. What stands before the first ": " of `name` is the field: at most 8 of its
   * alterations count. `message` is what the attacker sent: equal ones in a cell count once.
   */
  readonly attempt: (at: Place, name: string, message: string | Uint8Array) => void;
  readonly accepted: (at: Place, name: string) => void;
  readonly wronglyLocked: (at: Place, name: string) => void;
  /** The attack cannot be made in this cell. */
  readonly notApplicable: (at: Place, reason: string) => void;
  /** A control failed, or an attack did not run to its end. */
  readonly broken: (at: Place, what: string) => void;
}

export interface Place {
  readonly cell: string;
  readonly attack: string;
  readonly invariant: string;
}

/** Alterations of one field that count in one cell and class. */
const COUNTED_PER_FIELD = 8;

export function createTotals(cells = 0): Totals {
  return {
    cases: 0,
    controls: 0,
    cells,
    cellsCovered: 0,
    accepted: 0,
    wronglyLocked: 0,
    byClass: {},
  };
}

export function createTally(cells: number): Tally {
  const totals = createTotals(cells);
  const findings: string[] = [];
  const seen = new Set<bigint>();
  const perField = new Map<string, number>();
  const classOf = ({ attack, invariant }: Place): ClassCount =>
    (totals.byClass[attack] ??= { invariant, cases: 0, accepted: 0, wronglyLocked: 0 });
  const find = (what: string, { cell, attack, invariant }: Place, name: string): void => {
    findings.push(`${what}  ${invariant}  ${cell}  ${attack}: ${name}`);
  };
  return {
    totals,
    findings,
    attempt(at, name, message) {
      const text = typeof message === "string" ? message : Buffer.from(message).toString("hex");
      const digest = Bun.hash.wyhash(`${at.cell}\n${text}`);
      const field = `${at.attack}\n${at.cell}\n${name.split(": ")[0] ?? ""}`;
      const before = perField.get(field) ?? 0;
      if (seen.has(digest) || before >= COUNTED_PER_FIELD) return;
      seen.add(digest);
      perField.set(field, before + 1);
      totals.cases += 1;
      classOf(at).cases += 1;
    },
    accepted(at, name) {
      totals.accepted += 1;
      classOf(at).accepted += 1;
      find("accepted", at, name);
    },
    wronglyLocked(at, name) {
      totals.wronglyLocked += 1;
      classOf(at).wronglyLocked += 1;
      find("wrongly locked", at, name);
    },
    notApplicable(at, reason) {
      const count = classOf(at);
      count.notApplicable = { reason, cells: (count.notApplicable?.cells ?? 0) + 1 };
    },
    broken: (at, what) => find("broken", at, what),
  };
}

/** The sum of what two runs over different cells found. */
export function addTotals(one: Totals, other: Totals): Totals {
  const byClass: Record<string, ClassCount> = { ...one.byClass };
  for (const [name, count] of Object.entries(other.byClass)) {
    const known = byClass[name];
    const absent = [known, count].flatMap((each) => each?.notApplicable ?? []);
    const [first] = absent;
    const cells = absent.reduce((sum, each) => sum + each.cells, 0);
    byClass[name] = {
      ...count,
      ...(first === undefined ? {} : { notApplicable: { ...first, cells } }),
      cases: count.cases + (known?.cases ?? 0),
      accepted: count.accepted + (known?.accepted ?? 0),
      wronglyLocked: count.wronglyLocked + (known?.wronglyLocked ?? 0),
    };
  }
  return {
    cases: one.cases + other.cases,
    controls: one.controls + other.controls,
    cells: one.cells + other.cells,
    cellsCovered: one.cellsCovered + other.cellsCovered,
    accepted: one.accepted + other.accepted,
    wronglyLocked: one.wronglyLocked + other.wronglyLocked,
    byClass,
  };
}
