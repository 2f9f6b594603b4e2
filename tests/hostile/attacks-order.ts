/** Messages lost, doubled, out of order, and of sessions that are over. */
import { encodeBase64Url } from "#protocol/bytes";
import type { Answer } from "#tests/platform/rig";
import { textOf } from "#tests/platform/exchange";
import type { Body, Phone, Reply } from "./phone.ts";
import { type Attack, type Scene, wire } from "./scene.ts";

/** The attacker keeps one message; nothing that follows happens. */
async function drop(scene: Scene): Promise<void> {
  const phone = await scene.phone();
  const losses: readonly (readonly [name: string, reach: () => Promise<string>])[] = [
    ["step 1's answer", async () => (await phone.ask()).sid],
    ["step 2", async () => JSON.stringify((await phone.start()).body)],
    ["step 2's answer", async () => (await phone.prove(await phone.start())).text],
    ["the challenge to the module", async () => (await phone.begin()).token],
    ["the module's answer", async () => JSON.stringify(await phone.respond(await phone.begin()))],
    ["step 3", async () => JSON.stringify((await phone.reply(await phone.begin())).body)],
    ["the result", async () => (await phone.decide()).answer.text],
  ];
  for (const [name, reach] of losses) {
    scene.attempt(`${name} kept`, await reach());
    await scene.notServing(`${name} kept`, phone);
  }
  await scene.control("a receipt that is lost", async () => {
    const { result } = await phone.decide();
    await phone.deliver(result);
    return (await phone.state()) === "serving";
  });
}

/** The second of two equal messages: the same bytes again, and nothing done again. */
async function expectSame(
  scene: Scene,
  name: string,
  sent: Body,
  send: () => Promise<Answer>,
): Promise<Answer> {
  const first = await send();
  scene.attempt(name, wire(name, sent));
  await scene.unchanged(name, async () => {
    for (let nth = 0; nth < 2; nth++) {
      const again = await send();
      if (again.status !== first.status || again.text !== first.text)
        scene.accept(`${name}: another answer, ${again.status} ${again.text}`);
    }
  });
  return first;
}

async function duplicate(scene: Scene): Promise<void> {
  const phone = await scene.phone();
  const opening = await phone.start();
  const reply = await expectSame(scene, "step 2", opening.body, () => phone.prove(opening));
  const asked = await phone.receive(opening.sid, reply);
  if (phone.isEncrypted)
    await scene.refuseAtCard("OPEN CHALLENGE again", asked.message, () =>
      phone.applet.openChallenge(asked.message),
    );
  const statement = phone.statement(await phone.respond(asked));
  const signed = await phone.sign(asked, statement);
  await scene.refuseAtCard("ANSWER again", statement, () => phone.sign(asked, statement));
  const answer = await expectSame(scene, "step 3", signed.body, () => phone.send(signed));
  await expectSame(scene, "step 2, late", opening.body, () => phone.prove(opening));
  const result = Buffer.from(textOf(answer.json["result"]), "base64url");
  const receipt = encodeBase64Url(await phone.deliver(result));
  await scene.refuseAtCard("RESULT again", result, () => phone.deliver(result));
  const body = { token: asked.token, receipt };
  await expectSame(scene, "receipt", body, () => phone.acknowledge(asked.sid, body));
  await expectSame(scene, "step 3, late", signed.body, () => phone.send(signed));
  await scene.control("serves once", async () => (await phone.state()) === "serving");
}

