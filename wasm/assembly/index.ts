// The core: every export takes its arguments from the arena and leaves its answer there.

export { encryptBlock } from "./aes";
export { INPUT, MESSAGE, OUTPUT } from "./arena";
export { isP256Point, verifyP256, verifyP256Digest } from "./ecdsa";
export { deriveOpc, generateVector, milenage, openAuts } from "./milenage";
export { sha256, sha256Finish, sha256Start, sha256Update } from "./sha256";
