/** Values that the tests of this folder share. */
export const ADMIN_KEY = "an administration key of the import's tests";
export const tenantSettings = { anchors: {}, cardRoots: [] };
export const random = (length: number): Uint8Array =>
  crypto.getRandomValues(new Uint8Array(length));
/** TS 35.208, test set 1. */
export const K = "465b5ce8b199b49faa5f0a2ee238a6bc";
export const OP = "cdc202d5123e20f62b6d676ac72cb318";
export const OPC = "cd63cb71954a9f4e48a5994e37a02baf";
/** Another key for each number. */
export const keyOf = (number: number): string => `b${number.toString(16).padStart(31, "0")}`;
export const imsiOf = (number: number): string => `46001${String(number).padStart(10, "0")}`;
