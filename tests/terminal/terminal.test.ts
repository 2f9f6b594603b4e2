import { expect, test } from "bun:test";
import { createUsim } from "#tests/emulators/sim/usim";
import { createTerminal, type SlotDevice } from "#tests/emulators/terminal/terminal";
import type { TerminalOptions } from "#tests/emulators/terminal/terminal";
import { CardError } from "#terminal/card";
import { CONCEALMENT, createCardDouble, createPlatformDouble, ENCRYPTED } from "./doubles.ts";
import { IMSI, SIGNED, type Terms } from "./doubles.ts";
import { rejectionOf } from "./rejection.ts";

interface Device extends SlotDevice {
  readonly events: string[];
}

/** Answers every command with 9000 and its own serial number as data. */
function createDevice(): Device {
  const events: string[] = [];
  return {
    events,
    transmit(apdu) {
      events.push(apdu.slice(0, 4).toHex());
      return Uint8Array.of(0x90, 0x00);
    },
    reset: () => events.push("reset"),
    powerOff: () => events.push("power off"),
  };
}

function createPhone(tamper = {}) {
  return createTerminal({
    platformUrl: "http://platform.example",
    fetch: async (url, init) => {
      const echo = { url, body: typeof init.body === "string" ? init.body : "" };
      return Response.json(echo, { status: 400, headers: { "x-real": "yes" } });
    },
    now: () => 0,
    tamper,
  });
}

test("inserting a card resets it before its applet is selected; another one takes its place", async () => {
  const phone = createPhone();
  const [first, second] = [createDevice(), createDevice()];
  await phone.insertCard(first);
  expect(first.events).toEqual(["reset", "00a40400"]);
  await phone.insertCard(second);
  expect(first.events).toEqual(["reset", "00a40400", "power off"]);
  await phone.card().encipher(Uint8Array.of(1));
  expect(second.events).toEqual(["reset", "00a40400", "002a8680"]);
  phone.removeCard();
  expect(second.events.at(-1)).toBe("power off");
});

test("empty slots are an error of the test, not a verdict", async () => {
  const phone = createPhone();
  expect(() => phone.card()).toThrow("no card");
  expect(() => phone.module()).toThrow("no identity module");
  expect(await rejectionOf(phone.bind())).toBeInstanceOf(Error);
});

test("a card that refuses its selection is not in the slot", async () => {
  const phone = createPhone();
  const device = { transmit: () => Uint8Array.of(0x6a, 0x82), reset: () => undefined };
  expect(await rejectionOf(phone.insertCard(device))).toBeInstanceOf(CardError);
  expect(() => phone.card()).toThrow("no card");
});

test("the attacker on the card's wire replaces, repeats and swallows APDUs", async () => {
  const seen: string[] = [];
  const phone = createPhone({
    card: async (apdu: Uint8Array, next: (apdu: Uint8Array) => Promise<Uint8Array>) => {
      seen.push(apdu.slice(0, 4).toHex());
      if (apdu[1] === 0xa4) return next(apdu);
      await next(Uint8Array.of(0xde, 0xad, 0xbe, 0xef));
      await next(Uint8Array.of(0xde, 0xad, 0xbe, 0xef));
      return Uint8Array.of(0x69, 0x82);
    },
  });
  const device = createDevice();
  await phone.insertCard(device);
  const refusal = await rejectionOf(phone.card().sign(Uint8Array.of(1)));
  expect(refusal).toMatchObject({ sw: 0x6982 });
  expect(seen).toEqual(["00a40400", "002a9e9a"]);
  expect(device.events.slice(2)).toEqual(["deadbeef", "deadbeef"]);
});

test("the attacker on the module's wire answers in its place", async () => {
  const device = createDevice();
  const phone = createPhone({ module: async () => Uint8Array.of(0x69, 0x82) });
  await phone.insertModule(device);
  expect(await rejectionOf(phone.module().readImsi())).toMatchObject({ sw: 0x6982 });
  expect(device.events).toEqual(["reset"]);
});

test("the attacker on the network sees and changes both bodies and the status", async () => {
  const bodies: string[] = [];
  const phone = createPhone({
    http: async (
      request: { url: string; body: string },
      next: (request: { url: string; body: string }) => Promise<{
        status: number;
        headers: Readonly<Record<string, string>>;
        body: string;
      }>,
    ) => {
      const answer = await next({ url: `${request.url}/elsewhere`, body: "changed" });
      bodies.push(request.body, answer.body, answer.headers["x-real"] ?? "no");
      return { status: 410, headers: {}, body: JSON.stringify({ code: "session_expired" }) };
    },
  });
  const receipt = { token: Uint8Array.of(1), receipt: Uint8Array.of(2) };
  const error = await rejectionOf(phone.platform.deliverReceipt("sid", receipt));
  expect(error).toMatchObject({ code: "session_expired", status: 410 });
  expect(bodies).toEqual([
    '{"token":"AQ","receipt":"Ag"}',
    '{"url":"http://platform.example/v1/bindings/sid/receipt/elsewhere","body":"changed"}',
    "yes",
  ]);
});

