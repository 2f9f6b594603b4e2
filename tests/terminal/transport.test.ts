import { expect, test } from "bun:test";
import { decodeHex, encodeHex } from "#protocol/bytes";
import { CardError, type CardStatus, createCardApplet, decodeCardStatus } from "#terminal/card";
import { type CardTransport, exchangeApdu } from "#terminal/transport";
import { rejectionOf } from "./rejection.ts";
import { createSeeded, damageBytes, reportCounts } from "./seeded.ts";

const MALFORMED_INPUTS = 100_000;

interface Script extends CardTransport {
  readonly sent: string[];
}

/** A card that gives these answers in turn, in hex, and notes what it was sent. */
function script(...answers: readonly string[]): Script {
  const sent: string[] = [];
  return {
    sent,
    async transmit(apdu) {
      const answer = decodeHex(answers[sent.length] ?? "");
      sent.push(encodeHex(apdu));
      if (answer === undefined) throw new Error("the script is not hex");
      return answer;
    },
  };
}

const ANSWER_INS = { cla: 0x80, ins: 0x12, p1p2: 0 };

test("data over 255 bytes goes out as a chain whose parts but the last have CLA bit 10", async () => {
  const card = script("9000", "9000", "9000");
  const data = Uint8Array.from({ length: 600 }, (_, index) => index & 0xff);
  const response = await exchangeApdu(card, { ...ANSWER_INS, data });
  expect(response?.sw).toBe(0x9000);
  expect(card.sent.map((apdu) => apdu.slice(0, 10))).toEqual([
    "90120000ff",
    "90120000ff",
    "801200005a",
  ]);
  expect(card.sent.map((apdu) => apdu.slice(10)).join("")).toBe(encodeHex(data));
});

test("exactly 255 bytes need no chain", async () => {
  const card = script("9000");
  await exchangeApdu(card, { ...ANSWER_INS, data: new Uint8Array(255) });
  expect(card.sent.map((apdu) => apdu.slice(0, 10))).toEqual(["80120000ff"]);
});

test("a chain that the card breaks off ends with the card's status word", async () => {
  const card = script("9000", "6883");
  const response = await exchangeApdu(card, { ...ANSWER_INS, data: new Uint8Array(600) });
  expect(response?.sw).toBe(0x6883);
  expect(card.sent).toHaveLength(2);
});

test("61xx is fetched with GET RESPONSE of class 00 until the card says 9000", async () => {
  const card = script("6103", "0102036102", "04059000");
  const response = await exchangeApdu(card, { ...ANSWER_INS, data: Uint8Array.of(1) });
  expect(response).toEqual({ data: Uint8Array.of(1, 2, 3, 4, 5), sw: 0x9000 });
  expect(card.sent.slice(1)).toEqual(["00c0000003", "00c0000002"]);
});

test("6100 asks for 256 bytes, and 6Cxx during GET RESPONSE is corrected", async () => {
  const card = script("6100", "6c02", "aabb9000");
  const response = await exchangeApdu(card, { ...ANSWER_INS, data: Uint8Array.of(1) });
  expect(response).toEqual({ data: Uint8Array.of(0xaa, 0xbb), sw: 0x9000 });
  expect(card.sent.slice(1)).toEqual(["00c0000000", "00c0000002"]);
});

test("6Cxx repeats the command with the right Le, in every case of a command", async () => {
  const cases = [
    { command: { cla: 0, ins: 0xca, p1p2: 0x80 }, repeated: "00ca008005" },
    { command: { cla: 0, ins: 0xca, p1p2: 0x80, le: 256 }, repeated: "00ca008005" },
    {
      command: { cla: 0, ins: 0x2a, p1p2: 0x9e9a, data: Uint8Array.of(7, 8) },
      repeated: "002a9e9a02070805",
    },
    {
      command: { cla: 0, ins: 0x2a, p1p2: 0x9e9a, data: Uint8Array.of(7, 8), le: 256 },
      repeated: "002a9e9a02070805",
    },
  ];
  for (const { command, repeated } of cases) {
    const card = script("6c05", "01020304059000");
    expect((await exchangeApdu(card, command))?.data).toEqual(Uint8Array.of(1, 2, 3, 4, 5));
    expect(card.sent[1]).toBe(repeated);
  }
});

test("a card that says 6Cxx for ever is asked twice, one that says 61xx for ever 65 times", async () => {
  const wrongLe = script("6c05", "6c05");
  expect((await exchangeApdu(wrongLe, { cla: 0, ins: 0xca, p1p2: 0x80 }))?.sw).toBe(0x6c05);
  expect(wrongLe.sent).toHaveLength(2);
  let count = 0;
  const endless: CardTransport = {
    async transmit() {
      count += 1;
      return Uint8Array.of(0x61, 0x01);
    },
  };
  expect(await exchangeApdu(endless, { cla: 0, ins: 0xca, p1p2: 0x80 })).toBeUndefined();
  expect(count).toBe(65);
});

test("an answer over 8 KiB is cut off", async () => {
  let count = 0;
  const endless: CardTransport = {
    async transmit() {
      count += 1;
      const answer = new Uint8Array(258);
      answer.set([0x61, 0x00], 256);
      return answer;
    },
  };
  expect(await exchangeApdu(endless, { cla: 0, ins: 0xca, p1p2: 0x80 })).toBeUndefined();
  expect(count).toBeLessThan(40);
});

