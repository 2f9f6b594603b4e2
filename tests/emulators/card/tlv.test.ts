import { expect, test } from "bun:test";
import { readElements, readSequence, writeElement } from "./tlv.ts";

const hex = (text: string): Uint8Array => Uint8Array.fromHex(text.replaceAll(" ", ""));

test("lengths take the fewest bytes (docs/protocol.md section 2)", () => {
  for (const [length, header] of [
    [0, "8000"],
    [127, "807f"],
    [128, "808180"],
    [255, "8081ff"],
    [256, "80820100"],
    [0xffff, "8082ffff"],
  ] as const) {
    const written = writeElement(0x80, new Uint8Array(length).fill(1));
    expect(written.subarray(0, written.length - length).toHex()).toBe(header);
    expect(readElements(written)?.map((element) => element.value.length)).toEqual([length]);
    expect(readElements(written.subarray(0, -1))).toBeUndefined();
  }
  expect(() => writeElement(0x80, new Uint8Array(0x10000))).toThrow(RangeError);
});

test("every other form of a length is refused", () => {
  const zeroes = "00".repeat(200);
  for (const bad of [
    "80",
    "80 80",
    "80 81",
    "80 81 00",
    `80 81 7f ${zeroes.slice(0, 254)}`,
    "80 82 00",
    `80 82 00 c8 ${zeroes}`,
    `80 82 00 80 ${zeroes.slice(0, 256)}`,
    "80 83 00 00 01 00",
    "80 84 00 00 00 01 00",
    "80 ff",
    "80 02 00",
  ]) {
    expect(readElements(hex(bad))).toBeUndefined();
  }
});

test("a sequence has exactly its tags, in order", () => {
  const good = hex("80 01 aa 81 00 82 02 0102");
  const read = readSequence(good, [0x80, 0x81, 0x82]);
  expect(read?.map((element) => element.value.toHex())).toEqual(["aa", "", "0102"]);
  expect(read?.[2].encoded.toHex()).toBe("82020102");
  for (const tags of [[0x80, 0x81], [0x80, 0x81, 0x82, 0x83], [0x81, 0x80, 0x82], []]) {
    expect(readSequence(good, tags)).toBeUndefined();
  }
  expect(readSequence(hex("80 01 aa 81 00 82 02 0102 00"), [0x80, 0x81, 0x82])).toBeUndefined();
});
