/**
 * A TPM 2.0 as a card: what the applet does in other cards, done here with TPM commands by a
 * client that nobody trusts (docs/protocol.md, section 8). The chip refuses its service key without
 * a lease; everything else that counts is judged by the platform. Nothing is kept but the lease in
 * memory: keys are made again from the chip's seeds whenever they are needed.
 */
import { CARD_KIND, TAG } from "#protocol/assigned-numbers";
import { type Bytes, concatBytes, encodeCounter, equalBytes } from "#protocol/bytes";
import { cardIdBytes } from "#protocol/identifiers";
import {
  type CardProof,
  type CardState,
  decodeCardProof,
  decodeReceipt,
  encodeCardState,
  type Receipt,
} from "#protocol/messages";
import { decodeMtmResult, type MtmResult } from "#protocol/mtm-messages";
import { MODE_NUMBERS } from "#protocol/suites";
import { encodeTlv } from "#protocol/tlv";
import {
  attestationKeyArea,
  encodeMtmNonce,
  mtmLease,
  serviceKeyArea,
  TPM_RH,
  uniqueOfCard,
} from "#protocol/tpm";
import {
  hashAnswer,
  hashCardKey,
  hashChallenge,
  hashCredential,
  hashOpening,
  hashReceipt,
  hashResult,
} from "#protocol/transcript";
import { CardError, type CardApplet, type CardStatus, type Encoded } from "./card.ts";
import { type LeaseGrant, openLease, sha256 } from "./mtm-lease.ts";
import { TpmError, type TpmTransport } from "./tpm.ts";
import {
  type Attestation,
  certifyEpoch,
  createPrimary,
  flushContext,
  incrementEpoch,
  type PrimaryKey,
  quote,
  readClock,
  readEpoch,
  signDigest,
} from "./tpm-commands.ts";

export interface MtmCardOptions {
  readonly tpm: TpmTransport;
  /** 16 bytes. */
  readonly deployment: Uint8Array;
  readonly tenant: string;
  readonly cardId: string;
  /** As the platform gave them at enrolment: 65 and 32 bytes. */
  readonly policyKey: Uint8Array;
  readonly servicePolicy: Uint8Array;
}

/** What the client cannot go on with, beside what the TPM itself refuses. */
export type MtmErrorCode =
  /** The clock may read lower than before the power went: try again in a few seconds. */
  | "clock_unsafe"
  /** The epoch counter is beyond 32 bits, or above what the result names. */
  | "epoch_unusable"
  /** No session that this belongs to, or another card's result. */
  | "out_of_order"
  | "no_lease"
  /** A TPM has no encrypted mode, no unlock and no other service. */
  | "not_supported";

export class MtmError extends CardError {
  readonly reason: MtmErrorCode;

  constructor(reason: MtmErrorCode, command: string) {
    super("refused", command, undefined, new Error(reason));
    this.name = "MtmError";
    this.reason = reason;
  }
}

/** More than this many steps of the counter at once are a defect, and wear the chip out. */
const EPOCH_STEPS_MAX = 1024;
const EPOCH_MAX = 0xffff_ffffn;
const IDLE: CardState = { name: "idle" };

/** The messages before their hash: the transcript's functions, with SHA-256 left to WebCrypto. */
const message = (bytes: Uint8Array): Uint8Array => bytes;

interface OpenSession {
  readonly cardNonce: Uint8Array;
  /** The hash that the next message follows: h1, then h3. */
  readonly transcript: Uint8Array;
  readonly isAnswered: boolean;
}

/** One card of one TPM; commands of several calls are run one call after the other. */
export function createMtmCard(options: MtmCardOptions): CardApplet {
  const card = new MtmCard(options);
  const inTurn = takeTurns();
  return {
    select: () => inTurn(() => card.deselect()),
    readStatus: () => inTurn(() => card.readStatus()),
    readServiceKey: () => inTurn(() => card.readServiceKey()),
    startSession: (start) => inTurn(() => card.startSession(start)),
    signAnswer: (_, challenge, statement) => inTurn(() => card.signAnswer(challenge, statement)),
    deliverResult: (_, result) => inTurn(() => card.deliverResult(result)),
    sign: (document) => inTurn(() => card.sign(document)),
    readCertificate: refuse("certificate"),
    openChallenge: refuse("OPEN CHALLENGE"),
    sealAnswer: refuse("ANSWER"),
    deliverSealedResult: refuse("RESULT"),
    unlock: refuse("UNLOCK"),
    provePossession: refuse("PROVE POSSESSION"),
    encipher: refuse("ENCIPHER"),
    decipher: refuse("DECIPHER"),
  };
}

