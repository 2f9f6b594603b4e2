/**
 * A real TPM 2.0 in software: swtpm with its own state folder and ports, ended by its own process.
 * tpm2-tools reach the same one as oracle.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TpmTransport } from "#terminal/tpm";
import { openTpm } from "#terminal/tpm-connection";

const PROGRAMS = ["swtpm", "swtpm_ioctl", "tpm2_startup", "tpm2_checkquote"] as const;
const START_POLLS_MAX = 100;
const START_POLL_MS = 50;

/** Whether the TPM and its oracle are installed; says so when they are not. */
export function hasSwtpm(what: string): boolean {
  const isThere = PROGRAMS.every((program) => Bun.which(program) !== null);
  if (!isThere) process.stdout.write(`SKIP swtpm-absent: ${what}\n`);
  return isThere;
}

export interface SoftwareTpm extends TpmTransport {
  /** For files of the tools. */
  readonly folder: string;
  /** TCP port on 127.0.0.1 that takes commands. */
  readonly port: number;
  /** Frees the command port, which takes one client at a time; the next command connects again. */
  hangUp(): Promise<void>;
  /** Power off and on again: TPM Reset (Part 1, 12.2.3.2). Orderly unless told. */
  reset(isOrderly?: boolean): Promise<void>;
  /** A program of tpm2-tools on this TPM; its standard output. Throws when it fails. */
  tool(program: string, ...args: readonly string[]): Promise<string>;
  stop(): Promise<void>;
}

/** The server's port; control is the next one up, where the tools look for it. */
async function findPort(): Promise<number> {
  for (;;) {
    const first = await listen(0);
    const port = portOf(first);
    const second = await listen(port + 1).catch(() => undefined);
    await closeServer(first);
    if (second === undefined) continue;
    await closeServer(second);
    return port;
  }
}

function listen(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      resolve(server);
    });
  });
}

function portOf(server: Server): number {
  const address = server.address();
  return address !== null && typeof address === "object" ? address.port : 0;
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
  });
}

const STARTUP_CLEAR = Uint8Array.from([0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x44, 0, 0]);
const SHUTDOWN_CLEAR = Uint8Array.from([0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x45, 0, 0]);

export async function startSwtpm(): Promise<SoftwareTpm> {
  const folder = mkdtempSync(join(tmpdir(), "simlatch-swtpm-"));
  const server = await findPort();
  const control = server + 1;
  const child = Bun.spawn(
    [
      "swtpm",
      "socket",
      "--tpm2",
      "--tpmstate",
      `dir=${folder}`,
      "--server",
      `type=tcp,port=${server},bindaddr=127.0.0.1`,
      "--ctrl",
      `type=tcp,port=${control},bindaddr=127.0.0.1`,
      "--flags",
      "not-need-init,startup-clear",
    ],
    { stdout: "ignore", stderr: "ignore" },
  );
  const tpm = openTpm({ host: "127.0.0.1", port: server });
  await waitForTpm(tpm);

  async function run(command: readonly string[]): Promise<string> {
    // One client at a time: the tools come when we have hung up.
    await tpm.close();
    const env = { ...process.env, TPM2TOOLS_TCTI: `swtpm:host=127.0.0.1,port=${server}` };
    const options = { cwd: folder, env, stdout: "pipe", stderr: "pipe" } as const;
    const tool = Bun.spawn([...command], options);
    const output = await new Response(tool.stdout).text();
    const errors = await new Response(tool.stderr).text();
    if ((await tool.exited) !== 0) throw new Error(`${command[0]}: ${errors}`);
    return output;
  }

  return {
    folder,
    port: server,
    transmit: (command) => tpm.transmit(command),
    hangUp: () => tpm.close(),
    async reset(isOrderly = true) {
      if (isOrderly) await tpm.transmit(SHUTDOWN_CLEAR);
      await run(["swtpm_ioctl", "--tcp", `127.0.0.1:${control}`, "-i"]);
      await tpm.transmit(STARTUP_CLEAR);
    },
    tool: (program, ...args) => run([program, ...args]),
    async stop() {
      await tpm.close();
      child.kill();
      await child.exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function waitForTpm(tpm: TpmTransport): Promise<void> {
  for (let poll = 0; poll < START_POLLS_MAX; poll++) {
    try {
      await tpm.transmit(STARTUP_CLEAR);
      return;
    } catch {
      await Bun.sleep(START_POLL_MS);
    }
  }
  throw new Error("swtpm did not start");
}
