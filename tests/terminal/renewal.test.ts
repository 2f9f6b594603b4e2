import { expect, test } from "bun:test";
import type { CardState, Lease } from "#protocol/messages";
import type { BindingOutcome } from "#terminal/bind";
import type { Sleep } from "#terminal/cancel";
import { type CardApplet, CardError, createCardApplet } from "#terminal/card";
import { PlatformError } from "#terminal/platform-client";
import { createRenewal, type RenewalEvent, type RenewalOptions } from "#terminal/renewal";
import { SID } from "./doubles.ts";
import { rejectionOf } from "./rejection.ts";

const LEASE: Lease = { uses: 10, seconds: 600, services: 7 };
const SUCCESS = outcome("SUCCESS", "serving");

function outcome(
  verdict: BindingOutcome["verdict"],
  cardState: BindingOutcome["cardState"],
): BindingOutcome {
  return { verdict, cardState, sid: SID, receipt: "delivered" };
}

/** A card that keeps its lease as a real one does; without a clock its seconds stand still. */
interface LeasedCard {
  state: CardState["name"];
  uses: number;
  epoch: number;
  seconds: number;
  statuses: number;
}

interface Rig {
  readonly card: LeasedCard;
  readonly options: RenewalOptions;
  readonly events: RenewalEvent[];
  readonly pauses: number[];
  readonly controller: AbortController;
  readonly clock: { ms: number };
  /** When each binding began, in milliseconds. */
  readonly bindings: number[];
}

/** Time passes in pauses alone; `bind` by default renews the lease, `stopAfter` bindings abort. */
function createRig(
  bind?: (rig: Rig, attempt: number) => Promise<BindingOutcome>,
  stopAfter = 1,
): Rig {
  const card: LeasedCard = { state: "serving", uses: 10, epoch: 1, seconds: 600, statuses: 0 };
  const [events, pauses, bindings]: [RenewalEvent[], number[], number[]] = [[], [], []];
  const controller = new AbortController();
  const clock = { ms: 5000 };
  const sleep: Sleep = async (milliseconds) => {
    if (pauses.push(milliseconds) > 500) throw new Error("no end in sight");
    clock.ms += milliseconds;
  };
  const options: RenewalOptions = {
    card: appletOf(card),
    now: () => clock.ms,
    sleep,
    onEvent: (event) => events.push(event),
    bind: async () => {
      const attempt = bindings.push(clock.ms);
      if (attempt >= stopAfter) queueMicrotask(() => controller.abort());
      return (bind ?? renewLease)(rig, attempt);
    },
  };
  const rig: Rig = { card, options, events, pauses, controller, clock, bindings };
  return rig;
}

async function renewLease({ card }: Rig): Promise<BindingOutcome> {
  Object.assign(card, { state: "serving", uses: 10, epoch: card.epoch + 1 });
  return SUCCESS;
}

function appletOf(card: LeasedCard): CardApplet {
  const use = async (): Promise<Uint8Array<ArrayBuffer>> => {
    if (card.state !== "serving") throw new CardError("refused", "PSO", 0x6982);
    card.uses -= 1;
    if (card.uses === 0) card.state = "idle";
    return new Uint8Array(1);
  };
  return {
    ...createCardApplet({ transmit: () => Promise.reject(new Error("not scripted")) }),
    sign: use,
    encipher: use,
    decipher: use,
    async readStatus() {
      card.statuses += 1;
      const { epoch, uses, seconds } = card;
      const state: CardState =
        card.state === "locked"
          ? { name: "locked", lockId: new Uint8Array(16) }
          : { name: card.state };
      const lease = state.name === "serving" ? { uses, seconds, services: 7 } : NOTHING;
      return { cardId: "00", cardKind: 1, epoch, state, floor: 0, lease };
    },
  };
}

const NOTHING: Lease = { uses: 0, seconds: 0, services: 0 };

function never(): Promise<never> {
  return new Promise(() => undefined);
}

function failToRead(): Promise<never> {
  return Promise.reject(new CardError("transport", "GET DATA"));
}

function kinds({ events }: Rig): string[] {
  return events.map(({ kind }) => kind);
}

