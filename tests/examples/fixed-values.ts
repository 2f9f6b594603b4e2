/** Values that are equal in all examples (docs/protocol-examples.md, section "Common values"). */
import { createPrivateKey, type KeyObject } from "node:crypto";
import { seededRandom } from "#tests/emulators/card/encoding-double";
import { f1, f2, f3, f4, f5 } from "#tests/emulators/sim/milenage";
import { MODULE_KIND, TAG, VERDICT } from "#protocol/assigned-numbers";
import {
  type Bytes,
  decodeBase64Url,
  encodeAscii,
  encodeCounter,
  equalBytes,
} from "#protocol/bytes";
import { cardIdBytes } from "#protocol/identifiers";
import { type Challenge, encodeCardState, type ModuleAnswer } from "#protocol/messages";
import { encodeTlv } from "#protocol/tlv";
import milenage from "../vectors/milenage_ts35208.json";
import rsaKeys from "../vectors/protocol_examples_rsa_keys.json";
import { check, createRecorder, type Example, present, type Recorder } from "./record.ts";

export const DEPLOYMENT = seededRandom("protocol example deployment")(16);
export const TENANT = "acme";
export const CARD_ID = "00A1B2C3D4E5F607";
export const CARD_KIND = "TF";
export const IMSI = "001010123456789";
/** Longer than 127 bytes, so that its length takes two. */
export const TOKEN = seededRandom("protocol example token")(140);
export const SESSION_ID = seededRandom("protocol example session id")(16);
export const GENERATION = 3;
export const KEY_VERSION = 7;
/** What the card kept of the binding before. */
export const KEPT = { epoch: 6, floor: 2 } as const;
/** Of the result, SUCCESS. */
export const NEXT = {
  epoch: 7,
  floor: 3,
  lease: { uses: 100, seconds: 3600, services: 7 },
} as const;

const SET_1 = present(milenage.sets[0], "test set");
const hex = (text: string): Bytes => Uint8Array.fromHex(text);

export const SUBSCRIBER = { k: hex(SET_1.k), opc: hex(SET_1.opc) };
export const VECTOR = {
  sqn: hex(SET_1.sqn),
  amf: hex(SET_1.amf),
  rand: hex(SET_1.rand),
  autn: hex(SET_1.autn),
  res: hex(SET_1.f2),
  ck: hex(SET_1.f3),
  ik: hex(SET_1.f4),
  auts: hex(SET_1.auts_ts33102_amf0000),
};
export const CHALLENGE: Challenge = { round: 0, rands: [VECTOR.rand], autn: VECTOR.autn };
export const RES_ANSWER: ModuleAnswer = { kind: "res", values: [VECTOR.res] };

export const RSA_KEYS = {
  card: createPrivateKey(rsaKeys.card),
  anchor: createPrivateKey(rsaKeys.anchor),
  platform: createPrivateKey(rsaKeys.platform),
} as const;

/** Modulus and private exponent, 256 bytes each. */
function rsaNumbers(key: KeyObject): { readonly n: Bytes; readonly d: Bytes } {
  const { n, d } = key.export({ format: "jwk" });
  return {
    n: present(decodeBase64Url(n ?? ""), "modulus"),
    d: present(decodeBase64Url(d ?? ""), "exponent"),
  };
}

export function describeCommonValues(): Example {
  const recorder = createRecorder({ title: "Common values" });
  const { step, add } = recorder;
  step("Names, as elements");
  add("deployment (82)", encodeTlv(TAG.deployment, DEPLOYMENT));
  add("tenant (83)", encodeTlv(TAG.tenant, encodeAscii(TENANT)));
  add("card id (85)", encodeTlv(TAG.cardId, cardIdBytes(CARD_ID)));
  add("token T (8A)", encodeTlv(TAG.token, TOKEN));
  add("session id (C7)", encodeTlv(TAG.sessionId, SESSION_ID));
  add("IMSI (93)", encodeTlv(TAG.imsi, encodeAscii(IMSI)));
  add("module kind, USIM (94)", encodeTlv(TAG.moduleKind, Uint8Array.of(MODULE_KIND.usim)));
  add("generation (C0)", encodeTlv(TAG.generation, encodeCounter(GENERATION)));
  add("key version (CF)", encodeTlv(TAG.keyVersion, encodeCounter(KEY_VERSION)));
  describeEpochs(recorder);
  step("Milenage, TS 35.208 test set 1");
  describeVector(add);
  step("RSA-2048 test keys: modulus n and private exponent d; e = 65537");
  for (const [name, key] of Object.entries(RSA_KEYS)) {
    const { n, d } = rsaNumbers(key);
    add(`${name} n`, n);
    add(`${name} d`, d);
  }
  return recorder.finish();
}

/** What the card kept, and what the result says. */
function describeEpochs({ step, add }: Recorder): void {
  const { lease } = NEXT;
  step("The card at START SESSION, but where it is locked; the result of every session");
  add("card's epoch (8C)", encodeTlv(TAG.epoch, encodeCounter(KEPT.epoch)));
  add("card's floor (9E)", encodeTlv(TAG.floor, encodeCounter(KEPT.floor)));
  add("card's state, idle (8D)", encodeTlv(TAG.cardState, encodeCardState({ name: "idle" })));
  add("verdict, SUCCESS (99)", encodeTlv(TAG.verdict, Uint8Array.of(VERDICT.success)));
  add("epoch (8C)", encodeTlv(TAG.epoch, encodeCounter(NEXT.epoch)));
  add("uses (9B)", encodeTlv(TAG.leaseUses, encodeCounter(lease.uses)));
  add("seconds (9C)", encodeTlv(TAG.leaseSeconds, encodeCounter(lease.seconds)));
  add("services (9D)", encodeTlv(TAG.leaseServices, Uint8Array.of(lease.services)));
  add("floor (9E)", encodeTlv(TAG.floor, encodeCounter(NEXT.floor)));
}

function describeVector(add: (name: string, value: Uint8Array) => void): void {
  const { rand, sqn, amf, autn, res, ck, ik, auts } = VECTOR;
  const macA = f1(SUBSCRIBER, rand, sqn, amf);
  check(equalBytes(macA, autn.subarray(8)), "MAC-A of the test set");
  check(equalBytes(f2(SUBSCRIBER, rand), res), "RES of the test set");
  check(equalBytes(f3(SUBSCRIBER, rand), ck), "CK of the test set");
  check(equalBytes(f4(SUBSCRIBER, rand), ik), "IK of the test set");
  add("K", SUBSCRIBER.k);
  add("OPc", SUBSCRIBER.opc);
  add("SQN", sqn);
  add("AMF", amf);
  add("RAND", rand);
  add("AK", f5(SUBSCRIBER, rand));
  add("MAC-A", macA);
  add("AUTN", autn);
  add("RES", res);
  add("CK", ck);
  add("IK", ik);
  add("AUTS (SQN_MS = SQN, AMF* = 0000)", auts);
}
