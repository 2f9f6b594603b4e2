/** START SESSION: what the card answers, and whom it believes (docs/protocol.md, section 5). */
import { INS, SW } from "#protocol/assigned-numbers";
import { concatBytes } from "#protocol/bytes";
import { CARD_KIND_NUMBERS, SUITES } from "#protocol/suites";
import { type Bench, reach, readStatus, send } from "./bench.ts";
import { flip, misshape, rewrap, splitElements, valueOf } from "./malformed.ts";
import { attempt, type Findings, inEachMode, type Row } from "./row.ts";
import {
  answerRound,
  isAnswer,
  isS2,
  prepareStart,
  reachAnswered,
  type StartChange,
  startSession,
} from "./session.ts";
import { bind, issueResult, sendResult } from "./verdict.ts";

const NONCES = 8;
const REFUSED = SW.securityStatusNotSatisfied;

async function expectStart(
  bench: Bench,
  seen: Findings,
  what: string,
  change: StartChange,
  sw: number,
): Promise<void> {
  const { data } = prepareStart(bench, change);
  seen.sw(what, await send(bench, INS.startSession, data), sw);
}

/** The command with E2 altered. */
function withCredential(data: Uint8Array, alter: (e2: Uint8Array) => Uint8Array): Uint8Array {
  const [token, e2, ...rest] = splitElements(data);
  if (token === undefined || e2 === undefined) throw new Error("START SESSION has no E2");
  return concatBytes(token, alter(e2), ...rest);
}

