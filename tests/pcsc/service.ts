/**
 * A real PC/SC service for one test file: pcscd with a virtual reader pair (vsmartcard's vpcd) on
 * free ports, in the foreground, ended by its own id. There is one pcscd a machine: its socket has
 * a fixed name, so another one that runs already is left alone and the tests are skipped. Files
 * that run side by side take turns.
 *
 * When a test is too late `bun test` ends every process that the tests started, pcscd with them:
 * the tests after it fail, too, and say that pcscd has ended.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { Subprocess } from "bun";
import { listReaders, type PcscReader } from "#cli/pcsc-readers";
import { PcscError } from "#terminal/pcsc";

const SOCKET = "/run/pcscd/pcscd.comm";
const PROCESS_ID = "/run/pcscd/pcscd.pid";
const CONFIGURATIONS = "/etc/reader.conf.d";
/** In the command of every pcscd that a test started. */
const FOLDER_PREFIX = "simlatch-pcscd-";
const LOCK = join(tmpdir(), "simlatch-pcscd.lock");
/** For hooks that take a turn: the other files need well under a minute each. */
export const TURN_MS = 300_000;
const START_MS = 10_000;
const POLL_MS = 50;
const LOG_LINES = 60;

/** Without its drivers, which each try some commands to find out what card this is. */
export const OPENSC_TOOL: readonly string[] = ["opensc-tool", "--card-driver", "default"];

export interface PcscService {
  /** Of the first reader, and of the second. */
  readonly readers: readonly [string, string];
  readonly ports: readonly [number, number];
  /**
   * The service looks for cards a few times a second: waits until it has seen them come or go.
   * Throws with the service's last words when it does not, or has ended.
   */
  waitForCards(first: boolean, second: boolean): Promise<void>;
  /** Ends the service as a crash would: its socket and its process id stay behind. */
  crash(): Promise<void>;
  /** Further calls change nothing. */
  stop(): Promise<void>;
}

/** Why the tests cannot run here, as `part-absent`; undefined when they can. */
export function missingPart(programs: readonly string[]): string | undefined {
  const absent = ["pcscd", "flock", ...programs].find((program) => Bun.which(program) === null);
  if (absent !== undefined) return `${absent}-absent`;
  if (findDriver() === undefined) return "vsmartcard-vpcd-absent";
  if (process.getuid?.() !== 0) return "root-absent";
  // A socket without a process id belongs to systemd, which starts the service when it is asked.
  const isActivated =
    existsSync("/run/systemd/system") && existsSync(SOCKET) && !existsSync(PROCESS_ID);
  return isActivated || isServiceRunning() ? "pcscd-to-oneself-absent" : undefined;
}

/** Whether a pcscd runs that no test started. */
function isServiceRunning(): boolean {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .some((id) => {
      const [program = "", ...args] = readCommand(id);
      return basename(program) === "pcscd" && !args.some((arg) => arg.includes(FOLDER_PREFIX));
    });
}

/** Empty for a process that has ended meanwhile. */
function readCommand(id: string): string[] {
  try {
    return readFileSync(`/proc/${id}/cmdline`, "utf8").split("\0");
  } catch {
    return [];
  }
}

/** The driver's path, from the reader configuration that its package installs. */
function findDriver(): string | undefined {
  const file = join(CONFIGURATIONS, "vpcd");
  if (!existsSync(file)) return undefined;
  return /^LIBPATH\s+(\S+)$/m.exec(readFileSync(file, "utf8"))?.[1];
}

export interface Turn {
  /** The next file's. */
  end(): Promise<void>;
}