function refuse(command: string): () => Promise<never> {
  return () => Promise.reject(new MtmError("not_supported", command));
}

function takeTurns(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const turn = last.then(work);
    last = turn.catch(() => undefined);
    return turn;
  };
}

/** Runs with the attestation key in a slot, and frees the slot. */
export async function withAttestationKey<T>(
  tpm: TpmTransport,
  cardId: Uint8Array,
  work: (key: PrimaryKey) => Promise<T>,
): Promise<T> {
  const unique = uniqueOfCard(cardId);
  const key = await createPrimary(tpm, TPM_RH.endorsement, attestationKeyArea, unique);
  return withHandle(tpm, key.handle, () => work(key));
}

export async function withServiceKey<T>(
  tpm: TpmTransport,
  cardId: Uint8Array,
  authPolicy: Uint8Array,
  work: (key: PrimaryKey) => Promise<T>,
): Promise<T> {
  const area = (unique: Uint8Array): Uint8Array => serviceKeyArea(authPolicy, unique);
  const key = await createPrimary(tpm, TPM_RH.owner, area, uniqueOfCard(cardId));
  return withHandle(tpm, key.handle, () => work(key));
}

/** The slot is freed however the work ends; a TPM that was reset has freed it already. */
async function withHandle<T>(
  tpm: TpmTransport,
  handle: number,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } finally {
    await flushContext(tpm, handle).catch(() => undefined);
  }
}

class MtmCard {
  private readonly options: MtmCardOptions;
  private readonly cardId: Bytes;
  private session: OpenSession | undefined;
  private grant: (LeaseGrant & { readonly result: MtmResult["result"] }) | undefined;

  constructor(options: MtmCardOptions) {
    this.options = options;
    this.cardId = cardIdBytes(options.cardId);
  }

  /** The client forgets what it was given; the chip ends leases by itself. */
  async deselect(): Promise<void> {
    this.session = undefined;
    this.grant = undefined;
  }

  async readServiceKey(): Promise<Bytes> {
    const { tpm, servicePolicy } = this.options;
    return withServiceKey(tpm, this.cardId, servicePolicy, async ({ publicKey }) => publicKey);
  }

  async readStatus(): Promise<CardStatus> {
    const state = await this.state();
    const { lease, floor } = this.grant?.result ?? {};
    return {
      cardId: this.options.cardId,
      cardKind: CARD_KIND.mtm,
      epoch: await this.epoch(),
      state,
      floor: floor ?? 0,
      lease: state.name === "serving" && lease ? lease : { uses: 0, seconds: 0, services: 0 },
    };
  }

  private async epoch(): Promise<number> {
    const value = await readEpoch(this.options.tpm);
    if (value > EPOCH_MAX) throw new MtmError("epoch_unusable", "TPM2_NV_Read");
    return Number(value);
  }

  /** Serving while the chip would say yes: it is asked, by a policy session that is thrown away. */
  private async state(): Promise<CardState> {
    if (this.grant === undefined) return IDLE;
    const { tpm } = this.options;
    try {
      await flushContext(tpm, await openLease(tpm, this.grant));
      return { name: "serving" };
    } catch (error) {
      if (error instanceof TpmError) return IDLE;
      throw error;
    }
  }

  async startSession(start: Parameters<CardApplet["startSession"]>[0]) {
    const name = "TPM2_NV_Certify";
    const { suite, mode } = start;
    if (suite.name !== "P-256" || mode !== "signed") throw new MtmError("not_supported", name);
    const { tpm } = this.options;
    const now = await readClock(tpm);
    if (!now.safe) throw new MtmError("clock_unsafe", "TPM2_ReadClock");
    const cardNonce = encodeMtmNonce(now);
    const epoch = await this.epoch();
    const state = await this.state();
    const { transcript, proof } = await withAttestationKey(tpm, this.cardId, async (key) => {
      const h1 = await this.hashOpening(start, { cardNonce, epoch, state }, key.publicKey);
      return { transcript: h1, proof: await certifyEpoch(tpm, key.handle, h1) };
    });
    this.session = { cardNonce, transcript, isAnswered: false };
    const bytes = concatBytes(
      encodeTlv(TAG.cardKind, Uint8Array.of(CARD_KIND.mtm)),
      encodeTlv(TAG.cardNonce, cardNonce),
      encodeTlv(TAG.epoch, encodeCounter(epoch)),
      encodeTlv(TAG.cardState, encodeCardState(state)),
      encodeTlv(TAG.signature, proof),
    );
    return encoded(name, bytes, decodeCardProof(bytes, suite, mode));
  }