test("an answer without a body stays one on its way through the attacker", async () => {
  const phone = createPhone({ http: async () => ({ status: 204, headers: {}, body: "" }) });
  const receipt = { token: Uint8Array.of(1), receipt: Uint8Array.of(2) };
  expect(await phone.platform.deliverReceipt("sid", receipt)).toBeUndefined();
});

interface PhoneParts {
  readonly terms: Terms;
  readonly kind: "TF" | "SD";
  readonly options?: Partial<TerminalOptions>;
}

/** A phone with an emulated USIM in it, and doubles of card and platform that always agree. */
async function assemblePhone({ terms, kind, options = {} }: PhoneParts) {
  const card = createCardDouble({ ...terms, kind });
  const platform = createPlatformDouble(terms);
  const phone = createTerminal({
    platformUrl: "http://platform.example",
    fetch: platform.fetch,
    now: () => 0,
    ...options,
  });
  await phone.insertCard(card, kind);
  await phone.insertModule(createUsim(USIM), "USIM");
  return { phone, card, platform };
}

const USIM = {
  imsi: IMSI,
  iccid: "8988601202601000428",
  k: new Uint8Array(16).fill(1),
  opc: new Uint8Array(16).fill(2),
  mncLength: 2,
} as const;

test("a phone binds a TF and an SD card in both modes, with a module behind the adapter of its kind", async () => {
  for (const terms of [SIGNED, ENCRYPTED])
    for (const kind of ["TF", "SD"] as const) {
      const concealed = terms.mode === "encrypted" ? { concealment: CONCEALMENT } : {};
      const { phone, platform } = await assemblePhone({ terms, kind, options: concealed });
      const { outcome, steps } = await phone.bind();
      expect(outcome).toMatchObject({ verdict: "SUCCESS", receipt: "delivered" });
      expect(steps.at(-1)?.step).toBe(terms.mode === "signed" ? 334 : 437);
      const modes = terms.mode === "signed" ? ["signed"] : ["encrypted", "signed"];
      expect(platform.requests[0]?.body["modes"]).toEqual(modes);
    }
});

test("what a phone offers is narrowed by its options", async () => {
  const { phone, platform } = await assemblePhone({
    terms: ENCRYPTED,
    kind: "TF",
    options: { tenant: "acme", modes: ["encrypted"], suites: ["P-256"], concealment: CONCEALMENT },
  });
  expect((await phone.bind()).outcome.verdict).toBe("SUCCESS");
  expect(platform.requests[0]?.body).toMatchObject({
    tenant: "acme",
    modes: ["encrypted"],
    suites: ["P-256"],
  });
});

test("the attacker on an SD card's wire sees whole blocks", async () => {
  const lengths: number[] = [];
  const card = async (
    blocks: Uint8Array,
    next: (blocks: Uint8Array) => Promise<Uint8Array>,
  ): Promise<Uint8Array> => {
    lengths.push(blocks.length);
    return next(blocks);
  };
  const { phone } = await assemblePhone({
    terms: SIGNED,
    kind: "SD",
    options: { tamper: { card } },
  });
  expect((await phone.bind()).outcome.verdict).toBe("SUCCESS");
  expect(new Set(lengths)).toEqual(new Set([512]));
});

test("a phone keeps its card serving with sessions of its own until it is told to stop", async () => {
  const controller = new AbortController();
  const events: string[] = [];
  const { phone, platform } = await assemblePhone({
    terms: SIGNED,
    kind: "TF",
    options: { sleep: () => new Promise(() => undefined) },
  });
  await phone.bind();
  const renewal = phone.createRenewal({
    onEvent: ({ kind }) => {
      events.push(kind);
      if (kind === "renewed") controller.abort();
    },
  });
  const work = renewal.keepServing(controller.signal);
  // The double's lease is far longer than this test; the caller stops it in its first pause.
  await Bun.sleep(2);
  controller.abort();
  expect(await work).toBe("aborted");
  expect(events).toEqual([]);
  expect(platform.requests.filter(({ route }) => route === "access")).toHaveLength(1);
});

test("each kind of module is driven by the adapter of its kind; a UIM needs randomness", async () => {
  const selects: string[] = [];
  const device = {
    transmit: (apdu: Uint8Array) => {
      selects.push(apdu.toHex());
      return Uint8Array.of(0x6d, 0x00);
    },
    reset: () => undefined,
  };
  const { phone } = await assemblePhone({
    terms: SIGNED,
    kind: "TF",
    options: { random: (length) => new Uint8Array(length) },
  });
  for (const kind of ["SIM", "USIM", "UIM"] as const) {
    await phone.insertModule(device, kind);
    expect(phone.module().kind).toBe(kind);
    await rejectionOf(phone.module().readImsi());
  }
  expect(new Set(selects.map((apdu) => apdu.slice(0, 4)))).toEqual(new Set(["a0a4", "00a4"]));
  const poor = createPhone();
  expect(await rejectionOf(poor.insertModule(device, "UIM"))).toBeInstanceOf(Error);
});
