/** The identity modules of a fleet: what the emulator holds and what the centre is told of it. */
import type { CentreProof, SubscriberEnrolment } from "#protocol/admin";
import { encodeHex } from "#protocol/bytes";
import type { SlotDevice } from "#tests/emulators/terminal/terminal";
import { createSim } from "#tests/emulators/sim/sim";
import { createUim } from "#tests/emulators/sim/uim";
import { createUsim } from "#tests/emulators/sim/usim";

/** A module with its algorithm; without one it is the kind's usual: COMP128-3, CAVE. */
export type SubscriberKind =
  | "SIM"
  | "SIM/COMP128-1"
  | "SIM/Milenage"
  | "USIM/Milenage"
  | "USIM/TUAK"
  | "UIM"
  | "UIM/CHAP";

/** What keeps through a reset is readable to tests. */
export interface ModuleDevice extends SlotDevice {
  /** The ATR. */
  reset(): Uint8Array;
  readonly snapshot: () => { readonly pin: unknown; readonly seqMs?: readonly number[] };
}

export interface ModuleIdentity {
  readonly imsi: string;
  readonly iccid: string;
  readonly mncLength: 2 | 3;
}

/** Keys of one subscription, as the emulator and the centre take them. */
export interface ModuleKeys {
  /** Members of SubscriberEnrolment. */
  readonly enrolment: Omit<SubscriberEnrolment, "tenant" | "imsi" | "mncLength">;
  /** A module with these keys; `seqMs` is SEQ_MS of every IND, for a USIM. */
  readonly create: (identity: ModuleIdentity, seqMs: number) => ModuleDevice;
}

type Random = (length: number) => Uint8Array;

/** Elements of the SQN array with 5 bits of IND (TS 33.102, C.1.1.1). */
const IND_COUNT = 32;

const arrayAt = (seq: number): number[] => Array.from({ length: IND_COUNT }, () => seq);

const MAKERS: Readonly<Record<SubscriberKind, (random: Random) => ModuleKeys>> = {
  SIM: (random) => gsm("comp128-3", random),
  "SIM/COMP128-1": (random) => gsm("comp128-1", random),
  "SIM/Milenage": (random) => {
    const [ki, opc] = [random(16), random(16)];
    return {
      enrolment: { algorithm: "gsm-milenage", ki: encodeHex(ki), opc: encodeHex(opc) },
      create: (identity) => createSim({ ...identity, algorithm: "gsm-milenage", ki, opc }),
    };
  },
  "USIM/Milenage": (random) => {
    const [k, opc] = [random(16), random(16)];
    return {
      enrolment: { k: encodeHex(k), opc: encodeHex(opc) },
      create: (identity, seqMs) => createUsim({ ...identity, k, opc, seqMs: arrayAt(seqMs) }),
    };
  },
  "USIM/TUAK": (random) => {
    const [k, topc] = [random(32), random(32)];
    return {
      enrolment: { algorithm: "tuak", k: encodeHex(k), topc: encodeHex(topc) },
      create: (identity, seqMs) =>
        createUsim({ ...identity, algorithm: "tuak", k, topc, seqMs: arrayAt(seqMs) }),
    };
  },
  UIM: (random) => uim("cave", random),
  "UIM/CHAP": (random) => uim("chap-md5", random),
};

function gsm(algorithm: "comp128-1" | "comp128-3", random: Random): ModuleKeys {
  const ki = random(16);
  return {
    enrolment: { algorithm, ki: encodeHex(ki) },
    create: (identity) => createSim({ ...identity, algorithm, ki }),
  };
}

/** SSD is shared already: an update of SSD is a story of its own. */
function uim(algorithm: "cave" | "chap-md5", random: Random): ModuleKeys {
  const [aKey, uimId, ssdA, ssdB, secret] = [8, 4, 8, 8, 16].map((length) => random(length));
  if (!aKey || !uimId || !ssdA || !ssdB || !secret) throw new Error("no randomness");
  const keys = { aKey, uimId, ssdA, ssdB, hrpdSecret: secret, random };
  const enrolment =
    algorithm === "cave"
      ? {
          akey: encodeHex(aKey),
          uimId: encodeHex(uimId),
          ssdA: encodeHex(ssdA),
          ssdB: encodeHex(ssdB),
        }
      : { secret: encodeHex(secret) };
  return {
    enrolment: { algorithm, ...enrolment },
    create: ({ imsi, iccid }) => createUim({ imsi, iccid, ...keys }),
  };
}

export function makeModuleKeys(kind: SubscriberKind, random: Random): ModuleKeys {
  return MAKERS[kind](random);
}

/** Which adapter drives it. */
export function adapterOf(kind: SubscriberKind): "SIM" | "USIM" | "UIM" {
  if (kind.startsWith("USIM")) return "USIM";
  return kind.startsWith("UIM") ? "UIM" : "SIM";
}

/** What the operator tells the platform of a module whose keys another centre has. */
export function proofOf(kind: SubscriberKind): CentreProof {
  if (kind === "SIM/COMP128-1") return "COMP128-1";
  const adapter = adapterOf(kind);
  if (adapter === "UIM") throw new Error("no external centre serves a UIM");
  return adapter;
}

/** The algorithm's name at the centre. */
export function algorithmOf(kind: SubscriberKind): string {
  const { enrolment } = makeModuleKeys(kind, (length) => new Uint8Array(length));
  return enrolment.algorithm ?? "milenage";
}
