/**
 * Every number and string that both sides of the wire must agree on, and nothing else: no code.
 * docs/protocol.md gives each one its meaning. A number once published is never given a new one.
 */

export const PROTOCOL_VERSION = 1;

/** First element of every hashed or signed input, so that no two purposes share an input. */
export const LABEL = {
  h1: "simlatch/1 h1",
  hk: "simlatch/1 hk",
  h2: "simlatch/1 h2",
  h3: "simlatch/1 h3",
  h4: "simlatch/1 h4",
  h5: "simlatch/1 h5",
  hu: "simlatch/1 hu",
  cardKey: "simlatch/1 card key",
  cardProof: "simlatch/1 card proof",
  answerProof: "simlatch/1 answer proof",
  result: "simlatch/1 result",
  receipt: "simlatch/1 receipt",
  keyAgreement: "simlatch/1 key agreement",
  unlock: "simlatch/1 unlock",
  unlockReceipt: "simlatch/1 unlock receipt",
  enrolment: "simlatch/1 enrolment",
  credential: "simlatch/1 platform key credential",
  credentialId: "simlatch/1 credential id",
  cardMac: "simlatch/1 card mac",
  platformMac: "simlatch/1 platform mac",
  cardToPlatform: "simlatch/1 card to platform",
  platformToCard: "simlatch/1 platform to card",
  confirmationTag: "simlatch/1 confirmation tag",
} as const;

/** BER-TLV tags of one byte (ISO 7816-4, 5.2.2); bit 6 set marks a constructed element. */
export const TAG = {
  label: 0x80,
  version: 0x81,
  deployment: 0x82,
  tenant: 0x83,
  credentialId: 0x84,
  cardId: 0x85,
  cardKind: 0x86,
  cardKeyHash: 0x87,
  suite: 0x88,
  mode: 0x89,
  token: 0x8a,
  cardNonce: 0x8b,
  epoch: 0x8c,
  cardState: 0x8d,
  signature: 0x8e,
  hash: 0x8f,
  round: 0x90,
  rand: 0x91,
  autn: 0x92,
  imsi: 0x93,
  moduleKind: 0x94,
  res: 0x95,
  auts: 0x96,
  statusWord: 0x97,
  confirmationTag: 0x98,
  verdict: 0x99,
  lockInstruction: 0x9a,
  leaseUses: 0x9b,
  leaseSeconds: 0x9c,
  leaseServices: 0x9d,
  floor: 0x9e,
  rands: 0xb1,
  answer: 0xb5,
  lease: 0xbb,
  generation: 0xc0,
  publicKey: 0xc1,
  enrolmentChallenge: 0xc3,
  sessionId: 0xc7,
  servicePublicKey: 0xc9,
  cardEphemeralKey: 0xca,
  platformEphemeralKey: 0xcb,
  platformNonce: 0xcc,
  lockId: 0xcd,
  randbs: 0xce,
  keyVersion: 0xcf,
  sealed: 0xd0,
  leaseAuthorisation: 0xd1,
  credential: 0xe2,
  result: 0xe5,
  unlock: 0xe6,
} as const;

export const SUITE = {
  p256: 1,
  rsa2048: 2,
  sm: 3,
  aes: 4,
  sm4: 5,
  rsa2048Pkcs1: 6,
} as const;
export const MODE = { signed: 1, encrypted: 2 } as const;
export const CARD_KIND = { tf: 1, sd: 2, mtm: 3 } as const;
export const MODULE_KIND = { sim: 1, usim: 2, uim: 3 } as const;
export const VERDICT = { failure: 0, success: 1 } as const;
export const LOCK_INSTRUCTION = { none: 0, lock: 1 } as const;

/** First byte of a card state; `locked` is followed by the 16-byte lock id. */
export const CARD_STATE = { idle: 0, serving: 1, locked: 2 } as const;

/** Bits of the lease's services byte. */
export const SERVICE = { sign: 0x01, decipher: 0x02, encipher: 0x04 } as const;

/** Lengths in bytes. */
export const LENGTH = {
  deployment: 16,
  cardId: 8,
  nonce: 16,
  lockId: 16,
  hash: 32,
  /** A point of P-256 or of the SM2 curve, uncompressed. */
  point: 65,
  /** Modulus of RSA-2048, and a signature under it. */
  rsa: 256,
  /** r || s of ECDSA P-256 and of SM2. */
  signature: 64,
  /** An MTM card's proof: the shortest and the longest TPMS_ATTEST, then r and s. */
  attestationMin: 203,
  attestationMax: 235,
  /** CMAC, and the keys of AES-128 and SM4. */
  mac: 16,
  sharedKey: 16,
  aeadKey: 16,
  aeadIv: 12,
  aeadTag: 16,
  counter: 4,
  rand: 16,
  autn: 16,
  auts: 14,
  sessionId: 16,
  confirmationTag: 32,
  /** CDMA (3GPP2 C.S0023): RAND of CAVE, RANDSSD, RANDBS, AUTHR and AUTHBS. */
  caveRand: 4,
  randssd: 7,
  randbs: 4,
  caveSignature: 3,
  /** Identifier and challenge of CHAP (RFC 1994). */
  chapChallenge: 17,
  /** An IMSI concealed to the platform: key id, compressed point, ciphertext, MAC. */
  concealedImsi: 50,
} as const;

/** The public exponent of every RSA key: F4. */
export const RSA_EXPONENT = 65537;

/** An SD card takes and gives APDUs in blocks of this many bytes. */
export const SD_BLOCK_BYTES = 512;

/** Application identifier: F0 (unregistered, proprietary) and the ASCII name. */
export const APPLET_AID = [0xf0, 0x53, 0x49, 0x4d, 0x4c, 0x41, 0x54, 0x43, 0x48] as const;

/** Class bytes: interindustry, proprietary, and the chaining bit (ISO 7816-4, 5.4.1). */
export const CLA = { interindustry: 0x00, proprietary: 0x80, chaining: 0x10 } as const;

export const INS = {
  startSession: 0x10,
  answer: 0x12,
  result: 0x14,
  openChallenge: 0x16,
  provePossession: 0x18,
  unlock: 0x1a,
  performSecurityOperation: 0x2a,
  manageChannel: 0x70,
  select: 0xa4,
  getResponse: 0xc0,
  getData: 0xca,
} as const;

/** P1 and P2 of PERFORM SECURITY OPERATION (ISO 7816-8, 11): what comes back, what goes in. */
export const PSO = { sign: 0x9e9a, encipher: 0x8680, decipher: 0x8086 } as const;

/** P1 and P2 of GET DATA. */
export const DATA_OBJECT = {
  status: 0x0080,
  servicePublicKey: 0x00c9,
  certificate: 0x7f21,
} as const;

/** Status words (ISO 7816-4, 5.6). */
export const SW = {
  success: 0x9000,
  bytesRemaining: 0x6100,
  wrongLength: 0x6700,
  logicalChannelNotSupported: 0x6881,
  secureMessagingNotSupported: 0x6882,
  lastCommandOfChainExpected: 0x6883,
  chainingNotSupported: 0x6884,
  securityStatusNotSatisfied: 0x6982,
  blocked: 0x6983,
  conditionsNotSatisfied: 0x6985,
  incorrectData: 0x6a80,
  fileNotFound: 0x6a82,
  incorrectP1P2: 0x6a86,
  referencedDataNotFound: 0x6a88,
  wrongLe: 0x6c00,
  instructionNotSupported: 0x6d00,
  classNotSupported: 0x6e00,
} as const;
