/** `simlatch relay` as its own process, ended by its own id. */
import { spawnSimlatch } from "#tests/fleet/program";

export interface RelayProgram {
  readonly url: string;
  /** Gives its exit code. */
  stop(): Promise<number>;
}

/** `callers` as SIMLATCH_RELAY_CALLERS has them. */
export async function startRelayProgram(address: string, callers: string): Promise<RelayProgram> {
  const child = spawnSimlatch(["relay", "--port", "0", "--json"], {
    SIMLATCH_GSUP_ADDRESS: address,
    SIMLATCH_RELAY_CALLERS: callers,
  });
  // Read, so that a full pipe never holds it up.
  const logged = new Response(child.stderr).text();
  const url = await readUrl(child.stdout);
  return {
    url,
    async stop() {
      child.kill("SIGTERM");
      await logged;
      return child.exited;
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
