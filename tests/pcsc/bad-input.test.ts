/**
 * Readers and cards that misbehave, behind a real PC/SC service: each ends in a typed error, nothing
 * is half done, and the same card binds when it is tried again.
 */
import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  setDefaultTimeout,
  test,
} from "bun:test";
import { bind, type BindingOutcome } from "#terminal/bind";
import { CardError, createCardApplet } from "#terminal/card";
import { ModuleError } from "#terminal/module";
import { createPcscTransport, type PcscConnection, PcscError } from "#terminal/pcsc";
import { createPlatformClient } from "#terminal/platform-client";
import { createUsimModule } from "#terminal/usim";
import { createFleet, type Fleet, type FleetCard, type FleetSubscriber } from "#tests/fleet/fleet";
import { connectVpcd, type VpcdConnection, type VpcdDevice } from "#tests/emulators/vpcd/connect";
import { decodeHex } from "#protocol/bytes";
import { type Platform, startTestPlatform } from "./scene.ts";
import { missingPart, type PcscService, startPcscService, waitForCards } from "./service.ts";

setDefaultTimeout(60_000);

const missing = missingPart([]);
if (missing !== undefined) process.stdout.write(`SKIP ${missing}: misbehaving PC/SC readers\n`);

const INS_ANSWER = 0x12;
const INS_RESULT = 0x14;
const INS_AUTHENTICATE = 0x88;
const TIMEOUT_MS = 1000;

/** Undefined leaves the command to the card. */
type Fault = (apdu: Uint8Array, goOn: () => Promise<Uint8Array>) => Promise<Uint8Array | undefined>;

