/**
 * The forms of a challenge (docs/protocol.md, section 6): which one a claimed module kind and an
 * algorithm make, and its random part, the same for a real challenge and for a dummy.
 */
import type { AlgorithmProfile, ChallengeForm, Dependencies } from "../dependencies.ts";
import { LENGTH } from "#protocol/assigned-numbers";
import { concatBytes, equalBytes } from "#protocol/bytes";
import { MODULE_KIND_NUMBERS, type ModuleKindName, type Strength } from "#protocol/suites";

interface FormRow {
  readonly rands: number;
  readonly randBytes: number;
  /** A shorter value of an answer never counts. */
  readonly answerBytesMin: number;
}

export const FORMS: Readonly<Record<ChallengeForm, FormRow>> = {
  /** SRES has 32 bits, which one RAND would leave to be guessed. */
  SIM: { rands: 2, randBytes: LENGTH.rand, answerBytesMin: 4 },
  /** RES of 32 bits can be guessed, too. */
  USIM: { rands: 1, randBytes: LENGTH.rand, answerBytesMin: 8 },
  /** AUTHR has 18 bits: 72 together. */
  CAVE: { rands: 4, randBytes: LENGTH.caveRand, answerBytesMin: LENGTH.caveSignature },
  "SSD update": { rands: 1, randBytes: LENGTH.randssd, answerBytesMin: LENGTH.randbs },
  CHAP: { rands: 1, randBytes: LENGTH.chapChallenge, answerBytesMin: 16 },
};

/** The module kind that an algorithm's subscribers are provisioned with. */
const KIND_OF_FAMILY: Readonly<Record<AlgorithmProfile["family"], ModuleKindName>> = {
  aka: "USIM",
  gsm: "SIM",
  cdma: "UIM",
};

/** A random source that repeats itself is a defect, not something to wait for. */
const DRAWS_MAX = 16;
/** AUTHBS has 18 bits, right-aligned in 3 bytes. */
const SIGNATURE_FIRST_BYTE_MASK = 0x03;

export function moduleKindOf(algorithm: AlgorithmProfile): ModuleKindName {
  return KIND_OF_FAMILY[algorithm.family];
}

export function findModuleKind(number: number): ModuleKindName | undefined {
  if (number === MODULE_KIND_NUMBERS.SIM) return "SIM";
  if (number === MODULE_KIND_NUMBERS.USIM) return "USIM";
  return number === MODULE_KIND_NUMBERS.UIM ? "UIM" : undefined;
}

/** Undefined when no module of the claimed kind carries the algorithm. */
export function formOf(
  claimed: ModuleKindName,
  algorithm: AlgorithmProfile,
): ChallengeForm | undefined {
  switch (claimed) {
    case "SIM":
      return algorithm.family === "cdma" ? undefined : "SIM";
    case "USIM":
      return algorithm.family === "aka" ? "USIM" : undefined;
    case "UIM":
      if (algorithm.family !== "cdma") return undefined;
      return algorithm.sign === undefined ? "CHAP" : "CAVE";
  }
}

/** What a right answer in this form proves; a USIM in the GSM context is worth a SIM. */
export function strengthOf(
  form: ChallengeForm,
  algorithm: AlgorithmProfile,
  hasTag: boolean,
): Strength {
  if (form === "SIM") return algorithm.family === "gsm" ? algorithm.proves : "SIM";
  return form === "USIM" && hasTag ? "USIM with tag" : algorithm.proves;
}

/** As many RANDs as the form has, all distinct; none of them `isRecent`. */
export function drawRands(
  { random }: Pick<Dependencies, "random">,
  form: ChallengeForm,
  isRecent: (rand: Uint8Array) => boolean = () => false,
): Uint8Array[] {
  const { rands: count, randBytes } = FORMS[form];
  const rands: Uint8Array[] = [];
  for (let draw = 0; draw < DRAWS_MAX && rands.length < count; draw++) {
    const rand = random(randBytes);
    if (!rands.some((other) => equalBytes(other, rand)) && !isRecent(rand)) rands.push(rand);
  }
  if (rands.length < count) throw new Error("the random source repeats itself");
  return rands;
}

/** In a dummy's place of AUTN and AUTHBS: well-formed, and no module will find it right. */
export function drawAutn(
  { random }: Pick<Dependencies, "random">,
  form: ChallengeForm,
  { amf, isConfirmation }: { readonly amf: Uint8Array; readonly isConfirmation: boolean },
): Uint8Array {
  if (form === "USIM") return concatBytes(random(6), amf, random(8));
  if (form !== "CAVE" || !isConfirmation) return new Uint8Array(0);
  return random(LENGTH.caveSignature).map((byte, i) =>
    i === 0 ? byte & SIGNATURE_FIRST_BYTE_MASK : byte,
  );
}
