/** The program `simlatch` as a user starts it, and a rig's platform behind a port for it. */
import { join } from "node:path";
import type { Rig } from "#tests/platform/rig";

const ROOT = join(import.meta.dir, "..", "..");

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** With nothing of our environment but the path. */
export async function runSimlatch(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  const child = spawnSimlatch(args, environment);
  const [code, stdout, stderr] = await Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { code, stdout, stderr };
}

export function spawnSimlatch(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
) {
  return Bun.spawn([process.execPath, join(ROOT, "cli", "main.ts"), ...args], {
    cwd: ROOT,
    env: { PATH: process.env["PATH"] ?? "", ...environment },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
}

/** On a free port of this machine; the caller stops it. */
export function serveRig(rig: Rig): Bun.Server<undefined> {
  return Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: async (request) => {
      const { pathname, search } = new URL(request.url);
      const { method, headers } = request;
      const body = method === "GET" ? {} : { body: await request.arrayBuffer() };
      const url = new URL(`${pathname}${search}`, "http://rig.test").href;
      return rig.fetch(url, { method, headers, ...body });
    },
  });
}
