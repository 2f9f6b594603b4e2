/** Test helper: a personalised card of any kind and suite, and a terminal that talks to it. */
import { APPLET_AID, CLA, INS, SW, TAG } from "#protocol/assigned-numbers";
import { type Card, createCard } from "./card.ts";
import type { CardProfile } from "./context.ts";
import { seededRandom, valueOf } from "./encoding-double.ts";
import { generateCardKeys } from "./keys.ts";
import { createNonVolatileMemory, type SimulatedMemory } from "./non-volatile-memory.ts";
import { takeRsaKey } from "./rsa-pool.ts";
import type { Mode } from "./session.ts";
import { DOUBLE_SUITES, type DoubleSuite, type Signer } from "./suites-double.ts";
import type { SuiteName } from "./suites.ts";

export const CARD_ID = "00A1B2C3D4E5F607";
export const TENANT = "acme";
const BLOCK_BYTES = 512;

export type Answer = { readonly sw: number; readonly data: Buffer };

/** Which card, and which mode its sessions take unless told otherwise. */
export type Variant = {
  readonly suite: SuiteName;
  readonly mode: Mode;
  readonly kind: "TF" | "SD";
};

const USUAL: Variant = { suite: "P-256", mode: "signed", kind: "TF" };

/** Every suite in both modes on a TF card. */
export const EVERY_SUITE: readonly Variant[] = DOUBLE_SUITES.flatMap(({ name }) =>
  (["signed", "encrypted"] as const).map((mode) => ({ suite: name, mode, kind: "TF" }) as const),
);
/** All of them, on both kinds of card. */
export const EVERY_VARIANT: readonly Variant[] = EVERY_SUITE.flatMap((variant) => [
  variant,
  { ...variant, kind: "SD" },
]);

export function nameOf({ suite, mode, kind }: Variant): string {
  return `${suite}, ${mode}, ${kind}`;
}

export type Bench = {
  readonly card: Card;
  readonly memory: SimulatedMemory;
  readonly profile: CardProfile;
  readonly random: (byteCount: number) => Uint8Array;
  readonly variant: Variant;
  readonly suite: DoubleSuite;
  /** Undefined in the symmetric suites, like the platform's key. */
  readonly anchor: Signer | undefined;
  readonly platformKey: Signer | undefined;
  readonly sharedKey: Uint8Array;
  /** Key and nonce, in hex, of everything that the card sealed and the platform opened (I16). */
  readonly nonces: string[];
};

export type BenchOptions = {
  readonly variant?: Variant;
  readonly seed?: string;
  readonly cardId?: string;
  readonly anchor?: Signer | undefined;
  readonly clock?: { readonly now: () => number };
  readonly modes?: readonly Mode[];
};

/** Selected unless told otherwise. */
export async function createBench(options: BenchOptions = {}): Promise<Bench> {
  const variant = options.variant ?? USUAL;
  const suite = DOUBLE_SUITES.find(({ name }) => name === variant.suite);
  if (suite === undefined) throw new Error("no such suite");
  const seed = options.seed ?? "bench";
  const random = seededRandom(`${seed} card`);
  const anchor = options.anchor ?? suite.scheme?.createSigner();
  const sharedKey = seededRandom(`${seed} shared key`)(16);
  const memory = createNonVolatileMemory();
  const isShared = suite.scheme === undefined;
  const profile: CardProfile = {
    cardId: options.cardId ?? CARD_ID,
    kind: variant.kind,
    suite: variant.suite,
    modes: options.modes ?? ["signed", "encrypted"],
    deployment: seededRandom("deployment")(16),
    tenant: TENANT,
    anchorPublicKey: anchor?.publicKey ?? new Uint8Array(0),
    keys: generateCardKeys(variant.suite, { random }, materialFor(suite, sharedKey)),
    certificate: isShared ? new Uint8Array(0) : seededRandom("certificate")(600),
    ...(isShared ? { keyVersion: 7 } : {}),
    ...(options.clock === undefined ? {} : { clock: options.clock }),
  };
  const card = createCard(profile, { random, nonVolatile: memory });
  const platformKey = suite.scheme?.createSigner();
  const keys = { anchor, platformKey, sharedKey };
  const bench = { card, memory, profile, random, variant, suite, ...keys, nonces: [] };
  await select(bench);
  return bench;
}

function materialFor(
  { name, scheme }: DoubleSuite,
  sharedKey: Uint8Array,
): Parameters<typeof generateCardKeys>[2] {
  if (scheme === undefined) return { sharedKey };
  return name.startsWith("RSA") ? { rsaKey: takeRsaKey() } : {};
}

export type CommandInput = {
  readonly cla: number;
  readonly ins: number;
  readonly p1p2: number;
  readonly data?: Uint8Array;
};

/** The short APDUs of one command, chained when its data needs it. */
export function encodeApdus(input: CommandInput): Buffer[] {
  const data = Buffer.from(input.data ?? []);
  const apdus: Buffer[] = [];
  for (let start = 0; start === 0 || start < data.length; start += 255) {
    const part = data.subarray(start, start + 255);
    const isLast = start + 255 >= data.length;
    const header = headerOf({ ...input, cla: input.cla | (isLast ? 0 : CLA.chaining) });
    apdus.push(Buffer.concat([header, Uint8Array.of(part.length), part]));
  }
  return apdus;
}

