/** `simlatch relay` as its own process, ended by its own id. */
import { spawnSimlatch } from "#tests/fleet/program";

export interface RelayProgram {
  readonly url: string;
  /** What it has logged so far. */
  log(): string;
  stop(): Promise<void>;
}

/** `callers` as SIMLATCH_RELAY_CALLERS has them. */
export async function startRelayProgram(address: string, callers: string): Promise<RelayProgram> {
  const child = spawnSimlatch(["relay", "--port", "0", "--json"], {
    SIMLATCH_GSUP_ADDRESS: address,
    SIMLATCH_RELAY_CALLERS: callers,
  });
  let logged = "";
  async function collect(): Promise<void> {
    for await (const chunk of child.stderr) logged += new TextDecoder().decode(chunk);
  }
  const collected = collect();
  const url = await readUrl(child.stdout);
  return {
    url,
    log: () => logged,
    async stop() {
      child.kill("SIGTERM");
      await child.exited;
      await collected;
    },
  };
}

/** Of the one line that it prints. */
async function readUrl(stdout: ReadableStream<Uint8Array>): Promise<string> {
  let said = "";
  for await (const chunk of stdout) {
    said += new TextDecoder().decode(chunk);
    if (!said.includes("\n")) continue;
    const line: unknown = JSON.parse(said);
    if (typeof line === "object" && line !== null && "url" in line) return String(line.url);
  }
  throw new Error("the relay said no address");
}
