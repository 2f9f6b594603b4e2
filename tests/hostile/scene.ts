/** One attack in one cell: two honest pairs, and how each thing the attacker does is judged. */
import { encodeAscii } from "#protocol/bytes";
import { type Cell, nameCell } from "#tests/matrix/cells";
import { PROBLEM_CODES } from "#protocol/wire";
import { bytesOf } from "#tests/platform/exchange";
import type { Answer } from "#tests/platform/rig";
import type { Seeded } from "#tests/terminal/seeded";
import { CardError } from "#terminal/card";
import { type Asked, type Pair, Phone, PhoneError, type Reply } from "./phone.ts";
import type { Place, Tally } from "./tally.ts";
import type { World } from "./world.ts";

export interface Attack {
  /** The class, as `byClass` names it. */
  readonly name: string;
  /** What is attacked. */
  readonly invariant: string;
  /** Why there is nothing to attack in this cell; undefined where there is. */
  readonly findAbsence?: (cell: Cell) => string | undefined;
  readonly run: (scene: Scene) => Promise<void>;
}

export interface SceneParts {
  readonly world: World;
  readonly cell: Cell;
  readonly tally: Tally;
  readonly seeded: Seeded;
  /** Alterations of one field. */
  readonly perField: number;
  /** Bad proofs for one victim; in some cells 1,000. */
  readonly guesses: number;
  readonly one: Pair;
  readonly two: Pair;
}

type Message = string | Uint8Array;

interface Doomed {
  readonly name: string;
  /** A result came: there is a decision, and the audit index will tell it. */
  readonly isDecided: boolean;
}

const AUDIT_WAIT_MS = 10;
const AUDIT_LOOKS_MAX = 1000;

/** What an HTTP message is counted by. */
export const wire = (path: string, body: unknown): string =>
  `${path} ${typeof body === "string" ? body : JSON.stringify(body)}`;

export class Scene {
  readonly parts: SceneParts;
  readonly at: Place;
  /** Sessions in which the platform must not have decided SUCCESS. */
  private readonly doomed = new Map<string, Doomed>();

  constructor(parts: SceneParts, { name, invariant }: Pick<Attack, "name" | "invariant">) {
    this.parts = parts;
    this.at = { cell: nameCell(parts.cell), attack: name, invariant };
  }

  get isUsim(): boolean {
    return this.parts.cell.module.startsWith("USIM");
  }

  phone(pair: Pair = this.parts.one): Promise<Phone> {
    return Phone.assemble(this.parts.world, pair);
  }

  attempt(name: string, message: Message): void {
    this.parts.tally.attempt(this.at, name, message);
  }

  accept(name: string): void {
    this.parts.tally.accepted(this.at, name);
  }

  /** Over HTTP: a typed problem, nothing else. */
  async refuse(name: string, message: Message, act: () => Promise<Answer>): Promise<string> {
    this.attempt(name, message);
    const { status, json } = await act();
    const code = PROBLEM_CODES.find((known) => known === json["code"]);
    if (code === undefined || status < 400 || status >= 500) this.accept(`${name}: ${status}`);
    return code ?? "";
  }

  /** At the card: a status word and nothing else. */
  async refuseAtCard(name: string, message: Message, act: () => Promise<unknown>): Promise<number> {
    this.attempt(name, message);
    try {
      await act();
    } catch (error) {
      if (error instanceof CardError && error.sw !== undefined) return error.sw;
      throw error;
    }
    this.accept(`${name}: the card did it`);
    return 0;
  }

  /**
   * An answer that must not count: refused by the card, by the platform, or decided as FAILURE
   * without a lock. The result, if one comes, reaches the card.
   */
  async fail(name: string, phone: Phone, asked: Asked, statement: Uint8Array): Promise<void> {
    this.attempt(name, statement);
    const reply = await this.trySigning(phone, asked, statement);
    if (reply !== undefined) await this.failReply(name, phone, reply);
  }

  private async trySigning(
    phone: Phone,
    asked: Asked,
    statement: Uint8Array,
  ): Promise<Reply | undefined> {
    try {
      return await phone.sign(asked, statement);
    } catch (error) {
      if (error instanceof CardError && error.sw !== undefined) return undefined;
      throw error;
    }
  }