test("an answer without a status word is a malformed one", async () => {
  const applet = createCardApplet(script("90"));
  expect(await rejectionOf(applet.select())).toMatchObject({ code: "malformed", sw: undefined });
});

test("the applet's commands have the bytes of docs/protocol.md, section 6", async () => {
  const signature = `8e40${"11".repeat(64)}`;
  const state = "8d0101";
  const receipt = `${state}8c0400000007${signature}`;
  const proof = `8601018b10${"22".repeat(16)}8c04000000068d0100${signature}`;
  const commands: readonly [string, string, (applet: Applet) => Promise<unknown>][] = [
    ["9000", "00a4040009f053494d4c41544348", (a) => a.select()],
    [`c941${"33".repeat(65)}9000`, "00ca00c900", (a) => a.readServiceKey()],
    ["30009000", "00ca7f2100", (a) => a.readCertificate()],
    [
      `${proof}9000`,
      "801000000d8a0101e2020909880101890101",
      (a) =>
        a.startSession({
          token: Uint8Array.of(1),
          credential: Uint8Array.of(0xe2, 2, 9, 9),
          suite: 1,
          mode: 1,
        }),
    ],
    [`${signature}9000`, "801200000401020304", (a) => a.answer(bytes(1, 2), bytes(3, 4))],
    [`${receipt}9000`, "80140000020506", (a) => a.deliverResult(bytes(5, 6))],
    [`${signature}9000`, "8018000003c30108", (a) => a.provePossession(bytes(8))],
    [`${"44".repeat(64)}9000`, "002a9e9a0109", (a) => a.sign(bytes(9))],
    ["0a9000", "002a86800109", (a) => a.encipher(bytes(9))],
    ["0a9000", "002a80860109", (a) => a.decipher(bytes(9))],
  ];
  for (const [answer, sent, call] of commands) {
    const card = script(answer);
    await call(createCardApplet(card));
    expect(card.sent).toEqual([sent]);
  }
});

test("GET DATA status gives card id, kind, epoch, state and floor", async () => {
  const status = `85080123456789abcdef8601018c04000000058d1102${"77".repeat(16)}9e0400000002`;
  const applet = createCardApplet(script(`${status}9000`));
  expect(await applet.readStatus()).toEqual({
    cardId: "0123456789ABCDEF",
    cardKind: 1,
    epoch: 5,
    state: { name: "locked", lockId: new Uint8Array(16).fill(0x77) },
    floor: 2,
  });
});

test("100,000 malformed statuses: what is accepted encodes to the same bytes", () => {
  const seeded = createSeeded(6);
  const counts = { accepted: 0, refused: 0 };
  const head = "85080123456789abcdef8601018c0400000005";
  const valid: [Uint8Array, ...Uint8Array[]] = [
    Uint8Array.fromHex(`${head}8d01009e0400000002`),
    Uint8Array.fromHex(`${head}8d1102${"77".repeat(16)}9e0400000002`),
  ];
  for (let i = 0; i < MALFORMED_INPUTS; i++) {
    const damaged =
      seeded.below(4) === 0
        ? seeded.bytes(seeded.below(60))
        : damageBytes(seeded, seeded.pick(valid));
    const status = decodeCardStatus(damaged);
    counts[status === undefined ? "refused" : "accepted"] += 1;
    if (status !== undefined) expect(encodeStatus(status)).toBe(encodeHex(damaged));
  }
  reportCounts("card status", counts);
  expect(counts.accepted + counts.refused).toBe(MALFORMED_INPUTS);
  expect(counts.refused).toBeGreaterThan(MALFORMED_INPUTS / 2);
});

test("a refusal carries its status word, a malformed answer none, a torn-out card its cause", async () => {
  const refused = createCardApplet(script("6983")).sign(bytes(1));
  expect(await rejectionOf(refused)).toMatchObject({ code: "refused", sw: 0x6983 });
  expect(await rejectionOf(refused)).toBeInstanceOf(CardError);
  const short = createCardApplet(script(`${"44".repeat(63)}9000`)).sign(bytes(1));
  expect(await rejectionOf(short)).toMatchObject({ code: "malformed", sw: undefined });
  const cause = new Error("no card");
  const absent = createCardApplet({ transmit: () => Promise.reject(cause) }).sign(bytes(1));
  expect(await rejectionOf(absent)).toMatchObject({ code: "transport", sw: undefined, cause });
});

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}

/** 85 86 8C 8D 9E in hex, written without the protocol's encoder. */
function encodeStatus(status: CardStatus): string {
  const { state } = status;
  const locked = state.name === "locked" ? `1102${encodeHex(state.lockId)}` : "";
  const stateHex = locked === "" ? `010${state.name === "serving" ? 1 : 0}` : locked;
  return [
    `8508${status.cardId.toLowerCase()}`,
    `8601${hex(status.cardKind, 2)}`,
    `8c04${hex(status.epoch, 8)}`,
    `8d${stateHex}`,
    `9e04${hex(status.floor, 8)}`,
  ].join("");
}

type Applet = ReturnType<typeof createCardApplet>;

function bytes(...values: readonly number[]): Uint8Array {
  return Uint8Array.from(values);
}
