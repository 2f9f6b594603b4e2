/** Messages that the examples have in common, as bytes. */
import { MODULE_KIND, TAG } from "#protocol/assigned-numbers";
import { type Bytes, concatBytes, encodeCounter } from "#protocol/bytes";
import { cardIdBytes } from "#protocol/identifiers";
import {
  type CardReport,
  encodeAnswerStatement,
  encodeCardState,
  encodeResult,
  type ModuleAnswer,
} from "#protocol/messages";
import { encodeTlv } from "#protocol/tlv";
import { CARD_ID, IMSI, NEXT } from "./fixed-values.ts";

/** 93 94 B5 98, without a confirmation tag. */
export function statementOf(answer: ModuleAnswer): Bytes {
  const confirmationTag = new Uint8Array(0);
  return encodeAnswerStatement({
    imsi: IMSI,
    moduleKind: MODULE_KIND.usim,
    answer,
    confirmationTag,
  });
}

/** R with SUCCESS. */
export function nextResult(cardNonce: Uint8Array): Bytes {
  const cardId = cardIdBytes(CARD_ID);
  return encodeResult({ success: true, lock: false, cardId, cardNonce, ...NEXT });
}

/** 8D 8C. */
export function reportOf({ state, epoch }: CardReport): Bytes {
  return concatBytes(
    encodeTlv(TAG.cardState, encodeCardState(state)),
    encodeTlv(TAG.epoch, encodeCounter(epoch)),
  );
}
