// The algorithms of the authentication centre and of the cards, one row each: what they are called, which
// modules carry them, what keys they take, and how they answer. Nothing else lists them.

import { caveSharedSecretData, caveSignature, chapResponse } from "./cdma.ts";
import * as gsm from "./gsm.ts";
import type { GsmAnswer } from "./gsm.ts";
import { deriveOpc, generateVector, openAuts } from "./index.ts";
import type { AuthenticationVector } from "./index.ts";
import { generateVectors } from "./milenage.ts";
import {
  deriveMilenage256Opc,
  generateMilenage256Vector,
  openMilenage256Auts,
} from "./milenage256.ts";
import { deriveTopc, generateTuakVector, openTuakAuts } from "./tuak.ts";

/** The subscriber modules an algorithm is found on. */
export type ModuleKind = "SIM" | "USIM" | "ISIM" | "RUIM" | "CSIM";

/** One key of a subscriber, or of the operator, and the lengths it may have. */
export interface KeyMaterial {
  readonly name: string;
  readonly bytes: readonly number[] | { readonly min: number; readonly max: number };
  /**
   * `key`: the subscriber's own secret; `operator`: the constant that goes with it, or `from` which it is
   * derived; `ssd`: shared secret data, where they are known already; `equipment`: a number, no secret.
   */
  readonly role: "key" | "operator" | "ssd" | "equipment";
  readonly from?: string;
}

interface AlgorithmBase {
  readonly title: string;
  readonly standard: string;
  readonly modules: readonly ModuleKind[];
  readonly keys: readonly KeyMaterial[];
  /** What a right answer of a module that carries it proves. */
  readonly proves: "COMP128-1" | "SIM" | "CAVE" | "CHAP" | "USIM";
  /** `test`: for test cards, the answer gives the key away. `broken`: only for cards that have it. */
  readonly status: "current" | "broken" | "test" | "experimental";
}

/** Mutual authentication with RAND, SQN and AMF, TS 33.102 clause 6.3; for XOR `operator` is empty. */
export interface AkaAlgorithm extends AlgorithmBase {
  readonly family: "aka";
  readonly generateVector?: (
    k: Uint8Array,
    operator: Uint8Array,
    rand: Uint8Array,
    sqn: Uint8Array,
    amf: Uint8Array,
  ) => AuthenticationVector;
  /** Vectors of many challenges in one call, where there is one. */
  readonly generateSeries?: (
    k: Uint8Array,
    operator: Uint8Array,
    challenges: readonly { readonly rand: Uint8Array; readonly sqn: Uint8Array }[],
    amf: Uint8Array,
  ) => AuthenticationVector[];
  readonly openAuts?: (
    k: Uint8Array,
    operator: Uint8Array,
    rand: Uint8Array,
    auts: Uint8Array,
  ) => Uint8Array | undefined;
  /** OPc or TOPc from OP or TOP. */
  readonly deriveOperator?: (k: Uint8Array, operator: Uint8Array) => Uint8Array;
}

/** SRES and Kc for RAND, TS 43.020; `operator` is empty where the algorithm has none. */
export interface GsmAlgorithm extends AlgorithmBase {
  readonly family: "gsm";
  readonly answer: (ki: Uint8Array, operator: Uint8Array, rand: Uint8Array) => GsmAnswer;
  readonly deriveOperator?: (k: Uint8Array, operator: Uint8Array) => Uint8Array;
}

/** Authentication of CDMA cards. */
export interface CdmaAlgorithm extends AlgorithmBase {
  readonly family: "cdma";
  readonly sharedSecretData?: typeof caveSharedSecretData;
  readonly sign?: typeof caveSignature;
  readonly chapResponse?: typeof chapResponse;
}

export type Algorithm = AkaAlgorithm | GsmAlgorithm | CdmaAlgorithm;

const K: KeyMaterial = { name: "k", bytes: [16], role: "key" };
const K_256: KeyMaterial = { name: "k", bytes: [16, 32], role: "key" };
const OPC: KeyMaterial = { name: "opc", bytes: [16], role: "operator", from: "op" };
const KI: KeyMaterial = { name: "ki", bytes: [16], role: "key" };

