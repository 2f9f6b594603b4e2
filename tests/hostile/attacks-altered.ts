/** Every field of every message altered, on its way to the platform, the card and the module. */
import { INS } from "#protocol/assigned-numbers";
import { decodeBase64Url, encodeAscii, encodeBase64Url } from "#protocol/bytes";
import { decodeChallenge, type ModuleAnswer } from "#protocol/messages";
import { flipBit } from "#tests/invariants/bench";
import { bytesOf } from "#tests/platform/exchange";
import { CardError } from "#terminal/card";
import { alterMember, type Altered, flipFields, misshape } from "./alterations.ts";
import { type Body, type Opening, type Phone, PhoneError, type Terms } from "./phone.ts";
import { type Attack, type Scene, wire } from "./scene.ts";

type Alter = (bytes: Uint8Array) => Altered<Uint8Array>[];

/** Bits of each field, and the message out of shape. */
function neighbours({ parts }: Scene): Alter {
  const { seeded, perField } = parts;
  return (bytes) => [...flipFields(bytes, seeded, perField), ...misshape(bytes)];
}

/** A token is no concern of a client: bits anywhere in it, and its length. */
function tokens({ parts }: Scene): Alter {
  const { seeded, perField } = parts;
  return (bytes) => [
    ...flipFields(bytes, seeded, 1).map(({ value }, index) => ({
      name: `token: flipped in an element #${index}`,
      value,
    })),
    ...Array.from({ length: perField }, (_, index) => ({
      name: `token: flipped #${index}`,
      value: flipBit(bytes, seeded.below(bytes.length * 8)),
    })),
    { name: "token: cut", value: bytes.subarray(0, -1) },
    { name: "token: cut in front", value: bytes.subarray(1) },
    { name: "token: longer", value: Uint8Array.of(...bytes, 0) },
  ];
}

function digits(text: string, { seeded, perField }: Scene["parts"]): Altered<string>[] {
  return Array.from({ length: perField }, (_, index) => {
    const at = seeded.below(text.length);
    const digit = String((Number.parseInt(text[at] ?? "0", 16) + 1 + seeded.below(8)) % 10);
    return { name: `digit: #${index}`, value: text.slice(0, at) + digit + text.slice(at + 1) };
  }).filter(({ value }) => value !== text);
}

/** START SESSION with such terms: refused by the card, or its step 2 by the platform. */
async function tryTerms(scene: Scene, phone: Phone, name: string, terms: Terms): Promise<void> {
  const { token, credential, sid } = terms;
  scene.attempt(name, Uint8Array.of(...token, ...credential));
  let opening: Opening;
  try {
    opening = await phone.open(terms);
  } catch (error) {
    if (error instanceof CardError && error.sw !== undefined) return;
    throw error;
  }
  await scene.refuse(name, wire(`/${sid}/card`, opening.body), () => phone.prove(opening));
}

async function alterTerms(scene: Scene): Promise<void> {
  const { parts } = scene;
  const phone = await scene.phone();
  const terms = await phone.ask();
  await scene.unchanged("altered terms", async () => {
    for (const { name, value } of tokens(scene)(terms.token).filter(
      ({ value: { length } }) => length < 256,
    ))
      await tryTerms(scene, phone, name, { ...terms, token: value });
    for (const { name, value } of neighbours(scene)(terms.credential))
      await tryTerms(scene, phone, `credential ${name}`, { ...terms, credential: value });
    for (const { name, value } of digits(parts.one.card.cardId, parts)) {
      const other = await phone.ask({ cardId: value }).catch(() => undefined);
      if (other !== undefined) await tryTerms(scene, phone, `cardId ${name}`, other);
    }
    const offer = phone.offer;
    for (const [name, change] of [
      ["tenant", { tenant: "another" }],
      ["suites", { suites: [] }],
      ["suites", { suites: ["", "p-256"] }],
      ["modes", { modes: [] }],
      ["modes", { modes: ["SIGNED"] }],
      ["moduleKind", { moduleKind: "ISIM" }],
      ["cardId", { cardId: offer.cardId.toLowerCase().padEnd(17, "f") }],
      ["an unknown member", { imsi: phone.imsi }],
    ] as const) {
      const body = { ...offer, ...change };
      await scene.refuse(`offer ${name}: ${JSON.stringify(change)}`, wire("", body), () =>
        parts.world.post(0, "", body),
      );
    }
  });
  await scene.control("the terms as they were", async () => {
    const opening = await phone.open(terms);
    return (await phone.prove(opening)).status === 200;
  });
}