  async failReply(name: string, phone: Phone, reply: Reply): Promise<void> {
    const answer = await phone.send(reply);
    const { json, status } = answer;
    this.doom(name, reply.sid, json["result"] !== undefined);
    if (json["result"] !== undefined) {
      if (json["verdict"] === "SUCCESS") this.accept(`${name}: SUCCESS`);
      await phone.deliver(bytesOf(json["result"])).catch(() => undefined);
    } else if (!PROBLEM_CODES.some((code) => code === json["code"])) {
      this.accept(`${name}: ${status} ${Object.keys(json).join()}`);
    }
    await this.idle(name, phone);
  }

  /** The platform must not have decided SUCCESS in this session. */
  doom(name: string, sid: string, isDecided: boolean): void {
    this.doomed.set(sid, { name, isDecided });
  }

  /** The card neither serves nor is locked. */
  async idle(name: string, phone: Phone): Promise<void> {
    const state = await phone.state();
    if (state === "serving") this.accept(`${name}: the card serves`);
    if (state === "locked") this.parts.tally.wronglyLocked(this.at, `${name}: the card is locked`);
  }

  /** The card gives no service. */
  async notServing(name: string, phone: Phone): Promise<void> {
    await this.idle(name, phone);
    const document = encodeAscii(`${name} ${this.at.cell}`);
    await this.refuseAtCard(`${name}: SIGN`, document, () => phone.applet.sign(document));
  }

  /** Nothing that the single writers hold was changed by `act`. */
  async unchanged(name: string, act: () => Promise<void>): Promise<void> {
    const before = await this.parts.world.dump();
    await act();
    if ((await this.parts.world.dump()) !== before)
      this.accept(`${name}: the writers' state changed`);
  }

  /** A control: something honest, which must work. */
  async control(name: string, act: () => Promise<boolean>): Promise<void> {
    const { tally } = this.parts;
    try {
      if (await act()) tally.totals.controls += 1;
      else tally.broken(this.at, `control: ${name}`);
    } catch (error) {
      tally.broken(this.at, `control: ${name}: ${describe(error)}`);
    }
  }

  /** What the platform decided, whatever the client was told. */
  async judge(): Promise<void> {
    for (const [sid, { name, isDecided }] of this.doomed) {
      const verdict = await this.readVerdict(sid, isDecided);
      if (verdict === "SUCCESS") this.accept(`${name}: the platform decided SUCCESS`);
    }
    this.doomed.clear();
  }

  /** From the audit index, which learns of a decision a moment after it; "" when none was made. */
  async readVerdict(sid: string, isDecided: boolean): Promise<string> {
    const { admin, tenant } = this.parts.world.fleet;
    for (let looks = 0; looks < AUDIT_LOOKS_MAX; looks++) {
      const events = await admin.getAudit({ tenant, session: sid });
      const decided = events.filter(({ type }) => type === "decided");
      if (decided.length > 1) this.accept(`session ${sid} was decided twice`);
      const [event] = decided;
      if (event !== undefined) return /^RESULT=([A-Z]+)/.exec(event.reason)?.[1] ?? "";
      if (!isDecided) return "";
      await Bun.sleep(AUDIT_WAIT_MS);
    }
    throw new Error("the audit index never learnt of a decision");
  }

  /** Why this session's challenge was a dummy; "" when it was none. */
  async readObjection(sid: string): Promise<string> {
    const { admin, tenant } = this.parts.world.fleet;
    for (let looks = 0; looks < AUDIT_LOOKS_MAX; looks++) {
      const events = await admin.getAudit({ tenant, session: sid });
      const event = events.find(({ type }) => type === "card_authenticated");
      if (event !== undefined) return event.reason;
      await Bun.sleep(AUDIT_WAIT_MS);
    }
    throw new Error("the audit index never learnt of a challenge");
  }

  /** The same card binds again as if nothing had been. */
  async recover(pair: Pair = this.parts.one): Promise<void> {
    const phone = await this.phone(pair);
    if ((await phone.state()) === "locked") {
      this.parts.tally.wronglyLocked(this.at, "the card is locked afterwards");
      return;
    }
    await this.control("binds again", async () => {
      const { sid } = await phone.bind();
      if ((await this.readVerdict(sid, true)) !== "SUCCESS") return false;
      const state = await phone.state();
      if (state === "locked") this.parts.tally.wronglyLocked(this.at, "the next session locks");
      if (state !== "serving") return false;
      return (await phone.applet.sign(encodeAscii("a document"))).length === 64;
    });
  }

  order(body: Parameters<World["fleet"]["admin"]["orderCard"]>[1], pair = this.parts.one) {
    return this.parts.world.fleet.admin.orderCard(pair.card.cardId, body);
  }
}

export function describe(error: unknown): string {
  if (error instanceof PhoneError || error instanceof CardError) return error.message;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
