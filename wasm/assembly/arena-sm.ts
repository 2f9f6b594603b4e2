// The arena of the Chinese algorithms, the block cipher modes and the prepared keys. MESSAGE of
// arena.ts carries what has any length, in chunks; what is short goes here:
//
//   SM_INPUT   ciphers   key 16 | block 16
//              HMAC      key 64 at most
//              curves    X 32 | Y 32 | r 32 | s 32 | d 32 | entropy 32, all big-endian
//   SM_OUTPUT  the answer; each exported function names its layout
//   KEY_TABLE  the prepared table of a public key, prepared-table.ts; public

export const SM_INPUT: usize = memory.data(192, 16);
export const SM_OUTPUT: usize = memory.data(96, 16);
export const KEY_TABLE: usize = memory.data(8192, 16);
