/** One line of source changed, and the test that must notice. */
export interface Fault {
  readonly invariant: string;
  readonly what: string;
  readonly source: string;
  /** Occurs once in `source`. */
  readonly find: string;
  readonly replace: string;
  readonly file: string;
  readonly test: string;
}
