/** The card's own side: services without a lease, power cuts, channels, SELECT, garbage. */
import { encodeBase64Url, encodeAscii, concatBytes } from "#protocol/bytes";
import { CLA, INS, LABEL, PSO, TAG } from "#protocol/assigned-numbers";
import { encodeTlv } from "#protocol/tlv";
import { exchangeApdu } from "#terminal/transport";
import type { Phone } from "./phone.ts";
import { type Attack, type Scene, wire } from "./scene.ts";

/** Services at every stage of a session that has no SUCCESS yet. */
async function serveEarly(scene: Scene): Promise<void> {
  const phone = await scene.phone();
  const { applet } = phone;
  const tryAll = async (when: string): Promise<void> => {
    const document = encodeAscii(`a document ${when}`);
    const plain = encodeAscii(`a secret ${when}`);
    const sealed = scene.parts.seeded.bytes(40);
    await scene.refuseAtCard(`SIGN ${when}`, document, () => applet.sign(document));
    await scene.refuseAtCard(`ENCIPHER ${when}`, plain, () => applet.encipher(plain));
    await scene.refuseAtCard(`DECIPHER ${when}`, sealed, () => applet.decipher(sealed));
  };
  await tryAll("at rest");
  const opening = await phone.start();
  await tryAll("after START SESSION");
  const asked = await phone.receive(opening.sid, await phone.prove(opening));
  await tryAll("after the challenge");
  const signed = await phone.reply(asked);
  await tryAll("after ANSWER");
  await phone.send(signed);
  await tryAll("after the decision");
  await scene.idle("early services", phone);
}

/** What the card signs for a document is no proof; what it is asked to prove is no document. */
async function signStep3(scene: Scene): Promise<void> {
  const phone = await scene.phone();
  const asked = await phone.begin();
  const statement = phone.statement(await phone.respond(asked));
  const message = concatBytes(asked.bytes, statement);
  await scene.refuseAtCard("SIGN step 3 at rest", message, () => phone.applet.sign(message));
  await phone.bind();
  // A renewal: the card serves and signs documents while a session is open.
  const next = await phone.begin();
  const answer = phone.statement(await phone.respond(next));
  const documents = [
    concatBytes(next.bytes, answer),
    answer,
    concatBytes(
      encodeTlv(TAG.label, encodeAscii(LABEL.answerProof)),
      encodeTlv(TAG.hash, new Uint8Array(32)),
    ),
    next.bytes,
  ];
  const { proofBytes } = phone.pair.card.suite;
  for (const [index, document] of documents.entries()) {
    const signature = await phone.applet.sign(document);
    const proof = concatBytes(signature, new Uint8Array(256)).subarray(0, proofBytes);
    const body = phone.isEncrypted
      ? { token: next.token, sealed: encodeBase64Url(encodeTlv(TAG.sealed, answer, signature)) }
      : {
          token: next.token,
          statement: encodeBase64Url(answer),
          proof: encodeBase64Url(encodeTlv(TAG.signature, proof)),
        };
    await scene.refuse(`a document's signature as S3: #${index}`, wire(next.sid, body), () =>
      phone.send({ sid: next.sid, body }),
    );
  }
}

async function startTwice(scene: Scene): Promise<void> {
  const phone = await scene.phone();
  const terms = await phone.ask();
  const sameTerms = [await phone.open(terms), await phone.open(terms)] as const;
  const openings = [
    ["under one token", ...sameTerms],
    ["under two tokens", await phone.start(), await phone.start()],
  ] as const;
  for (const [name, first] of openings) {
    await phone.start();
    scene.attempt(`${name}: step 2 of the first`, wire(first.sid, first.body));
    const reply = await phone.prove(first);
    if (reply.status !== 200) continue;
    if (phone.isEncrypted) {
      const message = Buffer.from(String(reply.json["challenge"]), "base64url");
      await scene.refuseAtCard(`${name}: the first's challenge`, message, () =>
        phone.applet.openChallenge(message),
      );
      continue;
    }
    const asked = await phone.receive(first.sid, reply);
    const signed = await phone.sign(asked, phone.statement(await phone.respond(asked)));
    await scene.refuse(`${name}: the first's step 3`, wire(first.sid, signed.body), () =>
      phone.send(signed),
    );
  }
  const decided = await phone.decide();
  await phone.start();
  await scene.refuseAtCard("the result of the one before", decided.result, () =>
    phone.deliver(decided.result),
  );
  await scene.notServing("START SESSION again", phone);
}

/** Every command in the class of another logical channel, and MANAGE CHANNEL. */
async function openChannels(scene: Scene): Promise<void> {
  const phone = await scene.phone();
  const { result } = await phone.decide();
  const statement = phone.rawStatement(Uint8Array.of(0x97, 2, 0x98, 0x62));
  const commands: readonly (readonly [string, number, number, number, Uint8Array])[] = [
    ["SELECT", CLA.interindustry, INS.select, 0x0400, encodeAscii("x")],
    ["START SESSION", CLA.proprietary, INS.startSession, 0, result],
    ["OPEN CHALLENGE", CLA.proprietary, INS.openChallenge, 0, result],
    ["ANSWER", CLA.proprietary, INS.answer, 0, statement],
    ["RESULT", CLA.proprietary, INS.result, 0, result],
    ["UNLOCK", CLA.proprietary, INS.unlock, 0, result],
    ["SIGN", CLA.interindustry, INS.performSecurityOperation, PSO.sign, encodeAscii("x")],
    ["ENCIPHER", CLA.interindustry, INS.performSecurityOperation, PSO.encipher, encodeAscii("x")],
  ];
  for (const channel of [1, 2, 3, 0x40, 0x4f])
    for (const [name, cla, ins, p1p2, data] of commands)
      await sendRaw(scene, phone, `channel ${channel}: ${name}`, cla | channel, ins, p1p2, data);
  for (const p1p2 of [0, 1, 0x8001, 0x8000])
    await sendRaw(scene, phone, `MANAGE CHANNEL: ${p1p2}`, 0, INS.manageChannel, p1p2);
  const status = await phone.applet.readStatus().catch(() => undefined);
  if (status === undefined) return scene.accept("another channel deselected the applet");
  await scene.notServing("other channels", phone);
  await scene.control("the basic channel", async () => {
    await phone.deliver(result);
    return (await phone.state()) === "serving";
  });
  const { uses } = (await phone.applet.readStatus()).lease;
  const name = "SIGN while channel 0 serves";
  const document = encodeAscii("y");
  await sendRaw(scene, phone, name, 1, INS.performSecurityOperation, PSO.sign, document);
  const { lease } = await phone.applet.readStatus();
  if (lease.uses !== uses) scene.accept(`${name}: it cost a use`);
  return undefined;
}

