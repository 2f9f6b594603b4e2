/** `simlatch bench core`: the cryptographic core against its peers, in one run. */
import { interleave, summarise } from "./measure.ts";
import { type NativePeers, type Peer, findPeers, leaveOutPeers } from "./peers.ts";
import { type Runtime, openBun, openWorkerd } from "./runtimes.ts";

/**
 * One line of the report. `value` and `peerValue` are medians over the rounds. Each round has a
 * ratio, of two rates close in time; `ratio`, `min` and `max` are median, smallest and largest of
 * these, and null if there is no peer.
 */
export interface BenchRow {
  readonly name: string;
  readonly runtime: string;
  readonly value: number;
  readonly unit: string;
  readonly peer: string;
  readonly peerValue: number | null;
  readonly ratio: number | null;
  readonly min: number | null;
  readonly max: number | null;
}

export interface CoreBenchOptions {
  /** Seconds of one sample. */
  readonly seconds: number;
  readonly rounds: number;
  /** Whether programs outside this process are measured too. */
  readonly hasNativePeers: boolean;
  readonly onGroup?: (names: readonly string[]) => void;
}

/** Rows that share their peers, so that a peer runs once a round for all of them. */
interface Group {
  readonly names: readonly string[];
  readonly unit: string;
  /** Native ones, compared with on every runtime. */
  readonly peers: (native: NativePeers) => readonly Peer[];
  /** Tasks of the runtime's own cryptography, compared with on the same runtime. */
  readonly runtimePeers: readonly string[];
  /** Whether the other runtimes are compared with Bun. */
  readonly isComparedWithBun: boolean;
}

const GROUPS: readonly Group[] = [
  {
    names: ["milenage batch"],
    unit: "vectors/s",
    peers: ({ osmocore, aesInstructions }) => [osmocore([1024, 1]), aesInstructions([1024, 1])],
    runtimePeers: [],
    isComparedWithBun: true,
  },
  {
    names: ["milenage one"],
    unit: "vectors/s",
    peers: ({ osmocore }) => [osmocore([1, 1])],
    runtimePeers: [],
    isComparedWithBun: false,
  },
  {
    names: ["milenage five"],
    unit: "vectors/s",
    peers: ({ osmocore }) => [osmocore([1, 5])],
    runtimePeers: [],
    isComparedWithBun: false,
  },
  {
    names: ["tuak", "keccak"],
    unit: "permutations/s",
    peers: ({ keccak }) => [keccak],
    runtimePeers: [],
    isComparedWithBun: false,
  },
  {
    names: ["p256 any", "p256 enrolled"],
    unit: "verifications/s",
    peers: () => [],
    runtimePeers: ["node:crypto", "crypto.subtle"],
    isComparedWithBun: false,
  },
  {
    names: ["sm2 any", "sm2 enrolled"],
    unit: "verifications/s",
    peers: ({ sm2 }) => [sm2],
    runtimePeers: [],
    isComparedWithBun: false,
  },
  {
    names: ["rsa pkcs1"],
    unit: "verifications/s",
    peers: () => [],
    runtimePeers: ["node:crypto rsa pkcs1"],
    isComparedWithBun: false,
  },
  {
    names: ["rsa pss"],
    unit: "verifications/s",
    peers: () => [],
    runtimePeers: ["node:crypto rsa pss"],
    isComparedWithBun: false,
  },
];

/** The names of the rows; each is measured on every runtime. */
export const ROW_NAMES: readonly string[] = GROUPS.flatMap(({ names }) => names);

/** A row to be: whose it is, and whom it is compared with. */
interface Pairing {
  readonly name: string;
  readonly runtime: Runtime;
  readonly own: Peer;
  readonly peer: Peer;
}

function taskOf(runtime: Runtime, name: string): Peer {
  return { name, sampler: runtime.sampler(name) };
}

function pairingsOf(group: Group, native: NativePeers, runtimes: readonly Runtime[]): Pairing[] {
  const shared = group.peers(native);
  const [bun] = runtimes;
  const owns = runtimes.map((runtime) => ({
    runtime,
    tasks: group.names.map((name) => taskOf(runtime, name)),
    peers: group.runtimePeers.map((name) => taskOf(runtime, name)),
  }));
  return owns.flatMap(({ runtime, tasks, peers }) =>
    tasks.flatMap((own, index) => {
      const onBun = owns[0]?.tasks[index]?.sampler;
      const others =
        group.isComparedWithBun && runtime !== bun && onBun !== undefined
          ? [{ name: "the same on bun", sampler: onBun }]
          : [];
      return [...shared, ...peers, ...others].map((peer) => ({
        name: own.name,
        runtime,
        own,
        peer,
      }));
    }),
  );
}

/** `own` and `peer` are the rates of each round. */
function rowOf(
  pairing: Pairing,
  unit: string,
  own: readonly number[],
  peer?: readonly number[],
): BenchRow {
  const ratios = peer && summarise(own.map((rate, round) => rate / (peer[round] ?? Number.NaN)));
  return {
    name: pairing.name,
    runtime: pairing.runtime.name,
    value: summarise(own).median,
    unit,
    peer: pairing.peer.name,
    peerValue: peer === undefined ? null : summarise(peer).median,
    ratio: ratios?.median ?? null,
    min: ratios?.min ?? null,
    max: ratios?.max ?? null,
  };
}

async function measureGroup(
  group: Group,
  pairings: readonly Pairing[],
  { rounds, seconds }: CoreBenchOptions,
): Promise<BenchRow[]> {
  const all = pairings.flatMap(({ own, peer }) => [own.sampler, peer.sampler]);
  const samplers = [...new Set(all.filter((sampler) => sampler !== undefined))];
  const rates = await interleave(samplers, rounds, seconds);
  const resultOf = ({ sampler }: Peer): number[] | undefined =>
    sampler === undefined ? undefined : rates[samplers.indexOf(sampler)];
  return pairings.flatMap((pairing) => {
    const own = resultOf(pairing.own);
    return own === undefined ? [] : [rowOf(pairing, group.unit, own, resultOf(pairing.peer))];
  });
}

/** Measures every row on every runtime. */
export async function benchCore(options: CoreBenchOptions): Promise<BenchRow[]> {
  const native = options.hasNativePeers ? await findPeers() : leaveOutPeers();
  const runtimes: Runtime[] = [];
  try {
    runtimes.push(await openBun());
    runtimes.push(await openWorkerd());
    const rows: BenchRow[] = [];
    for (const group of GROUPS) {
      options.onGroup?.(group.names);
      rows.push(...(await measureGroup(group, pairingsOf(group, native, runtimes), options)));
    }
    return rows;
  } finally {
    for (const runtime of runtimes) await runtime.stop();
    await native.close();
  }
}
