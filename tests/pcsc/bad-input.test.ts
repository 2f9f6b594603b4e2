/**
 * Readers and cards that misbehave, behind a real PC/SC service: each ends in a typed error,
 * nothing is half done, and the same card binds with the same module when it is tried again.
 */
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  setDefaultTimeout,
  test,
} from "bun:test";
import { INS } from "#protocol/assigned-numbers";
import { bind, type BindingOutcome } from "#terminal/bind";
import { type CardApplet, CardError, createCardApplet } from "#terminal/card";
import { ModuleError } from "#terminal/module";
import { createPcscTransport, type PcscConnection, PcscError } from "#terminal/pcsc";
import { createPlatformClient } from "#terminal/platform-client";
import { createUsimModule } from "#terminal/usim";
import { createFleet } from "#tests/fleet/fleet";
import { decodeHex } from "#protocol/bytes";
import { createFaultySlot, type Fault, type FaultySlot } from "./faulty-slot.ts";
import { type Platform, SIMLATCH, startTestPlatform } from "./scene.ts";
import {
  missingPart,
  type PcscService,
  run,
  startPcscService,
  takeTurn,
  type Turn,
  TURN_MS,
} from "./service.ts";

setDefaultTimeout(60_000);

const missing = missingPart([]);
if (missing !== undefined) process.stdout.write(`SKIP ${missing}: misbehaving PC/SC readers\n`);

const INS_READ_BINARY = 0xb0;
const INS_AUTHENTICATE = 0x88;
/** Several times what a command takes here when the machine is busy. */
const TIMEOUT_MS = 1500;
const GET_STATUS = Uint8Array.of(0x00, 0xca, 0x00, 0x80, 0x00);

