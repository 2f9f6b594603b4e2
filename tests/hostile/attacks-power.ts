/** Power cuts: at every write of the card's flash, torn in every way, and between commands. */
import { encodeAscii } from "#protocol/bytes";
import { PAGE_BYTES, type Tear } from "#tests/emulators/card/non-volatile-memory";
import { CardError, type CardStatus } from "#terminal/card";
import { askUnlock } from "./attacks-unlock.ts";
import { Phone, PhoneError } from "./phone.ts";
import type { Attack, Scene } from "./scene.ts";

const TWO = ["Ada Lovelace", "Grace Hopper"] as const;

const TEARS: readonly Tear[] = [0, 1, 13, PAGE_BYTES / 2, PAGE_BYTES - 1, PAGE_BYTES].flatMap(
  (newBytes): Tear[] => [
    { newBytes, rest: "old" },
    { newBytes, rest: "erased" },
  ],
);

/** In each cell other ones beside those at the ends: all cells together cut at every byte. */
const MORE_TEARS = 3;

function chooseTears({ parts: { perField, seeded } }: Scene): Tear[] {
  const more = Array.from({ length: MORE_TEARS }, (): Tear => {
    return {
      newBytes: seeded.below(PAGE_BYTES + 1),
      rest: seeded.below(2) === 0 ? "old" : "erased",
    };
  });
  return [...TEARS.filter((_, index) => perField > 1 || index % 3 === 1), ...more];
}

interface Cut {
  readonly name: string;
  readonly tear: Tear;
  /** 1 is the command's first write to the flash. */
  readonly nth: number;
}

/** Each of the writes that a command makes, torn in each way. */
function listCuts(scene: Scene, command: string, writes: number): Cut[] {
  if (writes === 0) throw new PhoneError(`${command} writes nothing`);
  return Array.from({ length: writes }, (_, index) => index + 1).flatMap((nth) =>
    chooseTears(scene).map((tear) => ({
      name: `${command} write ${nth}, ${tear.newBytes} bytes new, the rest ${tear.rest}`,
      tear,
      nth,
    })),
  );
}

/** How many writes to the flash `act` makes. */
async function countWrites({ pair }: Phone, act: () => Promise<unknown>): Promise<number> {
  const before = pair.card.memory.countWrites();
  await act();
  return pair.card.memory.countWrites() - before;
}

/** `act` with the power cut, then the status after a power-up; undefined for a broken card. */
async function cutDuring(
  scene: Scene,
  phone: Phone,
  { name, tear, nth }: Cut,
  message: Uint8Array,
  act: () => Promise<unknown>,
): Promise<CardStatus | undefined> {
  const { memory } = phone.pair.card;
  const { tally } = scene.parts;
  memory.cutAfterWrites(nth, tear);
  scene.attempt(name, Uint8Array.of(nth, tear.newBytes, tear.rest.length, ...message));
  const wasCut = await act().then(
    () => false,
    (error: unknown) => error instanceof CardError && error.code === "transport",
  );
  memory.cancelCut();
  if (!wasCut) tally.broken(scene.at, `${name}: power was not cut`);
  const status = await restart(phone);
  if (status === undefined) tally.wronglyLocked(scene.at, `${name}: the card is broken`);
  else if (status.state.name === "serving") scene.accept(`${name}: the card serves`);
  return status;
}

/** Power goes at a write of RESULT, torn in each way; and between any two commands. */
async function cutPower(scene: Scene): Promise<void> {
  const phone = await scene.phone();
  const { device } = scene.parts.one.card;
  const { result: whole } = await phone.decide();
  const writes = await countWrites(phone, () => phone.deliver(whole));
  await phone.applet.select();
  for (const cut of listCuts(scene, "RESULT", writes)) {
    const { result } = await phone.decide();
    const { epoch } = await phone.applet.readStatus();
    const after = await cutDuring(scene, phone, cut, result, () => phone.deliver(result));
    if (after === undefined) return;
    if (after.epoch < epoch) scene.accept(`${cut.name}: the epoch fell`);
    await scene.notServing(cut.name, phone);
    await scene.refuseAtCard(`${cut.name}, again`, result, () => phone.deliver(result));
  }
  for (const stage of ["opened", "answered"] as const) {
    const asked = await phone.begin();
    const signed = stage === "answered" ? await phone.reply(asked) : undefined;
    await device.reset();
    await phone.applet.select();
    const statement = phone.statement(await phone.respond(asked));
    await scene.refuseAtCard(`ANSWER after a cut, ${stage}`, statement, () =>
      phone.sign(asked, statement),
    );
    if (signed !== undefined) {
      const answer = await phone.send(signed);
      const result = Buffer.from(String(answer.json["result"]), "base64url");
      await scene.refuseAtCard("RESULT after a cut", result, () => phone.deliver(result));
    }
    await scene.notServing(`a cut, ${stage}`, phone);
  }
}

