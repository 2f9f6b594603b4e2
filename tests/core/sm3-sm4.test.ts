// SM3 (GB/T 32905), SM4 (GB/T 32907), RFC 8998, and the modes of SP 800-38B, C and D over AES-128
// and SM4: published vectors and Wycheproof. Each test states how many vectors it must see.

import { createCipheriv } from "node:crypto";
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  ccmOpen,
  ccmSeal,
  cmac,
  encryptBlock,
  gcmOpen,
  gcmSeal,
  sm4DecryptBlock,
} from "#wasm/block-modes";
import type { BlockCipher } from "#wasm/block-modes";
import { hmacSm3, sm3 } from "#wasm/sm3";
import { GENERATED_SM_FILES } from "#wasm/tables-sm";
import aesCmac from "../vectors/aes_cmac_nist.json";
import vectors from "../vectors/sm3_sm4.json";
import { SeededRandom } from "./random.ts";
import { isAbsent, readCases } from "./wycheproof.ts";

setDefaultTimeout(60_000); // milliseconds; seconds suffice, the machine may be busy

const SEED = 0x5a4;
const hex = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.fromHex(text);

/** Blocks of 16 bytes; the last may be shorter. */
function blocksOf(data: Uint8Array): Uint8Array[] {
  return Array.from({ length: Math.ceil(data.length / 16) }, (_, index) =>
    data.subarray(16 * index, 16 * index + 16),
  );
}

function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((byte, index) => byte ^ (b[index] ?? 0));
}

describe("sm3_sm4.json", () => {
  test("SM3: 139 digests", () => {
    for (const { msg, digest } of vectors.sm3) expect(sm3(hex(msg)).toHex()).toBe(digest);
    expect(vectors.sm3.length).toBe(139);
  });

  test("HMAC-SM3: 10", () => {
    for (const { key, msg, mac } of vectors.hmac_sm3) {
      expect(hmacSm3(hex(key), hex(msg)).toHex()).toBe(mac);
    }
    expect(vectors.hmac_sm3.length).toBe(10);
  });

  test("SM4-ECB: 23, one of 1,000,000 iterations, and back", () => {
    for (const { key, pt, ct, iterations = 1 } of vectors.sm4_ecb) {
      let data = hex(pt);
      for (let round = 0; round < iterations; round += 1) {
        const blocks = blocksOf(data).map((block) => encryptBlock("sm4", hex(key), block));
        data = new Uint8Array(Buffer.concat(blocks));
      }
      expect(data.toHex()).toBe(ct);
      if (iterations > 1) continue;
      const back = blocksOf(data).map((block) => sm4DecryptBlock(hex(key), block).toHex());
      expect(back.join("")).toBe(pt);
    }
    expect(vectors.sm4_ecb.length).toBe(23);
    expect(vectors.sm4_ecb.filter(({ iterations }) => iterations === 1_000_000).length).toBe(1);
  });

  test("SM4-CBC: 20, composed of blocks", () => {
    for (const { key, iv, pt, ct } of vectors.sm4_cbc) {
      let chain: Uint8Array = hex(iv);
      const out = blocksOf(hex(pt)).map((block) => {
        chain = encryptBlock("sm4", hex(key), xor(block, chain));
        return chain.toHex();
      });
      expect(out.join("")).toBe(ct);
    }
    expect(vectors.sm4_cbc.length).toBe(20);
  });

  test("SM4-CTR: 20, composed of blocks", () => {
    for (const { key, iv, pt, ct } of vectors.sm4_ctr) {
      const start = BigInt(`0x${iv}`);
      const out = blocksOf(hex(pt)).map((block, index) => {
        const counter = BigInt.asUintN(128, start + BigInt(index));
        const stream = encryptBlock("sm4", hex(key), hex(counter.toString(16).padStart(32, "0")));
        return xor(block, stream).toHex();
      });
      expect(out.join("")).toBe(ct);
    }
    expect(vectors.sm4_ctr.length).toBe(20);
  });

  test("RFC 8998 A.1 SM4-GCM and A.2 SM4-CCM: 2", () => {
    for (const { name, key, iv, aad, pt, ct, tag } of vectors.sm4_gcm_ccm) {
      const isGcm = name.endsWith("GCM");
      const seal = isGcm ? gcmSeal : ccmSeal;
      const open = isGcm ? gcmOpen : ccmOpen;
      const sealed = seal("sm4", hex(key), hex(iv), hex(aad), hex(pt));
      expect(sealed.ciphertext.toHex()).toBe(ct);
      expect(sealed.tag.toHex()).toBe(tag);
      const opened = open("sm4", hex(key), hex(iv), hex(aad), hex(ct), hex(tag));
      expect(opened?.toHex()).toBe(pt);
    }
    expect(vectors.sm4_gcm_ccm.map(({ name }) => name)).toEqual([
      "RFC 8998 A.1 SM4-GCM",
      "RFC 8998 A.2 SM4-CCM",
    ]);
  });
});