/** Every algorithm, by the name the rest of the product uses for it. */
export const ALGORITHMS = {
  milenage: {
    family: "aka",
    title: "Milenage",
    standard: "TS 35.206",
    modules: ["USIM", "ISIM"],
    keys: [K, OPC],
    status: "current",
    proves: "USIM",
    generateVector,
    generateSeries: generateVectors,
    openAuts,
    deriveOperator: deriveOpc,
  },
  tuak: {
    family: "aka",
    title: "TUAK",
    standard: "TS 35.231",
    modules: ["USIM", "ISIM"],
    keys: [K_256, { name: "topc", bytes: [32], role: "operator", from: "top" }],
    status: "current",
    proves: "USIM",
    generateVector: (k, topc, rand, sqn, amf) => generateTuakVector(k, topc, rand, sqn, amf),
    openAuts: (k, topc, rand, auts) => openTuakAuts(k, topc, rand, auts),
    deriveOperator: (k, top) => deriveTopc(k, top),
  },
  "milenage-256": {
    family: "aka",
    title: "MILENAGE-256",
    standard: "TS 35.234",
    modules: ["USIM"],
    keys: [K_256, { name: "opc", bytes: [32], role: "operator", from: "op" }],
    status: "experimental",
    proves: "USIM",
    generateVector: (k, opc, rand, sqn, amf) => generateMilenage256Vector(k, opc, rand, sqn, amf),
    openAuts: openMilenage256Auts,
    deriveOperator: deriveMilenage256Opc,
  },
  "xor-3g": {
    family: "aka",
    title: "XOR",
    standard: "TS 34.108 clause 8.1.2",
    modules: ["USIM", "ISIM"],
    keys: [K],
    status: "test",
    proves: "USIM",
    generateVector: (k, _operator, rand, sqn, amf) => gsm.generateXorVector(k, rand, sqn, amf),
    openAuts: (k, _operator, rand, auts) => gsm.openXorAuts(k, rand, auts),
  },
  "gsm-milenage": {
    family: "gsm",
    title: "GSM-Milenage",
    standard: "TS 55.205",
    modules: ["SIM", "USIM"],
    keys: [KI, OPC],
    status: "current",
    proves: "SIM",
    answer: gsm.gsmMilenage,
    deriveOperator: deriveOpc,
  },
  "comp128-1": {
    family: "gsm",
    title: "COMP128-1",
    standard: "GSM Association, published 1998",
    modules: ["SIM"],
    keys: [KI],
    status: "broken",
    proves: "COMP128-1",
    answer: (ki, _operator, rand) => gsm.comp128v1(ki, rand),
  },
  "comp128-2": {
    family: "gsm",
    title: "COMP128-2",
    standard: "GSM Association, published 2013",
    modules: ["SIM"],
    keys: [KI],
    status: "broken",
    proves: "SIM",
    answer: (ki, _operator, rand) => gsm.comp128v2(ki, rand),
  },
  "comp128-3": {
    family: "gsm",
    title: "COMP128-3",
    standard: "GSM Association, published 2013",
    modules: ["SIM"],
    keys: [KI],
    status: "current",
    proves: "SIM",
    answer: (ki, _operator, rand) => gsm.comp128v3(ki, rand),
  },
  "xor-2g": {
    family: "gsm",
    title: "XOR",
    standard: "TS 51.010-1 clause A.4.1.2",
    modules: ["SIM"],
    keys: [KI],
    status: "test",
    proves: "SIM",
    answer: (ki, _operator, rand) => gsm.xor2g(ki, rand),
  },
  cave: {
    family: "cdma",
    title: "CAVE",
    standard: "TR45.AHAG Common Cryptographic Algorithms",
    modules: ["RUIM", "CSIM"],
    keys: [
      { name: "akey", bytes: [8], role: "key" },
      { name: "ssdA", bytes: [8], role: "ssd" },
      { name: "ssdB", bytes: [8], role: "ssd" },
      { name: "uimId", bytes: [4], role: "equipment" },
    ],
    status: "current",
    proves: "CAVE",
    sharedSecretData: caveSharedSecretData,
    sign: caveSignature,
  },
  "chap-md5": {
    family: "cdma",
    title: "CHAP with MD5",
    standard: "RFC 1994",
    modules: ["RUIM", "CSIM"],
    keys: [{ name: "secret", bytes: { min: 1, max: 255 }, role: "key" }],
    status: "current",
    proves: "CHAP",
    chapResponse,
  },
} as const satisfies Readonly<Record<string, Algorithm>>;
