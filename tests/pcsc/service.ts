/**
 * A real PC/SC service for one test file: pcscd with a virtual reader pair (vsmartcard's vpcd) on
 * free ports, in the foreground, ended by its own id. There is one pcscd a machine: its socket has
 * a fixed name, so another one that runs already is left alone and the tests are skipped.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listReaders } from "#terminal/pcsc";

const SOCKET = "/run/pcscd/pcscd.comm";
const CONFIGURATIONS = "/etc/reader.conf.d";
const START_MS = 10_000;
const POLL_MS = 100;

export interface PcscService {
  /** Of the first reader, and of the second. */
  readonly readers: readonly [string, string];
  readonly ports: readonly [number, number];
  /** Kills the service, as a crash would; further calls change nothing. */
  stop(): Promise<void>;
}

/** Why the tests cannot run here, as `part-absent`; undefined when they can. */
export function missingPart(programs: readonly string[]): string | undefined {
  const absent = ["pcscd", ...programs].find((program) => Bun.which(program) === null);
  if (absent !== undefined) return `${absent}-absent`;
  if (findDriver() === undefined) return "vsmartcard-vpcd-absent";
  if (process.getuid?.() !== 0) return "root-absent";
  return isServiceRunning() ? "pcscd-to-oneself-absent" : undefined;
}

function isServiceRunning(): boolean {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .some((id) => {
      const file = `/proc/${id}/comm`;
      return existsSync(file) && readFileSync(file, "utf8").trim() === "pcscd";
    });
}

/** The driver's path, from the reader configuration that its package installs. */
function findDriver(): string | undefined {
  const file = join(CONFIGURATIONS, "vpcd");
  if (!existsSync(file)) return undefined;
  return /^LIBPATH\s+(\S+)$/m.exec(readFileSync(file, "utf8"))?.[1];
}

export async function startPcscService(): Promise<PcscService> {
  const folder = await mkdtemp(join(tmpdir(), "simlatch-pcscd-"));
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
  const service = Bun.spawn(["pcscd", "--foreground", "--config", configuration], {
    stdin: "ignore",
    stdout: Bun.file(log),
    stderr: Bun.file(log),
  });
  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    service.kill();
    await service.exited;
    await rm(folder, { recursive: true, force: true });
  };
  const [first, second] = await waitForReaders(log);
  return { readers: [first, second], ports: [port, port + 1], stop: () => (stopping ??= stop()) };
}

async function waitForReaders(log: string): Promise<[string, string]> {
  for (let waited = 0; waited < START_MS; waited += POLL_MS) {
    await Bun.sleep(POLL_MS);
    if (!existsSync(SOCKET)) continue;
    const [first, second] = await listReaders().catch(() => []);
    if (first !== undefined && second !== undefined) return [first.name, second.name];
  }
  throw new Error(`pcscd has no two readers: ${await readFile(log, "utf8")}`);
}

/** The service looks for cards a few times a second: waits until it has seen them come or go. */
export async function waitForCards(first: boolean, second: boolean): Promise<void> {
  for (let waited = 0; waited < START_MS; waited += POLL_MS) {
    const [one, other] = await listReaders();
    if (one?.hasCard === first && other?.hasCard === second) return;
    await Bun.sleep(POLL_MS);
  }
  throw new Error("the readers have other cards");
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
