// The core: every export takes its arguments from the arena and leaves its answer there.

export { encryptBlock } from "./aes";
export { INPUT, MESSAGE, OUTPUT } from "./arena";
export { isP256Point, verifyP256, verifyP256Digest } from "./ecdsa";
export { deriveOpc, generateVector, milenage, openAuts } from "./milenage";
export { sha256, sha256Finish, sha256Start, sha256Update } from "./sha256";
export { ANSWER, BATCH, REQUEST } from "./arena-vectors";
export { caveAkeyCheck, caveKeys, caveSignature, caveSsd } from "./cave";
export { comp128v1, comp128v23 } from "./comp128";
export { convert2gTo3g, convert3gTo2g, gsmMilenage } from "./gsm";
export { xor2g, xor3g, xor3gOpenAuts, xor3gVector } from "./gsm";
export { hmacSha256 } from "./hmac";
export { md5 } from "./md5";
export { milenageCustom, milenageCustomOpenAuts } from "./milenage-custom";
export { tuak, tuakOpenAuts, tuakTopc, tuakVector } from "./tuak";
export { generateVectorBatch, generateVectorSeries } from "./milenage-batch";
export { milenage256, milenage256AkStarStar, milenage256Opc } from "./milenage256";
