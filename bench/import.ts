/**
 * `simlatch bench import`: subscribers from a CSV file into a platform on this machine, both as an
 * operator starts them, keys wrapped and every batch durable. Each round has a file and a platform
 * of its own.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generatePlatformKeys } from "#cli/keys";
import type { BenchRow } from "./core.ts";
import { summarise } from "./measure.ts";

export interface ImportBenchOptions {
  readonly rows: number;
  readonly rounds: number;
  readonly onRound?: (round: string) => void;
}

/** What Magma publishes of its own: 20,000 subscribers in about 30 s. */
const PEER = { name: "Magma, published", rowsPerSecond: 20_000 / 30 };
const MAIN = join(import.meta.dir, "..", "cli", "main.ts");
const OP = "cdc202d5123e20f62b6d676ac72cb318";
const MEGABYTE = 1e6;
const CHUNK_CHARACTERS = 1_000_000;

interface Round {
  readonly seconds: number;
  readonly platformCpuSeconds: number;
  readonly importCpuSeconds: number;
  readonly platformBytesMax: number;
  readonly importBytesMax: number;
}

export async function benchImport(options: ImportBenchOptions): Promise<BenchRow[]> {
  const rounds: Round[] = [];
  for (let round = 1; round <= options.rounds; round++) {
    const measured = await measureRound(options.rows);
    rounds.push(measured);
    options.onRound?.(`round ${round}: ${options.rows} rows in ${measured.seconds.toFixed(1)} s`);
  }
  const rate = rowOf(
    rounds.map(({ seconds }) => options.rows / seconds),
    "rows/s",
  );
  const { rowsPerSecond } = PEER;
  const perRow = (cpuSeconds: number): number => (cpuSeconds * 1e6) / options.rows;
  return [
    {
      ...rate,
      name: `import of ${options.rows}`,
      peer: PEER.name,
      peerValue: rowsPerSecond,
      ratio: rate.value / rowsPerSecond,
      min: (rate.min ?? 0) / rowsPerSecond,
      max: (rate.max ?? 0) / rowsPerSecond,
    },
    {
      ...rowOf(
        rounds.map(({ seconds }) => seconds),
        "s",
      ),
      name: "whole import",
    },
    {
      ...rowOf(
        rounds.map((each) => perRow(each.platformCpuSeconds)),
        "us/row",
      ),
      name: "processor, platform",
    },
    {
      ...rowOf(
        rounds.map((each) => perRow(each.importCpuSeconds)),
        "us/row",
      ),
      name: "processor, import",
    },
    {
      ...rowOf(
        rounds.map((each) => each.platformBytesMax / MEGABYTE),
        "MB",
      ),
      name: "memory, platform",
    },
    {
      ...rowOf(
        rounds.map((each) => each.importBytesMax / MEGABYTE),
        "MB",
      ),
      name: "memory, import",
    },
  ];
}

/** Without a peer `min` and `max` are of the value itself. */
function rowOf(values: readonly number[], unit: string): BenchRow {
  const { median, min, max } = summarise(values);
  return {
    name: "",
    runtime: "bun",
    value: median,
    unit,
    peer: "-",
    peerValue: null,
    ratio: null,
    min,
    max,
  };
}

async function measureRound(rows: number): Promise<Round> {
  const folder = mkdtempSync(join(tmpdir(), "simlatch-bench-"));
  const keys = generatePlatformKeys();
  const platform = Bun.spawn(
    [process.execPath, MAIN, "serve", "--port", "0", "--folder", join(folder, "data"), "--json"],
    { env: { ...keys }, stdin: "ignore", stdout: "pipe", stderr: "ignore" },
  );
  try {
    const file = join(folder, "subscribers.csv");
    await writeSubscribers(file, rows);
    const url = await readUrl(platform.stdout);
    await createTenant(url, keys.SIMLATCH_ADMIN_KEY);
    const start = performance.now();
    const command = [process.execPath, MAIN, "import", "subscribers", file, "--url", url, "--json"];
    const importer = Bun.spawn(command, {
      env: { SIMLATCH_ADMIN_KEY: keys.SIMLATCH_ADMIN_KEY },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "inherit",
    });
    const summary: unknown = JSON.parse(await new Response(importer.stdout).text());
    const code = await importer.exited;
    const seconds = (performance.now() - start) / 1000;
    expectAll(code, summary, rows);
    platform.kill("SIGINT");
    await platform.exited;
    return {
      seconds,
      platformCpuSeconds: cpuSecondsOf(platform),
      importCpuSeconds: cpuSecondsOf(importer),
      platformBytesMax: platform.resourceUsage()?.maxRSS ?? Number.NaN,
      importBytesMax: importer.resourceUsage()?.maxRSS ?? Number.NaN,
    };
  } finally {
    platform.kill();
    await platform.exited;
    rmSync(folder, { recursive: true, force: true });
  }
}

type Child = Pick<Bun.Subprocess, "resourceUsage">;

/** User and system; of the platform also its start. */
function cpuSecondsOf(child: Child): number {
  return Number(child.resourceUsage()?.cpuTime.total ?? Number.NaN) / 1e6;
}

function expectAll(code: number, summary: unknown, rows: number): void {
  const isAll =
    typeof summary === "object" &&
    summary !== null &&
    "inserted" in summary &&
    summary.inserted === rows;
  if (code !== 0 || !isAll)
    throw new Error(`not all rows were imported: ${JSON.stringify(summary)}`);
}

/** IMSIs in their order, as a maker of cards delivers a batch. */
async function writeSubscribers(file: string, rows: number): Promise<void> {
  const writer = Bun.file(file).writer();
  let text = "imsi,mnc_length,msisdn,k,op,sqn\n";
  for (let i = 0; i < rows; i++) {
    const msin = String(i).padStart(10, "0");
    const key = Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("hex");
    text += `00101${msin},2,46${msin},${key},${OP},${i * 32}\n`;
    if (text.length < CHUNK_CHARACTERS && i < rows - 1) continue;
    await writer.write(text);
    text = "";
  }
  await writer.end();
}

async function readUrl(stdout: ReadableStream<Uint8Array>): Promise<string> {
  const reader = stdout.getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { done, value } = await reader.read();
    if (done) throw new Error("the platform did not start");
    text += new TextDecoder().decode(value);
  }
  reader.releaseLock();
  const { url }: { readonly url: string } = JSON.parse(text);
  return url;
}

async function createTenant(url: string, adminKey: string): Promise<void> {
  const response = await fetch(`${url}/v1/admin/tenants/default`, {
    method: "PUT",
    headers: { authorization: `Bearer ${adminKey}` },
    body: JSON.stringify({ anchors: {}, cardRoots: [] }),
  });
  if (response.status !== 204) throw new Error(`no tenant: ${response.status}`);
}