async function alterStep2(scene: Scene): Promise<void> {
  const { parts } = scene;
  const phone = await scene.phone();
  const opening = await phone.start();
  const { sid, body } = opening;
  const variants: Altered<Body>[] = [
    ...alterMember(body, "token", tokens(scene)),
    ...alterMember(body, "proof", neighbours(scene)),
    ...digits(parts.one.card.cardId, parts).map(({ name, value }) => ({
      name: `cardId ${name}`,
      value: { ...body, cardId: value },
    })),
    ...Object.keys(body).flatMap((name) => {
      const { [name]: _taken, ...rest } = body;
      return [
        { name: `${name}: left out`, value: rest },
        { name: `${name}: empty`, value: { ...body, [name]: "" } },
      ];
    }),
    { name: "an unknown member", value: { ...body, result: "AA" } },
    { name: "the other mode's IMSI", value: otherIdentity(body) },
  ];
  await scene.unchanged("altered step 2", async () => {
    for (const { name, value } of variants)
      await scene.refuse(name, wire(`/${sid}/card`, value), () =>
        phone.prove({ sid, body: value }),
      );
    for (const { name, value } of alterMember({ sid }, "sid", tokens(scene)))
      await scene.refuse(name, wire(`/${value["sid"]}/card`, body), () =>
        phone.prove({ sid: value["sid"] ?? "", body }),
      );
  });
  await scene.control("step 2 as it was", async () => (await phone.prove(opening)).status === 200);
}

function otherIdentity(body: Body): Body {
  const { imsi, concealedImsi: _concealed, ...rest } = body;
  return imsi === undefined
    ? { ...rest, imsi: "460010000000000" }
    : { ...rest, concealedImsi: encodeBase64Url(new Uint8Array(50)) };
}

/** The challenge altered: for the card alone, for the module alone. */
async function alterRequest(scene: Scene): Promise<void> {
  const phone = await scene.phone();
  const opening = await phone.start();
  const reply = await phone.prove(opening);
  const message = decodeBase64Url(String(reply.json["challenge"])) ?? new Uint8Array(0);
  if (phone.isEncrypted) {
    for (const { name, value } of neighbours(scene)(message))
      await scene.refuseAtCard(name, value, () => phone.applet.openChallenge(value));
    await scene.control("the challenge as it was", async () => {
      const asked = await phone.receive(opening.sid, reply);
      return (await phone.send(await phone.reply(asked))).status === 200;
    });
    return;
  }
  for (const { name, value } of flipFields(message, scene.parts.seeded, 1)) {
    if (decodeChallenge(value) === undefined) continue;
    const next = await phone.begin();
    const answer = phone.statement(await phone.respond(next));
    await scene.fail(`to the card ${name}`, phone, { ...next, bytes: value }, answer);
  }
}

async function alterForModule(scene: Scene): Promise<void> {
  const phone = await scene.phone();
  for (let nth = 0; nth < 2; nth++) {
    const asked = await phone.begin();
    const { rands, autn } = asked.challenge;
    const at = nth * 37 + 3;
    const changed =
      nth === 0 || autn.length === 0
        ? { rands: rands.map((rand, i) => (i === 0 ? flipBit(rand, at % 32) : rand)), autn }
        : { rands, autn: flipBit(autn, at) };
    const answer = await phone.respond({ challenge: { round: 0, ...changed } });
    await scene.fail(`to the module: #${nth}`, phone, asked, phone.statement(answer));
  }
  for (let nth = 0; nth < 3; nth++) {
    const asked = await phone.begin();
    const altered = alterAnswer(await phone.respond(asked), scene.parts.seeded.below(18));
    await scene.fail(`from the module: #${nth}`, phone, asked, phone.statement(altered));
  }
}

function alterAnswer(answer: ModuleAnswer, bit: number): ModuleAnswer {
  if (answer.kind !== "res") throw new PhoneError(`the module said ${answer.kind}`);
  // AUTHR has 18 bits, right-aligned: `bit` counts from there.
  const values = answer.values.map((res, i) =>
    i === answer.values.length - 1
      ? flipBit(res, (res.length - 1 - (bit >> 3)) * 8 + (bit & 7))
      : res,
  );
  return { kind: "res", values };
}

/** What the client hands to the card, which signs or seals it: every element altered. */
async function alterStatement(scene: Scene): Promise<void> {
  const phone = await scene.phone();
  const first = await phone.begin();
  const honest = phone.statement(await phone.respond(first));
  const names = neighbours(scene)(honest).map(({ name }) => name);
  for (const name of names) {
    const asked = await phone.begin();
    const statement = phone.statement(await phone.respond(asked));
    const variant = neighbours(scene)(statement).find((each) => each.name === name);
    if (variant !== undefined) await scene.fail(name, phone, asked, variant.value);
  }
}

/** Byte of the header, bits of it: none of them the chaining bit, which asks for more. */
const HEADER_CHANGES = [
  ["CLA", 0, 0x04],
  ["CLA", 0, 0x20],
  ["INS", 1, 0x02],
  ["INS", 1, 0x40],
  ["P1", 2, 0x01],
  ["P1", 2, 0x80],
  ["P2", 3, 0x01],
  ["P2", 3, 0x40],
] as const;

