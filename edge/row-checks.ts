/** What one member of a batch's row must be. */
import type { RowReason } from "#protocol/import";

/** Undefined when the value is right. */
export type Check = (value: unknown) => RowReason | undefined;

export const text =
  (pattern: RegExp): Check =>
  (value) =>
    typeof value === "string" && pattern.test(value) ? undefined : "malformed";

export const whole =
  (greatest: number): Check =>
  (value) => {
    const isWhole = typeof value === "number" && Number.isInteger(value);
    return isWhole && value >= 0 && value <= greatest ? undefined : "out_of_range";
  };

export const oneOf =
  (...values: readonly unknown[]): Check =>
  (value) =>
    values.includes(value) ? undefined : "out_of_range";

/** Null says that there is none. */
export const orNone =
  (check: Check): Check =>
  (value) =>
    value === null ? undefined : check(value);

/** Different names, none of them or at most `countMax`. */
export const names =
  (pattern: RegExp, countMax: number): Check =>
  (value) => {
    if (!Array.isArray(value)) return "malformed";
    if (value.length > countMax) return "too_many_names";
    if (value.some((name) => text(pattern)(name) !== undefined)) return "malformed";
    return new Set(value).size === value.length ? undefined : "name_twice";
  };
