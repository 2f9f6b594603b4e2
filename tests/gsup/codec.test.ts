/** IPA and GSUP byte by byte, and against malformed neighbours of what they accept. */
import { describe, expect, test } from "bun:test";
import {
  decodeGsup,
  encodeVectorQuery,
  type GsupMessage,
} from "#edge/access-authentication/authentication-centre/gsup/gsup";
import {
  createIpaReader,
  encodeCcmFrame,
  encodeGsupFrame,
  encodeIdResponse,
  type IpaMessage,
} from "#edge/access-authentication/authentication-centre/gsup/ipa";
import { concatBytes } from "#protocol/bytes";
import { createSeeded, damageBytes, reportCounts, type Seeded } from "#tests/terminal/seeded";
import { error, gsup, ie, imsiIe, join, result, tuple } from "./encoding.ts";

const IMSI = "001010123456789";
const INPUTS = 100_000;
const TEST_MS = 30_000;

const hex = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.fromHex(text.replaceAll(" ", ""));
/** What follows the header and the extension. */
const bodyOf = (whole: Uint8Array): Uint8Array => whole.slice(4);

const summaryOf = (messages: readonly IpaMessage[]): string[] =>
  messages.map((message) =>
    message.kind === "gsup" ? message.payload.toHex() : JSON.stringify(message),
  );

/** Lengths that lie, elements cut, repeated and moved, bytes changed. */
function mutate(seeded: Seeded, sample: Uint8Array): Uint8Array {
  const at = seeded.below(sample.length);
  switch (seeded.below(5)) {
    case 0:
      return sample.with(at, seeded.below(256));
    case 1:
      return sample.slice(0, at);
    case 2:
      return join(sample.slice(0, at), sample.slice(seeded.below(sample.length)));
    case 3:
      return join(sample, seeded.bytes(1 + seeded.below(20)));
    default:
      return damageBytes(seeded, sample);
  }
}

function isSound({ imsi, answer }: GsupMessage): boolean {
  if (!/^[0-9]{6,15}$/.test(imsi)) return false;
  if (!answer.ok || answer.value.kind !== "vectors") return true;
  const { vectors } = answer.value;
  return (
    vectors.length >= 1 &&
    vectors.length <= 5 &&
    vectors.every(({ rand, sres, quintet }) => {
      const isQuintet =
        quintet === undefined ||
        (quintet.autn.length === 16 &&
          quintet.xres.length >= 4 &&
          quintet.xres.length <= 16 &&
          quintet.confirmationKey?.length === 32);
      const isTriplet = sres === undefined || sres.length === 4;
      return rand.length === 16 && isQuintet && isTriplet && (sres ?? quintet) !== undefined;
    })
  );
}

function readAll(stream: Uint8Array): string[] {
  const read = createIpaReader().push(stream);
  if (!read.ok) throw new Error(read.reason);
  return summaryOf(read.value);
}

describe("known answers", () => {
  test("the whole request for three vectors", () => {
    const request = encodeGsupFrame(encodeVectorQuery({ imsi: IMSI, count: 3 }));
    expect(request.toHex()).toBe("000fee050801080001012143658 7f9520103".replaceAll(" ", ""));
  });

  test("AUTS and its RAND, both", () => {
    const [rand, auts] = [new Uint8Array(16).fill(0xaa), new Uint8Array(14).fill(0xbb)];
    const query = { imsi: "00101", count: 9, resynchronisation: { rand, auts } };
    const expected = `08 01 03 00 01 f1 52 01 05 26 0e ${auts.toHex()} 20 10 ${rand.toHex()}`;
    expect(encodeVectorQuery(query)).toEqual(hex(expected));
  });

  test("who we are", () => {
    const expected =
      "0022 FE 05 0007 08 302F302F3000 000A 01 62696E64706F703100 000A 00 62696E64706F703100";
    expect(encodeIdResponse("bindpop1")).toEqual(hex(expected));
    expect(encodeCcmFrame("pong")).toEqual(hex("0001 FE 01"));
  });

  test("a quintet as osmo-hlr sends it, 98 bytes; Kc is not kept", () => {
    const parts = { rand: 16, sres: 4, kc: 8, ik: 16, ck: 16, autn: 16, res: 8 };
    const one = tuple(parts);
    expect(one.length).toBe(2 + 98);
    const message = decodeGsup(
      bodyOf(result(IMSI, one, tuple({ ik: -1, ck: -1, autn: -1, res: -1 }))),
    );
    const answer = message?.answer;
    if (answer?.ok !== true || answer.value.kind !== "vectors") throw new Error("no vectors");
    const [quintet, triplet] = answer.value.vectors;
    const at = (offset: number, length: number) => one.slice(2 + offset, 2 + offset + length);
    expect(quintet).toEqual({
      rand: at(2, 16),
      sres: at(20, 4),
      quintet: {
        autn: at(72, 16),
        xres: at(90, 8),
        confirmationKey: concatBytes(at(54, 16), at(36, 16)),
      },
    });
    expect(Object.keys(triplet ?? {}).toSorted()).toEqual(["rand", "sres"]);
    expect(JSON.stringify(answer.value.vectors)).not.toContain(JSON.stringify(at(26, 8)));
  });

  test("elements of a newer release are passed over", () => {
    const extra = ie(0x7f, new Uint8Array(9));
    const message = decodeGsup(
      bodyOf(gsup(join(Uint8Array.of(9), imsiIe(IMSI), extra, ie(2, Uint8Array.of(2))))),
    );
    expect(message).toEqual({
      imsi: IMSI,
      answer: { ok: true, value: { kind: "error", cause: 2 } },
    });
  });

  test.each(["001010123456789", "00101012345678", "001010"])("IMSI %s there and back", (imsi) => {
    expect(decodeGsup(bodyOf(error(imsi, 2)))?.imsi).toBe(imsi);
    const query = encodeVectorQuery({ imsi, count: 1 });
    expect(decodeGsup(concatBytes(Uint8Array.of(9), query.slice(1)))?.imsi).toBe(imsi);
  });
});