/** Waits until no other test file has a service; whoever ends without `end` gives it up, too. */
export async function takeTurn(): Promise<Turn> {
  const command = ["flock", LOCK, "sh", "-c", "echo ready; exec cat"];
  const holder = Bun.spawn(command, { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  const { done } = await holder.stdout.getReader().read();
  if (done) throw new Error(`no lock on ${LOCK}`);
  return {
    async end() {
      await holder.stdin.end();
      await holder.exited;
    },
  };
}

export async function startPcscService(): Promise<PcscService> {
  const folder = await mkdtemp(join(tmpdir(), FOLDER_PREFIX));
  const port = await findPortPair();
  const configuration = join(folder, "reader.conf");
  const channel = `0x${port.toString(16).toUpperCase()}`;
  const lines = [
    'FRIENDLYNAME "Virtual PCD"',
    `DEVICENAME /dev/null:${channel}`,
    `LIBPATH ${findDriver() ?? ""}`,
    `CHANNELID ${channel}`,
  ];
  await writeFile(configuration, `${lines.join("\n")}\n`);
  const log = join(folder, "pcscd.log");
  const service = Bun.spawn(["pcscd", "--foreground", "--info", "--config", configuration], {
    stdin: "ignore",
    stdout: Bun.file(log),
    stderr: Bun.file(log),
  });
  const end = async (signal: "SIGTERM" | "SIGKILL"): Promise<void> => {
    service.kill(signal);
    await service.exited;
    await rm(folder, { recursive: true, force: true });
  };
  const watched = { service, log };
  try {
    await waitUntil(watched, () => tryToList().length === 2);
  } catch (error) {
    await end("SIGTERM");
    throw error;
  }
  const [first = "", second = ""] = tryToList().map(({ name }) => name);
  return {
    readers: [first, second],
    ports: [port, port + 1],
    waitForCards: (...cards) =>
      waitUntil(watched, (words) => {
        const seen = readCards(words);
        return seen.has(first) === cards[0] && seen.has(second) === cards[1];
      }),
    crash: () => end("SIGKILL"),
    stop: () => end("SIGTERM"),
  };
}

interface Watched {
  readonly service: Subprocess;
  /** The file that the service writes to. */
  readonly log: string;
}

/** Throws with the service's last words when it takes too long, or has ended. */
async function waitUntil(
  { service, log }: Watched,
  isSo: (words: string) => boolean,
): Promise<void> {
  const end = (): string | number | null => service.signalCode ?? service.exitCode;
  for (let waited = 0; waited < START_MS && end() === null; waited += POLL_MS) {
    if (isSo(readFileSync(log, "utf8"))) return;
    await Bun.sleep(POLL_MS);
  }
  const state = end() === null ? "has other readers or cards" : `has ended (${end()})`;
  const lastLines = readFileSync(log, "utf8").split("\n").slice(-LOG_LINES).join("\n");
  throw new Error(`pcscd ${state}\n${lastLines}`);
}

/**
 * The readers with a card, by the service's own words. What it tells its clients is not enough: a
 * reset that fails takes the card away at once, and a card that is put in before the service has
 * looked for itself is then never seen.
 */
function readCards(words: string): Set<string> {
  const seen = new Set<string>();
  for (const [, what, reader = ""] of words.matchAll(
    / Card (inserted into|Removed From) (.+)$/gm,
  )) {
    if (what === "inserted into") seen.add(reader);
    else seen.delete(reader);
  }
  return seen;
}

/** The socket is there a moment before the service listens. */
function tryToList(): PcscReader[] {
  if (!existsSync(SOCKET)) return [];
  try {
    return listReaders();
  } catch (error) {
    if (error instanceof PcscError && error.code === "no_service") return [];
    throw error;
  }
}

/** Two ports in a row that nobody listens on. */
async function findPortPair(): Promise<number> {
  for (;;) {
    const port = await freePort(0);
    if (port !== undefined && (await freePort(port + 1)) !== undefined) return port;
  }
}

function freePort(wanted: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => {
      resolve(undefined);
    });
    probe.listen(wanted, () => {
      const address = probe.address();
      const port = typeof address === "object" ? address?.port : undefined;
      probe.close(() => {
        resolve(port);
      });
    });
  });
}

/** Runs a program to its end. */
export async function run(
  command: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const child = Bun.spawn([...command], {
    env: { ...process.env, ...environment },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [code, stdout, stderr] = await Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { code, stdout, stderr };
}

/** Command APDUs in hex to the card in a reader by its number, by opensc-tool. */
export async function sendByOpensc(
  reader: number,
  ...apdus: readonly string[]
): Promise<{ readonly statusWords: string[]; readonly stdout: string }> {
  const sent = apdus.flatMap((apdu) => ["-s", apdu]);
  const { stdout } = await run([...OPENSC_TOOL, "-r", String(reader), ...sent]);
  const words = stdout.matchAll(/SW1=0x(..), SW2=0x(..)/g);
  return { statusWords: [...words].map(([, one, two]) => `${one}${two}`), stdout };
}