/** One APDU with an extended length, without Le. */
export function encodeExtended(input: CommandInput): Buffer {
  const data = input.data ?? new Uint8Array(0);
  const lc = data.length === 0 ? [] : [0, data.length >> 8, data.length & 0xff];
  return Buffer.concat([headerOf(input), Uint8Array.from(lc), data]);
}

function headerOf({ cla, ins, p1p2 }: CommandInput): Buffer {
  return Buffer.from([cla, ins, p1p2 >> 8, p1p2 & 0xff]);
}

export async function transmit(card: Card, apdu: Uint8Array): Promise<Answer> {
  return toAnswer(Buffer.from(await card.transmit(apdu)));
}

function toAnswer(response: Buffer): Answer {
  return { sw: response.readUInt16BE(response.length - 2), data: response.subarray(0, -2) };
}

/** APDU and answer of an SD card, in blocks. */
export async function transmitInBlocks(card: Card, apdu: Uint8Array): Promise<Answer> {
  const framed = Buffer.concat([Buffer.from([apdu.length >> 8, apdu.length & 0xff]), apdu]);
  const missing = (BLOCK_BYTES - (framed.length % BLOCK_BYTES)) % BLOCK_BYTES;
  const blocks = Buffer.concat([framed, Buffer.alloc(missing)]);
  const answer = Buffer.from(await card.transmitBlocks(blocks));
  if (answer.length % BLOCK_BYTES !== 0) throw new Error("the answer is not whole blocks");
  const end = 2 + answer.readUInt16BE();
  if (answer.subarray(end).some((byte) => byte !== 0)) throw new Error("the filling is not zero");
  return toAnswer(answer.subarray(2, end));
}

/** One command to its end; on a TF card with chain, 6Cxx and 61xx. `sw` is the last one. */
export async function exchange(bench: Bench, input: CommandInput): Promise<Answer> {
  if (bench.variant.kind === "SD") return transmitInBlocks(bench.card, encodeExtended(input));
  let answer: Answer = { sw: 0, data: Buffer.alloc(0) };
  for (const apdu of encodeApdus(input)) {
    answer = await transmit(bench.card, apdu);
    if ((answer.sw & 0xff00) === SW.wrongLe) {
      const corrected = Uint8Array.from(apdu);
      corrected[4] = answer.sw & 0xff;
      answer = await transmit(bench.card, corrected);
    }
  }
  const parts = [answer.data];
  while ((answer.sw & 0xff00) === SW.bytesRemaining) {
    const le = answer.sw & 0xff;
    const apdu = Uint8Array.of(CLA.interindustry, INS.getResponse, 0, 0, le);
    answer = await transmit(bench.card, apdu);
    parts.push(answer.data);
  }
  return { sw: answer.sw, data: Buffer.concat(parts) };
}

export function command(bench: Bench, ins: number, data: Uint8Array): Promise<Answer> {
  return exchange(bench, { cla: CLA.proprietary, ins, p1p2: 0, data });
}

export function select(bench: Bench, aid: readonly number[] = APPLET_AID): Promise<Answer> {
  return exchange(bench, { cla: 0, ins: INS.select, p1p2: 0x0400, data: Uint8Array.from(aid) });
}

export function signDocument(bench: Bench, document: Uint8Array): Promise<Answer> {
  const ins = INS.performSecurityOperation;
  return exchange(bench, { cla: 0, ins, p1p2: 0x9e9a, data: document });
}

export type Status = {
  readonly cardId: string;
  readonly epoch: number;
  /** Value of 8D in hex. */
  readonly state: string;
  readonly floor: number;
};

export async function readStatus(bench: Bench): Promise<Status> {
  const data = await readStatusBytes(bench);
  return {
    cardId: valueOf(data, TAG.cardId).toString("hex").toUpperCase(),
    epoch: valueOf(data, TAG.epoch).readUInt32BE(),
    state: valueOf(data, TAG.cardState).toString("hex"),
    floor: valueOf(data, TAG.floor).readUInt32BE(),
  };
}

/** What is left of the lease. */
export async function readLease(
  bench: Bench,
): Promise<{ readonly uses: number; readonly seconds: number; readonly services: number }> {
  const lease = valueOf(await readStatusBytes(bench), TAG.lease);
  return {
    uses: valueOf(lease, TAG.leaseUses).readUInt32BE(),
    seconds: valueOf(lease, TAG.leaseSeconds).readUInt32BE(),
    services: valueOf(lease, TAG.leaseServices).readUInt8(),
  };
}

async function readStatusBytes(bench: Bench): Promise<Buffer> {
  const answer = await exchange(bench, { cla: 0, ins: INS.getData, p1p2: 0x0080 });
  if (answer.sw !== SW.success) throw new Error(`GET DATA gave ${answer.sw.toString(16)}`);
  return answer.data;
}