describe("streams", () => {
  const whole = join(
    hex("0001 FE 00"),
    result(IMSI, tuple(), tuple()),
    hex("0011fe0401080107010201030104010501010100"),
    error(IMSI, 2),
    hex("0003 EE 06 01 02"),
  );
  test("however a stream is cut, the messages are the same", () => {
    const expected = readAll(whole);
    expect(expected.length).toBe(5);
    const seeded = createSeeded(11);
    for (let round = 0; round < 2000; round++) {
      const reader = createIpaReader();
      const seen: string[] = [];
      for (let offset = 0; offset < whole.length;) {
        const length = 1 + seeded.below(round < 200 ? 3 : 300);
        const read = reader.push(whole.slice(offset, offset + length));
        if (!read.ok) throw new Error(read.reason);
        seen.push(...summaryOf(read.value));
        offset += length;
      }
      expect(seen).toEqual(expected);
    }
  });

  test("frame_too_long and frame_empty end a stream", () => {
    expect(createIpaReader().push(hex("04b1 ee"))).toEqual({ ok: false, reason: "frame_too_long" });
    expect(createIpaReader().push(hex("04b0 ee"))).toEqual({ ok: true, value: [] });
    expect(createIpaReader().push(hex("0000 ee"))).toEqual({ ok: false, reason: "frame_empty" });
    expect(createIpaReader().push(hex("0001 fe 00 0000 ee")).ok).toBe(false);
  });
});

describe("fuzz", () => {
  const samples = [
    result(IMSI, tuple(), tuple(), tuple()),
    result("00101012345678", tuple({ ik: -1, ck: -1, autn: -1, res: -1 })),
    result(IMSI, tuple({ res: 16 })),
    error(IMSI, 2),
    error(IMSI, 0x11),
  ].map(bodyOf);

  test(
    "a GSUP decoder never throws, and what it accepts is whole",
    () => {
      const seeded = createSeeded(29);
      const kinds = { unreadable: 0, refused: 0, accepted: 0 };
      for (let i = 0; i < INPUTS; i++) {
        const sample = samples[i % samples.length] ?? new Uint8Array(0);
        const message = decodeGsup(mutate(seeded, sample));
        if (message === undefined) kinds.unreadable += 1;
        else {
          if (!isSound(message)) throw new Error(`unsound: ${JSON.stringify(message)}`);
          kinds[message.answer.ok ? "accepted" : "refused"] += 1;
        }
      }
      reportCounts("decodeGsup", kinds);
      for (const count of Object.values(kinds)) expect(count).toBeGreaterThan(1000);
    },
    TEST_MS,
  );

  test(
    "an IPA reader never throws, holds one frame at most, and gives whole frames alone",
    () => {
      const seeded = createSeeded(31);
      const streams = [
        join(result(IMSI, tuple()), hex("0001 FE 00")),
        join(hex("0011fe0401080107010201030104010501010100"), error(IMSI, 2)),
      ];
      let defects = 0;
      for (let i = 0; i < INPUTS; i++) {
        const reader = createIpaReader();
        const stream = mutate(seeded, streams[i % streams.length] ?? new Uint8Array(0));
        const cut = seeded.below(stream.length + 1);
        const first = reader.push(stream.slice(0, cut));
        const second = first.ok ? reader.push(stream.slice(cut)) : first;
        const messages = [...(first.ok ? first.value : []), ...(second.ok ? second.value : [])];
        const length = messages.reduce(
          (sum, { kind, ...rest }) =>
            sum + (kind === "gsup" && "payload" in rest ? rest.payload.length + 4 : 4),
          0,
        );
        if (length > stream.length) throw new Error("more came out than went in");
        if (!second.ok) defects += 1;
      }
      expect(defects).toBeGreaterThan(1000);
      expect(defects).toBeLessThan(INPUTS);
    },
    TEST_MS,
  );
});