/** A result that locks and an unlock, torn in each way: locked stays locked, never serving. */
async function cutAtLock(scene: Scene): Promise<void> {
  const { one, two, world } = scene.parts;
  const stranger = await Phone.assemble(world, { card: one.card, subscriber: two.subscriber });
  const phone = await scene.phone();
  const writes = await countWrites(phone, () => lockWith(scene, stranger));
  const unlockWrites = await countWrites(phone, () => unlock(scene, phone));
  const locks = listCuts(scene, "RESULT that locks", writes);
  const unlocks = listCuts(scene, "UNLOCK", unlockWrites);
  for (const index of Array.from({ length: Math.max(locks.length, unlocks.length) }).keys()) {
    const [lock, lift] = [locks[index % locks.length], unlocks[index % unlocks.length]];
    if (lock === undefined || lift === undefined) throw new PhoneError("no writes");
    await cutLock(scene, phone, stranger, lock);
    await cutUnlock(scene, phone, lift);
  }
}

/** A module that no rule allows beside this card locks it: the rule says so. */
async function lockWith(scene: Scene, stranger: Phone): Promise<void> {
  const { sid, result } = await stranger.decide();
  scene.doom("a module that no rule allows", sid, true);
  await stranger.deliver(result).catch(() => undefined);
  await scene.control("the lock", async () => (await stranger.state()) === "locked");
}

async function unlock(scene: Scene, phone: Phone): Promise<void> {
  await scene.order({ order: "unlock", by: TWO });
  const grant = await askUnlock(phone);
  await phone.applet.unlock(phone.pair.card.suite, grant.unlock);
  await scene.control("the unlock", async () => (await phone.state()) === "idle");
}

async function cutLock(scene: Scene, phone: Phone, stranger: Phone, cut: Cut): Promise<void> {
  const { sid, result } = await stranger.decide();
  scene.doom(cut.name, sid, true);
  const after = await cutDuring(scene, stranger, cut, result, () => stranger.deliver(result));
  if (after === undefined || after.state.name === "locked") return;
  // The lock never arrived: it goes out again, whoever is in the phone now.
  await lockWith(scene, phone);
}

async function cutUnlock(scene: Scene, phone: Phone, cut: Cut): Promise<void> {
  await scene.order({ order: "unlock", by: TWO });
  const grant = await askUnlock(phone);
  const { suite } = phone.pair.card;
  const act = (): Promise<unknown> => phone.applet.unlock(suite, grant.unlock);
  const after = await cutDuring(scene, phone, cut, grant.unlock, act);
  await scene.refuseAtCard(`${cut.name}, again`, grant.unlock, act);
  const document = encodeAscii(`a document after ${cut.name}`);
  await scene.refuseAtCard(`${cut.name}: SIGN`, document, () => phone.applet.sign(document));
  if (after?.state.name !== "locked") return;
  const again = await askUnlock(phone);
  await phone.applet.unlock(suite, again.unlock);
  await scene.control("the grant stands", async () => (await phone.state()) === "idle");
}

/** The status after a power-up; undefined for a card that answers nothing any more. */
async function restart({ pair, applet }: Phone): Promise<CardStatus | undefined> {
  await pair.card.device.reset();
  try {
    await applet.select();
    return await applet.readStatus();
  } catch (error) {
    if (error instanceof CardError) return undefined;
    throw error;
  }
}

export const CUTTING: readonly Attack[] = [
  { name: "power cut between card writes", invariant: "I9", run: cutPower },
  { name: "power cut at lock and unlock", invariant: "I9", run: cutAtLock },
];
