/** What a lease pays for, and when it ends (docs/protocol.md, section 7). */
import type { Response } from "#protocol/apdu";
import { LABEL, LENGTH, PSO, SERVICE, SW } from "#protocol/assigned-numbers";
import { encodeAscii } from "#protocol/bytes";
import { proofMessage } from "#protocol/transcript";
import { type Bench, reach, readStatus, restart, select, sendService } from "./bench.ts";
import { flip } from "./malformed.ts";
import { verifyService } from "./platform.ts";
import { readServiceKey } from "./rows-data.ts";
import type { Findings, Row } from "./row.ts";
import { answerRound, isAnswer, startSession } from "./session.ts";
import { bind, LEASE } from "./verdict.ts";

const REFUSED = SW.securityStatusNotSatisfied;
const DOCUMENT = encodeAscii("a document to be signed or enciphered");
const DOCUMENT_BYTES_MAX = 1024;
const SEALED_OVERHEAD = LENGTH.aeadIv + LENGTH.aeadTag;
const OTHER_AID = [0xa0, 0x00, 0x00, 0x00, 0x87, 0x10, 0x02];
const SERVICES = [
  ["sign", SERVICE.sign, PSO.sign],
  ["decipher", SERVICE.decipher, PSO.decipher],
  ["encipher", SERVICE.encipher, PSO.encipher],
] as const;

/** What PSO: ENCIPHER gives, by a lease of its own. Throws UnreachedError. */
async function makeSealed(bench: Bench): Promise<Uint8Array> {
  await bind(bench);
  return reach("PSO: ENCIPHER", await sendService(bench, PSO.encipher, DOCUMENT));
}

function useService(bench: Bench, p1p2: number, sealed: Uint8Array): Promise<Response> {
  return sendService(bench, p1p2, p1p2 === PSO.decipher ? sealed : DOCUMENT);
}

async function expectNoService(bench: Bench, seen: Findings, when: string): Promise<void> {
  for (const [name, , p1p2] of SERVICES) {
    const answer = await useService(bench, p1p2, new Uint8Array(40));
    seen.sw(`${name} ${when}`, answer, REFUSED);
  }
}

async function expectUses(bench: Bench, seen: Findings, what: string, uses: number): Promise<void> {
  const { lease } = await readStatus(bench);
  seen.holds(what, lease.uses === uses, `${lease.uses} uses left, not ${uses}`);
}