async function reorder(scene: Scene): Promise<void> {
  const phone = await scene.phone();
  const old = await phone.decide();
  const { applet } = phone;
  await applet.select();
  const early = async (when: string, commands: readonly string[]): Promise<void> => {
    const statement = Buffer.from(phone.rawStatement(Uint8Array.of(0x97, 2, 0x98, 0x62)));
    const acts: Readonly<Record<string, () => Promise<unknown>>> = {
      "OPEN CHALLENGE": () => applet.openChallenge(old.asked.message),
      ANSWER: () => phone.sign(old.asked, statement),
      RESULT: () => phone.deliver(old.result),
      UNLOCK: () => applet.unlock(phone.pair.card.suite, old.result),
    };
    for (const command of commands) {
      const act = acts[command];
      if (act !== undefined)
        await scene.refuseAtCard(`${command} ${when}`, `${command} ${when}`, act);
    }
  };
  const inMode = phone.isEncrypted ? ["OPEN CHALLENGE"] : [];
  await early("before START SESSION", [...inMode, "ANSWER", "RESULT", "UNLOCK"]);
  const opening = await phone.start();
  await early("after START SESSION", [
    "RESULT",
    "UNLOCK",
    ...(phone.isEncrypted ? ["ANSWER"] : []),
  ]);
  const { sid, body } = opening;
  const token = body["token"] ?? "";
  await scene.unchanged("before step 2", async () => {
    await early3(scene, phone, sid, token, old);
    const earlyReceipt = { token, receipt: encodeBase64Url(old.result) };
    await scene.refuse("receipt before step 2", wire(sid, earlyReceipt), () =>
      phone.acknowledge(sid, earlyReceipt),
    );
  });
  const asked = await phone.receive(sid, await phone.prove(opening));
  await early("after the challenge", ["RESULT", ...inMode]);
  await scene.unchanged("before step 3", async () => {
    for (const message of [asked.message, old.result]) {
      const sent = { token: asked.token, receipt: encodeBase64Url(message) };
      await scene.refuse("receipt before step 3", wire(sid, sent), () =>
        phone.acknowledge(sid, sent),
      );
    }
    await early3(scene, phone, sid, token, old);
  });
  const signed = await phone.reply(asked);
  await early("after ANSWER", [...inMode, "ANSWER", "UNLOCK"]);
  await scene.notServing("out of order", phone);
  await scene.control("in order", async () => (await phone.send(signed)).status === 200);
}

/** Step 3 with T in the place of T2. */
async function early3(
  scene: Scene,
  phone: Phone,
  sid: string,
  token: string,
  old: Reply,
): Promise<void> {
  const body = { ...old.body, token };
  await scene.refuse("step 3 under T", wire(`/${sid}/answer`, body), () =>
    phone.send({ sid, body }),
  );
}

async function replay(scene: Scene): Promise<void> {
  const phone = await scene.phone();
  const old = await phone.bind();
  await phone.applet.select();
  const opening = await phone.start();
  const { sid } = opening;
  const under = async (
    path: string,
    body: Body,
    send: (body: Body) => Promise<Answer>,
    fresh: string,
  ): Promise<void> => {
    for (const sent of [body, { ...body, token: fresh }])
      await scene.refuse(`old ${path}: under T or T2`, wire(`/${sid}/${path}`, sent), () =>
        send(sent),
      );
  };
  await scene.unchanged("old step 2", () =>
    under(
      "card",
      old.opening.body,
      (body) => phone.prove({ sid, body }),
      opening.body["token"] ?? "",
    ),
  );
  const asked = await phone.receive(sid, await phone.prove(opening));
  await scene.unchanged("old step 3 and receipt", async () => {
    await under("answer", old.body, (body) => phone.send({ sid, body }), asked.token);
    await under("receipt", old.receipt, (body) => phone.acknowledge(sid, body), asked.token);
  });
  if (phone.isEncrypted)
    await scene.refuseAtCard("old challenge", old.asked.message, () =>
      phone.applet.openChallenge(old.asked.message),
    );
  const signed = await phone.reply(asked);
  await scene.refuseAtCard("old result", old.result, () => phone.deliver(old.result));
  await scene.idle("old result", phone);
  await phone.send(signed);
  await scene.refuseAtCard("old result after the decision", old.result, () =>
    phone.deliver(old.result),
  );
  await scene.notServing("old result", phone);
  const next = await phone.begin();
  const answer = phone.statement(await phone.respond(old.asked).catch(() => refused));
  if (!phone.isEncrypted)
    await scene.fail("old challenge", phone, { ...next, bytes: old.asked.bytes }, answer);
  else await scene.fail("old challenge to the module", phone, next, answer);
}

const refused = { kind: "refusal", statusWord: 0x9862 } as const;

export const ORDERING: readonly Attack[] = [
  { name: "dropped", invariant: "I1", run: drop },
  { name: "duplicated", invariant: "I15", run: duplicate },
  { name: "reordered", invariant: "I7", run: reorder },
  { name: "replayed", invariant: "I3", run: replay },
];