test("SP 800-38B AES-CMAC of aes_cmac_nist.json: 23", () => {
  for (const [key = "", message = "", mac = ""] of aesCmac.cmac_aes128.rows) {
    expect(cmac("aes-128", hex(key), hex(message)).toHex()).toBe(mac);
  }
  expect(aesCmac.cmac_aes128.rows.length).toBe(23);
});

test.each([...GENERATED_SM_FILES])("$name is what the generator makes", async (generated) => {
  const file = Bun.file(`${import.meta.dir}/../../wasm/assembly/${generated.name}`);
  expect(generated.generate()).toBe(await file.text());
});

describe("Wycheproof", () => {
  const cmacFile = "aes_cmac_test.json";
  test.skipIf(isAbsent(cmacFile))(`${cmacFile}: 102 of 128 bits, 209 keys refused`, async () => {
    let computed = 0;
    let refused = 0;
    for (const { bytes, isValid, keySize } of await readCases(cmacFile)) {
      if (keySize === 128) {
        const mac = cmac("aes-128", bytes("key"), bytes("msg")).toHex();
        expect(mac === bytes("tag").toHex()).toBe(isValid);
        computed += 1;
      } else {
        // The card's suites use 128 bits; every other length is an error of the caller.
        expect(() => cmac("aes-128", bytes("key"), bytes("msg"))).toThrow("key");
        refused += 1;
      }
    }
    expect([computed, refused]).toEqual([102, 209]);
  });

  const hmacFile = "hmac_sm3_test.json";
  test.skipIf(isAbsent(hmacFile))(`${hmacFile}: 174`, async () => {
    const cases = await readCases(hmacFile);
    for (const { bytes, isValid, tagSize } of cases) {
      const mac = hmacSm3(bytes("key"), bytes("msg")).subarray(0, tagSize / 8);
      expect(mac.toHex() === bytes("tag").toHex()).toBe(isValid);
    }
    expect(cases.length).toBe(174);
  });

  const gcm: Array<[file: string, cipher: BlockCipher, count: number, refusedKeys: number]> = [
    ["sm4_gcm_test.json", "sm4", 104, 0],
    ["aes_gcm_test.json", "aes-128", 316, 208],
  ];
  for (const [file, cipher, count, refusedKeys] of gcm) {
    test.skipIf(isAbsent(file))(`${file}: ${count}, ${refusedKeys} keys refused`, async () => {
      const cases = await readCases(file);
      let otherKeys = 0;
      for (const { bytes, isValid, keySize, ivSize } of cases) {
        const request = [cipher, bytes("key"), bytes("iv"), bytes("aad")] as const;
        const open = (): Uint8Array | undefined => gcmOpen(...request, bytes("ct"), bytes("tag"));
        if (keySize !== 128 || ivSize === 0) {
          if (keySize !== 128) otherKeys += 1;
          else expect(isValid).toBe(false); // an IV of length 0 is never valid
          expect(open).toThrow(keySize === 128 ? "iv" : "key");
          continue;
        }
        expect(open()?.toHex()).toBe(isValid ? bytes("msg").toHex() : undefined);
        const sealed = gcmSeal(...request, bytes("msg"));
        const found = sealed.ciphertext.toHex() + sealed.tag.toHex();
        expect(found === bytes("ct").toHex() + bytes("tag").toHex()).toBe(isValid);
      }
      expect([cases.length, otherKeys]).toEqual([count, refusedKeys]);
    });
  }
});

