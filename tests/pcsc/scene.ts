/** A platform, a card and a module, each a process of its own, as a user starts them. */
import { join } from "node:path";
import { generatePlatformKeys } from "#cli/keys";
import { startPlatform } from "#cli/platform-host";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";

const MAIN = join(import.meta.dir, "..", "..", "cli", "main.ts");
export const SIMLATCH: readonly string[] = [process.execPath, MAIN];

/** One card and one module are tried again and again. */
const MANY_CHALLENGES = {
  SIMLATCH_CHALLENGES_PER_CARD_HOUR: "1000",
  SIMLATCH_CHALLENGES_PER_PAIR_HOUR: "1000",
  SIMLATCH_CHALLENGES_PER_IMSI_HOUR: "1000",
};

export interface Platform {
  readonly url: string;
  readonly environment: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

export async function startTestPlatform(): Promise<Platform> {
  const folder = await mkdtemp(join(tmpdir(), "simlatch-pcsc-"));
  const keys = { ...generatePlatformKeys(), ...MANY_CHALLENGES };
  const host = await startPlatform({
    edge: false,
    environment: keys,
    hostname: "127.0.0.1",
    port: 0,
    folder,
    writeLine: () => undefined,
  });
  const stop = async (): Promise<void> => {
    await host.stop();
    await rm(folder, { recursive: true, force: true });
  };
  return { url: host.url, environment: keys, stop };
}

export interface Emulation {
  readonly facts: Readonly<Record<string, string>>;
  readonly exited: Promise<number>;
  /** Ends it; the card is out of its reader then. */
  stop(): Promise<number>;
}

/** `simlatch emulate` until it says what it put into the reader. */
export async function emulate(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Emulation> {
  const child = Bun.spawn([...SIMLATCH, "emulate", ...args, "--json"], {
    env: { ...process.env, ...environment },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  const reader = child.stdout.getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { done, value } = await reader.read();
    if (done) throw new Error("simlatch emulate ended before a card was in the reader");
    text += new TextDecoder().decode(value);
  }
  const facts: Record<string, string> = JSON.parse(text);
  const stop = (): Promise<number> => {
    child.kill();
    return child.exited;
  };
  return { facts, exited: child.exited, stop };
}
