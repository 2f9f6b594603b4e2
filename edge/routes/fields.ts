/** The fields that JSON envelopes are made of, with the checks that every route needs. */
import * as v from "valibot";

import { decodeBase64Url, decodeHex } from "#protocol/bytes";
import {
  CARD_ID_PATTERN,
  DEFAULT_TENANT,
  IMSI_PATTERN,
  TENANT_PATTERN,
} from "#protocol/identifiers";
import { ATTRIBUTE_PATTERN, ATTRIBUTES_MAX, MSISDN_PATTERN } from "#protocol/subscriber-profile";
import {
  CARD_KIND_NUMBERS,
  type CardKindName,
  MODE_NUMBERS,
  type ModeName,
  MODULE_KIND_NUMBERS,
  type ModuleKindName,
  SUITES,
} from "#protocol/suites";

/** `bytesMin` to `bytesMax` bytes as base64url without padding. */
export function base64Url(bytesMin: number, bytesMax = bytesMin) {
  return v.pipe(
    v.string(),
    v.transform(decodeBase64Url),
    v.instance(Uint8Array),
    v.check((bytes) => bytes.length >= bytesMin && bytes.length <= bytesMax),
  );
}

/** `length` bytes as hex digits. */
export function hex(length: number) {
  return v.pipe(
    v.string(),
    v.transform(decodeHex),
    v.instance(Uint8Array),
    v.check((bytes) => bytes.length === length),
  );
}

/** Before an object of optional members alone, which an empty list would pass for. */
export const noList = v.custom<object>((value) => !Array.isArray(value));

export const tenantName = v.pipe(v.string(), v.regex(TENANT_PATTERN));
/** The tenant of a request that names none is the default one. */
export const tenant = v.optional(tenantName, DEFAULT_TENANT);
export const cardId = v.pipe(v.string(), v.regex(CARD_ID_PATTERN));
export const imsi = v.pipe(v.string(), v.regex(IMSI_PATTERN));
export const msisdn = v.pipe(v.string(), v.regex(MSISDN_PATTERN));
/** A name that rules compare: of a group, a level, a company and so on. */
export const attribute = v.pipe(v.string(), v.regex(ATTRIBUTE_PATTERN));
export const attributes = v.pipe(
  v.array(attribute),
  v.maxLength(ATTRIBUTES_MAX),
  v.check((names) => new Set(names).size === names.length),
);
export const suite = v.picklist(SUITES.map(({ name }) => name));
export const cardKind = nameIn<CardKindName>(CARD_KIND_NUMBERS);
export const mode = nameIn<ModeName>(MODE_NUMBERS);
export const moduleKind = nameIn<ModuleKindName>(MODULE_KIND_NUMBERS);

function nameIn<T extends string>(table: Readonly<Record<T, number>>) {
  return v.custom<T>((value) => typeof value === "string" && Object.hasOwn(table, value));
}
