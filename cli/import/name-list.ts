/**
 * Names in one cell, separated by semicolons. A name may hold any sign, so a backslash stands
 * before a semicolon or a backslash that is part of it. Spaces around names are not part of them.
 */
const SEPARATOR = ";";
const PART = /((?:[^;\\]|\\[;\\])*)(;|$)/y;

export function encodeNames(names: readonly string[]): string {
  return names.map((name) => name.replaceAll(/[;\\]/g, String.raw`\$&`)).join(SEPARATOR);
}

/** None in an empty cell; undefined when a backslash stands before anything else. */
export function decodeNames(cell: string): string[] | undefined {
  if (cell === "") return [];
  const names: string[] = [];
  PART.lastIndex = 0;
  for (;;) {
    const match = PART.exec(cell);
    if (match === null) return undefined;
    const [, part = "", end] = match;
    names.push(part.replaceAll(/\\(.)/g, "$1").replace(/^ +/, "").replace(/ +$/, ""));
    if (end === "") return names;
  }
}