/** The header of each command to the card altered, its data as they were. */
async function alterHeaders(scene: Scene): Promise<void> {
  const phone = await scene.phone();
  const altered = async (
    command: string,
    ins: number,
    data: Uint8Array,
    act: () => Promise<unknown>,
  ): Promise<void> => {
    for (const [where, at, bits] of HEADER_CHANGES) {
      phone.alter = (apdu) =>
        apdu[1] === ins ? apdu.map((byte, index) => (index === at ? byte ^ bits : byte)) : apdu;
      const sent = Uint8Array.of(ins, at, bits, ...data);
      await scene.refuseAtCard(`${command} ${where}: bits ${bits}`, sent, act);
      phone.alter = undefined;
    }
  };
  const terms = await phone.ask();
  await altered("START SESSION", INS.startSession, terms.token, () => phone.open(terms));
  const opening = await phone.open(terms);
  const reply = await phone.prove(opening);
  const message = bytesOf(reply.json["challenge"]);
  if (phone.isEncrypted)
    await altered("OPEN CHALLENGE", INS.openChallenge, message, () =>
      phone.applet.openChallenge(message),
    );
  const asked = await phone.receive(opening.sid, reply);
  const statement = phone.statement(await phone.respond(asked));
  await altered("ANSWER", INS.answer, statement, () => phone.sign(asked, statement));
  const result = bytesOf((await phone.send(await phone.sign(asked, statement))).json["result"]);
  await altered("RESULT", INS.result, result, () => phone.deliver(result));
  await scene.notServing("altered headers", phone);
  await scene.control("the commands as they were", async () => {
    await phone.deliver(result);
    return (await phone.state()) === "serving";
  });
  const document = encodeAscii("a document under an altered header");
  await altered("SIGN", INS.performSecurityOperation, document, () => phone.applet.sign(document));
}

async function alterStep3(scene: Scene): Promise<void> {
  const phone = await scene.phone();
  const asked = await phone.begin();
  const { sid, body } = await phone.reply(asked);
  const variants = Object.keys(body).flatMap((name) => {
    const { [name]: _taken, ...rest } = body;
    const alter = name === "token" ? tokens(scene) : neighbours(scene);
    return alterMember(body, name, alter).concat({ name: `${name}: left out`, value: rest });
  });
  const { token = "", ...rest } = body;
  const other: Body = phone.isEncrypted
    ? { token, statement: rest["sealed"] ?? "", proof: rest["sealed"] ?? "" }
    : { token, sealed: rest["proof"] ?? "" };
  await scene.unchanged("altered step 3", async () => {
    for (const { name, value } of [...variants, { name: "the other mode's form", value: other }])
      await scene.refuse(name, wire(`/${sid}/answer`, value), () =>
        phone.send({ sid, body: value }),
      );
  });
  await scene.idle("altered step 3", phone);
  await scene.control(
    "step 3 as it was",
    async () => (await phone.send({ sid, body })).status === 200,
  );
}

async function alterResult(scene: Scene): Promise<void> {
  const phone = await scene.phone();
  const { result } = await phone.decide();
  for (const { name, value } of neighbours(scene)(result))
    await scene.refuseAtCard(name, value, () => phone.deliver(value));
  await scene.notServing("altered results", phone);
  await scene.control("the result as it was", async () => {
    await phone.deliver(result);
    return (await phone.state()) === "serving";
  });
}

async function alterReceipt(scene: Scene): Promise<void> {
  const phone = await scene.phone();
  const { sid, body, result } = await phone.decide();
  const receipt = encodeBase64Url(await phone.deliver(result));
  const honest: Body = { token: body["token"] ?? "", receipt };
  await scene.unchanged("altered receipt", async () => {
    for (const { name, value } of [
      ...alterMember(honest, "receipt", neighbours(scene)),
      ...alterMember(honest, "token", tokens(scene)),
    ])
      await scene.refuse(name, wire(`/${sid}/receipt`, value), () => phone.acknowledge(sid, value));
  });
  await scene.control("the receipt as it was", async () => {
    return (await phone.acknowledge(sid, honest)).status === 204;
  });
}

export const ALTERING: readonly Attack[] = [
  { name: "altered terms", invariant: "I7", run: alterTerms },
  { name: "altered step 2", invariant: "I14", run: alterStep2 },
  { name: "altered request", invariant: "I7", run: alterRequest },
  { name: "altered for or by the module", invariant: "I2", run: alterForModule },
  { name: "altered statement", invariant: "I2", run: alterStatement },
  { name: "altered headers", invariant: "I15", run: alterHeaders },
  { name: "altered step 3", invariant: "I7", run: alterStep3 },
  { name: "altered result", invariant: "I1", run: alterResult },
  { name: "altered receipt", invariant: "I7", run: alterReceipt },
];
