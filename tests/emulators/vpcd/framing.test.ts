import { describe, expect, test } from "bun:test";
import { createFrameReader, decodeMessage, encodeFrame } from "./framing.ts";

const bytes = (...values: readonly number[]): Uint8Array => Uint8Array.from(values);

describe("frames", () => {
  test("a stream gives the same payloads however it is cut", () => {
    const payloads = [bytes(0x04), bytes(), new Uint8Array(300).fill(7), bytes(1), bytes(0, 0xa4)];
    const stream = Uint8Array.from(payloads.flatMap((payload) => [...encodeFrame(payload)]));
    for (const size of [1, 2, 3, 5, 100, 301, stream.length]) {
      const reader = createFrameReader();
      const found: Uint8Array[] = [];
      for (let start = 0; start < stream.length; start += size) {
        found.push(...reader.push(stream.subarray(start, start + size)));
      }
      expect(found).toEqual(payloads);
      expect(reader.pendingBytes()).toBe(0);
    }
  });

  test("a length that is never filled waits, and gives nothing", () => {
    const reader = createFrameReader();
    expect(reader.push(bytes(0xff, 0xff, 1, 2, 3))).toEqual([]);
    expect(reader.push(new Uint8Array(65_531))).toEqual([]);
    expect(reader.pendingBytes()).toBe(65_536);
    expect(reader.push(bytes(9)).map((payload) => payload.length)).toEqual([65_535]);
    expect(reader.push(bytes(0))).toEqual([]);
    expect(reader.pendingBytes()).toBe(1);
  });

  test("payloads are copies, the longest has 65,535 bytes", () => {
    const reader = createFrameReader();
    const chunk = bytes(0, 2, 0xaa, 0xbb);
    const [payload] = reader.push(chunk);
    chunk.fill(0);
    expect(payload).toEqual(bytes(0xaa, 0xbb));
    expect(encodeFrame(new Uint8Array(65_535)).length).toBe(65_537);
    expect(() => encodeFrame(new Uint8Array(65_536))).toThrow(RangeError);
  });
});

test("one byte is a control message, everything else an APDU", () => {
  const kinds = [0, 1, 2, 3, 4, 5, 0xff].map((code) => decodeMessage(bytes(code)).kind);
  expect(kinds).toEqual(["off", "on", "reset", "unknown", "atr", "unknown", "unknown"]);
  expect(decodeMessage(bytes())).toEqual({ kind: "apdu", apdu: bytes() });
  expect(decodeMessage(bytes(0, 0xa4))).toEqual({ kind: "apdu", apdu: bytes(0, 0xa4) });
});