describe("AES-128 modes against node:crypto", () => {
  const random = new SeededRandom(SEED);
  // Around a block, four blocks and the chunk of the arena.
  const lengths = [0, 1, 15, 16, 17, 63, 64, 65, 200, 16_383, 16_384, 16_385, 32_768, 40_001];

  test("GCM of 14 lengths of data and of additional data, and one bit wrong", () => {
    for (const [index, length] of lengths.entries()) {
      const key = random.bytes(16);
      const iv = random.bytes(12);
      const aad = random.bytes(lengths[(index * 5) % lengths.length] ?? 0);
      const plaintext = random.bytes(length);
      const cipher = createCipheriv("aes-128-gcm", key, iv).setAAD(aad);
      const expected = Buffer.concat([cipher.update(plaintext), cipher.final()]);
      const { ciphertext, tag } = gcmSeal("aes-128", key, iv, aad, plaintext);
      expect(Buffer.compare(ciphertext, expected)).toBe(0);
      expect(tag.toHex()).toBe(cipher.getAuthTag().toString("hex"));
      const opened = gcmOpen("aes-128", key, iv, aad, ciphertext, tag);
      expect(Buffer.compare(opened ?? new Uint8Array(1), plaintext)).toBe(0);
      tag[index] = (tag[index] ?? 0) ^ 1;
      expect(gcmOpen("aes-128", key, iv, aad, ciphertext, tag)).toBeUndefined();
    }
  });

  test("CMAC of each length equals CBC-MAC with the last block treated by hand", () => {
    for (const cipher of ["aes-128", "sm4"] as const) {
      for (const length of lengths) {
        const key = random.bytes(16);
        const data = random.bytes(length);
        expect(cmac(cipher, key, data).toHex()).toBe(cmacByHand(cipher, key, data).toHex());
      }
    }
  });

  test("CCM opens what it sealed for every nonce and tag length, and nothing altered", () => {
    for (const cipher of ["aes-128", "sm4"] as const) {
      for (const [index, length] of lengths.entries()) {
        const key = random.bytes(16);
        const nonce = random.bytes(7 + (index % 6));
        const aad = random.bytes([0, 1, 14, 15, 65_279, 65_280, 70_000][index % 7] ?? 0);
        const data = random.bytes(length);
        const tagBytes = 4 + 2 * (index % 7);
        const { ciphertext, tag } = ccmSeal(cipher, key, nonce, aad, data, tagBytes);
        expect(tag.length).toBe(tagBytes);
        const expected = ccmByHand(cipher, key, nonce, aad, data, tagBytes);
        expect(Buffer.compare(Buffer.concat([ciphertext, tag]), expected)).toBe(0);
        const opened = ccmOpen(cipher, key, nonce, aad, ciphertext, tag);
        expect(Buffer.compare(opened ?? new Uint8Array(1), data)).toBe(0);
        tag[0] = (tag[0] ?? 0) ^ 0x80;
        expect(ccmOpen(cipher, key, nonce, aad, ciphertext, tag)).toBeUndefined();
      }
    }
  });
});

/** SP 800-38B section 6.1: times x in GF(2^128). */
function double(value: bigint): bigint {
  return BigInt.asUintN(128, value << 1n) ^ (value >> 127n ? 0x87n : 0n);
}

/** SP 800-38B section 6.2 with BigInt, over single blocks. */
function cmacByHand(cipher: BlockCipher, key: Uint8Array, data: Uint8Array): Uint8Array {
  const k1 = double(BigInt(`0x${encryptBlock(cipher, key, new Uint8Array(16)).toHex()}`));
  const blocks = blocksOf(data);
  const last = blocks.pop() ?? new Uint8Array();
  const padded = new Uint8Array(16);
  padded.set(last);
  if (last.length < 16) padded[last.length] = 0x80;
  const subkey = last.length === 16 ? k1 : double(k1);
  let chain: Uint8Array = new Uint8Array(16);
  for (const block of blocks) chain = encryptBlock(cipher, key, xor(block, chain));
  const sum = xor(xor(padded, chain), hex(subkey.toString(16).padStart(32, "0")));
  return encryptBlock(cipher, key, sum);
}

function number(value: number, bytes: number): Buffer {
  return Buffer.from(value.toString(16).padStart(2 * bytes, "0"), "hex");
}

function pad(part: Buffer): Buffer {
  return Buffer.concat([part, new Uint8Array((16 - (part.length % 16)) % 16)]);
}

/** SP 800-38C section 6.1 over single blocks: ciphertext, then tag. */
function ccmByHand(
  cipher: BlockCipher,
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  data: Uint8Array,
  tagBytes: number,
): Uint8Array {
  const q = 15 - nonce.length;
  const flags = (aad.length > 0 ? 64 : 0) + 8 * ((tagBytes - 2) / 2) + (q - 1);
  const long = aad.length >= 0xff00;
  const length = long ? Buffer.concat([hex("fffe"), number(aad.length, 4)]) : number(aad.length, 2);
  const b = Buffer.concat([
    Buffer.concat([Uint8Array.of(flags), nonce, number(data.length, q)]),
    aad.length > 0 ? pad(Buffer.concat([length, aad])) : new Uint8Array(),
    pad(Buffer.from(data)),
  ]);
  let mac: Uint8Array = new Uint8Array(16);
  for (const block of blocksOf(b)) mac = encryptBlock(cipher, key, xor(block, mac));
  const counter = (i: number): Uint8Array =>
    encryptBlock(cipher, key, Buffer.concat([Uint8Array.of(q - 1), nonce, number(i, q)]));
  const out = blocksOf(data).map((block, index) => xor(block, counter(index + 1)));
  return Buffer.concat([...out, xor(mac, counter(0)).subarray(0, tagBytes)]);
}
