// The core: every export takes its arguments from the arena and leaves its answer there.

export { encryptBlock } from "./aes";
export { INPUT, MESSAGE, OUTPUT } from "./arena";
export { isP256Point, verifyP256, verifyP256Digest } from "./ecdsa";
export { deriveOpc, milenage, openAuts } from "./milenage";
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
export { generateVector, generateVectorBatch, generateVectorSeries } from "./milenage-vectors";
export { milenage256, milenage256AkStarStar, milenage256Opc } from "./milenage256";

export { KEY_TABLE, SM_INPUT, SM_OUTPUT } from "./arena-sm";
export { ccmStart, ccmTag, cipherBlock, cipherStart, cipherWipe, cmacFinish } from "./cipher";
export { cbcMac, ctrCrypt, isTagEqual } from "./cipher";
export { gcmCounterFromHash, gcmCounterFromIv, gcmStart, gcmTag, gcmWipe } from "./ghash";
export { ghash, ghashLengths } from "./ghash";
export { hmacSm3Finish, hmacSm3Start, sm3Finish, sm3Start, sm3Update, sm3Wipe } from "./sm3";
export { decryptBlockSm4 } from "./sm4";
export { verifyP256Prepared } from "./ecdsa";
export {
  isSm2Point,
  prepareKey,
  sm2StartMessage,
  verifySm2,
  verifySm2Prepared,
} from "./sm2-verify";
export { DECLARED } from "./declared";
export { p256PublicKey, p256SharedPoint, sm2PublicKey, sm2SharedPoint } from "./ecdh";
export { signSm2, signSm2WithNonce } from "./sm2-sign";
