/** What `simlatch bench timing` measures: calls of the bare core, each with a secret. */
import { arenaPart, coreExports, put } from "#wasm/core";

export interface TimingTarget {
  readonly name: string;
  readonly secretBytes: number;
  /** Operations in one run. */
  readonly operations: number;
  readonly isControl: boolean;
  /** Puts a secret, all of `secret`, where run finds it. Not timed. */
  readonly prepare: (secret: Uint8Array) => void;
  readonly run: () => void;
}

/** Calls and places; wasm/assembly states the layout of each. */
interface TimedExports {
  readonly memory: WebAssembly.Memory;
  readonly INPUT: WebAssembly.Global;
  readonly BATCH: WebAssembly.Global;
  readonly REQUEST: WebAssembly.Global;
  readonly MESSAGE: WebAssembly.Global;
  readonly SM_INPUT: WebAssembly.Global;
  readonly cipherStart: (isSm4: number) => void;
  readonly ctrCrypt: (byteCount: number) => void;
  readonly cipherWipe: () => void;
  readonly generateVector: () => void;
  readonly generateVectorBatch: (count: number) => void;
  readonly tuakVector: (
    k: number,
    mac: number,
    res: number,
    ck: number,
    ik: number,
    times: number,
  ) => void;
  readonly sm2StartMessage: (idBytes: number) => void;
  readonly signSm2: (byteCount: number, entropyBytes: number) => number;
}

const core = coreExports<TimedExports>(
  "INPUT",
  "BATCH",
  "REQUEST",
  "MESSAGE",
  "SM_INPUT",
  "cipherStart",
  "ctrCrypt",
  "cipherWipe",
  "generateVector",
  "generateVectorBatch",
  "tuakVector",
  "sm2StartMessage",
  "signSm2",
);

const KEY_BYTES = 16;
const CIPHER_BLOCKS = 16;
const RECORD_BYTES = 56; // K 16 | OPc 16 | RAND 16 | SQN 6 | AMF 2
const RECORDS = 16;
const TAG_BYTES = 32;
const COMPARISONS = 8;
const MESSAGE_BYTES = 32;
const ID_BYTES = 16;
const PRIVATE_KEY_OFFSET = 128;

/** Public inputs, always the same bytes. */
const publicBytes = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (37 * index + 11) & 0xff);

/** Ends at the first difference, as nothing in the core does. */
function isEqualEarly(a: Uint8Array, b: Uint8Array): boolean {
  for (let index = 0; index < a.length; index += 1) if (a[index] !== b[index]) return false;
  return true;
}

/** A tag is compared with the fixed secret: all bytes in one class, one or two in the other. */
function control(expected: Uint8Array): TimingTarget {
  const tag = new Uint8Array(TAG_BYTES);
  let equal = 0;
  return {
    name: "control: comparison that ends early",
    secretBytes: TAG_BYTES,
    operations: COMPARISONS,
    isControl: true,
    prepare: (secret) => {
      put(tag, secret, 0);
    },
    run: () => {
      for (let turn = 0; turn < COMPARISONS; turn += 1)
        equal += Number(isEqualEarly(tag, expected));
      if (equal < 0) throw new Error("counts do not fall"); // the result has a use
    },
  };
}

/** Key schedule and CTR over sixteen blocks. */
function cipher(name: string, isSm4: number): TimingTarget {
  const input = arenaPart(core.SM_INPUT, KEY_BYTES);
  return {
    name,
    secretBytes: KEY_BYTES,
    operations: CIPHER_BLOCKS,
    isControl: false,
    prepare: (secret) => {
      put(input, secret, 0);
    },
    run: () => {
      core.cipherStart(isSm4);
      core.ctrCrypt(16 * CIPHER_BLOCKS);
      core.cipherWipe();
    },
  };
}

/** One vector; K and OPc are secret. */
function milenageOne(): TimingTarget {
  const input = arenaPart(core.INPUT, RECORD_BYTES);
  const record = publicBytes(RECORD_BYTES);
  return {
    name: "Milenage, one vector",
    secretBytes: 2 * KEY_BYTES,
    operations: 1,
    isControl: false,
    prepare: (secret) => {
      put(input, record, 0);
      put(input, secret, 0);
    },
    run: core.generateVector,
  };
}

/** A batch whose records all have the secret. */
function milenageBatch(): TimingTarget {
  const batch = arenaPart(core.BATCH, RECORDS * RECORD_BYTES);
  const records = publicBytes(RECORDS * RECORD_BYTES);
  return {
    name: "Milenage, batch",
    secretBytes: 2 * KEY_BYTES,
    operations: RECORDS,
    isControl: false,
    prepare: (secret) => {
      put(batch, records, 0);
      for (let record = 0; record < RECORDS; record += 1) put(batch, secret, record * RECORD_BYTES);
    },
    run: () => {
      core.generateVectorBatch(RECORDS);
    },
  };
}

/** One vector with K of 256 bits; K and TOPc are secret. */
function tuak(): TimingTarget {
  const request = arenaPart(core.REQUEST, 88);
  const rest = publicBytes(24); // RAND 16 | SQN 6 | AMF 2
  return {
    name: "TUAK, one vector",
    secretBytes: 64,
    operations: 1,
    isControl: false,
    prepare: (secret) => {
      put(request, secret, 0);
      put(request, rest, 64);
    },
    run: () => {
      core.tuakVector(32, 8, 8, 16, 16, 1);
    },
  };
}

/** A signature, nonce included; the public key does not matter, it is the same for both classes. */
function sm2Signing(): TimingTarget {
  const input = arenaPart(core.SM_INPUT, PRIVATE_KEY_OFFSET + 32);
  const message = arenaPart(core.MESSAGE, MESSAGE_BYTES);
  const [publicKey, text] = [publicBytes(64), publicBytes(MESSAGE_BYTES)];
  return {
    name: "SM2 signing",
    secretBytes: 32,
    operations: 1,
    isControl: false,
    prepare: (secret) => {
      put(input, publicKey, 0);
      put(input, secret, PRIVATE_KEY_OFFSET);
      input[PRIVATE_KEY_OFFSET] = (secret[0] ?? 0) & 0x7f; // below n
      put(message, text, 0);
      core.sm2StartMessage(ID_BYTES);
      put(message, text, 0);
    },
    run: () => {
      core.signSm2(MESSAGE_BYTES, 0);
    },
  };
}

/** Every target, the control first; it compares with the beginning of `fixedSecret`. */
export function createTargets(fixedSecret: Uint8Array): TimingTarget[] {
  return [
    control(fixedSecret.subarray(0, TAG_BYTES)),
    cipher("AES-128", 0),
    cipher("SM4", 1),
    milenageOne(),
    milenageBatch(),
    tuak(),
    sm2Signing(),
  ];
}
