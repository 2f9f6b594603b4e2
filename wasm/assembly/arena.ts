// The arena: the only memory shared with JavaScript, reserved at compile time. The facade writes a
// request, makes one call, copies the answer out and clears what it used.
//
//   INPUT   Milenage and AES   K or key 16 | OPc, OP or block 16 | RAND 16 | SQN 6 | AMF 2
//                              openAuts replaces SQN | AMF by AUTS 14
//           ECDSA              X 32 | Y 32 | r 32 | s 32, all big-endian
//   MESSAGE SHA-256 and ECDSA  the message, or one chunk of it
//   OUTPUT  the answer; each exported function names its layout

/** Bytes of MESSAGE: a multiple of the SHA-256 block, large enough for one call per usual message. */
const MESSAGE_BYTES: i32 = 16384;

export const INPUT: usize = memory.data(128, 16);
export const MESSAGE: usize = memory.data(MESSAGE_BYTES, 16);
export const OUTPUT: usize = memory.data(80, 16);
