/**
 * The steps of signed mode as the patent numbers them (Fig. 3, 311 to 334). Whoever reports on a
 * binding, the client's progress or the platform's trail, names its steps by this table.
 */
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
} as const satisfies Readonly<Record<number, StepDescription>>;

export type StepNumber = keyof typeof STEPS;

/** One step as it happened. `at` is Unix time in milliseconds by the reporter's clock. */
export interface StepReport {
  readonly step: StepNumber;
  readonly at: number;
  /** A word or two: `done`, `refused 6982`, `synchronisation_failure`. Never a value. */
  readonly outcome: string;
}