async function sendRaw(
  scene: Scene,
  phone: Phone,
  name: string,
  cla: number,
  ins: number,
  p1p2: number,
  data?: Uint8Array,
): Promise<void> {
  const header = Uint8Array.of(cla, ins, p1p2 >> 8, p1p2 & 0xff);
  scene.attempt(name, concatBytes(header, data ?? new Uint8Array(0)));
  const command = { cla, ins, p1p2, ...(data === undefined ? {} : { data }) };
  const response = await exchangeApdu(phone.transport, command);
  if (response === undefined || response.sw === 0x9000) scene.accept(`${name}: ${response?.sw}`);
}

async function selectAway(scene: Scene): Promise<void> {
  const phone = await scene.phone();
  const away = async (): Promise<void> => {
    const select = { cla: 0, ins: INS.select, p1p2: 0x0400, data: encodeAscii("another") };
    await exchangeApdu(phone.transport, select);
    await phone.applet.select();
  };
  const asked = await phone.begin();
  const statement = phone.statement(await phone.respond(asked));
  await away();
  await scene.refuseAtCard("ANSWER", statement, () => phone.sign(asked, statement));
  const { result } = await phone.decide();
  await away();
  await scene.refuseAtCard("RESULT", result, () => phone.deliver(result));
  await scene.notServing("SELECT before RESULT", phone);
  await phone.bind();
  await away();
  await scene.notServing("SELECT away and back", phone);
  await phone.bind();
  await phone.applet.select();
  await scene.notServing("SELECT again", phone);
  await phone.bind();
  const select = { cla: 0, ins: INS.select, p1p2: 0x0400, data: encodeAscii("another") };
  await exchangeApdu(phone.transport, select);
  const document = encodeAscii("a document for another application");
  await scene.refuseAtCard("SIGN for another application", document, () =>
    phone.applet.sign(document),
  );
}

const LENGTHS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 16, 17, 31, 64, 127, 128, 129, 254, 255, 256, 257, 600];

/** In each cell some lengths more; all cells together leave few out. */
const MORE_LENGTHS = 8;
const LENGTH_MAX = 1000;

/** Bytes without a meaning, of many lengths, on all three wires, while a session is open. */
async function sendGarbage(scene: Scene): Promise<void> {
  const { seeded, world } = scene.parts;
  const phone = await scene.phone();
  const { sid } = await phone.reply(await phone.begin());
  const more = Array.from({ length: MORE_LENGTHS }, () => 1 + seeded.below(LENGTH_MAX));
  const lengths = [...LENGTHS, ...more];
  await scene.unchanged("garbage over HTTP", async () => {
    for (const path of ["", `/${sid}/card`, `/${sid}/answer`, `/${sid}/receipt`])
      for (const length of lengths) {
        const bytes = seeded.bytes(length);
        const text = length % 2 === 0 ? Buffer.from(bytes).toString("latin1") : bodyOf(bytes);
        const name = `HTTP ${path.split("/").at(-1)}: ${length} bytes`;
        await scene.refuse(name, wire(path, text), () => world.post(0, path, text));
      }
  });
  for (const length of lengths.filter((size) => size > 0)) {
    const bytes = seeded.bytes(length);
    for (const ins of [INS.openChallenge, INS.answer, INS.result, INS.unlock, INS.startSession])
      await sendRaw(scene, phone, `APDU ${ins}: ${length} bytes`, CLA.proprietary, ins, 0, bytes);
    scene.attempt(`bytes to the card: ${length}`, bytes);
    await phone.pair.card.device.transmit(bytes);
    const forModule = Uint8Array.of(0xff, ...bytes);
    scene.attempt(`bytes to the module: ${length}`, forModule);
    const said = await phone.pair.subscriber.device.transmit(forModule);
    if (said.length < 2) scene.accept(`bytes to the module: ${length}: no status word`);
  }
  await scene.idle("garbage", phone);
}

function bodyOf(bytes: Uint8Array): string {
  const text = encodeBase64Url(bytes);
  return JSON.stringify({ token: text, proof: text, sealed: text, receipt: text });
}

export const AT_THE_CARD: readonly Attack[] = [
  { name: "services without a lease", invariant: "I1", run: serveEarly },
  { name: "step 3 given to SIGN", invariant: "I15", run: signStep3 },
  { name: "START SESSION twice", invariant: "I15", run: startTwice },
  { name: "second logical channel", invariant: "I1", run: openChannels },
  { name: "SELECT away and back", invariant: "I9", run: selectAway },
  { name: "garbage", invariant: "I8", run: sendGarbage },
];
