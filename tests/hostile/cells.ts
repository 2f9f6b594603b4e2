/** The cells of the matrix, and what it leaves to others: RSA with PKCS #1, and CHAP-MD5. */
import { type Cell, CELLS } from "#tests/matrix/cells";

const PKCS1 = CELLS.flatMap(({ mode, card, module, suite }): Cell[] =>
  suite === "RSA-2048" ? [{ suite: "RSA-2048-PKCS1", mode, card, module }] : [],
);

/** One card of each suite and mode: how a card is spoken to has nothing to do with its module. */
const CHAP = [...CELLS, ...PKCS1].flatMap(({ suite, mode, card, module }): Cell[] =>
  card === "SD" && module === "UIM" ? [{ suite, mode, card, module: "UIM/CHAP" }] : [],
);

/** 80 of the matrix, 16 of PKCS #1, 12 of CHAP. */
export const HOSTILE_CELLS: readonly Cell[] = [...CELLS, ...PKCS1, ...CHAP];
