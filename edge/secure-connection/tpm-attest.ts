/**
 * TPMS_ATTEST (TPM 2.0 Library, Part 2, 10.12.12) as a restricted key signed it, read strictly:
 * the three kinds that an MTM card gives, nothing before, between or after.
 */
import { LENGTH } from "#protocol/assigned-numbers";
import type { Bytes } from "#protocol/bytes";
import { EPOCH_BYTES, type TpmClock } from "#protocol/tpm";

/** TPM_GENERATED_VALUE: "\xffTCG" (Part 2, 6.2). */
const GENERATED = 0xff544347;
/** TPM_ST (Part 2, 6.9). */
const ATTEST = { nv: 0x8014, quote: 0x8018, creation: 0x801a } as const;
/** nameAlg and SHA-256. */
const NAME_BYTES = 2 + LENGTH.hash;

interface Common {
  /** Qualified Name of the key that signed. */
  readonly signer: Bytes;
  readonly qualifyingData: Bytes;
  readonly clock: TpmClock;
  /** The clock never read higher before (Part 1, 36.3). */
  readonly safe: boolean;
}

export type Attested = Common &
  (
    | { readonly kind: "epoch"; readonly indexName: Bytes; readonly epoch: bigint }
    | { readonly kind: "quote" }
    | { readonly kind: "creation"; readonly objectName: Bytes }
  );

export interface SignedAttestation {
  readonly attested: Attested;
  /** The bytes that were signed. */
  readonly statement: Uint8Array;
  /** r and s. */
  readonly signature: Uint8Array;
}

/** A proof of an MTM card: TPMS_ATTEST, then r and s; undefined for anything else. */
export function decodeAttestation(proof: Uint8Array): SignedAttestation | undefined {
  const end = proof.length - LENGTH.signature;
  if (end <= 0) return undefined;
  const statement = proof.subarray(0, end);
  const attested = decodeStatement(statement);
  return attested && { attested, statement, signature: proof.subarray(end) };
}

class Cursor {
  private offset = 0;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  private advance(length: number): number {
    const at = this.offset;
    if (at + length > this.bytes.length) throw new RangeError("an attestation ended too early");
    this.offset = at + length;
    return at;
  }

  u8(): number {
    return this.view.getUint8(this.advance(1));
  }

  u16(): number {
    return this.view.getUint16(this.advance(2));
  }

  u32(): number {
    return this.view.getUint32(this.advance(4));
  }

  u64(): bigint {
    return this.view.getBigUint64(this.advance(8));
  }

  /** A sized buffer of exactly this length. */
  sized(length: number): Bytes {
    if (this.u16() !== length) throw new RangeError("an attestation has a part of another length");
    const at = this.advance(length);
    return new Uint8Array(this.bytes.subarray(at, at + length));
  }

  end(): void {
    if (this.offset !== this.bytes.length) throw new RangeError("an attestation goes on");
  }
}

function decodeStatement(bytes: Uint8Array): Attested | undefined {
  try {
    const cursor = new Cursor(bytes);
    if (cursor.u32() !== GENERATED) return undefined;
    const type = cursor.u16();
    const common = readCommon(cursor);
    const attested = common && readKind(cursor, type, common);
    cursor.end();
    return attested;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** TPMS_CLOCK_INFO and firmwareVersion; an update of the firmware is not for us to judge. */
function readCommon(cursor: Cursor): Common | undefined {
  const signer = cursor.sized(NAME_BYTES);
  const qualifyingData = cursor.sized(LENGTH.hash);
  const clock = cursor.u64();
  const resetCount = cursor.u32();
  const restartCount = cursor.u32();
  const safe = cursor.u8();
  cursor.u64();
  if (safe > 1) return undefined;
  return {
    signer,
    qualifyingData,
    clock: { clock, resetCount, restartCount },
    safe: safe === 1,
  };
}

function readKind(cursor: Cursor, type: number, common: Common): Attested | undefined {
  switch (type) {
    case ATTEST.nv: {
      const indexName = cursor.sized(NAME_BYTES);
      if (cursor.u16() !== 0 || cursor.u16() !== EPOCH_BYTES) return undefined;
      return { ...common, kind: "epoch", indexName, epoch: cursor.u64() };
    }
    case ATTEST.quote:
      // No PCR was selected; their digest then is that of nothing and says nothing.
      if (cursor.u32() !== 0) return undefined;
      cursor.sized(LENGTH.hash);
      return { ...common, kind: "quote" };
    case ATTEST.creation: {
      const objectName = cursor.sized(NAME_BYTES);
      cursor.sized(LENGTH.hash);
      return { ...common, kind: "creation", objectName };
    }
    default:
      return undefined;
  }
}

/** Whether the TPM's resets are those of `start` and its clock did not run back since. */
export function isSameRun(start: TpmClock, now: TpmClock): boolean {
  return (
    now.resetCount === start.resetCount &&
    now.restartCount === start.restartCount &&
    now.clock >= start.clock
  );
}
