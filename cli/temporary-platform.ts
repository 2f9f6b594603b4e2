/** A platform to try things on: keys of its own, storage that is gone when it stops. */
import { appendFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generatePlatformKeys, type PlatformKeys } from "./keys.ts";
import { printNote } from "./output.ts";
import { DEFAULT_HOSTNAME, isPortTaken, startPlatform } from "./platform-host.ts";

export interface TemporaryPlatform {
  readonly url: string;
  readonly keys: PlatformKeys;
  /** A file with the keys as `simlatch keys` prints them, readable by this user alone. */
  readonly keyFile: string;
  readonly logFile: string;
  /** Stops the platform and removes the folder; further calls wait for the first. */
  stop(): Promise<void>;
}

interface TemporaryOptions {
  readonly edge: boolean;
  readonly port: number;
}

/** Undefined when `interrupted` resolves before the platform is there. */
export async function startUnlessInterrupted(
  options: TemporaryOptions,
  interrupted: Promise<undefined>,
): Promise<TemporaryPlatform | undefined> {
  const started = startTemporaryPlatform(options);
  const platform = await Promise.race([started, interrupted]);
  if (platform !== undefined) return platform;
  // Ctrl-C reaches workerd too, so a start that fails from here on is none of the user's business.
  await started.then(
    (late) => late.stop(),
    () => undefined,
  );
  return undefined;
}

async function startTemporaryPlatform(options: TemporaryOptions): Promise<TemporaryPlatform> {
  const folder = await mkdtemp(join(tmpdir(), "simlatch-"));
  const keys = generatePlatformKeys();
  const keyFile = join(folder, "keys.env");
  const logFile = join(folder, "platform.log");
  const lines = Object.entries(keys).map(([name, value]) => `${name}=${value}\n`);
  try {
    await writeFile(keyFile, lines.join(""), { mode: 0o600 });
    await writeFile(logFile, "");
    const hostname = DEFAULT_HOSTNAME;
    const port = await chooseFreePort(hostname, options.port);
    const { edge } = options;
    const writeLine = (line: string): void => {
      appendFileSync(logFile, `${line}\n`);
    };
    const host = await startPlatform({
      edge,
      environment: keys,
      hostname,
      port,
      folder,
      writeLine,
    });
    let stopping: Promise<void> | undefined;
    const stop = async (): Promise<void> => {
      await host.stop();
      await rm(folder, { recursive: true, force: true });
    };
    return { url: host.url, keys, keyFile, logFile, stop: () => (stopping ??= stop()) };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

async function chooseFreePort(hostname: string, port: number): Promise<number> {
  if (!(await isPortTaken(hostname, port))) return port;
  printNote(`port ${port} is taken: using a free one instead (--port chooses another)`);
  return 0;
}