const SERVICE_ROWS: readonly Row[] = [
  {
    id: "LSE-01",
    section: "7",
    sends: "PSO sign of 1 and of 1,024 bytes",
    expects: "64 bytes by the service key",
    async run(bench, seen) {
      const key = await readServiceKey(bench);
      await bind(bench);
      for (const bytes of [1, DOCUMENT_BYTES_MAX]) {
        const document = new Uint8Array(bytes).fill(0x44);
        const { sw, data } = await sendService(bench, PSO.sign, document);
        seen.sw(`${bytes} bytes`, { sw, data }, SW.success);
        const isSigned =
          data.length === LENGTH.signature && verifyService(bench.keys.tools, key, document, data);
        seen.holds("verifies", isSigned);
      }
    },
  },
  {
    id: "LSE-02",
    section: "7",
    sends: "PSO encipher of 1 and of 1,024 bytes, then decipher",
    expects: "12 + n + 16 bytes; the plaintext again",
    async run(bench, seen) {
      await bind(bench);
      for (const bytes of [1, DOCUMENT_BYTES_MAX]) {
        const plain = new Uint8Array(bytes).fill(0x45);
        const sealed = await sendService(bench, PSO.encipher, plain);
        seen.sw("encipher", sealed, SW.success);
        const { length } = sealed.data;
        seen.holds("length", length === bytes + SEALED_OVERHEAD, `${length} bytes`);
        const opened = await sendService(bench, PSO.decipher, sealed.data);
        seen.sw("decipher", opened, SW.success);
        seen.same("plaintext", opened.data, plain);
      }
    },
  },
  {
    id: "LSE-03",
    section: "7",
    invariant: "I16",
    sends: "PSO encipher of one plaintext twice",
    expects: "another nonce, other bytes",
    async run(bench, seen) {
      await bind(bench);
      const one = await nonceOf(bench);
      const other = await nonceOf(bench);
      seen.holds("another nonce", one !== other, "the same");
    },
  },
  {
    id: "LSE-04",
    section: "7",
    sends: "each service once, GET DATA status between",
    expects: "one use less each time",
    async run(bench, seen) {
      const sealed = await makeSealed(bench);
      await expectUses(bench, seen, "encipher", LEASE.uses - 1);
      reach("PSO: SIGN", await useService(bench, PSO.sign, sealed));
      await expectUses(bench, seen, "sign", LEASE.uses - 2);
      reach("PSO: DECIPHER", await useService(bench, PSO.decipher, sealed));
      await expectUses(bench, seen, "decipher", LEASE.uses - 3);
    },
  },
  {
    id: "LSE-05",
    section: "7",
    sends: "a lease of two uses: sign three times",
    expects: "9000, 9000, 6982; idle after the second",
    async run(bench, seen) {
      await bind(bench, { lease: { uses: 2 } });
      seen.sw("first", await sendService(bench, PSO.sign, DOCUMENT), SW.success);
      seen.sw("second", await sendService(bench, PSO.sign, DOCUMENT), SW.success);
      const { state } = await readStatus(bench);
      seen.holds("idle", state.name === "idle", state.name);
      seen.sw("third", await sendService(bench, PSO.sign, DOCUMENT), REFUSED);
    },
  },
  {
    id: "LSE-06",
    section: "7",
    sends: "leases with one bit of 9D each: every service",
    expects: "9000 for its own, 6982 for the others",
    async run(bench, seen) {
      const sealed = await makeSealed(bench);
      for (const [granted, services] of SERVICES) {
        await bind(bench, { lease: { services } });
        for (const [name, bit, p1p2] of SERVICES) {
          const answer = await useService(bench, p1p2, sealed);
          const sw = bit === services ? SW.success : REFUSED;
          seen.sw(`${name} under ${granted}`, answer, sw);
        }
      }
    },
  },
  {
    id: "LSE-07",
    section: "7",
    sends: "a lease with the meaningless bits F8: every service",
    expects: "6982",
    async run(bench, seen) {
      await bind(bench, { lease: { services: 0xf8 } });
      await expectNoService(bench, seen, "under F8");
    },
  },
  {
    id: "LSE-08",
    section: "7",
    sends: "a refused service, then GET DATA status",
    expects: "no use is taken",
    async run(bench, seen) {
      await bind(bench, { lease: { services: SERVICE.sign } });
      await sendService(bench, PSO.encipher, DOCUMENT);
      await expectUses(bench, seen, "after 6982", LEASE.uses);
    },
  },
  {
    id: "LSE-09",
    section: "7",
    sends: "decipher with a wrong tag",
    expects: "6A80, and a use is taken",
    async run(bench, seen) {
      const sealed = await makeSealed(bench);
      const answer = await sendService(bench, PSO.decipher, flip(sealed, -1));
      seen.sw("decipher", answer, SW.incorrectData);
      await expectUses(bench, seen, "taken", LEASE.uses - 2);
    },
  },
  {
    id: "LSE-10",
    section: "7",
    sends: "sign and encipher of 1,025 bytes; decipher of 28 and of 1,053",
    expects: "6700, and no use is taken",
    async run(bench, seen) {
      await bind(bench);
      const long = DOCUMENT_BYTES_MAX + 1;
      const commands: readonly [string, number, number][] = [
        ["sign", PSO.sign, long],
        ["encipher", PSO.encipher, long],
        ["decipher of 28", PSO.decipher, SEALED_OVERHEAD],
        ["decipher", PSO.decipher, long + SEALED_OVERHEAD],
      ];
      for (const [what, p1p2, bytes] of commands) {
        seen.sw(what, await sendService(bench, p1p2, new Uint8Array(bytes)), SW.wrongLength);
      }
      await expectUses(bench, seen, "none taken", LEASE.uses);
    },
  },
  {
    id: "LSE-11",
    section: "7",
    invariant: "I1",
    sends: "each service without a lease",
    expects: "6982",
    run: (bench, seen) => expectNoService(bench, seen, "idle"),
  },
  {
    id: "LSE-12",
    section: "1, 7",
    invariant: "I15",
    sends: "PSO sign of the message of S2",
    expects: "a signature that is not the credential key's",
    needs: ["certificate suite"],
    async run(bench, seen) {
      await bind(bench);
      const { keys, publicKey } = bench;
      const session = await startSession(bench);
      const message = proofMessage(LABEL.cardProof, session.h1);
      const { sw, data } = await sendService(bench, PSO.sign, message);
      seen.sw("sign", { sw, data }, SW.success);
      const isProof = "anchor" in keys && keys.tools.verify(publicKey, message, data);
      seen.holds("no S2", !isProof, "it verifies as one");
    },
  },
];

