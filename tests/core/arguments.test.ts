// Wrong arguments: a typed error that names the argument and does not hold its value.

import { describe, expect, test } from "bun:test";
import * as facade from "#wasm";

type Parameter = [name: string, length: number];

const ANY_LENGTH = -1;
const MILENAGE: Parameter[] = [
  ["k", 16],
  ["opc", 16],
  ["rand", 16],
  ["sqn", 6],
  ["amf", 2],
];
const SIGNED: Parameter[] = [
  ["publicKey", 65],
  ["message", ANY_LENGTH],
];

const FUNCTIONS: Record<string, Parameter[]> = {
  deriveOpc: [
    ["k", 16],
    ["op", 16],
  ],
  milenage: MILENAGE,
  generateVector: MILENAGE,
  openAuts: [...MILENAGE.slice(0, 3), ["auts", 14]],
  sha256: [["data", ANY_LENGTH]],
  verifyP256: [...SIGNED, ["signature", 64]],
  verifyP256Der: [...SIGNED, ["derSignature", ANY_LENGTH]],
  ecdsaDerToRaw: [["der", ANY_LENGTH]],
  isP256Point: [["publicKey", 65]],
  aes128EncryptBlock: [
    ["key", 16],
    ["block", 16],
  ],
};

const functions = new Map<string, unknown>(
  Object.entries(facade).filter(([name]) => name !== "CoreInputError"),
);

/** Calls the function with whatever values, as JavaScript lets a caller. */
function callUnchecked(name: string, values: readonly unknown[]): unknown {
  const target = functions.get(name);
  if (typeof target !== "function") throw new TypeError(name);
  return Reflect.apply(target, undefined, values);
}

function thrownBy(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return undefined;
}

test("every function of the facade is listed here", () => {
  expect([...functions.keys()].toSorted()).toEqual(Object.keys(FUNCTIONS).toSorted());
});

describe.each(Object.entries(FUNCTIONS))("%s", (name, parameters) => {
  const right: unknown[] = parameters.map(([, length]) =>
    new Uint8Array(Math.max(length, 0)).fill(0xa5),
  );

  test("accepts the stated lengths", () => {
    expect(thrownBy(() => callUnchecked(name, right))).toBeUndefined();
  });

  test.each(parameters)("refuses a wrong %s", (argument, length) => {
    const index = parameters.findIndex(([parameter]) => parameter === argument);
    const wrong: unknown[] = [
      undefined,
      null,
      "a5a5a5a5a5a5a5a5",
      Array.from({ length: 16 }).fill(0xa5),
    ];
    if (length !== ANY_LENGTH) {
      for (const other of [0, 1, length - 1, length + 1, 2 * length]) {
        if (other !== length) wrong.push(new Uint8Array(other).fill(0xa5));
      }
    }
    for (const value of wrong) {
      const values = right.with(index, value);
      const error = thrownBy(() => callUnchecked(name, values));
      if (!(error instanceof facade.CoreInputError)) throw new Error(`accepted ${argument}`);
      expect(error.code).toBe("core_input");
      expect(error.argument).toBe(argument);
      expect(error.message).toContain(argument);
      expect(error.message).not.toMatch(/a5|165/u);
    }
  });
});
