/**
 * What a cell of the matrix must show: the card binds beside its module and serves; beside a module
 * with the same IMSI and another key it does not; a proof or a result that was altered on the way
 * is refused; and after all of it the same card binds again.
 */
import { encodeAscii } from "#protocol/bytes";
import type { Fleet, FleetCard, FleetSubscriber } from "#tests/fleet/fleet";
import { PlatformError } from "#terminal/platform-client";
import { flipInBody } from "./alter.ts";
import type { Cell } from "./cells.ts";

/** Thrown with the first of them that does not hold. */
export class CellError extends Error {
  constructor(what: string) {
    super(what);
    this.name = "CellError";
  }
}

export interface CellParts {
  readonly card: FleetCard;
  readonly subscriber: FleetSubscriber;
}

const HOME_OPERATOR = "46001";

export async function makeCellParts(fleet: Fleet, cell: Cell): Promise<CellParts> {
  const card = await fleet.addCard({ suite: cell.suite, modes: [cell.mode], kind: cell.card });
  const subscriber = await fleet.addSubscriber({ operator: HOME_OPERATOR, kind: cell.module });
  await fleet.addRule(card, { imsi: subscriber.imsi }, "lock");
  return { card, subscriber };
}

export async function checkCell(fleet: Fleet, { card, subscriber }: CellParts): Promise<void> {
  await expectServing(fleet, card, subscriber, "the card beside its module");
  await expectStrangerRefused(fleet, card, subscriber);
  await expectAlteredProofRefused(fleet, card, subscriber);
  await expectAlteredResultRefused(fleet, card, subscriber);
  await expectServing(fleet, card, subscriber, "the card beside its module again");
}

async function expectServing(
  fleet: Fleet,
  card: FleetCard,
  subscriber: FleetSubscriber,
  what: string,
): Promise<void> {
  const phone = await fleet.assemblePhone(card, subscriber);
  const { outcome } = await phone.bind();
  require(outcome.verdict === "SUCCESS", `${what}: ${outcome.verdict} ${outcome.reason ?? ""}`);
  require(outcome.receipt === "delivered", `${what}: receipt ${outcome.receipt}`);
  const signature = await phone.card().sign(encodeAscii("a document"));
  require(signature.length === 64, `${what}: the card signs nothing`);
}

/** Same IMSI, other keys: the module's answer is well-formed and wrong. */
async function expectStrangerRefused(
  fleet: Fleet,
  card: FleetCard,
  subscriber: FleetSubscriber,
): Promise<void> {
  const phone = await fleet.assemblePhone(card, subscriber.forge());
  const { outcome } = await phone.bind();
  const { verdict, cardState } = outcome;
  require(verdict === "FAILURE", `a module with another key: ${verdict}`);
  require(cardState === "idle", `a module with another key leaves the card ${cardState}`);
}

async function expectAlteredProofRefused(
  fleet: Fleet,
  card: FleetCard,
  subscriber: FleetSubscriber,
): Promise<void> {
  const phone = await fleet.assemblePhone(card, subscriber, flipInBody("/card", "proof", "sent"));
  let code = "none";
  try {
    await phone.bind();
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    ({ code } = error);
  }
  require(code === "card_not_authenticated", `an altered card proof: ${code}`);
}

async function expectAlteredResultRefused(
  fleet: Fleet,
  card: FleetCard,
  subscriber: FleetSubscriber,
): Promise<void> {
  const alter = flipInBody("/answer", "result", "received");
  const phone = await fleet.assemblePhone(card, subscriber, alter);
  const { outcome } = await phone.bind();
  const { verdict, cardState } = outcome;
  require(verdict === "REFUSED", `an altered result: ${verdict}`);
  require(cardState === "idle", `an altered result leaves the card ${cardState}`);
}

function require(holds: boolean, what: string): void {
  if (!holds) throw new CellError(what);
}
