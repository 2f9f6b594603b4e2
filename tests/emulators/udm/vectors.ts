/**
 * What a UDM with its ARPF computes, on node:crypto and the emulators' own Milenage: it shares
 * nothing with the platform. Byte strings are hex outside this file.
 */
import { createHmac, randomBytes } from "node:crypto";
import {
  f1,
  f1Star,
  f2,
  f3,
  f4,
  f5,
  f5Star,
  type MilenageKeys,
  xorBytes,
} from "#tests/emulators/sim/milenage";

/** One subscriber's secrets and its highest SQN. */
export type UdmSubscriber = MilenageKeys & {
  sqn: bigint;
};

export type Quintet = {
  readonly rand: Uint8Array;
  readonly autn: Uint8Array;
  readonly xres: Uint8Array;
  readonly ck: Uint8Array;
  readonly ik: Uint8Array;
};

/** TS 33.102, annex C.1.1.1, with five bits of IND and always the same IND. */
const SQN_STEP = 32n;
/** TS 33.501, A.2, A.4; TS 33.402, A.2. */
const FC = { ckIkPrime: 0x20, kausf: 0x6a, resStar: 0x6b } as const;
/** The separation bit (TS 33.102, annex H). */
const AMF = { umts: "0000", fiveG: "8000" } as const;

export function generateQuintet(subscriber: UdmSubscriber, amf: keyof typeof AMF): Quintet {
  subscriber.sqn += SQN_STEP;
  const rand = new Uint8Array(randomBytes(16));
  const sqn = encodeSqn(subscriber.sqn);
  const amfBytes = Uint8Array.fromHex(AMF[amf]);
  const concealed = xorBytes(sqn, f5(subscriber, rand));
  const autn = new Uint8Array([...concealed, ...amfBytes, ...f1(subscriber, rand, sqn, amfBytes)]);
  const [xres, ck, ik] = [f2(subscriber, rand), f3(subscriber, rand), f4(subscriber, rand)];
  return { rand, autn, xres, ck, ik };
}

/** TS 33.102, 6.3.5; false when MAC-S is wrong, and nothing has changed then. */
export function resynchronise(subscriber: UdmSubscriber, rand: string, auts: string): boolean {
  const randBytes = Uint8Array.fromHex(rand);
  const autsBytes = Uint8Array.fromHex(auts);
  const sqnMs = xorBytes(autsBytes.subarray(0, 6), f5Star(subscriber, randBytes));
  const macS = f1Star(subscriber, randBytes, sqnMs, new Uint8Array(2));
  if (macS.toHex() !== autsBytes.subarray(6).toHex()) return false;
  subscriber.sqn = BigInt(`0x${sqnMs.toHex()}`);
  return true;
}

export function encodeAv5GHeAka(quintet: Quintet, servingNetworkName: string) {
  const { rand, autn, xres, ck, ik } = quintet;
  const name = new TextEncoder().encode(servingNetworkName);
  const key = new Uint8Array([...ck, ...ik]);
  return {
    avType: "5G_HE_AKA",
    rand: rand.toHex(),
    autn: autn.toHex(),
    xresStar: kdf(key, FC.resStar, [name, rand, xres]).subarray(16).toHex(),
    kausf: kdf(key, FC.kausf, [name, autn.subarray(0, 6)]).toHex(),
  };
}

export function encodeAvEapAkaPrime(quintet: Quintet, servingNetworkName: string) {
  const { rand, autn, xres, ck, ik } = quintet;
  const name = new TextEncoder().encode(servingNetworkName);
  const key = new Uint8Array([...ck, ...ik]);
  const primes = kdf(key, FC.ckIkPrime, [name, autn.subarray(0, 6)]);
  return {
    avType: "EAP_AKA_PRIME",
    rand: rand.toHex(),
    autn: autn.toHex(),
    xres: xres.toHex(),
    ckPrime: primes.subarray(0, 16).toHex(),
    ikPrime: primes.subarray(16).toHex(),
  };
}

export function encodeAvImsGbaEapAka(quintet: Quintet, avType: string) {
  const { rand, autn, xres, ck, ik } = quintet;
  return {
    avType,
    rand: rand.toHex(),
    autn: autn.toHex(),
    xres: xres.toHex(),
    ck: ck.toHex(),
    ik: ik.toHex(),
  };
}

function encodeSqn(sqn: bigint): Uint8Array {
  return Uint8Array.fromHex(sqn.toString(16).padStart(12, "0"));
}

/** TS 33.220, B.2.1. */
function kdf(key: Uint8Array, fc: number, parameters: readonly Uint8Array[]): Uint8Array {
  const hmac = createHmac("sha256", key).update(Uint8Array.of(fc));
  for (const parameter of parameters)
    hmac.update(parameter).update(Uint8Array.of(parameter.length >> 8, parameter.length & 0xff));
  return new Uint8Array(hmac.digest());
}