describe.skipIf(missing !== undefined)("a card or a reader that misbehaves", () => {
  let service: PcscService;
  let platform: Platform;
  let fleet: Fleet;
  let card: FleetCard;
  let subscriber: FleetSubscriber;
  let slots: VpcdConnection[] = [];
  let open: PcscConnection[] = [];

  beforeAll(async () => {
    [service, platform] = await Promise.all([startPcscService(), startTestPlatform()]);
    const { SIMLATCH_ADMIN_KEY: adminKey = "", SIMLATCH_DEPLOYMENT = "" } = platform.environment;
    fleet = await createFleet({
      platformUrl: platform.url,
      adminKey,
      deployment: decodeHex(SIMLATCH_DEPLOYMENT) ?? new Uint8Array(0),
      fetch: (url, init) => fetch(url, init),
      now: Date.now,
      random: (length) => crypto.getRandomValues(new Uint8Array(length)),
    });
  });

  // A card may ask for so many challenges a minute; each test has its own.
  beforeEach(async () => {
    card = await fleet.addCard();
    subscriber = await fleet.addSubscriber({ operator: "00101" });
    await fleet.addRule(card, { imsi: subscriber.imsi }, "refuse");
  });

  afterAll(async () => {
    await leave();
    await service?.stop();
    await platform?.stop();
  });

  async function leave(): Promise<void> {
    for (const slot of slots) slot.remove();
    for (const connection of open) await connection.close().catch(() => undefined);
    [open, slots] = [[], []];
  }

  async function insert(cardFault?: Fault, moduleFault?: Fault): Promise<void> {
    await leave();
    await waitForCards(false, false);
    const [cardPort, modulePort] = service.ports;
    const host = "127.0.0.1";
    slots = await Promise.all([
      connectVpcd(withFault(card.device, cardFault), { host, port: cardPort }),
      connectVpcd(withFault(subscriber.device, moduleFault), { host, port: modulePort }),
    ]);
    await waitForCards(true, true);
  }

  async function bindOnce(): Promise<BindingOutcome> {
    const [cardReader, moduleReader] = service.readers;
    const connect = async (reader: string): Promise<PcscConnection> => {
      const connection = await createPcscTransport({ reader, timeoutMs: TIMEOUT_MS });
      open.push(connection);
      return connection;
    };
    const applet = createCardApplet(await connect(cardReader));
    await applet.select();
    const fetchAny = (url: string, init: RequestInit): Promise<Response> => fetch(url, init);
    return bind({
      platform: createPlatformClient({ baseUrl: platform.url, fetch: fetchAny }),
      card: applet,
      module: createUsimModule(await connect(moduleReader)),
      modes: ["signed"],
      now: Date.now,
    });
  }

  const failure = (): Promise<unknown> =>
    bindOnce().then(
      (outcome) => outcome,
      (error: unknown) => error,
    );

  async function expectRetryWorks(): Promise<void> {
    await insert();
    const { verdict, cardState, receipt } = await bindOnce();
    expect([verdict, cardState, receipt]).toEqual(["SUCCESS", "serving", "delivered"]);
  }

  const at =
    (ins: number, act: Fault): Fault =>
    (apdu, goOn) =>
      apdu[1] === ins ? act(apdu, goOn) : goOn();

  test("a card pulled out at ANSWER: transport, removed", async () => {
    await insert(at(INS_ANSWER, async () => void slots[0]?.remove()));
    expectCardError(await failure(), "transport", "removed");
    await expectRetryWorks();
  });

  test("a card that is silent at RESULT: transport, timeout, and the reader is free again", async () => {
    await insert(at(INS_RESULT, async () => undefined));
    expectCardError(await failure(), "transport", "timeout");
    await expectRetryWorks();
  });

  test("a card that answers RESULT late: timeout; it acted, and binds again", async () => {
    await insert(
      at(INS_RESULT, async (_apdu, goOn) => {
        const answer = await goOn();
        await Bun.sleep(2 * TIMEOUT_MS);
        return answer;
      }),
    );
    expectCardError(await failure(), "transport", "timeout");
    await expectRetryWorks();
  });

  for (const [what, bytes] of [
    ["one byte", [0x90]],
    ["nothing", []],
    ["a length that is no proof", [1, 2, 3, 0x90, 0x00]],
    ["more than a short answer holds", [...new Uint8Array(600), 0x90, 0x00]],
  ] as const) {
    test(`a card that answers ANSWER with ${what}`, async () => {
      await insert(at(INS_ANSWER, async () => Uint8Array.from(bytes)));
      const error = await failure();
      expect(error).toBeInstanceOf(CardError);
      expect(["malformed", "transport"]).toContain(error instanceof CardError ? error.code : "");
      await expectRetryWorks();
    });
  }

  test("a module that is silent, or pulled out, at AUTHENTICATE", async () => {
    for (const [act, code] of [
      [async () => undefined, "timeout"],
      [async () => void slots[1]?.remove(), "removed"],
    ] as const) {
      await insert(undefined, at(INS_AUTHENTICATE, act));
      const error = await failure();
      expect(error).toBeInstanceOf(ModuleError);
      expect(error).toMatchObject({ code: "transport", cause: { name: "PcscError", code } });
      await expectRetryWorks();
    }
  });

  test("exclusive access keeps others out; a transaction holds a shared card", async () => {
    await insert();
    const [reader] = service.readers;
    const first = await createPcscTransport({ reader });
    const second = await createPcscTransport({ reader }).catch((error: unknown) => error);
    expect(second).toBeInstanceOf(PcscError);
    expect(second).toMatchObject({ code: "busy", reader });
    await first.close();
    await first.close();
    const closed = await first.transmit(Uint8Array.of(0)).catch((error: unknown) => error);
    expect(closed).toMatchObject({ code: "closed" });
    const shared = { reader, access: "shared" } as const;
    const [one, other] = [await createPcscTransport(shared), await createPcscTransport(shared)];
    open.push(one, other);
    const order: string[] = [];
    const status = Uint8Array.of(0x00, 0xca, 0x00, 0x80, 0x00);
    const waiting = await one.transaction(async () => {
      const later = other.transmit(status).then(() => order.push("other"));
      await Bun.sleep(200);
      await one.transmit(status);
      order.push("one");
      return { later };
    });
    await waiting.later;
    expect(order).toEqual(["one", "other"]);
    await other.reset();
    const reset = await one.transmit(status).catch((error: unknown) => error);
    expect(reset).toMatchObject({ code: "reset" });
  });

  test("the service dies in the middle: a typed error; it comes back, and the card binds", async () => {
    await insert(
      at(INS_ANSWER, async () => {
        await service.stop();
        return undefined;
      }),
    );
    const error = await failure();
    expect(error).toBeInstanceOf(CardError);
    expect(error).toMatchObject({ code: "transport", cause: { name: "PcscError" } });
    const absent = await createPcscTransport({ reader: service.readers[0] }).catch(
      (problem: unknown) => problem,
    );
    expect(absent).toBeInstanceOf(PcscError);
    expect(["no_service", "no_reader"]).toContain(absent instanceof PcscError ? absent.code : "");
    await leave();
    service = await startPcscService();
    await expectRetryWorks();
  });
});

function expectCardError(error: unknown, code: string, cause: string): void {
  expect(error).toBeInstanceOf(CardError);
  expect(error).toMatchObject({ code, cause: { name: "PcscError", code: cause } });
}

interface Device {
  transmit(apdu: Uint8Array): Promise<Uint8Array> | Uint8Array;
  reset(): Promise<Uint8Array> | Uint8Array;
  powerOff?(): void;
}

function withFault(device: Device, fault: Fault | undefined): VpcdDevice {
  const goOn = async (apdu: Uint8Array): Promise<Uint8Array> => device.transmit(apdu);
  return {
    reset: () => device.reset(),
    powerOff: () => device.powerOff?.(),
    transmit: (apdu) => (fault === undefined ? goOn(apdu) : fault(apdu, () => goOn(apdu))),
  };
}
