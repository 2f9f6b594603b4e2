/**
 * CAVE, Cellular Authentication and Voice Encryption (TR45.AHAG Common Cryptographic Algorithms),
 * for the emulated R-UIM. Its table is in cave-table.json. A second, independent implementation: it
 * shares nothing with the platform under test. Weak by today's measure, 18 bits an answer.
 *
 *   1 load    LFSR (32 bits, bytes A to D), R[0..15], both table offsets 80
 *   2 rounds  7 down to 0; in each, R[i] is mixed with a nibble of the table by either offset
 *   3 after each round R is rotated right by one bit and shuffled by the table
 *   4 output  R, or a signature folded from it
 */
import table from "./cave-table.json";

const CAVE_TABLE = Uint8Array.fromHex(table.cave);
const ROUNDS = 8;
const REGISTERS = 16;
const INITIAL_OFFSET = 0x80;
/** After this many equal nibbles the search ends. */
const SEARCH_STEPS_MAX = 32;
/** Authentication Algorithm Version of CAVE. */
const AAV = 0xc7;
const SIGNATURE_MASK = 0x3ffff;
const MASK_LOW = 0x0f;
const MASK_HIGH = 0xf0;

/** The registers while CAVE runs. */
type State = { lfsr: number; offset1: number; offset2: number; r: Uint8Array };

/** SSD_A and SSD_B, 8 bytes each. */
export type SharedSecretData = { readonly ssdA: Uint8Array; readonly ssdB: Uint8Array };

/** `aKey` is 8 bytes, `randssd` 7, `esn` 4 (or the UIM_ID in its place). */
export function generateSsd(
  aKey: Uint8Array,
  randssd: Uint8Array,
  esn: Uint8Array,
): SharedSecretData {
  const challenge = readUint32(randssd.subarray(3));
  const r = [...aKey, AAV, ...randssd.subarray(0, 3), ...esn];
  const out = runCave(challenge, aKey, new Uint8Array(r));
  return { ssdA: out.slice(0, 8), ssdB: out.slice(8) };
}

/**
 * AUTHR and AUTHBS, 18 bits at the right of 3 bytes. `ssdA` is 8 bytes, `rand` 4, `authData` 3
 * (IMSI_S1, or dialled digits), `esn` 4 (or the UIM_ID).
 */
export function signCave(
  ssdA: Uint8Array,
  rand: Uint8Array,
  authData: Uint8Array,
  esn: Uint8Array,
): Uint8Array {
  const r = new Uint8Array([...ssdA, AAV, ...authData, ...esn]);
  const out = runCave(readUint32(rand), ssdA, r);
  const [a, b, c] = [0, 1, 2].map((index) => (out[index] ?? 0) ^ (out[index + 13] ?? 0));
  const signature = (((a ?? 0) << 16) | ((b ?? 0) << 8) | (c ?? 0)) & SIGNATURE_MASK;
  return Uint8Array.of(signature >> 16, (signature >> 8) & 0xff, signature & 0xff);
}

/** R after all rounds; the LFSR is the challenge with both halves of the 8-byte key mixed in. */
function runCave(challenge: number, key: Uint8Array, r: Uint8Array): Uint8Array {
  const mixed = challenge ^ readUint32(key) ^ readUint32(key.subarray(4));
  // An LFSR of zeros would stay there.
  const lfsr = (mixed === 0 ? challenge : mixed) >>> 0;
  const state = { lfsr, offset1: INITIAL_OFFSET, offset2: INITIAL_OFFSET, r };
  for (let round = ROUNDS - 1; round >= 0; round -= 1) runRound(state, round);
  return state.r;
}

function runRound(state: State, round: number): void {
  const { r } = state;
  const first = r[0] ?? 0;
  for (let index = 0; index < REGISTERS; index += 1) {
    const register = r[index] ?? 0;
    const low = searchNibble(state, "offset1", 24, register, MASK_LOW);
    const high = searchNibble(state, "offset2", 16, register, MASK_HIGH);
    const next = index === REGISTERS - 1 ? first : (r[index + 1] ?? 0);
    r[index] = next ^ low ^ high;
    stepLfsr(state);
  }
  const rotated = rotateRightOneBit(r);
  rotated.forEach((byte, index) => {
    r[(CAVE_TABLE[REGISTERS * round + index] ?? 0) & MASK_LOW] = byte;
  });
}

/** The first nibble of the table, on the offset's walk, that differs from the register's. */
function searchNibble(
  state: State,
  offset: "offset1" | "offset2",
  lfsrShift: 24 | 16,
  register: number,
  mask: number,
): number {
  for (let steps = 1; ; steps += 1) {
    const lfsrByte = (state.lfsr >>> lfsrShift) & 0xff;
    state[offset] = (state[offset] + (lfsrByte ^ register)) & 0xff;
    const nibble = (CAVE_TABLE[state[offset]] ?? 0) & mask;
    if (nibble !== (register & mask)) return nibble;
    stepLfsr(state);
    if (steps === SEARCH_STEPS_MAX) {
      state.lfsr = ((state.lfsr & 0xffffff00) | ((state.lfsr + 1) & 0xff)) >>> 0;
      return nibble;
    }
  }
}

/** Shifts right; bits 22, 2, 1 and 0 are fed back. */
function stepLfsr(state: State): void {
  const { lfsr } = state;
  const bit = ((lfsr >>> 22) ^ (lfsr >>> 2) ^ (lfsr >>> 1) ^ lfsr) & 1;
  state.lfsr = ((lfsr >>> 1) | (bit << 31)) >>> 0;
}

function rotateRightOneBit(r: Uint8Array): Uint8Array {
  return r.map((byte, index) => (byte >> 1) | (((r.at(index - 1) ?? 0) & 1) << 7));
}

/** The first four bytes, big-endian. */
function readUint32(bytes: Uint8Array): number {
  return bytes.subarray(0, 4).reduce((value, byte) => (value << 8) | byte, 0) >>> 0;
}
