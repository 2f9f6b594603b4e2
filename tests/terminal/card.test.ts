import { expect, test } from "bun:test";
import { decodeHex, encodeHex } from "#protocol/bytes";
import { SUITES, suiteNamed } from "#protocol/suites";
import { CardError, type CardStatus, createCardApplet, decodeCardStatus } from "#terminal/card";
import type { CardTransport } from "#terminal/transport";
import { rejectionOf } from "./rejection.ts";
import { createSeeded, damageBytes, reportCounts } from "./seeded.ts";

const MALFORMED_INPUTS = 100_000;
const P256 = suiteNamed("P-256");

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

test("an answer without a status word is a malformed one", async () => {
  const applet = createCardApplet(script("90"));
  expect(await rejectionOf(applet.select())).toMatchObject({ code: "malformed", sw: undefined });
});

test("the applet's commands have the bytes of docs/protocol.md, section 7", async () => {
  const signature = `8e40${"11".repeat(64)}`;
  const state = "8d0101";
  const challenge = `900100b1129110${"55".repeat(16)}9200`;
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
          suite: P256,
          mode: "signed",
        }),
    ],
    [`${challenge}9000`, "80160000020102", (a) => a.openChallenge(bytes(1, 2))],
    [`${signature}9000`, "801200000401020304", (a) => a.signAnswer(P256, bytes(1, 2), bytes(3, 4))],
    [`d012${"66".repeat(18)}9000`, "80120000020304", (a) => a.sealAnswer(bytes(3, 4))],
    [`${receipt}9000`, "80140000020506", (a) => a.deliverResult(P256, bytes(5, 6))],
    [`d019${"77".repeat(25)}9000`, "80140000020506", (a) => a.deliverSealedResult(bytes(5, 6))],
    [`${receipt}9000`, "801a0000020506", (a) => a.unlock(P256, bytes(5, 6))],
    [`${signature}9000`, "8018000003c30108", (a) => a.provePossession(P256, bytes(8))],
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

test("a proof is as long as its suite says: 64, 256 or 16 bytes", async () => {
  for (const suite of SUITES) {
    const length = { certificate: suite.name.startsWith("RSA") ? 256 : 64, "shared key": 16 };
    const proof = new Uint8Array(length[suite.credential]).fill(0x11);
    const header = { 16: "8e10", 64: "8e40", 256: "8e820100" }[proof.length] ?? "";
    const applet = createCardApplet(script(`${header}${proof.toHex()}9000`));
    expect(await applet.provePossession(suite, new Uint8Array(16))).toEqual(proof);
    const short = createCardApplet(script(`8e0f${"11".repeat(15)}9000`));
    expect(await rejectionOf(short.provePossession(suite, new Uint8Array(16)))).toMatchObject({
      code: "malformed",
    });
  }
});

test("commands run one after the other: a service waits for the whole chain of another command", async () => {
  const sent: string[] = [];
  const applet = createCardApplet({
    async transmit(apdu) {
      const command = encodeHex(apdu.slice(0, 5));
      sent.push(command);
      await Bun.sleep(1);
      if (command.startsWith("8014")) return Uint8Array.of(0x69, 0x82);
      return command.startsWith("002a") ? Uint8Array.of(7, 0x90, 0x00) : Uint8Array.of(0x90, 0x00);
    },
  });
  const result = rejectionOf(applet.deliverResult(P256, new Uint8Array(600)));
  const service = applet.decipher(Uint8Array.of(1));
  // The refusal of one command is not the next one's.
  expect(await result).toMatchObject({ sw: 0x6982 });
  expect(await service).toEqual(Uint8Array.of(7));
  expect(sent).toEqual(["90140000ff", "90140000ff", "801400005a", "002a808601"]);
});

test("GET DATA status gives card id, kind, epoch, state, floor and what is left of the lease", async () => {
  const lease = "bb0f9b04000000099c04000001009d0105";
  const head = "85080123456789abcdef8601018c0400000005";
  const status = `${head}8d1102${"77".repeat(16)}9e0400000002${lease}`;
  const applet = createCardApplet(script(`${status}9000`));
  expect(await applet.readStatus()).toEqual({
    cardId: "0123456789ABCDEF",
    cardKind: 1,
    epoch: 5,
    state: { name: "locked", lockId: new Uint8Array(16).fill(0x77) },
    floor: 2,
    lease: { uses: 9, seconds: 256, services: 5 },
  });
});

test("100,000 malformed statuses: what is accepted encodes to the same bytes", () => {
  const seeded = createSeeded(6);
  const counts = { accepted: 0, refused: 0 };
  const head = "85080123456789abcdef8601018c0400000005";
  const lease = "bb0f9b04000000099c04000001009d0105";
  const valid: [Uint8Array, ...Uint8Array[]] = [
    Uint8Array.fromHex(`${head}8d01009e0400000002${lease}`),
    Uint8Array.fromHex(`${head}8d1102${"77".repeat(16)}9e0400000002${lease}`),
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

/** 85 86 8C 8D 9E BB in hex, written without the protocol's encoder. */
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
    `bb0f9b04${hex(status.lease.uses, 8)}9c04${hex(status.lease.seconds, 8)}`,
    `9d01${hex(status.lease.services, 2)}`,
  ].join("");
}

type Applet = ReturnType<typeof createCardApplet>;

function bytes(...values: readonly number[]): Uint8Array {
  return Uint8Array.from(values);
}
