/**
 * A real osmo-hlr with a database of its own, on a loopback address of its own: the port of GSUP
 * is fixed. Ended by its own process.
 */
import { Database } from "bun:sqlite";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ModuleKeys } from "#tests/fleet/modules";
import type { KeyHolder } from "#tests/fleet/fleet";

const GSUP_PORT = 4222;
/** As osmo-hlr makes it unless told. */
const IND_BITS = 5;
const START_POLLS_MAX = 800;
const START_POLL_MS = 25;
/** enum osmo_auth_algo. */
const ALGORITHM = { "comp128-1": 1, "comp128-2": 2, "comp128-3": 3, milenage: 5 } as const;

/** Whether osmo-hlr is installed; says so when it is not. */
export function hasOsmoHlr(what: string): boolean {
  const isThere = Bun.which("osmo-hlr") !== null;
  if (!isThere) process.stdout.write(`SKIP osmo-hlr-absent: ${what}\n`);
  return isThere;
}

export interface OsmoHlr extends KeyHolder {
  /** HOST:PORT of GSUP. */
  readonly address: string;
  readonly hostname: string;
  /** Stops the process; what it knows stays. */
  halt(): Promise<void>;
  /** Starts it again on what it knows. */
  resume(): Promise<void>;
  /** Stops it from running without ending it: its connections stay, and nothing answers. */
  freeze(): void;
  thaw(): void;
  /** Of a USIM: the highest SEQ that it has given out. */
  seqOf(imsi: string): number;
  /** As its operator sets it: the highest SQN that it takes for given out. */
  setSqn(imsi: string, sqn: number): void;
  /** The names that an IND was given to. */
  names(): string[];
  forget(imsi: string): void;
  dispose(): Promise<void>;
}

export async function startOsmoHlr(): Promise<OsmoHlr> {
  const folder = mkdtempSync(join(tmpdir(), "simlatch-hlr-"));
  const hostname = drawLoopback();
  const configuration = join(folder, "hlr.cfg");
  const path = join(folder, "hlr.db");
  writeFileSync(configuration, describe(hostname));
  const start = async (): Promise<Bun.Subprocess> => {
    const child = Bun.spawn(["osmo-hlr", "-c", configuration, "-l", path], {
      stdout: "ignore",
      stderr: "ignore",
      cwd: folder,
    });
    await untilListening(hostname, child);
    return child;
  };
  let child = await start();
  const database = new Database(path, { readwrite: true, strict: true });
  database.run("PRAGMA busy_timeout = 5000");
  const halt = async (): Promise<void> => {
    child.kill("SIGKILL");
    await child.exited;
  };
  return {
    name: "hlr",
    hostname,
    address: `${hostname}:${GSUP_PORT}`,
    halt,
    async resume() {
      child = await start();
    },
    freeze: () => child.kill("SIGSTOP"),
    thaw: () => child.kill("SIGCONT"),
    provision: (imsi, keys) => provision(database, imsi, keys),
    seqOf(imsi) {
      const query = "SELECT sqn FROM auc_3g JOIN subscriber ON id = subscriber_id WHERE imsi = ?";
      const row = database.query<{ sqn: number }, [string]>(query).get(imsi);
      return (row?.sqn ?? 0) >> IND_BITS;
    },
    setSqn(imsi, sqn) {
      const id = "(SELECT id FROM subscriber WHERE imsi = ?)";
      database.query(`UPDATE auc_3g SET sqn = ? WHERE subscriber_id = ${id}`).run(sqn, imsi);
    },
    names: () =>
      database
        .query<{ vlr: string }, []>("SELECT vlr FROM ind ORDER BY ind")
        .all()
        .map(({ vlr }) => vlr),
    forget(imsi) {
      const id = "(SELECT id FROM subscriber WHERE imsi = ?)";
      database.query(`DELETE FROM auc_3g WHERE subscriber_id = ${id}`).run(imsi);
      database.query("DELETE FROM subscriber WHERE imsi = ?").run(imsi);
    },
    async dispose() {
      await halt();
      database.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** One of sixteen million, so that two test files do not meet. */
function drawLoopback(): string {
  const [a = 1, b = 1, c = 1] = crypto.getRandomValues(new Uint8Array(3));
  return `127.${a}.${b}.${Math.max(2, c % 255)}`;
}

function describe(hostname: string): string {
  return [
    "log stderr",
    "line vty",
    ` bind ${hostname}`,
    "ctrl",
    ` bind ${hostname}`,
    "hlr",
    " gsup",
    `  bind ip ${hostname}`,
    "",
  ].join("\n");
}

async function untilListening(hostname: string, child: Bun.Subprocess): Promise<void> {
  for (let poll = 0; poll < START_POLLS_MAX; poll++) {
    if (child.exitCode !== null) throw new Error("osmo-hlr did not start");
    try {
      const socket = await Bun.connect({ hostname, port: GSUP_PORT, socket: { data() {} } });
      socket.terminate();
      return;
    } catch {
      await Bun.sleep(START_POLL_MS);
    }
  }
  throw new Error("osmo-hlr does not listen");
}

function provision(database: Database, imsi: string, keys: ModuleKeys["enrolment"]): void {
  const { algorithm = "milenage", k, opc, ki } = keys;
  const number = Object.entries(ALGORITHM).find(([name]) => name === algorithm)?.[1];
  if (number === undefined) throw new Error(`osmo-hlr has no ${algorithm}`);
  database.transaction(() => {
    database.query("INSERT INTO subscriber (imsi) VALUES (?)").run(imsi);
    const id = "(SELECT id FROM subscriber WHERE imsi = ?1)";
    if (ki === undefined) {
      database
        .query(`INSERT INTO auc_3g (subscriber_id, algo_id_3g, k, opc) VALUES (${id}, ?2, ?3, ?4)`)
        .run(imsi, number, k ?? "", opc ?? "");
    } else {
      database
        .query(`INSERT INTO auc_2g (subscriber_id, algo_id_2g, ki) VALUES (${id}, ?2, ?3)`)
        .run(imsi, number, ki);
    }
  })();
}