async function nonceOf(bench: Bench): Promise<string> {
  const sealed = reach("PSO: ENCIPHER", await sendService(bench, PSO.encipher, DOCUMENT));
  return sealed.slice(0, LENGTH.aeadIv).toHex();
}

const ENDING_ROWS: readonly Row[] = [
  {
    id: "LSE-20",
    section: "7",
    invariant: "I9",
    sends: "SUCCESS, reset, SELECT, each service",
    expects: "6982, status idle",
    async run(bench, seen) {
      await bind(bench);
      await restart(bench);
      await expectIdle(bench, seen, "after reset");
    },
  },
  {
    id: "LSE-21",
    section: "7",
    invariant: "I9",
    sends: "SUCCESS, SELECT, each service",
    expects: "6982, status idle",
    async run(bench, seen) {
      await bind(bench);
      reach("SELECT", await select(bench));
      await expectIdle(bench, seen, "after SELECT");
    },
  },
  {
    id: "LSE-22",
    section: "7",
    invariant: "I9",
    sends: "SUCCESS, SELECT of another AID, sign",
    expects: "6985; idle once selected again",
    async run(bench, seen) {
      await bind(bench);
      await select(bench, OTHER_AID);
      const answer = await sendService(bench, PSO.sign, DOCUMENT);
      seen.sw("sign", answer, SW.conditionsNotSatisfied);
      reach("SELECT", await select(bench));
      await expectIdle(bench, seen, "selected again");
    },
  },
  {
    id: "LSE-23",
    section: "7",
    invariant: "I9",
    sends: "START SESSION, then reset or SELECT, then ANSWER or OPEN CHALLENGE",
    expects: "6985: the session is gone",
    async run(bench, seen) {
      for (const end of [restart, select]) {
        const session = await startSession(bench);
        await end(bench);
        const outcome = await answerRound(bench, session).catch((error: Error) => error.message);
        const isGone = typeof outcome === "string" && outcome.endsWith("6985");
        const what = end === restart ? "after reset" : "after SELECT";
        seen.holds(what, isGone, typeof outcome === "string" ? outcome : "answered");
      }
    },
  },
  {
    id: "LSE-24",
    section: "5",
    sends: "a session while serving, with a service between its steps",
    expects: "the service works, the answer is proven, the new lease replaces the old",
    async run(bench, seen) {
      await bind(bench, { lease: { uses: 5 } });
      const session = await startSession(bench);
      seen.sw("sign", await sendService(bench, PSO.sign, DOCUMENT), SW.success);
      seen.holds("answer", isAnswer(bench, await answerRound(bench, session)));
      await expectUses(bench, seen, "old lease", 4);
      await bind(bench, { lease: { uses: 7 } });
      await expectUses(bench, seen, "new lease", 7);
    },
  },
  {
    id: "LSE-25",
    section: "2, 7",
    sends: "a lease of 20 seconds, 2 seconds, then 21 more",
    expects: "a card with a clock: 18 left or less, then idle; without one: 20 throughout",
    isOptional: true,
    async run(bench, seen) {
      await bind(bench, { lease: { seconds: 20 } });
      await bench.slot.wait(2);
      const { lease } = await readStatus(bench);
      const hasClock = lease.seconds <= 18 && lease.seconds >= 10;
      seen.holds("9C", hasClock || lease.seconds === 20, `${lease.seconds}`);
      if (!hasClock) return;
      await bench.slot.wait(21);
      await expectIdle(bench, seen, "seconds over");
    },
  },
];

async function expectIdle(bench: Bench, seen: Findings, when: string): Promise<void> {
  const { state } = await readStatus(bench);
  seen.holds(`status ${when}`, state.name === "idle", state.name);
  await expectNoService(bench, seen, when);
}

export const LEASE_ROWS: readonly Row[] = [...SERVICE_ROWS, ...ENDING_ROWS];
