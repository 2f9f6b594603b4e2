/** Tries every row that applies to one card. */
import { DATA_OBJECT, INS, SW } from "#protocol/assigned-numbers";
import { type Bytes, decodeHex } from "#protocol/bytes";
import { encodeStartSession } from "#protocol/messages";
import {
  type AppletKindName,
  CARD_KIND_NUMBERS,
  MODE_NUMBERS,
  type ModeName,
  SUITES,
  type SuiteName,
} from "#protocol/suites";
import { parseCertificate } from "#edge/secure-connection/certificate";
import { type CardStatus, decodeCardStatus } from "#terminal/card";
import {
  type Bench,
  type CardUnderTest,
  getData,
  reach,
  readStatus,
  restart,
  send,
  UnreachedError,
} from "./bench.ts";
import { issueCredential, type PlatformKeys, platformKeysOf } from "./platform.ts";
import { type Condition, type Row, takeNotes } from "./row.ts";
import type { CardSlot } from "./slot.ts";
import { startSession } from "./session.ts";
import { unlock } from "./verdict.ts";

/** What one short answer carries. */
const LONG_BYTES = 256;

/** Not reached: what had to come before the row's question went wrong. */
export type RowVerdict = "pass" | "FAIL" | "not reached";

/** One line of the table. */
export interface Line {
  readonly id: string;
  /** Of a row that is tried in each mode. */
  readonly mode: ModeName | undefined;
  readonly section: string;
  readonly invariant: string | undefined;
  readonly sent: string;
  readonly expected: string;
  readonly got: string;
  readonly verdict: RowVerdict;
  readonly isMandatory: boolean;
}

/** What the person at the bench says of the card, where asking it is not enough. */
export interface Claims {
  readonly suite?: SuiteName;
  readonly modes?: readonly ModeName[];
}

/**
 * Finds out what the card is: SELECT, GET DATA, and START SESSION in every suite and mode that is
 * not claimed. A locked card is examined like any other. Throws UnreachedError.
 */
export async function examine(slot: CardSlot, claims: Claims = {}): Promise<CardUnderTest> {
  const status = await readFirstStatus(slot);
  const kind = kindOf(status);
  const bench = { slot, kind };
  await restart(bench);
  const generation = Math.max(1, status.floor);
  const offers = await findOffers({ ...bench, generation }, claims);
  const [suite] = offers.keys();
  if (suite === undefined) {
    throw new UnreachedError("START SESSION: the card takes no suite under the test keys");
  }
  const keys = platformKeysOf(suite);
  const certificate = await readCertificate(bench, keys);
  const parsed = parseCertificate(certificate);
  const publicKey = parsed.ok ? parsed.value.publicKey : new Uint8Array(0);
  if ("anchor" in keys && !parsed.ok) {
    throw new UnreachedError(`GET DATA certificate: ${parsed.reason}`);
  }
  const cardId = decodeHex(status.cardId) ?? new Uint8Array(0);
  const modes = offers.get(suite) ?? [];
  return { ...bench, cardId, modes, keys, certificate, publicKey };
}

/** Without knowing the kind yet: in short APDUs, which both kinds take. */
async function readFirstStatus(slot: CardSlot): Promise<CardStatus> {
  await restart({ slot, kind: "TF" });
  const data = reach("GET DATA status", await getData({ slot, kind: "TF" }, DATA_OBJECT.status));
  const status = decodeCardStatus(data);
  if (status === undefined) throw new UnreachedError("GET DATA status: not as in section 7");
  return status;
}

function kindOf({ cardKind }: CardStatus): AppletKindName {
  if (cardKind === CARD_KIND_NUMBERS.TF) return "TF";
  if (cardKind === CARD_KIND_NUMBERS.SD) return "SD";
  throw new UnreachedError(`GET DATA status: 86 names card kind ${cardKind}`);
}

async function readCertificate(
  bench: Pick<Bench, "slot" | "kind">,
  keys: PlatformKeys,
): Promise<Bytes> {
  if (!("anchor" in keys)) return new Uint8Array(0);
  return reach("GET DATA certificate", await getData(bench, DATA_OBJECT.certificate));
}

