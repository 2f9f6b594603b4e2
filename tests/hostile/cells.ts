/** The cells of the matrix, and what it leaves to others: RSA with PKCS #1, and CHAP-MD5. */
import { type Cell, CELLS } from "#tests/matrix/cells";

const PKCS1: readonly Cell[] = CELLS.filter(({ suite }) => suite === "RSA-2048").map((cell) => ({
  ...cell,
  suite: "RSA-2048-PKCS1",
}));

/** One card of each suite and mode: how a card is spoken to has nothing to do with its module. */
const CHAP: readonly Cell[] = [...CELLS, ...PKCS1]
  .filter(({ card, module }) => card === "SD" && module === "UIM")
  .map((cell) => ({ ...cell, module: "UIM/CHAP" }));

/** 80 of the matrix, 16 of PKCS #1, 12 of CHAP. */
export const HOSTILE_CELLS: readonly Cell[] = [...CELLS, ...PKCS1, ...CHAP];
