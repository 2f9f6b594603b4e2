/**
 * The embedded authentication centre: the keys of our own subscribers and what is computed with
 * them, by whatever algorithm the subscriber has. Keys live in these functions only and are wiped
 * before they return; CK and IK key nothing but the confirmation tag (invariant I10).
 */
import type {
  AkaAlgorithm,
  Algorithm,
  AuthenticationCentre,
  BatchOrder,
  CdmaAlgorithm,
  Dependencies,
  FetchedVector,
  SubscriberRecord,
  Vector,
  VectorOrder,
} from "../../dependencies.ts";
import { concatBytes } from "#protocol/bytes";
import { encodeImsiS1 } from "../imsi-s1.ts";
import { unwrapIssuedSsd, withKeys } from "./subscriber-keys.ts";
import { verifyExpectedAnswer } from "./verification.ts";

type Tools = Pick<Dependencies, "algorithms" | "vault">;

const NOTHING: Uint8Array = new Uint8Array(0);
/** In the GSM context nobody sees what SQN makes. */
const NO_SQN: Uint8Array = new Uint8Array(6);
const SSD_A_BYTES = 8;

export function createEmbeddedCentre(tools: Tools): AuthenticationCentre {
  return {
    vector: (subscriber, order) => computeVector(tools, subscriber, order),
    batch: (subscriber, order) => computeBatch(tools, subscriber, order),
    verify: (vector, answer) => verifyExpectedAnswer(tools.algorithms, vector, answer),
    resynchronise(subscriber, rand, auts) {
      const algorithm = algorithmOf(tools, subscriber);
      if (algorithm.family !== "aka") return undefined;
      return withKeys(tools, subscriber, (k, operator) =>
        algorithm.openAuts?.(k, operator, rand, auts),
      );
    },
    issuedSsd: (subscriber) => unwrapIssuedSsd(tools, subscriber),
    deriveSsd: (subscriber, randssd) => deriveSsd(tools, subscriber, randssd),
  };
}

function algorithmOf({ algorithms }: Tools, { algorithm }: SubscriberRecord): Algorithm {
  const found = algorithms.find(algorithm);
  if (found === undefined) throw new Error("a subscriber's algorithm is not known");
  return found;
}

function computeVector(tools: Tools, subscriber: SubscriberRecord, order: VectorOrder): Vector {
  const algorithm = algorithmOf(tools, subscriber);
  switch (order.form) {
    case "SIM":
      return computeTriplets(tools, subscriber, algorithm, order.rands);
    case "USIM":
      return computeQuintet(tools, subscriber, algorithm, order);
    case "CAVE":
      return computeSignatures(subscriber, algorithm, order);
    case "CHAP":
      return computeChapResponses(tools, subscriber, algorithm, order.rands);
  }
}

/**
 * SRES of each RAND. A USIM in the GSM context converts by c2 (TS 33.102, 6.8.1.5); Kc is of no
 * use here.
 */
function computeTriplets(
  tools: Tools,
  subscriber: SubscriberRecord,
  algorithm: Algorithm,
  rands: readonly Uint8Array[],
): Vector {
  if (algorithm.family === "cdma") throw unfit();
  const expected = withKeys(tools, subscriber, (key, operator) =>
    rands.map((rand) => {
      if (algorithm.family === "gsm") {
        const { sres, kc } = algorithm.answer(key, operator, rand);
        kc.fill(0);
        return sres;
      }
      const { xres, ck, ik } = generate(algorithm, key, operator, rand, NO_SQN, subscriber.amf);
      const { sres, kc } = tools.algorithms.convert3gTo2g(xres, ck, ik);
      for (const secret of [xres, ck, ik, kc]) secret.fill(0);
      return sres;
    }),
  );
  return { autn: NOTHING, expected };
}

/** TS 33.102, 6.3.2. */
function computeQuintet(
  tools: Tools,
  subscriber: SubscriberRecord,
  algorithm: Algorithm,
  { rands, sqn }: Extract<VectorOrder, { form: "USIM" }>,
): Vector {
  const [rand] = rands;
  if (algorithm.family !== "aka" || rand === undefined) throw unfit();
  return withKeys(tools, subscriber, (k, operator) => {
    const { amf } = subscriber;
    const { autn, xres, ck, ik } = generate(algorithm, k, operator, rand, sqn, amf);
    const confirmationKey = concatBytes(ck, ik);
    ck.fill(0);
    ik.fill(0);
    return { autn, expected: [xres], confirmationKey };
  });
}