/** The one suite of the card, with its modes, signed first. */
async function findOffers(
  bench: Pick<Bench, "slot" | "kind" | "generation">,
  claims: Claims,
): Promise<Map<SuiteName, ModeName[]>> {
  const offers = new Map<SuiteName, ModeName[]>();
  for (const { name } of SUITES) {
    if (claims.suite !== undefined && claims.suite !== name) continue;
    const asked = claims.modes ?? (["signed", "encrypted"] as const);
    for (const mode of asked) {
      const isTaken = claims.modes !== undefined && claims.suite !== undefined;
      if (isTaken || (await takes(bench, name, mode))) {
        offers.set(name, [...(offers.get(name) ?? []), mode]);
      }
    }
  }
  return offers;
}

async function takes(
  bench: Pick<Bench, "slot" | "kind" | "generation">,
  suite: SuiteName,
  mode: ModeName,
): Promise<boolean> {
  const keys = platformKeysOf(suite);
  const data = encodeStartSession({
    token: Uint8Array.of(0),
    credential: issueCredential(keys, bench.generation),
    suite: keys.tools.suite.number,
    mode: MODE_NUMBERS[mode],
  });
  return (await send(bench, INS.startSession, data)).sw === SW.success;
}

/** Every line of the table, each as soon as it is known. */
export async function* tryRows(
  card: CardUnderTest,
  rows: readonly Row[],
): AsyncGenerator<Line, void, undefined> {
  for (const row of rows) {
    const [usual] = card.modes;
    for (const mode of row.eachMode === true ? card.modes : [usual]) {
      if (mode === undefined || !applies(card, mode, row.needs ?? [])) continue;
      yield await tryRow(card, mode, row);
    }
  }
}

function applies(card: CardUnderTest, mode: ModeName, needs: readonly Condition[]): boolean {
  const isCertified = "anchor" in card.keys;
  const facts: Readonly<Record<Condition, boolean>> = {
    TF: card.kind === "TF",
    SD: card.kind === "SD",
    blocks: card.slot.transmitBlocks !== undefined,
    "certificate suite": isCertified,
    "symmetric suite": !isCertified,
    "long certificate": card.certificate.length > LONG_BYTES,
    signed: mode === "signed",
    encrypted: mode === "encrypted",
  };
  return needs.every((need) => facts[need]);
}

async function tryRow(card: CardUnderTest, mode: ModeName, row: Row): Promise<Line> {
  const notes = takeNotes();
  let unreached: string | undefined;
  try {
    await row.run(await prepare(card, mode), notes.findings);
  } catch (error) {
    unreached = explain(error);
  }
  const { deviations, words, count } = notes;
  const [first] = deviations;
  const more = deviations.length > 1 ? ` (and ${deviations.length - 1} more)` : "";
  const passed = words.size === 0 ? "as expected" : [...words].join(", ");
  const { id, section, invariant, sends, expects } = row;
  const verdict =
    first !== undefined ? "FAIL" : unreached !== undefined || count === 0 ? "not reached" : "pass";
  return {
    id,
    mode: row.eachMode === true ? mode : undefined,
    section,
    invariant,
    sent: sends,
    expected: expects,
    got: first === undefined ? (unreached ?? passed) : `${first}${more}`,
    verdict,
    isMandatory: row.isOptional !== true,
  };
}

/** The card reset, selected, unlocked and idle. */
async function prepare(card: CardUnderTest, mode: ModeName): Promise<Bench> {
  await restart(card);
  const { state, floor } = await readStatus(card);
  const bench = { ...card, mode, generation: Math.max(1, floor) };
  if (state.name === "locked") {
    await unlock(bench, await startSession(bench));
    await restart(card);
  }
  return bench;
}

/** Why a row was not reached; a reader that is gone ends the run instead. */
function explain(error: unknown): string {
  if (error instanceof UnreachedError) return error.message;
  throw error;
}
