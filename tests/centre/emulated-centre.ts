/**
 * An external centre with one subscriber, on the emulators' own Milenage, behind the interface of a
 * connector. The test may put a fault in its place, for one query.
 */
import type {
  CentreConnector,
  CentreFailure,
  FetchedVector,
  VectorQuery,
} from "#edge/dependencies";
import { failure, type Result, success } from "#protocol/result";
import { createAkaFunctions } from "../emulators/sim/aka-functions.ts";
import { convertRes } from "../emulators/sim/conversions.ts";

const AMF = new Uint8Array(2);
const IND_COUNT = 32;
type Answer = Result<readonly FetchedVector[], CentreFailure>;

export interface EmulatedCentre extends CentreConnector {
  readonly queries: VectorQuery[];
  /** Answers the next query, in place of the truth or made from it. */
  distort(answer: (truth: Answer) => Answer): void;
  /** AUTS of a module whose SEQ_MS is `seq`, for `rand`. */
  makeAuts(rand: Uint8Array, seq: number): Uint8Array;
}

const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));
const xor = (a: Uint8Array, b: Uint8Array): Uint8Array => a.map((byte, i) => byte ^ (b[i] ?? 0));

function sqnOf(seq: number): Uint8Array {
  const sqn = new Uint8Array(6);
  new DataView(sqn.buffer).setUint32(2, seq * IND_COUNT);
  return sqn;
}

/** `imsi` has these keys; every other IMSI is unknown. */
export function createEmulatedCentre(
  imsi: string,
  keys: { readonly k: Uint8Array; readonly opc: Uint8Array },
): EmulatedCentre {
  const { f1, f1Star, f2, f3, f4, f5, f5Star } = createAkaFunctions(keys);
  const queries: VectorQuery[] = [];
  const distortions: ((truth: Answer) => Answer)[] = [];
  let seq = 0;

  function makeVector(): FetchedVector {
    const rand = random(16);
    const sqn = sqnOf((seq += 1));
    const autn = new Uint8Array([...xor(sqn, f5(rand)), ...AMF, ...f1(rand, sqn, AMF)]);
    const xres = f2(rand);
    const confirmationKey = new Uint8Array([...f3(rand), ...f4(rand)]);
    return { rand, sres: convertRes(xres), quintet: { autn, xres, confirmationKey } };
  }

  function makeAuts(rand: Uint8Array, seqMs: number): Uint8Array {
    const sqn = sqnOf(seqMs);
    return new Uint8Array([...xor(sqn, f5Star(rand)), ...f1Star(rand, sqn, AMF)]);
  }

  function readAuts(rand: Uint8Array, auts: Uint8Array): number | undefined {
    const sqn = xor(auts.slice(0, 6), f5Star(rand));
    if (!Buffer.from(f1Star(rand, sqn, AMF)).equals(auts.slice(6))) return undefined;
    return Math.floor(new DataView(sqn.buffer).getUint32(2) / IND_COUNT);
  }

  function answer(query: VectorQuery): Answer {
    if (query.imsi !== imsi) return failure("imsi_unknown_at_centre");
    const { resynchronisation } = query;
    if (resynchronisation !== undefined) {
      const seqMs = readAuts(resynchronisation.rand, resynchronisation.auts);
      if (seqMs === undefined) return failure("mac_failure");
      seq = seqMs;
    }
    return success(Array.from({ length: query.count }, makeVector));
  }

  return {
    queries,
    distort: (distortion) => distortions.push(distortion),
    makeAuts,
    async fetchVectors(query) {
      queries.push(query);
      const truth = answer(query);
      return distortions.shift()?.(truth) ?? truth;
    },
  };
}
