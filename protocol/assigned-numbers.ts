/**
 * Every number and string that both sides of the wire must agree on, and nothing else: no code.
 * docs/protocol.md gives each one its meaning. A number once published is never given a new one.
 */

export const PROTOCOL_VERSION = 1;

/** First element of every hashed or signed input, so that no two purposes share an input. */
export const LABEL = {
  h1: "simlatch/1 h1",
  h2: "simlatch/1 h2",
  h3: "simlatch/1 h3",
  h4: "simlatch/1 h4",
  h5: "simlatch/1 h5",
  cardKey: "simlatch/1 card key",
  cardProof: "simlatch/1 card proof",
  answerProof: "simlatch/1 answer proof",
  result: "simlatch/1 result",
  receipt: "simlatch/1 receipt",
  enrolment: "simlatch/1 enrolment",
  credential: "simlatch/1 platform key credential",
  credentialId: "simlatch/1 credential id",
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
  servicePublicKey: 0xc9,
  credential: 0xe2,
  result: 0xe5,
} as const;

export const SUITE = { p256: 1 } as const;
export const MODE = { signed: 1 } as const;
export const CARD_KIND = { tf: 1 } as const;
export const MODULE_KIND = { usim: 2 } as const;
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
  publicKey: 65,
  signature: 64,
  counter: 4,
  rand: 16,
  autn: 16,
  auts: 14,
  sessionId: 16,
} as const;

/** Application identifier: F0 (unregistered, proprietary) and the ASCII name. */
export const APPLET_AID = [0xf0, 0x53, 0x49, 0x4d, 0x4c, 0x41, 0x54, 0x43, 0x48] as const;

/** Class bytes: interindustry, proprietary, and the chaining bit (ISO 7816-4, 5.4.1). */
export const CLA = { interindustry: 0x00, proprietary: 0x80, chaining: 0x10 } as const;

export const INS = {
  startSession: 0x10,
  answer: 0x12,
  result: 0x14,
  provePossession: 0x18,
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