export const START_ROWS: readonly Row[] = inEachMode([
  {
    id: "STA-01",
    section: "5, 7",
    sends: "START SESSION under the floor's generation, idle",
    expects: "86 8B 8C 8D (CA) 8E: kind, the status's epoch, state 00",
    async run(bench, seen) {
      const { epoch } = await readStatus(bench);
      const { opening } = await startSession(bench);
      const { cardKind, state, ephemeralKey } = opening;
      seen.holds("86", cardKind === CARD_KIND_NUMBERS[bench.kind], `${cardKind}`);
      seen.holds("8C", opening.epoch === epoch, `${opening.epoch}, not ${epoch}`);
      seen.holds("8D 00", state.name === "idle", state.name);
      const { tools } = bench.keys;
      const isPoint = !("isPoint" in tools) || tools.isPoint(ephemeralKey);
      seen.holds("CA on the curve", ephemeralKey.length === 0 || isPoint);
    },
  },
  {
    id: "STA-02",
    section: "3.1, 3.2",
    invariant: "I7",
    sends: "START SESSION; S2 checked with the card's certificate or shared key",
    expects: "S2 over h1",
    async run(bench, seen) {
      seen.holds("S2 verifies", isS2(bench, await startSession(bench)));
    },
  },
  {
    id: "STA-03",
    section: "5",
    invariant: "I15",
    sends: `START SESSION ${NONCES} times`,
    expects: "another 8B, another CA each time",
    async run(bench, seen) {
      const nonces = new Set<string>();
      const keys = new Set<string>();
      for (let i = 0; i < NONCES; i++) {
        const { opening } = await startSession(bench);
        nonces.add(opening.cardNonce.toHex());
        if (opening.ephemeralKey.length > 0) keys.add(opening.ephemeralKey.toHex());
      }
      seen.holds("8B", nonces.size === NONCES, `${nonces.size} different`);
      seen.holds("CA", keys.size === 0 || keys.size === NONCES, `${keys.size} different`);
    },
  },
  {
    id: "STA-04",
    section: "5",
    sends: "a PKC signed by another key than the anchor, or altered",
    expects: "6982",
    needs: ["certificate suite"],
    async run(bench, seen) {
      await expectStart(bench, seen, "another key", { isForged: true }, REFUSED);
      const { data } = prepareStart(bench);
      const altered = withCredential(data, (e2) => flip(e2, -5));
      seen.sw("altered", await send(bench, INS.startSession, altered), REFUSED);
    },
  },
  {
    id: "STA-05",
    section: "5",
    sends: "a PKC of another deployment, of another tenant",
    expects: "6982",
    needs: ["certificate suite"],
    async run(bench, seen) {
      const deployment = new Uint8Array(16).fill(0x44);
      await expectStart(bench, seen, "deployment", { deployment }, REFUSED);
      await expectStart(bench, seen, "tenant", { tenant: "conformance2" }, REFUSED);
    },
  },
  {
    id: "STA-06",
    section: "5, 7",
    sends: "PKCs below, at and above a floor that RESULT raised",
    expects: "6982; 9000; 9000",
    async run(bench, seen) {
      const generation = bench.generation + 1;
      const session = await reachAnswered(bench, { generation });
      const issued = issueResult(bench, session, { floor: generation });
      reach("RESULT", await sendResult(bench, issued));
      await expectStart(bench, seen, "below", { generation: generation - 1 }, REFUSED);
      await expectStart(bench, seen, "at", { generation }, SW.success);
      await expectStart(bench, seen, "above", { generation: generation + 1 }, SW.success);
    },
  },
  {
    id: "STA-07",
    section: "7",
    sends: "every other suite, and none, named in 88",
    expects: "6A80",
    async run(bench, seen) {
      for (const namedSuite of otherSuites(bench)) {
        await expectStart(bench, seen, `suite ${namedSuite}`, { namedSuite }, SW.incorrectData);
      }
    },
  },
  {
    id: "STA-08",
    section: "7",
    sends: "a PKC for every other suite, and for none",
    expects: "6A80",
    async run(bench, seen) {
      for (const suite of otherSuites(bench)) {
        await expectStart(bench, seen, `suite ${suite}`, { suite }, SW.incorrectData);
      }
    },
  },
  {
    id: "STA-09",
    section: "2, 7",
    sends: "mode 00, mode 03, and the mode that the card lacks, if it lacks one",
    expects: "6A80",
    async run(bench, seen) {
      for (const namedMode of [0, 3]) {
        await expectStart(bench, seen, `mode ${namedMode}`, { namedMode }, SW.incorrectData);
      }
      const lacking = (["signed", "encrypted"] as const).find(
        (mode) => !bench.modes.includes(mode),
      );
      if (lacking !== undefined) {
        await expectStart(bench, seen, lacking, { mode: lacking }, SW.incorrectData);
      }
    },
  },
  {
    id: "STA-10",
    section: "2",
    sends: "tokens of 0, 1, 255 and 256 bytes",
    expects: "6A80; 9000; 9000; 6A80",
    async run(bench, seen) {
      for (const bytes of [0, 1, 255, 256]) {
        const sw = bytes === 0 || bytes === 256 ? SW.incorrectData : SW.success;
        const token = new Uint8Array(bytes).fill(1);
        await expectStart(bench, seen, `${bytes} bytes`, { token }, sw);
      }
    },
  },
  {
    id: "STA-11",
    section: "2",
    sends: "8A E2 88 89 left out, doubled, moved, with long lengths, with a tail",
    expects: "6A80",
    async run(bench, seen) {
      for (const [what, data] of misshape(prepareStart(bench).data)) {
        seen.sw(what, await send(bench, INS.startSession, data), SW.incorrectData);
      }
    },
  },
  {
    id: "STA-12",
    section: "2",
    sends: "the same done to the elements of E2, and each a byte shorter",
    expects: "6A80",
    async run(bench, seen) {
      const { data } = prepareStart(bench);
      const [, e2 = new Uint8Array(0)] = splitElements(data);
      const parts = splitElements(valueOf(e2));
      const shorter = parts.map((part, index): [string, Uint8Array] => [
        `element ${index} shorter`,
        concatBytes(
          ...parts.slice(0, index),
          rewrap(part, valueOf(part).subarray(1)),
          ...parts.slice(index + 1),
        ),
      ]);
      for (const [what, value] of [...misshape(valueOf(e2)), ...shorter]) {
        const altered = withCredential(data, (element) => rewrap(element, value));
        seen.sw(what, await send(bench, INS.startSession, altered), SW.incorrectData);
      }
    },
  },
  {
    id: "STA-13",
    section: "7",
    sends: "START SESSION, one of a single byte, a round",
    expects: "the answer of the first session: refused, it stays",
    async run(bench, seen) {
      const session = await startSession(bench);
      const refused = await send(bench, INS.startSession, Uint8Array.of(0x8a));
      seen.sw("refused", refused, SW.incorrectData);
      await attempt(seen, "first session", async () =>
        isAnswer(bench, await answerRound(bench, session)),
      );
    },
  },
  {
    id: "STA-14",
    section: "7",
    invariant: "I7",
    sends: "two START SESSIONs, then the result of the first",
    expects: "6985; after the second's answer 6982",
    async run(bench, seen) {
      const issued = issueResult(bench, await reachAnswered(bench));
      const second = await startSession(bench);
      seen.sw("opened", await sendResult(bench, issued), SW.conditionsNotSatisfied);
      await answerRound(bench, second);
      seen.sw("answered", await sendResult(bench, issued), REFUSED);
    },
  },
  {
    id: "STA-15",
    section: "5",
    sends: "START SESSION while serving",
    expects: "8D 01; the card goes on serving",
    async run(bench, seen) {
      await bind(bench);
      const { opening } = await startSession(bench);
      seen.holds("8D 01", opening.state.name === "serving", opening.state.name);
      const { state } = await readStatus(bench);
      seen.holds("still serving", state.name === "serving", state.name);
    },
  },
]);

function otherSuites({ keys }: Bench): number[] {
  const numbers = SUITES.map(({ number }) => number);
  return [0, 7, ...numbers.filter((number) => number !== keys.tools.suite.number)];
}