  private async hashOpening(
    start: Parameters<CardApplet["startSession"]>[0],
    opening: Pick<CardProof, "cardNonce" | "epoch" | "state">,
    publicKey: Uint8Array,
  ): Promise<Bytes> {
    const { deployment, tenant } = this.options;
    return sha256(
      hashOpening(message, {
        deployment,
        tenant,
        credentialId: await sha256(hashCredential(message, start.credential)),
        cardId: this.cardId,
        cardKind: CARD_KIND.mtm,
        cardKeyHash: await sha256(hashCardKey(message, { publicKey })),
        suite: start.suite.number,
        mode: MODE_NUMBERS[start.mode],
        token: start.token,
        ...opening,
        ephemeralKey: new Uint8Array(0),
      }),
    );
  }

  async signAnswer(challenge: Uint8Array, statement: Uint8Array): Promise<Bytes> {
    const { session } = this;
    if (session === undefined) throw new MtmError("out_of_order", "TPM2_Quote");
    const h2 = await sha256(hashChallenge(message, session.transcript, challenge));
    const h3 = await sha256(hashAnswer(message, h2, statement));
    const proof = await this.attest((key) => quote(this.options.tpm, key.handle, h3));
    this.session = { ...session, transcript: h3, isAnswered: true };
    return encodeTlv(TAG.signature, proof);
  }

  private attest(work: (key: PrimaryKey) => Promise<Attestation>): Promise<Attestation> {
    return withAttestationKey(this.options.tpm, this.cardId, work);
  }

  /** The epoch command first: whatever R says, what was allowed before it ends. */
  async deliverResult(bytes: Uint8Array): Promise<Encoded<Receipt>> {
    const name = "TPM2_NV_Increment";
    const { session } = this;
    const decoded = decodeMtmResult(bytes);
    if (decoded === undefined) throw new CardError("malformed", name);
    const { result, authorisation } = decoded;
    const isOurs =
      session?.isAnswered === true &&
      equalBytes(result.cardNonce, session.cardNonce) &&
      equalBytes(result.cardId, this.cardId);
    if (!isOurs) throw new MtmError("out_of_order", name);
    await this.raiseEpoch(result.epoch);
    const lease = mtmLease(result.cardNonce, result.lease.seconds, result.epoch);
    const { policyKey } = this.options;
    this.grant = result.success
      ? { lease, authorisation, policyKey, policyRef: this.cardId, result }
      : undefined;
    const h4 = await sha256(hashResult(message, session.transcript, decoded.body));
    const state = await this.state();
    const receipt = await this.prove(h4, { state, epoch: result.epoch });
    this.session = undefined;
    return receipt;
  }

  /** A counter that was raised before an error is not raised again by the retry. */
  private async raiseEpoch(target: number): Promise<void> {
    const { tpm } = this.options;
    const steps = target - (await this.epoch());
    if (steps < 0 || steps > EPOCH_STEPS_MAX) {
      throw new MtmError("epoch_unusable", "TPM2_NV_Increment");
    }
    for (let step = 0; step < steps; step++) await incrementEpoch(tpm);
  }

  private async prove(
    h4: Uint8Array,
    report: { readonly state: CardState; readonly epoch: number },
  ): Promise<Encoded<Receipt>> {
    const h5 = await sha256(hashReceipt(message, h4, report));
    const proof = await this.attest((key) => certifyEpoch(this.options.tpm, key.handle, h5));
    const bytes = concatBytes(
      encodeTlv(TAG.cardState, encodeCardState(report.state)),
      encodeTlv(TAG.epoch, encodeCounter(report.epoch)),
      encodeTlv(TAG.signature, proof),
    );
    return encoded("TPM2_NV_Certify", bytes, decodeReceipt(bytes, "attestation"));
  }

  /** ECDSA of the document's SHA-256 by the service key, in a policy session of its own. */
  async sign(document: Uint8Array): Promise<Bytes> {
    const { tpm, servicePolicy } = this.options;
    const { grant } = this;
    if (grant === undefined) throw new MtmError("no_lease", "TPM2_Sign");
    const digest = await sha256(document);
    const session = await openLease(tpm, grant);
    return withHandle(tpm, session, () =>
      withServiceKey(tpm, this.cardId, servicePolicy, ({ handle }) =>
        signDigest(tpm, handle, session, digest),
      ),
    );
  }
}

function encoded<T>(name: string, bytes: Bytes, value: T | undefined): Encoded<T> {
  if (value === undefined) throw new CardError("malformed", name);
  return { value, bytes };
}