function generate(
  algorithm: AkaAlgorithm,
  ...input: Parameters<NonNullable<AkaAlgorithm["generateVector"]>>
): ReturnType<NonNullable<AkaAlgorithm["generateVector"]>> {
  if (algorithm.generateVector === undefined) throw unfit();
  return algorithm.generateVector(...input);
}

/** The keys are unwrapped once, and the core is asked once where its algorithm takes a series. */
function computeBatch(
  tools: Tools,
  subscriber: SubscriberRecord,
  { rands, sqns }: BatchOrder,
): FetchedVector[] {
  const algorithm = algorithmOf(tools, subscriber);
  if (algorithm.family === "cdma") throw unfit();
  if (algorithm.family === "gsm") {
    const { expected } = computeTriplets(tools, subscriber, algorithm, rands);
    return rands.map((rand, i) => ({ rand, sres: expected[i] }));
  }
  const challenges = rands.map((rand, i) => ({ rand, sqn: sqns[i] ?? NO_SQN }));
  return withKeys(tools, subscriber, (k, operator) =>
    generateSeries(algorithm, k, operator, challenges, subscriber.amf).map((vector, i) => {
      const { autn, xres, ck, ik } = vector;
      const { sres, kc } = tools.algorithms.convert3gTo2g(xres, ck, ik);
      const confirmationKey = concatBytes(ck, ik);
      for (const secret of [ck, ik, kc]) secret.fill(0);
      return { rand: rands[i] ?? NOTHING, sres, quintet: { autn, xres, confirmationKey } };
    }),
  );
}

function generateSeries(
  algorithm: AkaAlgorithm,
  k: Uint8Array,
  operator: Uint8Array,
  challenges: readonly { readonly rand: Uint8Array; readonly sqn: Uint8Array }[],
  amf: Uint8Array,
): ReturnType<NonNullable<AkaAlgorithm["generateSeries"]>> {
  return algorithm.generateSeries === undefined
    ? challenges.map(({ rand, sqn }) => generate(algorithm, k, operator, rand, sqn, amf))
    : algorithm.generateSeries(k, operator, challenges, amf);
}

/** AUTHR of each RAND over IMSI_S1, and AUTHBS where RANDBS asks for it (TIA-41, C.S0023). */
function computeSignatures(
  subscriber: SubscriberRecord,
  algorithm: Algorithm,
  { rands, ssd, randbs }: Extract<VectorOrder, { form: "CAVE" }>,
): Vector {
  const { sign, uimId } = caveOf(algorithm, subscriber);
  const ssdA = ssd.subarray(0, SSD_A_BYTES);
  const authData = encodeImsiS1(subscriber.imsi);
  return {
    autn: randbs === undefined ? NOTHING : sign(ssdA, randbs, authData, uimId),
    expected: rands.map((rand) => sign(ssdA, rand, authData, uimId)),
  };
}

/** SSD_A || SSD_B of A-key, RANDSSD and UIM_ID. */
function deriveSsd(tools: Tools, subscriber: SubscriberRecord, randssd: Uint8Array): Uint8Array {
  const { sharedSecretData, uimId } = caveOf(algorithmOf(tools, subscriber), subscriber);
  return withKeys(tools, subscriber, (akey) => {
    const { ssdA, ssdB } = sharedSecretData(akey, randssd, uimId);
    const ssd = concatBytes(ssdA, ssdB);
    ssdA.fill(0);
    ssdB.fill(0);
    return ssd;
  });
}

/** The functions of CAVE and the number that stands in the place of ESN. */
function caveOf(
  algorithm: Algorithm,
  { uimId }: SubscriberRecord,
): Required<Pick<CdmaAlgorithm, "sign" | "sharedSecretData">> & { readonly uimId: Uint8Array } {
  if (algorithm.family !== "cdma" || uimId === undefined) throw unfit();
  const { sign, sharedSecretData } = algorithm;
  if (sign === undefined || sharedSecretData === undefined) throw unfit();
  return { sign, sharedSecretData, uimId };
}

/** RFC 1994, 4.1; a RAND is the identifier, 1 byte, and the challenge, 16 bytes. */
function computeChapResponses(
  tools: Tools,
  subscriber: SubscriberRecord,
  algorithm: Algorithm,
  rands: readonly Uint8Array[],
): Vector {
  const respond = algorithm.family === "cdma" ? algorithm.chapResponse : undefined;
  if (respond === undefined) throw unfit();
  const expected = withKeys(tools, subscriber, (secret) =>
    rands.map((rand) => respond(rand.subarray(0, 1), secret, rand.subarray(1))),
  );
  return { autn: NOTHING, expected };
}

function unfit(): Error {
  return new Error("an algorithm was asked for what it has not");
}