test("when half of the seconds are left a whole session begins, while the old lease serves", async () => {
  const rig = createRig(undefined, 3);
  const end = await createRenewal(rig.options).keepServing(rig.controller.signal);
  expect(end).toBe("aborted");
  expect(rig.bindings.map((at) => at - 5000)).toEqual([300_000, 600_000, 900_000]);
  expect(kinds(rig)).toEqual(Array.from({ length: 3 }, () => ["renewing", "renewed"]).flat());
  expect(rig.events[0]).toEqual({ kind: "renewing", lease: { ...LEASE, seconds: 300 } });
  expect(rig.events[1]).toEqual({ kind: "renewed", outcome: SUCCESS });
  expect(Math.max(...rig.pauses)).toBe(60_000);
});

test("a card with a clock is believed when it has less left than the client counts", async () => {
  const rig = createRig();
  const { card: applet } = rig.options;
  const card = {
    ...applet,
    readStatus: () => {
      // It runs three times as fast as the client's.
      rig.card.seconds = 600 - Math.floor(((rig.clock.ms - 5000) * 3) / 1000);
      return applet.readStatus();
    },
  };
  await createRenewal({ ...rig.options, card }).keepServing(rig.controller.signal);
  expect(rig.bindings.map((at) => at - 5000)).toEqual([120_000]);
});

test("when half of the uses are left the session begins at once, without waiting for the poll", async () => {
  const rig = createRig();
  const renewal = createRenewal({ ...rig.options, sleep: never });
  const work = renewal.keepServing(rig.controller.signal);
  await renewal.card.sign(Uint8Array.of(1));
  await renewal.card.encipher(Uint8Array.of(1));
  await renewal.card.decipher(Uint8Array.of(1));
  await renewal.card.sign(Uint8Array.of(1));
  await Bun.sleep(5);
  expect(kinds(rig)).toEqual([]);
  await renewal.card.sign(Uint8Array.of(1));
  expect(await work).toBe("aborted");
  expect(kinds(rig)).toEqual(["renewing", "renewed"]);
  expect(rig.events[0]).toEqual({ kind: "renewing", lease: { ...LEASE, uses: 5 } });
});

test("uses under an old lease are not counted against the new one", async () => {
  const rig = createRig(undefined, 2);
  const renewal = createRenewal({ ...rig.options, sleep: never });
  const work = renewal.keepServing(rig.controller.signal);
  for (let use = 0; use < 5; use++) await renewal.card.sign(Uint8Array.of(1));
  await Bun.sleep(5);
  const { statuses } = rig.card;
  for (let use = 0; use < 4; use++) await renewal.card.sign(Uint8Array.of(1));
  await Bun.sleep(5);
  // Asleep until the fifth use.
  expect(rig.card.statuses).toBe(statuses);
  expect(rig.bindings).toHaveLength(1);
  await renewal.card.sign(Uint8Array.of(1));
  expect(await work).toBe("aborted");
  expect(rig.bindings).toHaveLength(2);
});

test("a service that the card refuses is refused to the caller, and counts", async () => {
  const rig = createRig();
  // What cannot be deciphered has cost its use (docs/protocol.md, section 7).
  const decipher = async (): Promise<never> => {
    rig.card.uses -= 1;
    throw new CardError("refused", "PSO: DECIPHER", 0x6a80);
  };
  const card = { ...rig.options.card, decipher };
  const renewal = createRenewal({ ...rig.options, card, sleep: never });
  const work = renewal.keepServing(rig.controller.signal);
  for (let use = 0; use < 5; use++) {
    const refused = rejectionOf(renewal.card.decipher(Uint8Array.of(1)));
    expect(await refused).toMatchObject({ sw: 0x6a80 });
  }
  expect(await work).toBe("aborted");
  expect(rig.events[0]).toEqual({ kind: "renewing", lease: { ...LEASE, uses: 5 } });
});

test("uses by others are noticed at the next poll", async () => {
  const rig = createRig();
  const sleep: Sleep = async (milliseconds) => {
    rig.clock.ms += milliseconds;
    rig.card.uses = 5;
  };
  await createRenewal({ ...rig.options, sleep, pollMs: 7000 }).keepServing(rig.controller.signal);
  expect(rig.bindings.map((at) => at - 5000)).toEqual([7000]);
});

