/** A platform that listens, and the program as an operator starts it. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startServer } from "#edge/server";
import { startEdge } from "#cli/edge-host";
import { encodeBase64Url, encodeHex } from "#protocol/bytes";
import { ADMIN_KEY, random, tenantSettings } from "./keys.ts";

const ROOT = join(import.meta.dir, "..", "..");

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Scene {
  readonly url: string;
  readonly folder: string;
  /** 16 bytes. */
  readonly deployment: Uint8Array;
  readonly log: readonly string[];
  /** A file in the scene's folder; gives its path. */
  file(name: string, content: string | Uint8Array): string;
  /** `simlatch ...args` with the platform's administration key. */
  run(args: readonly string[], adminKey?: string, stdin?: Blob): Promise<Finished>;
  /** The same for `simlatch import subscribers` of a file with this content. */
  importRows(csv: string | Uint8Array, args?: readonly string[]): Promise<Finished>;
  call(method: string, path: string, body?: unknown): Promise<unknown>;
  stop(): Promise<void>;
}

export async function openScene(
  runtime: "bun" | "workerd" = "bun",
  changes: Readonly<Record<string, string>> = {},
): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), "simlatch-import-"));
  const log: string[] = [];
  const deployment = random(16);
  const environment = {
    SIMLATCH_MASTER_KEY: encodeBase64Url(random(32)),
    SIMLATCH_DEPLOYMENT: encodeHex(deployment),
    SIMLATCH_ADMIN_KEY: ADMIN_KEY,
    SIMLATCH_SLOTS: "2",
    ...changes,
  };
  const writeLine = (line: string): void => {
    log.push(line);
  };
  const data = join(folder, "data");
  const host = await (runtime === "bun"
    ? startServer({ environment, port: 0, folder: data, writeLine })
    : startEdge({ environment, port: 0, folder: data, writeLine }));
  const scene: Scene = {
    url: host.url,
    folder,
    deployment,
    log,
    file(name, content) {
      const path = join(folder, name);
      writeFileSync(path, content);
      return path;
    },
    run: (args, adminKey = ADMIN_KEY, stdin) => runProgram(args, adminKey, stdin),
    importRows: (csv, args = []) => {
      const path = scene.file("rows.csv", csv);
      return scene.run(["import", "subscribers", path, "--url", host.url, ...args]);
    },
    async call(method, path, body) {
      const response = await fetch(`${host.url}/v1/admin${path}`, {
        method,
        headers: { authorization: `Bearer ${ADMIN_KEY}` },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return text === "" ? response.status : JSON.parse(text);
    },
    async stop() {
      await host.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await scene.call("PUT", "/tenants/default", tenantSettings);
  return scene;
}

async function runProgram(
  args: readonly string[],
  adminKey: string,
  stdin: Blob | undefined,
): Promise<Finished> {
  const child = Bun.spawn([process.execPath, join(ROOT, "cli", "main.ts"), ...args], {
    cwd: ROOT,
    env: {
      PATH: process.env["PATH"] ?? "",
      ...(adminKey === "" ? {} : { SIMLATCH_ADMIN_KEY: adminKey }),
    },
    stdin: stdin ?? "ignore",
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

/** The last line of --json. */
export function summaryOf({ stdout }: Finished): unknown {
  return JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "");
}
