/**
 * The steps as the patent numbers them: signed mode (Fig. 3, 311 to 334), encrypted mode (Fig. 4,
 * 411 to 437). Whoever reports on a binding, the client's progress or the platform's trail, names
 * its steps by this table.
 */
import type { ModeName } from "./suites.ts";

export type Party = "client" | "platform" | "card" | "module" | "centre";

export interface StepDescription {
  readonly from: Party;
  /** Absent for what a party does by itself. */
  readonly to?: Party;
  readonly what: string;
}

export const STEPS = {
  311: { from: "client", to: "platform", what: "access request" },
  312: { from: "platform", to: "client", what: "card challenge" },
  313: { from: "client", to: "card", what: "card challenge (START SESSION)" },
  314: { from: "card", what: "checks the platform key, signs its proof" },
  315: { from: "card", to: "client", what: "card proof" },
  316: { from: "client", to: "platform", what: "card proof" },
  317: { from: "platform", what: "verifies the card" },
  318: { from: "platform", to: "centre", what: "asks for vectors" },
  319: { from: "centre", to: "platform", what: "vectors" },
  320: { from: "platform", to: "client", what: "access authentication request (RAND, AUTN)" },
  321: { from: "client", to: "module", what: "AUTHENTICATE" },
  322: { from: "module", what: "computes its answer" },
  323: { from: "module", to: "client", what: "answer" },
  324: { from: "client", to: "card", what: "answer (ANSWER)" },
  325: { from: "card", what: "signs the answer" },
  326: { from: "card", to: "client", what: "signed answer" },
  327: { from: "client", to: "platform", what: "signed answer" },
  328: { from: "platform", to: "centre", what: "verifies the signature, asks the centre" },
  329: { from: "centre", what: "verifies the answer" },
  330: { from: "centre", to: "platform", what: "result of the authentication" },
  331: { from: "platform", what: "applies the binding rules" },
  332: { from: "platform", to: "client", what: "signed binding result" },
  333: { from: "client", to: "card", what: "signed binding result (RESULT)" },
  334: { from: "card", what: "verifies the result, decides whether to serve" },
  411: { from: "client", to: "platform", what: "access request" },
  412: { from: "platform", to: "client", what: "card challenge" },
  413: { from: "client", to: "card", what: "card challenge (START SESSION)" },
  414: { from: "card", what: "checks the platform key, signs its proof" },
  415: { from: "card", to: "client", what: "card proof" },
  416: { from: "client", to: "platform", what: "card proof, concealed IMSI" },
  417: { from: "platform", what: "verifies the card" },
  418: { from: "platform", to: "centre", what: "asks for vectors" },
  419: { from: "centre", to: "platform", what: "vectors" },
  420: { from: "platform", to: "client", what: "encrypted access authentication request" },
  421: { from: "client", to: "card", what: "encrypted request (OPEN CHALLENGE)" },
  422: { from: "card", what: "verifies the platform, decrypts the request" },
  423: { from: "card", to: "client", what: "RAND, AUTN" },
  424: { from: "client", to: "module", what: "AUTHENTICATE" },
  425: { from: "module", what: "computes its answer" },
  426: { from: "module", to: "client", what: "answer" },
  427: { from: "client", to: "card", what: "answer (ANSWER)" },
  428: { from: "card", what: "encrypts the answer" },
  429: { from: "card", to: "client", what: "encrypted answer" },
  430: { from: "client", to: "platform", what: "encrypted answer" },
  431: { from: "platform", to: "centre", what: "decrypts the answer, asks the centre" },
  432: { from: "centre", what: "verifies the answer" },
  433: { from: "centre", to: "platform", what: "result of the authentication" },
  434: { from: "platform", what: "applies the binding rules" },
  435: { from: "platform", to: "client", what: "encrypted binding result" },
  436: { from: "client", to: "card", what: "encrypted binding result (RESULT)" },
  437: { from: "card", what: "decrypts the result, decides whether to serve" },
} as const satisfies Readonly<Record<number, StepDescription>>;

export type StepNumber = keyof typeof STEPS;

/** A step of signed mode; encrypted mode has a counterpart for each. */
export type SignedStep = Extract<
  StepNumber,
  | 311
  | 312
  | 313
  | 314
  | 315
  | 316
  | 317
  | 318
  | 319
  | 320
  | 321
  | 322
  | 323
  | 324
  | 325
  | 326
  | 327
  | 328
  | 329
  | 330
  | 331
  | 332
  | 333
  | 334
>;

/** The number that a step of signed mode has in `mode`: 421 to 423 stand between 420 and 424. */
export function stepIn(mode: ModeName, step: SignedStep): StepNumber {
  if (mode === "signed") return step;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- 411-420 and 424-437 all exist
  return (step + (step <= 320 ? 100 : 103)) as StepNumber;
}

/** One step as it happened. `at` is Unix time in milliseconds by the reporter's clock. */
export interface StepReport {
  readonly step: StepNumber;
  readonly at: number;
  /** A word or two: `done`, `refused 6982`, `synchronisation_failure`. Never a value. */
  readonly outcome: string;
}

/** A step in words; no time in it, so that two runs can be compared. */
export interface StepLine {
  readonly step: StepReport["step"];
  /** `client -> platform`, or the one party that acts by itself. */
  readonly who: string;
  readonly what: string;
  readonly outcome: string;
}

export function describeStep(report: StepReport): StepLine {
  const { from, to, what }: StepDescription = STEPS[report.step];
  const who = to === undefined ? from : `${from} -> ${to}`;
  return { step: report.step, who, what, outcome: report.outcome };
}
