/**
 * The SM4 block cipher (GB/T 32907-2016): a second implementation, written from the standard.
 * Words are 32 bits, big-endian.
 */
import { type Bytes, readCounter } from "./bytes.ts";

/** 6.2: the S-box, by rows. */
const SBOX = Uint8Array.fromHex(
  "d690e9fecce13db716b614c228fb2c05" +
    "2b679a762abe04c3aa44132649860699" +
    "9c4250f491ef987a33540b43edcfac62" +
    "e4b31ca9c908e89580df94fa758f3fa6" +
    "4707a7fcf37317ba83593c19e6854fa8" +
    "686b81b27164da8bf8eb0f4b70569d35" +
    "1e240e5e6358d1a225227c3b01217887" +
    "d40046579fd327524c3602e7a0c4c89e" +
    "eabf8ad240c738b5a3f7f2cef96115a1" +
    "e0ae5da49b341a55ad933230f58cb1e3" +
    "1df6e22e8266ca60c02923ab0d534e6f" +
    "d5db3745defd8e2f03ff6a726d6c5b51" +
    "8d1baf92bbddbc7f11d95c411f105ad8" +
    "0ac13188a5cd7bbd2d74d012b8e5b4b0" +
    "8969974a0c96777e65b9f109c56ec684" +
    "18f07dec3adc4d2079ee5f3ed7cb3948",
);
/** 7.3: system parameter FK. */
const FK = [0xa3b1bac6, 0x56aa3350, 0x677d9197, 0xb27022dc] as const;
const ROUNDS = 32;

const rotate = (word: number, bits: number): number => (word << bits) | (word >>> (32 - bits));

/** 6.2: the nonlinear transformation, a byte at a time. */
function tau(word: number): number {
  const at = (shift: number): number => (SBOX[(word >>> shift) & 0xff] ?? 0) << shift;
  return at(24) | at(16) | at(8) | at(0);
}

const l = (b: number): number => b ^ rotate(b, 2) ^ rotate(b, 10) ^ rotate(b, 18) ^ rotate(b, 24);
const lOfKeys = (b: number): number => b ^ rotate(b, 13) ^ rotate(b, 23);

/** 7.3: round keys of a 16-byte key. CK of round i has the bytes (4i + j) * 7 mod 256. */
function expandKey(key: Uint8Array): Uint32Array {
  const k = new Uint32Array(4 + ROUNDS);
  for (const [index, word] of FK.entries()) k[index] = readCounter(key, 4 * index) ^ word;
  const at = (index: number): number => k[index] ?? 0;
  for (let i = 0; i < ROUNDS; i++) {
    const ck = [0, 1, 2, 3].reduce((word, j) => (word << 8) | (((4 * i + j) * 7) & 0xff), 0);
    k[i + 4] = at(i) ^ lOfKeys(tau(at(i + 1) ^ at(i + 2) ^ at(i + 3) ^ ck));
  }
  return k.subarray(4);
}

/** Enciphers single blocks of 16 bytes under `key`, 16 bytes. */
export function createSm4(key: Uint8Array): (block: Uint8Array) => Bytes {
  const roundKeys = expandKey(key);
  return (block) => {
    const x = new Uint32Array(4 + ROUNDS);
    for (let i = 0; i < 4; i++) x[i] = readCounter(block, 4 * i);
    const at = (index: number): number => x[index] ?? 0;
    for (const [i, roundKey] of roundKeys.entries()) {
      x[i + 4] = at(i) ^ l(tau(at(i + 1) ^ at(i + 2) ^ at(i + 3) ^ roundKey));
    }
    const out = new Uint8Array(16);
    const view = new DataView(out.buffer);
    for (let i = 0; i < 4; i++) view.setUint32(4 * i, at(ROUNDS + 3 - i));
    return out;
  };
}
