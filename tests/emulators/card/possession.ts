/**
 * The proof of possession at enrolment, once in the card's life (I15). It is written after the kept
 * record's pages and never again: until its checksum closes it, the card has proved nothing.
 *
 *   challenge 16 | proof, as long as the suite says, zeros up to 256 |
 *   checksum 32 (SHA-256 over all before it) | padding
 */
import { LENGTH, SW, TAG } from "#protocol/assigned-numbers";
import { areEqual, type Bytes, joinBytes } from "./bytes.ts";
import { type CardContext, readKept } from "./context.ts";
import { readEnrolmentChallenge } from "./data-fields.ts";
import { sha256 } from "./key-derivation.ts";
import { type NonVolatileMemory, PAGE_BYTES } from "./non-volatile-memory.ts";
import { proveEnrolment } from "./proofs.ts";
import { writeElement } from "./tlv.ts";
import { enrolmentMessage } from "./transcript.ts";
import type { Reply } from "./apdu.ts";

const FIRST_PAGE = 2;
const PAGES = 5;
const CHALLENGE_BYTES = 16;
/** After the longest proof, RSA's. */
const CHECKSUM_OFFSET = CHALLENGE_BYTES + LENGTH.rsa;

/** The same challenge gets the same bytes again; another one is refused. */
export function provePossession(context: CardContext, data: Bytes): Reply {
  if (readKept(context).lockId !== undefined) return { sw: SW.blocked };
  const challenge = readEnrolmentChallenge(data);
  if (challenge === undefined) return { sw: SW.incorrectData };
  const memory = context.environment.nonVolatile;
  const { proofBytes } = context.suite;
  const stored = readStored(memory);
  if (stored === undefined) {
    const proof = proveEnrolment(context, challenge, enrolmentMessage(context, challenge));
    writeStored(memory, challenge, proof);
    return { sw: SW.success, data: writeElement(TAG.signature, proof) };
  }
  if (!areEqual(stored.challenge, challenge)) return { sw: SW.conditionsNotSatisfied };
  return { sw: SW.success, data: writeElement(TAG.signature, stored.proof.slice(0, proofBytes)) };
}

function readStored(
  memory: NonVolatileMemory,
): { readonly challenge: Bytes; readonly proof: Bytes } | undefined {
  const pages = Array.from({ length: PAGES }, (_, page) => memory.readPage(FIRST_PAGE + page));
  const bytes = joinBytes(...pages);
  const body = bytes.subarray(0, CHECKSUM_OFFSET);
  const checksum = bytes.subarray(CHECKSUM_OFFSET, CHECKSUM_OFFSET + LENGTH.hash);
  if (!areEqual(sha256(body), checksum)) return undefined;
  return { challenge: body.slice(0, CHALLENGE_BYTES), proof: body.slice(CHALLENGE_BYTES) };
}

function writeStored(memory: NonVolatileMemory, challenge: Bytes, proof: Bytes): void {
  const bytes = new Uint8Array(PAGES * PAGE_BYTES);
  bytes.set(challenge);
  bytes.set(proof, CHALLENGE_BYTES);
  bytes.set(sha256(bytes.subarray(0, CHECKSUM_OFFSET)), CHECKSUM_OFFSET);
  for (let page = 0; page < PAGES; page++) {
    const start = page * PAGE_BYTES;
    memory.writePage(FIRST_PAGE + page, bytes.subarray(start, start + PAGE_BYTES));
  }
}