describe.skipIf(missing !== undefined)("a card or a reader that misbehaves", () => {
  let turn: Turn;
  let service: PcscService;
  let platform: Platform;
  let card: FaultySlot;
  let module: FaultySlot;
  const open = new Set<PcscConnection>();

  beforeAll(async () => {
    turn = await takeTurn();
    [service, platform] = await Promise.all([startPcscService(), startTestPlatform()]);
    const { SIMLATCH_ADMIN_KEY: adminKey = "", SIMLATCH_DEPLOYMENT = "" } = platform.environment;
    const fleet = await createFleet({
      platformUrl: platform.url,
      adminKey,
      deployment: decodeHex(SIMLATCH_DEPLOYMENT) ?? new Uint8Array(0),
      fetch: (url, init) => fetch(url, init),
      now: Date.now,
      random: (length) => crypto.getRandomValues(new Uint8Array(length)),
    });
    const enrolled = await fleet.addCard();
    const subscriber = await fleet.addSubscriber({ operator: "00101" });
    await fleet.addRule(enrolled, { imsi: subscriber.imsi }, "refuse");
    card = createFaultySlot(enrolled.device, service.ports[0]);
    module = createFaultySlot(subscriber.device, service.ports[1]);
  }, TURN_MS);

  afterAll(async () => {
    for (const slot of [card, module]) slot?.pull();
    await service?.stop();
    await turn?.end();
    await platform?.stop();
  });

  beforeEach(putIn);
  afterEach(closeAll);

  /** A card that hangs in its reader is pulled out, so that the next test finds the reader free. */
  async function closeAll(): Promise<void> {
    const closed = await Promise.allSettled([...open].map((connection) => connection.close()));
    open.clear();
    if (closed.every(({ status }) => status === "fulfilled")) return;
    for (const slot of [card, module]) slot.pull();
  }

  /** Whatever is out, once the service has seen it go. */
  async function putIn(): Promise<void> {
    await service.waitForCards(card.isIn(), module.isIn());
    await Promise.all([card.putIn(), module.putIn()]);
    await service.waitForCards(true, true);
  }

  async function connect(reader: string): Promise<PcscConnection> {
    const connection = await createPcscTransport({ reader, timeoutMs: TIMEOUT_MS });
    open.add(connection);
    return connection;
  }

  async function selectCard(): Promise<CardApplet> {
    const applet = createCardApplet(await connect(service.readers[0]));
    await applet.select();
    return applet;
  }

  async function bindOnce(selected?: CardApplet): Promise<BindingOutcome> {
    const applet = selected ?? (await selectCard());
    return bind({
      platform: createPlatformClient({
        baseUrl: platform.url,
        fetch: (url, init) => fetch(url, init),
      }),
      card: applet,
      module: createUsimModule(await connect(service.readers[1])),
      modes: ["signed"],
      now: Date.now,
    });
  }

  /** The card kept nothing of what failed. */
  async function putInIdle(): Promise<CardApplet> {
    await closeAll();
    await putIn();
    const applet = await selectCard();
    const { state, lease } = await applet.readStatus();
    expect([state.name, lease.uses, lease.seconds]).toEqual(["idle", 0, 0]);
    return applet;
  }

  async function expectRetryWorks(): Promise<void> {
    const { verdict, cardState, receipt } = await bindOnce(await putInIdle());
    expect([verdict, cardState, receipt]).toEqual(["SUCCESS", "serving", "delivered"]);
  }

  test("a card that is pulled out, at a later step each time: transport, removed", async () => {
    for (const [command, ins] of [
      ["SELECT", INS.select],
      ["GET DATA status", INS.getData],
      ["START SESSION", INS.startSession],
      ["ANSWER", INS.answer],
      ["RESULT", INS.result],
    ] as const) {
      card.misbehave(ins, pullingOut(card));
      expectCardError(await failureOf(bindOnce()), command, "removed");
      await putInIdle();
      await closeAll();
    }
    await expectRetryWorks();
  });

  test("a module that is pulled out, at a later step each time: transport, removed", async () => {
    for (const [what, ins] of [
      ["EF_DIR", INS.select],
      ["EF_IMSI", INS_READ_BINARY],
      ["AUTHENTICATE", INS_AUTHENTICATE],
    ] as const) {
      module.misbehave(ins, pullingOut(module));
      expectModuleError(await failureOf(bindOnce()), what, "removed");
      await closeAll();
      await putIn();
    }
    await expectRetryWorks();
  });

  test("a card that is silent at RESULT: transport, timeout, and the reader is free again", async () => {
    card.misbehave(INS.result, async () => undefined);
    expectCardError(await failureOf(bindOnce()), "RESULT", "timeout");
    const [slot] = open;
    expect(await failureOf(slot?.transmit(GET_STATUS) ?? Promise.resolve())).toMatchObject({
      name: "PcscError",
      code: "closed",
    });
    expect(await failureOf(slot?.close() ?? Promise.resolve())).toMatchObject({ code: "timeout" });
    card.pull();
    await expectRetryWorks();
  });

  test("simlatch terminal bind ends, with its reason, though the card hangs in the reader", async () => {
    card.misbehave(INS.answer, async () => undefined);
    const [cardReader, moduleReader] = service.readers;
    const readers = ["--card-reader", cardReader, "--module-reader", moduleReader];
    const options = ["--platform", platform.url, "--timeout", "1.5", "--json"];
    const told = await run([...SIMLATCH, "terminal", "bind", ...readers, ...options]);
    const outcome = { verdict: null, error: "CardError", code: "timeout" };
    expect([told.code, JSON.parse(told.stdout)]).toEqual([1, outcome]);
    card.pull();
    await putInIdle();
  });

  test("a card that is dead when it is powered up: timeout at the connection", async () => {
    await card.unpowered();
    card.dieAtReset();
    const dead = await failureOf(connect(service.readers[0]));
    expect(dead).toBeInstanceOf(PcscError);
    expect(dead).toMatchObject({ code: "timeout", reader: service.readers[0] });
    card.pull();
    await putInIdle();
  });

  test("a module that answers AUTHENTICATE with no bytes is silent: transport, timeout", async () => {
    module.misbehave(INS_AUTHENTICATE, async () => new Uint8Array(0));
    expectModuleError(await failureOf(bindOnce()), "AUTHENTICATE", "timeout");
    module.pull();
    await expectRetryWorks();
  });

  test("a card that answers RESULT too late: timeout; it acted, and binds again", async () => {
    let acted = false;
    card.misbehave(INS.result, async (goOn) => {
      const answer = await goOn();
      acted = true;
      await Bun.sleep(TIMEOUT_MS + 500);
      return answer;
    });
    expectCardError(await failureOf(bindOnce()), "RESULT", "timeout");
    expect(acted).toBe(true);
    await expectRetryWorks();
  });

  test("a card that is slow, but in time, binds", async () => {
    card.misbehave(INS.startSession, answerLate);
    module.misbehave(INS_AUTHENTICATE, answerLate);
    expect(await bindOnce()).toMatchObject({ verdict: "SUCCESS", receipt: "delivered" });
  });

  test("answers of a wrong length: a typed error each, and the card binds where it is", async () => {
    for (const [bytes, code] of [
      [[0x90], "transport"],
      [[1, 2, 3, 0x90, 0x00], "malformed"],
      [[...new Uint8Array(600), 0x90, 0x00], "malformed"],
    ] as const) {
      card.misbehave(INS.answer, async () => Uint8Array.from(bytes));
      const error = await failureOf(bindOnce());
      expect(error).toBeInstanceOf(CardError);
      expect(error).toMatchObject({ code, command: "ANSWER" });
      await closeAll();
    }
    expect([card.isIn(), module.isIn()]).toEqual([true, true]);
    await expectRetryWorks();
  });

  test("exclusive access keeps others out; a transaction holds a shared card", async () => {
    const [reader] = service.readers;
    const first = await createPcscTransport({ reader });
    const second = await failureOf(createPcscTransport({ reader }));
    expect(second).toBeInstanceOf(PcscError);
    expect(second).toMatchObject({ code: "busy", reader });
    await first.close();
    await first.close();
    expect(await failureOf(first.transmit(GET_STATUS))).toMatchObject({ code: "closed" });
    const shared = { reader, access: "shared" } as const;
    const [one, other] = [await createPcscTransport(shared), await createPcscTransport(shared)];
    open.add(one).add(other);
    const order: string[] = [];
    const waiting = await one.transaction(async () => {
      const later = other.transmit(GET_STATUS).then(() => order.push("other"));
      await Bun.sleep(200);
      await one.transmit(GET_STATUS);
      order.push("one");
      return { later };
    });
    await waiting.later;
    expect(order).toEqual(["one", "other"]);
    await other.reset();
    expect(await failureOf(one.transmit(GET_STATUS))).toMatchObject({ code: "reset" });
  });

  test("a reader without a card, and no such reader", async () => {
    card.pull();
    await service.waitForCards(false, true);
    const [reader] = service.readers;
    expect(await failureOf(createPcscTransport({ reader }))).toMatchObject({ code: "no_card" });
    const nowhere = await failureOf(createPcscTransport({ reader: "Nowhere 00" }));
    expect(nowhere).toBeInstanceOf(PcscError);
    expect(nowhere).toMatchObject({ code: "no_reader", reader: "Nowhere 00" });
  });

  test("the service crashes, readers and all: a typed error; it comes back, and the card binds", async () => {
    card.misbehave(INS.answer, async () => {
      await service.crash();
      return undefined;
    });
    const error = await failureOf(bindOnce());
    expect(error).toBeInstanceOf(CardError);
    expect(error).toMatchObject({ code: "transport", command: "ANSWER" });
    expect(error).toMatchObject({ cause: { name: "PcscError" } });
    const absent = await failureOf(createPcscTransport({ reader: service.readers[0] }));
    expect(absent).toMatchObject({ name: "PcscError", code: "no_service" });
    await closeAll();
    await Promise.all([card.gone(), module.gone()]);
    service = await startPcscService();
    card.moveTo(service.ports[0]);
    module.moveTo(service.ports[1]);
    await expectRetryWorks();
  });
});

const answerLate: Fault = async (goOn) => {
  await Bun.sleep(TIMEOUT_MS / 2);
  return goOn();
};

const pullingOut =
  (slot: FaultySlot): Fault =>
  async () => {
    slot.pull();
    return undefined;
  };

function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    (value) => value,
    (error: unknown) => error,
  );
}

function expectCardError(error: unknown, command: string, cause: string): void {
  expect(error).toBeInstanceOf(CardError);
  expect(error).toMatchObject({
    code: "transport",
    command,
    cause: { name: "PcscError", code: cause },
  });
}

function expectModuleError(error: unknown, what: string, cause: string): void {
  expect(error).toBeInstanceOf(ModuleError);
  expect(error).toMatchObject({
    code: "transport",
    message: `${what}: transport`,
    cause: { name: "PcscError", code: cause },
  });
}
