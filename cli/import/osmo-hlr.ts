/**
 * The database of an osmo-hlr (its sql/hlr.sql, versions 0 to 6) as rows of subscribers. It is
 * opened for reading and may be in use. MNC lengths are not in it.
 */
import { Database } from "bun:sqlite";
import type { LineFault } from "./fault.ts";
import type { Source, SourceItem } from "./source.ts";

/** enum osmo_auth_algo of libosmocore. `k` and `op` say in which columns the keys go. */
const ALGORITHMS: ReadonlyMap<
  number,
  { readonly algorithm: string; readonly operator?: readonly [op: string, opc: string] }
> = new Map([
  [1, { algorithm: "comp128-1" }],
  [2, { algorithm: "comp128-2" }],
  [3, { algorithm: "comp128-3" }],
  [4, { algorithm: "xor-3g" }],
  [5, { algorithm: "milenage", operator: ["op", "opc"] }],
  [6, { algorithm: "xor-2g" }],
  [7, { algorithm: "tuak", operator: ["top", "topc"] }],
]);
/** As auc_2g has it, Milenage is that of TS 55.205, under an OP that osmo-hlr does not keep. */
const GSM = new Set(["comp128-1", "comp128-2", "comp128-3", "xor-2g"]);
const ROWS_AT_ONCE = 500;

const SUBSCRIBERS = `
  SELECT s.id, s.imsi, s.msisdn, s.nam_cs, s.nam_ps, g.algo_id_2g, g.ki,
    u.algo_id_3g, u.k, u.op, u.opc, u.sqn, u.ind_bitlen
  FROM subscriber s
  LEFT JOIN auc_2g g ON g.subscriber_id = s.id
  LEFT JOIN auc_3g u ON u.subscriber_id = s.id
  WHERE s.id > ? ORDER BY s.id LIMIT ${ROWS_AT_ONCE}`;

interface HlrRow {
  readonly id: number;
  readonly imsi: string;
  readonly msisdn: string | null;
  readonly nam_cs: number;
  readonly nam_ps: number;
  readonly algo_id_2g: number | null;
  readonly ki: string | null;
  readonly algo_id_3g: number | null;
  readonly k: string | null;
  readonly op: string | null;
  readonly opc: string | null;
  readonly sqn: number | null;
  readonly ind_bitlen: number | null;
}

export interface HlrSource extends Source {
  /** How many subscribers had 2G keys of their own that 3G keys took the place of. */
  leftOut(): number;
  close(): void;
}

/** Undefined when the file is no such database. */
export function openHlrSource(path: string): HlrSource | undefined {
  const database = openReadOnly(path);
  if (database === undefined) return undefined;
  const total = countRows(database);
  if (total === undefined) {
    database.close();
    return undefined;
  }
  const page = database.query<HlrRow, [number]>(SUBSCRIBERS);
  let done = 0;
  let leftOut = 0;
  return {
    async *read() {
      for (let rows = page.all(-1); rows.length > 0; rows = page.all(rows.at(-1)?.id ?? -1)) {
        done += rows.length;
        leftOut += rows.filter((row) => row.algo_id_2g !== null && row.algo_id_3g !== null).length;
        yield rows.map(readRow);
      }
    },
    progress: () => (total === 0 ? undefined : Math.min(1, done / total)),
    leftOut: () => leftOut,
    close: () => {
      database.close();
    },
  };
}

function openReadOnly(path: string): Database | undefined {
  try {
    return new Database(path, { readonly: true, strict: true });
  } catch {
    return undefined;
  }
}

function countRows(database: Database): number | undefined {
  try {
    database.query(SUBSCRIBERS).all(-1);
    const row = database.query<{ n: number }, []>("SELECT COUNT(*) AS n FROM subscriber").get();
    return row?.n;
  } catch {
    return undefined;
  }
}

/** A USIM's keys count before a SIM's: a row here has one algorithm. */
function readRow(row: HlrRow): SourceItem {
  const line = row.id;
  const id = row.algo_id_3g ?? row.algo_id_2g;
  if (id === null || id === 0) return { line, column: "k", reason: "no_keys" };
  const found = ALGORITHMS.get(id);
  const isGsm = row.algo_id_3g === null;
  if (found === undefined || GSM.has(found.algorithm) !== isGsm) {
    const fault: LineFault = { line, column: "algorithm", reason: "unknown_osmo_algorithm" };
    return fault;
  }
  const values: Record<string, string> = { imsi: row.imsi, algorithm: found.algorithm };
  const put = (name: string | undefined, value: string | number | null): void => {
    if (name !== undefined && value !== null && value !== "") values[name] = String(value);
  };
  put("msisdn", row.msisdn);
  // Network access mode (TS 23.008, 2.1.1.2): neither circuits nor packets.
  if (row.nam_cs === 0 && row.nam_ps === 0) values["status"] = "barred";
  if (isGsm) put("ki", row.ki);
  else {
    put("k", row.k);
    // OP beside the OPc that was derived from it says nothing more.
    if (row.opc === null) put(found.operator?.[0], row.op);
    put(found.operator?.[1], row.opc);
    put("sqn", row.sqn);
    put("ind_bits", row.ind_bitlen);
  }
  return { line, values };
}
