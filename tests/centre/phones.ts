/**
 * Modules of every algorithm, as the operator enrols them and as they answer. What they compute
 * with are the emulators' own implementations, none of which is the platform's.
 */
import { createHash } from "node:crypto";
import type { ModuleKindName, Strength } from "#protocol/suites";
import { createAkaFunctions } from "../emulators/sim/aka-functions.ts";
import { signCave } from "../emulators/sim/cave.ts";
import { comp128v1, comp128v2, comp128v3 } from "../emulators/sim/comp128.ts";
import { convertRes } from "../emulators/sim/conversions.ts";
import { encodeImsiS1 } from "../emulators/sim/ruim-coding.ts";

type Respond = (rand: Uint8Array) => Uint8Array;

export interface Phone {
  readonly imsi: string;
  readonly algorithm: string;
  readonly kind: ModuleKindName;
  readonly strength: Strength;
  readonly rands: number;
  readonly randBytes: number;
  readonly autnBytes: number;
  /** As POST /v1/admin/subscribers takes it. */
  readonly enrolment: Readonly<Record<string, string | number>>;
  readonly respond: Respond;
  /** CK || IK of a USIM. */
  readonly confirmationKey?: Respond;
}

export const AKEY = Uint8Array.fromHex("442f56be9e17158a");
export const UIM_ID = Uint8Array.fromHex("d75a96ec");
export const SSD_A = Uint8Array.fromHex("cc3812949f4dcd0d");
const SSD_B = Uint8Array.fromHex("31050234580e63b4");
export const K = Uint8Array.fromHex("465b5ce8b199b49faa5f0a2ee238a6bc");
const OPC = Uint8Array.fromHex("cd63cb71954a9f4e48a5994e37a02baf");
const K_256 = Uint8Array.fromHex(
  "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0efeeedecebeae9e8e7e6e5e4e3e2e1e0",
);
const TOPC = Uint8Array.fromHex("305425427e18c503c8a4b294ea72c95d0c36c6c6b29d0c65de5974d5977f8524");
const SECRET = new TextEncoder().encode("correct horse battery staple");

const imsiOf = (number: number): string => `46001${String(7_000_000_100 + number)}`;

/** `respond` of a UIM whose SSD_A is `ssdA`. */
export function caveResponder(imsi: string, ssdA: Uint8Array): Respond {
  return (rand) => signCave(ssdA, rand, encodeImsiS1(imsi), UIM_ID);
}

const SIM = { kind: "SIM", strength: "SIM", rands: 2, randBytes: 16, autnBytes: 0 } as const;
const USIM = { kind: "USIM", strength: "USIM", rands: 1, randBytes: 16, autnBytes: 16 } as const;

function makeUsim(
  number: number,
  algorithm: string,
  profile: Parameters<typeof createAkaFunctions>[0],
  keys: Readonly<Record<string, string>>,
): Phone {
  const { f2, f3, f4 } = createAkaFunctions(profile);
  const imsi = imsiOf(number);
  return {
    ...USIM,
    imsi,
    algorithm,
    enrolment: { imsi, mncLength: 2, algorithm, ...keys },
    respond: f2,
    confirmationKey: (rand) => Buffer.concat([f3(rand), f4(rand)]),
  };
}

function makeSim(number: number, algorithm: string, respond: Respond, strength: Strength): Phone {
  const imsi = imsiOf(number);
  const enrolment = { imsi, mncLength: 2, algorithm, ki: K.toHex() };
  return { ...SIM, strength, imsi, algorithm, enrolment, respond };
}

const milenage = createAkaFunctions({ k: K, opc: OPC });
const gsmMilenage = makeSim(5, "gsm-milenage", (rand) => convertRes(milenage.f2(rand)), "SIM");
const caveImsi = imsiOf(10);
/** Room for a stranger between it and the other UIM. */
const chapImsi = imsiOf(19);

export const MILENAGE = makeUsim(
  1,
  "milenage",
  { k: K, opc: OPC },
  { k: K.toHex(), opc: OPC.toHex() },
);
export const CAVE: Phone = {
  imsi: caveImsi,
  algorithm: "cave",
  kind: "UIM",
  strength: "CAVE",
  rands: 4,
  randBytes: 4,
  autnBytes: 0,
  enrolment: {
    imsi: caveImsi,
    mncLength: 2,
    algorithm: "cave",
    akey: AKEY.toHex(),
    uimId: UIM_ID.toHex(),
    ssdA: SSD_A.toHex(),
    ssdB: SSD_B.toHex(),
  },
  respond: caveResponder(caveImsi, SSD_A),
};
export const COMP128_1 = makeSim(6, "comp128-1", (r) => comp128v1(K, r).sres, "COMP128-1");
export const COMP128_3 = makeSim(8, "comp128-3", (r) => comp128v3(K, r).sres, "SIM");
export const CHAP: Phone = {
  imsi: chapImsi,
  algorithm: "chap-md5",
  kind: "UIM",
  strength: "CHAP",
  rands: 1,
  randBytes: 17,
  autnBytes: 0,
  enrolment: { imsi: chapImsi, mncLength: 2, algorithm: "chap-md5", secret: SECRET.toHex() },
  respond: (rand) =>
    new Uint8Array(
      createHash("md5")
        .update(rand.subarray(0, 1))
        .update(SECRET)
        .update(rand.subarray(1))
        .digest(),
    ),
};

export const PHONES: readonly Phone[] = [
  MILENAGE,
  makeUsim(
    2,
    "tuak",
    { algorithm: "tuak", k: K, topc: TOPC },
    { k: K.toHex(), topc: TOPC.toHex() },
  ),
  makeUsim(
    3,
    "tuak",
    { algorithm: "tuak", k: K_256, topc: TOPC },
    { k: K_256.toHex(), topc: TOPC.toHex() },
  ),
  makeUsim(4, "xor-3g", { algorithm: "xor", k: K }, { k: K.toHex() }),
  { ...gsmMilenage, enrolment: { ...gsmMilenage.enrolment, opc: OPC.toHex() } },
  COMP128_1,
  makeSim(7, "comp128-2", (rand) => comp128v2(K, rand).sres, "SIM"),
  COMP128_3,
  makeSim(9, "xor-2g", (rand) => rand.map((byte, i) => byte ^ (K[i] ?? 0)).slice(0, 4), "SIM"),
  CAVE,
  CHAP,
];
