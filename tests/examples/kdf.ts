/** The key derivation of section 3.2, block by block, held against the platform's. */
import type { SuiteTools } from "#edge/dependencies";
import { TAG } from "#protocol/assigned-numbers";
import { type Bytes, concatBytes, encodeAscii, encodeCounter, equalBytes } from "#protocol/bytes";
import { encodeTlv } from "#protocol/tlv";
import { GENERATION } from "./fixed-values.ts";
import { check, type Recorder } from "./record.ts";

const BLOCK_BYTES = 16;

/** C0 generation, 8F hash. */
export function sessionContext(hash: Uint8Array): Bytes {
  return concatBytes(
    encodeTlv(TAG.generation, encodeCounter(GENERATION)),
    encodeTlv(TAG.hash, hash),
  );
}

/** Records the input of each block; what comes out must be `expected`. */
export function addKdf(
  { add }: Recorder,
  { cmac }: SuiteTools,
  key: Uint8Array,
  derivation: {
    readonly name: string;
    readonly label: string;
    readonly context: Uint8Array;
    readonly expected: Uint8Array;
  },
): void {
  const { name, label, context, expected } = derivation;
  const bits = 8 * expected.length;
  const blocks: Uint8Array[] = [];
  for (let made = 0; made < expected.length; made += BLOCK_BYTES) {
    const input = concatBytes(
      Uint8Array.of(blocks.length + 1),
      encodeTlv(TAG.label, encodeAscii(label)),
      Uint8Array.of(0),
      context,
      Uint8Array.of(bits >> 8, bits & 0xff),
    );
    blocks.push(cmac(key, input));
    add(`${name} block ${blocks.length} input`, input);
  }
  const derived = concatBytes(...blocks).subarray(0, expected.length);
  check(equalBytes(derived, expected), name);
}
