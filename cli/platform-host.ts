/** Starts the platform in this process: on Bun with embedded storage, or the Worker in workerd. */
import { createServer } from "node:net";
import type { RunningHost } from "./edge-host.ts";

export interface HostOptions {
  readonly edge: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly hostname: string;
  readonly port: number;
  /** Where the databases are. */
  readonly folder: string;
  /** Takes the platform's log, a line at a time; standard error unless given. */
  readonly writeLine?: (line: string) => void;
}

export const DEFAULT_HOSTNAME = "127.0.0.1";
export const DEFAULT_PORT = 8787;

/** Throws ConfigurationError when a key is missing or weak. */
export async function startPlatform(options: HostOptions): Promise<RunningHost> {
  const { edge, ...rest } = options;
  // Loaded on demand: workerd and the platform are a second of start-up that --help needs not.
  if (edge) return (await import("./edge-host.ts")).startEdge(rest);
  return (await import("#edge/server")).startServer(rest);
}

/** Whether something listens on the port already; 0 stands for any free one and never is taken. */
export async function isPortTaken(hostname: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => {
      resolve(true);
    });
    probe.listen(port, hostname, () => {
      probe.close(() => {
        resolve(false);
      });
    });
  });
}

/** Resolves at the first SIGINT or SIGTERM; later ones change nothing (Ctrl-C arrives twice). */
export async function waitForInterrupt(): Promise<undefined> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const)
      process.on(signal, () => {
        resolve(undefined);
      });
  });
}
