/**
 * The connector to osmo-hlr and whatever else speaks GSUP. It connects when it is needed, under
 * one name that never changes: to the HLR the name is the point of presence, with an IND of its
 * own. The HLR routes answers by name to the connection that had it first, so the old one is
 * closed before the next, and after a silence there is a pause for the HLR to notice.
 */
import type {
  CentreConnector,
  CentreFailure,
  Dependencies,
  FetchedVector,
  VectorQuery,
} from "../../../dependencies.ts";
import { failure, type Result, success } from "#protocol/result";
import {
  type ConnectionAnswer,
  type ConnectionEnd,
  type GsupConnection,
  openConnection,
} from "./connection.ts";
import type { OpenStream } from "./stream.ts";
import { QUERIES_UNDER_WAY_MAX, wipeVector } from "../external.ts";

export interface GsupClient extends CentreConnector {
  /** Ends what is under way. */
  close(): void;
}

/** 1 to 32 letters, digits, hyphens; what an HLR's list of peers shows. */
export const GSUP_NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9-]{0,31}$/;

/** From the call to its end: waiting for a turn, a new connection, and one more try. */
const QUERY_MS = 6000;
const BACK_OFF_MIN_MS = 250;
const BACK_OFF_MAX_MS = 8000;
/** A connection that was quiet for longer is asked first whether it is still there. */
const QUIET_MS = 10_000;

/** TS 24.008, 10.5.5.14, as osmo-hlr uses them. */
const CAUSE = { imsiUnknown: 0x02 } as const;
/**
 * Illegal MS and ME, services and networks and areas not allowed: the HLR's decision about the
 * subscriber. Every other cause is about the HLR itself.
 */
const REFUSALS: ReadonlySet<number> = new Set([
  0x03, 0x06, 0x07, 0x08, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f,
]);

type Tools = Pick<Dependencies, "clock" | "sleep" | "log">;
type Fetched = Result<readonly FetchedVector[], CentreFailure>;

export function createGsupClient(tools: Tools, open: OpenStream, name: string): GsupClient {
  if (!GSUP_NAME_PATTERN.test(name)) throw new RangeError("a GSUP name is out of form");
  const line = createLine(tools, open, name);
  /** The last query of each IMSI. */
  const turns = new Map<string, Promise<unknown>>();
  let underWay = 0;

  async function inTurn(query: VectorQuery, deadline: number): Promise<Fetched> {
    const before = turns.get(query.imsi);
    const { promise, resolve } = Promise.withResolvers<undefined>();
    turns.set(query.imsi, promise);
    try {
      await before;
      return await attempt(line, query, () => tools.clock() >= deadline);
    } finally {
      resolve(undefined);
      if (turns.get(query.imsi) === promise) turns.delete(query.imsi);
    }
  }

  return {
    async fetchVectors(query) {
      if (underWay >= QUERIES_UNDER_WAY_MAX) return failure("centre_busy");
      underWay += 1;
      try {
        return await withinTime(tools, inTurn(query, tools.clock() + QUERY_MS));
      } finally {
        underWay -= 1;
      }
    },
    close: () => line.close(),
  };
}

/** Whatever it waits for, the caller has its answer in QUERY_MS. */
async function withinTime({ sleep }: Tools, fetching: Promise<Fetched>): Promise<Fetched> {
  const silence = sleep(QUERY_MS).then(() => failure("centre_silent"));
  const fetched = await Promise.race([fetching, silence]);
  if (!fetched.ok) void fetching.then(wipeFetched);
  return fetched;
}

function wipeFetched(fetched: Fetched): void {
  if (fetched.ok) for (const vector of fetched.value) wipeVector(vector);
}

/** A query whose connection broke under it, by no fault of its own, is made once more. */
async function attempt(line: Line, query: VectorQuery, isTooLate: () => boolean): Promise<Fetched> {
  for (let tries = 1; ; tries++) {
    if (isTooLate()) return failure("centre_silent");
    const connected = await line.connect();
    if (!connected.ok) return failure(failureOf(connected.reason));
    const answer = await connected.value.ask(query);
    line.observe(answer);
    const isBroken = !answer.ok && answer.reason === "closed";
    if (!isBroken || tries > 1) return interpret(query, answer);
  }
}

function interpret({ resynchronisation }: VectorQuery, answer: ConnectionAnswer): Fetched {
  if (!answer.ok) {
    return failure(
      answer.reason === "answer_invalid" ? "centre_answer_invalid" : failureOf(answer.reason),
    );
  }
  if (answer.value.kind === "vectors") return success(answer.value.vectors);
  const { cause } = answer.value;
  if (cause === CAUSE.imsiUnknown) {
    // Of a wrong AUTS osmo-hlr makes no vectors, and none is what an unknown IMSI has.
    return failure(resynchronisation === undefined ? "imsi_unknown_at_centre" : "mac_failure");
  }
  return failure(REFUSALS.has(cause) ? "imsi_refused_by_centre" : "centre_failed");
}

function failureOf(reason: ConnectionEnd): CentreFailure {
  switch (reason) {
    case "unreachable":
    case "closed":
      return "centre_unreachable";
    case "silent":
      return "centre_silent";
    case "garbled":
      return "centre_answer_invalid";
  }
}

/** The one connection at a time, and when the next may be tried. */
interface Line {
  connect(): Promise<Result<GsupConnection, ConnectionEnd>>;
  /** What became of a query; an answer of any kind ends the back-off. */
  observe(answer: ConnectionAnswer): void;
  close(): void;
}

function createLine(tools: Tools, open: OpenStream, name: string): Line {
  let connection: GsupConnection | undefined;
  let connecting: Promise<Result<GsupConnection, ConnectionEnd>> | undefined;
  let backOffMs = 0;
  let notBefore = 0;
  let lastEnd: ConnectionEnd = "unreachable";

  function backOff(reason: ConnectionEnd): void {
    lastEnd = reason;
    backOffMs = Math.min(BACK_OFF_MAX_MS, Math.max(BACK_OFF_MIN_MS, backOffMs * 2));
    notBefore = tools.clock() + backOffMs;
    tools.log("gsup_disconnected", { reason, retryMs: backOffMs });
  }

  async function renew(): Promise<Result<GsupConnection, ConnectionEnd>> {
    if (connection?.isOpen() === true) {
      const isQuiet = tools.clock() - connection.heardAt() >= QUIET_MS;
      if (!isQuiet || (await connection.ping()).ok) return success(connection);
    }
    if (tools.clock() < notBefore) return failure(lastEnd);
    connection?.close();
    const next = openConnection(tools, open, name);
    connection = next;
    const ready = await next.ready;
    if (ready.ok) return success(next);
    backOff(ready.reason);
    return ready;
  }

  return {
    connect() {
      const current = connecting ?? renew();
      connecting = current;
      void current.finally(() => {
        if (connecting === current) connecting = undefined;
      });
      return current;
    },
    observe(answer) {
      if (answer.ok || answer.reason === "answer_invalid") {
        backOffMs = 0;
        notBefore = 0;
      } else if (answer.reason !== "closed" && tools.clock() >= notBefore) backOff(answer.reason);
    },
    close: () => connection?.close(),
  };
}
