import { parseArgs } from "node:util";
import type { RewrapStep, RewrapStepRequest } from "#protocol/admin";
import {
  ADMIN_ADVICE,
  type AdminProblem,
  adminUrl,
  callAdmin,
  DEFAULT_PLATFORM_URL,
  readAdminKey,
  reportProblem,
} from "./admin-call.ts";
import { type Command, EXIT, UsageError } from "./command.ts";
import { printLine, printNote } from "./output.ts";

/** A pass that finds nothing ends the job; others wrap with an older key if this many do not. */
const PASSES_MAX = 5;
const SLOTS_MAX = 32;
/** Steps between two lines of progress. */
const PROGRESS_STEPS = 50;

export const rewrapCommand: Command = {
  name: "rewrap",
  summary: "wrap every secret with the newest wrapping key",
  help: `Usage: simlatch rewrap [--check] [--url U] [--slots N] [--cursor C] [--json]

After the platform was started with a new wrapping key first in SIMLATCH_WRAPPING_KEYS: walks over
every secret at rest, of the catalog and of the single writers, and wraps what is under an older key
anew, while the platform serves. Then walks again, until a whole pass finds nothing. From then on
the older keys can be taken out of the list.

  --check       changes nothing: says how many secrets need which older key
  --slots N     IND slots that were ever in use, when there were more than SIMLATCH_SLOTS now
  --cursor C    goes on with a pass that was broken off; without it a new one begins, which is
                right, too
  --url U       the platform (default ${DEFAULT_PLATFORM_URL}); https unless it is on this machine
  --json        the outcome as one JSON object

SIMLATCH_ADMIN_KEY holds the platform's administration key. Exit codes: 0 no secret needs an older
key, 1 some do, or the platform did not finish, 2 usage, 3 the administration key is missing or not
the platform's.`,
  async run(args) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        check: { type: "boolean", default: false },
        url: { type: "string", default: DEFAULT_PLATFORM_URL },
        slots: { type: "string" },
        cursor: { type: "string" },
        json: { type: "boolean", default: false },
      },
    });
    const { check, cursor, json } = values;
    if (check && cursor !== undefined) throw new UsageError("a cursor knows whether it checks");
    const url = adminUrl(values.url, "rewrap");
    const start = { check, ...readSlots(values.slots) };
    const adminKey = readAdminKey("rewrap");
    if (adminKey === undefined) return EXIT.configuration;
    const send = createSender(url, adminKey, json);
    const first = await runPass(send, cursor === undefined ? start : { cursor });
    return report(check ? first : await runToTheEnd(send, start, first), check, json);
  },
};

function readSlots(text: string | undefined): { readonly slots?: number } {
  if (text === undefined) return {};
  const slots = Number(text);
  if (!/^[0-9]{1,2}$/.test(text) || slots < 1 || slots > SLOTS_MAX) {
    throw new UsageError(`--slots wants a number from 1 to ${SLOTS_MAX}`);
  }
  return { slots };
}

/** A pass, or what is left of one. */
interface Outcome {
  readonly newest: number;
  readonly passes: number;
  readonly seen: number;
  readonly rewrapped: number;
  /** Of the last pass: what it found under older keys, by their ids. */
  readonly stale: Readonly<Record<string, number>>;
  readonly unreadable: readonly string[];
  readonly retired: readonly number[];
  readonly needed: readonly number[];
  readonly problem: AdminProblem | undefined;
}

type Send = (request: RewrapStepRequest) => Promise<RewrapStep | AdminProblem>;

function createSender(url: string, adminKey: string, json: boolean): Send {
  let steps = 0;
  let seen = 0;
  return async (body) => {
    const answer = await callAdmin(url, adminKey, { method: "POST", body });
    if (!answer.ok) return answer.reason;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the platform's own answer
    const step = answer.value as RewrapStep;
    steps += 1;
    seen += step.seen;
    if (!json && steps % PROGRESS_STEPS === 0) printNote(`${seen} secrets seen`);
    return step;
  };
}

async function runPass(send: Send, start: RewrapStepRequest): Promise<Outcome> {
  let outcome: Outcome = {
    newest: 0,
    passes: 1,
    seen: 0,
    rewrapped: 0,
    stale: {},
    unreadable: [],
    retired: [],
    needed: [],
    problem: undefined,
  };
  let request = start;
  for (;;) {
    const step = await send(request);
    if (typeof step === "string") {
      // A cursor that is malformed is not the platform's.
      if ("cursor" in request && step !== "malformed")
        printNote(`go on with --cursor ${request.cursor}`);
      return { ...outcome, problem: step };
    }
    outcome = addStep(outcome, step);
    if (step.cursor === null) return outcome;
    request = { cursor: step.cursor };
  }
}

function addStep(outcome: Outcome, step: RewrapStep): Outcome {
  const stale: Record<string, number> = { ...outcome.stale };
  for (const [id, count] of Object.entries(step.stale)) stale[id] = (stale[id] ?? 0) + count;
  return {
    ...outcome,
    newest: step.newest,
    seen: outcome.seen + step.seen,
    rewrapped: outcome.rewrapped + step.rewrapped,
    stale,
    unreadable: [...outcome.unreadable, ...step.unreadable],
    retired: step.retired,
    needed: step.needed,
  };
}

/** What the earlier passes did, and what the last one found. */
function add(earlier: Outcome, last: Outcome): Outcome {
  return {
    ...last,
    passes: earlier.passes + last.passes,
    seen: earlier.seen + last.seen,
    rewrapped: earlier.rewrapped + last.rewrapped,
  };
}

async function runToTheEnd(send: Send, start: RewrapStepRequest, first: Outcome): Promise<Outcome> {
  let outcome = first;
  while (needsAnotherPass(outcome) && outcome.passes < PASSES_MAX) {
    outcome = add(outcome, await runPass(send, start));
  }
  return outcome;
}

function countRemaining({ stale }: Outcome): number {
  return Object.values(stale).reduce((sum, count) => sum + count, 0);
}

/** Not when nothing could be done about what the last one found. */
function needsAnotherPass(outcome: Outcome): boolean {
  const { problem, needed, newest } = outcome;
  if (problem === "conflict") return true;
  if (problem !== undefined) return false;
  return countRemaining(outcome) > 0 || needed.some((id) => id !== newest);
}

const ADVICE: typeof ADMIN_ADVICE = {
  ...ADMIN_ADVICE,
  conflict: "the platform was started with another first key meanwhile; run it again",
  malformed: "the platform does not know this cursor; run it again without",
  not_found: "the platform has no administration routes",
};

function report(outcome: Outcome, check: boolean, json: boolean): number {
  const { problem, unreadable, stale, newest, seen, rewrapped, passes, retired, needed } = outcome;
  const remaining = countRemaining(outcome);
  const isDone = problem === undefined && remaining === 0 && unreadable.length === 0;
  if (json) {
    const older = { remaining, byKey: stale, unreadable, retired, needed };
    printLine(JSON.stringify({ done: isDone, newest, passes, seen, rewrapped, ...older, problem }));
  } else if (problem === undefined) {
    if (!check) printLine(`re-wrapped with key ${newest}: ${rewrapped} of ${seen} secrets seen`);
    printLine(`remaining under older keys: ${remaining}`);
    for (const [id, count] of Object.entries(stale)) printLine(`  key ${id}: ${count}`);
    printLine(`keys that a start asks for: ${needed.join(", ")}`);
  }
  for (const row of unreadable) printNote(`does not open: ${row}`);
  if (problem === undefined) return isDone ? EXIT.expected : EXIT.unexpected;
  return reportProblem("rewrap", problem, ADVICE);
}
