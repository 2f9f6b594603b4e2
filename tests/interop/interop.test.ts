/**
 * A client in another language, written from docs/protocol.md and docs/operations.md alone, against
 * the platform as a user starts it, on both runtimes. It shares no code with the platform.
 */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "..", "..");
const TIMEOUT_MS = 120_000;
/** Each suite has 12 refusals in signed mode, 13 in encrypted, and one after a rotation. */
const EXPECTED = { bindings: 4, refused: 52, ok: true };
/** P-256 and AES: signed, encrypted, unlock and possession; P-256 with AUTS. */
const EXAMPLE_COMMANDS = 2 * (3 + 4 + 2 + 1) + 6;
/** Hashes, keys, ciphertexts and proofs of all suites, but for the signatures of SM2. */
const EXAMPLE_VALUES = 196;

/** Debian's package belongs to Debian's interpreter, which need not be the first of the path. */
const python = ["python3", "/usr/bin/python3"].find(hasCryptography);
if (python === undefined)
  process.stdout.write("SKIP python3-cryptography-absent: client in another language\n");

function hasCryptography(program: string): boolean {
  if (Bun.which(program) === null) return false;
  const trial = Bun.spawnSync([program, "-c", "import cryptography"], { stderr: "ignore" });
  return trial.success;
}

const environment = { PATH: process.env["PATH"] ?? "" };

function startPlatform(flags: readonly string[]) {
  const command = [process.execPath, "cli/main.ts", "dev", "--port", "0", "--json", ...flags];
  return Bun.spawn(command, { cwd: ROOT, env: environment, stdout: "pipe", stderr: "ignore" });
}

/** The one line that says where the platform listens and where its keys are. */
async function readAddress(output: ReadableStream<Uint8Array>) {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of output) {
    text += decoder.decode(chunk, { stream: true });
    if (text.includes("\n")) break;
  }
  const { url, keyFile }: { readonly url: string; readonly keyFile: string } = JSON.parse(text);
  return { url, keys: readKeys(await Bun.file(keyFile).text()) };
}

function readKeys(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(/^(\w+)=(.*)$/gm)].map(([, name, key]) => [name, key]),
  );
}

async function runClient(url: string, keys: Record<string, string>): Promise<string[]> {
  const client = Bun.spawn([python ?? "", "-B", join(import.meta.dir, "client.py")], {
    env: { ...environment, ...keys, SIMLATCH_URL: url },
    stdout: "pipe",
    stderr: "inherit",
  });
  const text = await new Response(client.stdout).text();
  await client.exited;
  return text.trim().split("\n");
}

async function bindOn(...flags: readonly string[]): Promise<void> {
  const platform = startPlatform(flags);
  try {
    const { url, keys } = await readAddress(platform.stdout);
    const lines = await runClient(url, keys);
    expect(JSON.parse(lines.at(-1) ?? "")).toEqual(EXPECTED);
    expect(lines).toHaveLength(EXPECTED.bindings + 1);
  } finally {
    platform.kill("SIGINT");
    await platform.exited;
  }
}

/** The worked examples on the client's own card. */
function replayExamples(): unknown {
  const examples = join(ROOT, "tests/vectors/protocol_examples.json");
  const program = join(import.meta.dir, "examples.py");
  const command = [python ?? "", "-B", program, examples];
  const run = Bun.spawnSync(command, { env: environment, stderr: "inherit" });
  return JSON.parse(run.stdout.toString());
}

describe.skipIf(python === undefined)("a client written from the pages alone", () => {
  test("answers the worked examples with the same bytes", () => {
    expect(replayExamples()).toEqual({ commands: EXAMPLE_COMMANDS, values: EXAMPLE_VALUES });
  });
  test("binds and is refused as documented, on Bun", () => bindOn(), TIMEOUT_MS);
  test("binds and is refused as documented, on workerd", () => bindOn("--edge"), TIMEOUT_MS);
});
