/**
 * Peers outside this process: C programs compiled here, and the openssl program. One that cannot be
 * had says what is absent.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateVector } from "#wasm";
import type { Sampler } from "./measure.ts";

/** A peer, or the reason why there is none. */
export type Peer =
  | { readonly name: string; readonly sampler: Sampler }
  | { readonly name: string; readonly sampler?: undefined };

const absent = (what: string): Peer => ({ name: `absent: ${what}` });

const OSMOCOM = "libosmocore-dev";
const AES_INSTRUCTIONS = "AES-NI";
const SHA3_RATE_BYTES = 136; // of SHA3-256: one Keccak-f each
const SHA3_BLOCKS = 1000;
const SOURCES = join(import.meta.dir, "native");

/** Keys, and vectors of each, that a Milenage program works through. */
type Workload = readonly [keys: number, vectorsOfEach: number];

export interface NativePeers {
  readonly osmocore: (workload: Workload) => Peer;
  readonly aesInstructions: (workload: Workload) => Peer;
  readonly sm2: Peer;
  readonly keccak: Peer;
  close(): Promise<void>;
}

async function run(command: readonly string[]): Promise<string | undefined> {
  const child = Bun.spawn([...command], { stdin: "ignore", stdout: "pipe", stderr: "ignore" });
  const text = await new Response(child.stdout).text();
  return (await child.exited) === 0 ? text : undefined;
}

async function rateBy(command: readonly string[], read: (text: string) => number) {
  const rate = read((await run(command)) ?? "");
  if (!(rate > 0)) throw new Error(`no rate from \`${command.join(" ")}\``);
  return rate;
}

const countFrom = (first: number): Uint8Array =>
  Uint8Array.from({ length: 16 }, (_, index) => first + index);

/** XRES, CK and IK, in which SQN has no part, of K 00 .. 0f, OPc 10 .. 1f, RAND 20 .. 2f. */
function expectedVector(): string {
  const [k, opc, rand] = [countFrom(0), countFrom(16), countFrom(32)];
  const { xres, ck, ik } = generateVector(k, opc, rand, new Uint8Array(6), new Uint8Array(2));
  return xres.toHex() + ck.toHex() + ik.toHex();
}

/** Compiles a Milenage program; undefined if that fails. One that is wrong is an error. */
async function compile(
  source: string,
  folder: string,
  flags: readonly string[],
): Promise<string | undefined> {
  const program = join(folder, source);
  const built = await run(["gcc", "-O3", "-o", program, join(SOURCES, `${source}.c`), ...flags]);
  if (built === undefined) return undefined;
  const vector = await run([program, "vector"]);
  if (vector !== expectedVector()) throw new Error(`${source}.c makes other vectors than the core`);
  return program;
}

function milenagePeer(name: string, program: string, [keys, each]: Workload): Peer {
  const sample = (seconds: number): Promise<number> =>
    rateBy([program, String(keys), String(each), String(seconds)], Number);
  return { name, sampler: { sample } };
}

async function findOsmocore(folder: string): Promise<NativePeers["osmocore"]> {
  const missing = ["gcc", "pkg-config"].find((program) => Bun.which(program) === null);
  if (missing !== undefined) return () => absent(missing);
  const version = await run(["pkg-config", "--modversion", "libosmogsm"]);
  const flags = await run(["pkg-config", "--cflags", "--libs", "libosmogsm"]);
  if (version === undefined || flags === undefined) return () => absent(OSMOCOM);
  const program = await compile("milenage-osmocore", folder, flags.trim().split(/\s+/));
  if (program === undefined) return () => absent(OSMOCOM);
  const name = `libosmocore ${version.trim()}`;
  return (workload) => milenagePeer(name, program, workload);
}

async function findAesInstructions(folder: string): Promise<NativePeers["aesInstructions"]> {
  if (Bun.which("gcc") === null) return () => absent("gcc");
  // Bun.file reads nothing of files that have no size, as those of /proc.
  const processor = await readFile("/proc/cpuinfo", "utf8").catch(() => "");
  const hasAes = /^flags.* aes .* avx /m.test(processor);
  if (!hasAes) return () => absent(AES_INSTRUCTIONS);
  const program = await compile("milenage-aesni", folder, ["-maes", "-mavx"]);
  if (program === undefined) return () => absent(AES_INSTRUCTIONS);
  return (workload) => milenagePeer(AES_INSTRUCTIONS, program, workload);
}

/** `openssl speed` counts whole seconds. */
function opensslPeer(name: string, algorithm: string[], read: (text: string) => number): Peer {
  const sample = (seconds: number): Promise<number> => {
    const whole = String(Math.max(1, Math.round(seconds)));
    const command = ["openssl", "speed", "-mr", "-elapsed", "-seconds", whole, ...algorithm];
    return rateBy(command, read);
  };
  return { name, sampler: { sample } };
}

/** The last column of the machine-readable line that starts so. */
function lastColumn(text: string, start: string): number {
  const line = text.split("\n").find((each) => each.startsWith(start));
  return Number(line?.split(":").at(-1) ?? Number.NaN);
}

async function findOpenssl(): Promise<Pick<NativePeers, "sm2" | "keccak">> {
  const missing = absent("openssl");
  if (Bun.which("openssl") === null) return { sm2: missing, keccak: missing };
  const name = /^OpenSSL [0-9.]+/.exec((await run(["openssl", "version"])) ?? "")?.[0];
  if (name === undefined) return { sm2: missing, keccak: missing };
  const curves = await run(["openssl", "ecparam", "-list_curves"]);
  const bytes = String(SHA3_RATE_BYTES * SHA3_BLOCKS);
  return {
    sm2: curves?.includes("SM2")
      ? opensslPeer(name, ["sm2"], (text) => lastColumn(text, "+F7:"))
      : absent("SM2 of openssl"),
    keccak: opensslPeer(
      `${name} SHA3-256`,
      ["-bytes", bytes, "-evp", "sha3-256"],
      (text) => lastColumn(text, "+F:") / SHA3_RATE_BYTES,
    ),
  };
}

/** Compiles and looks for what there is on this machine. */
export async function findPeers(): Promise<NativePeers> {
  const folder = await mkdtemp(join(tmpdir(), "simlatch-bench-"));
  const close = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const [osmocore, aesInstructions, openssl] = await Promise.all([
      findOsmocore(folder),
      findAesInstructions(folder),
      findOpenssl(),
    ]);
    return { osmocore, aesInstructions, ...openssl, close };
  } catch (error) {
    await close();
    throw error;
  }
}

const leftOut = (what: string): Peer => ({ name: `left out: ${what}` });

/** For a short run: none of them, and each says so. */
export function leaveOutPeers(): NativePeers {
  return {
    osmocore: () => leftOut("libosmocore"),
    aesInstructions: () => leftOut(AES_INSTRUCTIONS),
    sm2: leftOut("openssl"),
    keccak: leftOut("openssl"),
    close: () => Promise.resolve(),
  };
}