test("failures back off, twice as long each time, as Retry-After asks; the lease goes on", async () => {
  const errors = [
    new PlatformError("unreachable", 0),
    new PlatformError("unavailable", 503, { retryAfterSeconds: 17 }),
    new CardError("transport", "RESULT"),
  ];
  const refused = outcome("REFUSED", "serving");
  const rig = createRig(async (self, attempt) => {
    const error = errors[attempt - 1];
    if (error !== undefined) throw error;
    return attempt === 4 ? refused : renewLease(self);
  }, 5);
  await createRenewal(rig.options).keepServing(rig.controller.signal);
  expect(rig.bindings.map((at, i) => at - (rig.bindings[i - 1] ?? 5000))).toEqual([
    300_000, 1000, 17_000, 4000, 8000,
  ]);
  const failed = rig.events.filter(({ kind }) => kind === "renewal_failed");
  expect(failed).toEqual([
    ...errors.map((error) => ({ kind: "renewal_failed" as const, error })),
    { kind: "renewal_failed", outcome: refused },
  ]);
  expect(kinds(rig).at(-1)).toBe("renewed");
});

test("no renewal in time: the attempts are bounded, then the lease is over", async () => {
  const rig = createRig(() => Promise.reject(new PlatformError("unreachable", 0)), Infinity);
  const end = await createRenewal(rig.options).keepServing(rig.controller.signal);
  expect(end).toBe("lease_over");
  expect(rig.events.at(-1)).toEqual({ kind: "lease_over", cardState: "serving" });
  // 300 seconds with pauses of 1, 2, 4, ... 32 and then 60 seconds.
  expect(rig.bindings).toHaveLength(10);
  expect(rig.clock.ms - 5000).toBe(600_000);
});

test("FAILURE ends it: what the card became is the last event", async () => {
  for (const cardState of ["idle", "locked"] as const) {
    const failure = outcome("FAILURE", cardState);
    const rig = createRig(async ({ card }) => {
      Object.assign(card, { state: cardState, epoch: card.epoch + 1 });
      return failure;
    }, Infinity);
    const end = await createRenewal(rig.options).keepServing(rig.controller.signal);
    expect(end).toBe("lease_over");
    expect(rig.events.slice(1)).toEqual([
      { kind: "renewal_failed", outcome: failure },
      { kind: "lease_over", cardState },
    ]);
    expect(rig.bindings).toHaveLength(1);
  }
});

test("a card that was reset, used up, never served or is gone: lease_over without a session", async () => {
  for (const state of ["idle", "locked"] as const) {
    const rig = createRig();
    rig.card.state = state;
    const end = await createRenewal(rig.options).keepServing(rig.controller.signal);
    expect(end).toBe("lease_over");
    expect(rig.events).toEqual([{ kind: "lease_over", cardState: state }]);
  }
  const rig = createRig();
  const card = { ...rig.options.card, readStatus: failToRead };
  const gone = createRenewal({ ...rig.options, card });
  expect(await gone.keepServing(rig.controller.signal)).toBe("lease_over");
  expect(rig.events).toEqual([{ kind: "lease_over", cardState: "unknown" }]);
  expect(rig.bindings).toEqual([]);
});

test("a new lease that an abandoned session brought is taken as it is", async () => {
  const rig = createRig(async (self, attempt) => {
    await renewLease(self);
    if (attempt === 1) throw new PlatformError("unreachable", 0);
    return SUCCESS;
  }, 2);
  await createRenewal(rig.options).keepServing(rig.controller.signal);
  expect(rig.bindings.map((at) => at - 5000)).toEqual([300_000, 600_000]);
});

test("abort: before it begins, in a pause, in a session, and beside a card that never answers", async () => {
  const before = createRig();
  before.controller.abort();
  expect(await createRenewal(before.options).keepServing(before.controller.signal)).toBe("aborted");
  expect(before.card.statuses).toBe(0);
  const hanging = createRig();
  const stuck = createRenewal({
    ...hanging.options,
    card: { ...hanging.options.card, readStatus: never },
  });
  const pausing = createRig();
  const asleep = createRenewal({ ...pausing.options, sleep: never });
  const session = createRig((rig) => {
    const { promise, reject } = Promise.withResolvers<never>();
    rig.controller.signal.addEventListener("abort", () => {
      reject(new Error("the session was given up"));
    });
    return promise;
  });
  for (const [rig, renewal] of [
    [hanging, stuck],
    [pausing, asleep],
    [session, createRenewal(session.options)],
  ] as const) {
    const work = renewal.keepServing(rig.controller.signal);
    await Bun.sleep(2);
    rig.controller.abort();
    expect(await work).toBe("aborted");
    expect(kinds(rig).filter((kind) => kind !== "renewing")).toEqual([]);
  }
});
