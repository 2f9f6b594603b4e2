/** What a story is, and the checks that stories share. */
import { verifySm2 } from "#wasm/sm2";
import { encodeAscii, equalBytes } from "#protocol/bytes";
import type { Suite } from "#protocol/suites";
import type { Terminal, TerminalBinding } from "#tests/emulators/terminal/terminal";
import type { BindingOutcome } from "#terminal/bind";
import { CardError } from "#terminal/card";
import type { Fleet, FleetCard } from "./fleet.ts";

/** Something that must hold besides verdict and card state. */
export interface Check {
  readonly what: string;
  readonly holds: boolean;
}

export type Sleep = (milliseconds: number) => Promise<void>;

export interface Story {
  readonly name: string;
  readonly title: string;
  readonly verdict: BindingOutcome["verdict"];
  readonly cardState: BindingOutcome["cardState"];
  readonly run: (fleet: Fleet, sleep: Sleep) => Promise<Told>;
}

export interface Told {
  readonly binding: TerminalBinding;
  readonly checks: readonly Check[];
}

/** MCC and MNC of the two operators in these stories. */
export const HOME_OPERATOR = "46001";
export const OTHER_OPERATOR = "46003";
/** The services that a lease covers, checked with what the registry says of the card. */
export async function checkServices(
  { admin, tenant }: Fleet,
  phone: Terminal,
  { cardId, suite }: FleetCard,
): Promise<Check[]> {
  const document = encodeAscii("pay 100 to the plumber");
  const applet = phone.card();
  const signature = await settle(applet.sign(document));
  const sealed = await settle(applet.encipher(document));
  const opened = sealed === undefined ? undefined : await settle(applet.decipher(sealed));
  const { servicePublicKey } = await admin.getCard(cardId, tenant);
  const key = Uint8Array.fromBase64(servicePublicKey, { alphabet: "base64url" });
  return [
    {
      what: "the card signs a document; its registered service key verifies it",
      holds: signature !== undefined && (await isSignedBy(suite, key, signature, document)),
    },
    {
      what: "the card enciphers the document and deciphers it again",
      holds:
        sealed !== undefined &&
        opened !== undefined &&
        equalBytes(opened, document) &&
        !equalBytes(sealed.subarray(12, -16), document),
    },
  ];
}

export async function checkRefusal(phone: Terminal, sw: number): Promise<Check> {
  const what = `the card refuses to sign: ${sw.toString(16).toUpperCase()}`;
  try {
    await phone.card().sign(encodeAscii("pay 100 to the thief"));
    return { what, holds: false };
  } catch (error) {
    return { what, holds: error instanceof CardError && error.sw === sw };
  }
}

export function delivered(binding: TerminalBinding): Check {
  const { receipt } = binding.outcome;
  return { what: "the platform took the card's receipt", holds: receipt === "delivered" };
}

/** The value, or nothing when the card refused. */
async function settle<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof CardError) return undefined;
    throw error;
  }
}

/** Neither the card's crypto nor, for P-256, the platform's. */
async function isSignedBy(
  suite: Suite,
  publicKey: Uint8Array<ArrayBuffer>,
  signature: Uint8Array<ArrayBuffer>,
  document: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  if (suite.curve === "SM2") return verifySm2(publicKey, document, signature);
  const curve = { name: "ECDSA", namedCurve: "P-256" };
  const key = await crypto.subtle.importKey("raw", publicKey, curve, false, ["verify"]);
  return crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, key, signature, document);
}

/** The reasons in the audit of a session, once its decision is there; events travel behind. */
export async function readReasons(
  fleet: Fleet,
  { outcome }: TerminalBinding,
  sleep: Sleep,
): Promise<string[]> {
  const { admin, tenant } = fleet;
  for (let poll = 1; ; poll++) {
    const events = await admin.getAudit({ session: outcome.sid, tenant });
    const isDecided = events.some(({ type }) => type === "decided");
    if (isDecided || poll === AUDIT_POLLS_MAX) return events.map(({ reason }) => reason);
    await sleep(AUDIT_POLL_MS);
  }
}

/** Audit events travel behind the answers; longer than this means that one is lost. */
export const AUDIT_POLLS_MAX = 50;
export const AUDIT_POLL_MS = 100;

export function sleepMilliseconds(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}
