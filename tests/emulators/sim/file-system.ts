/**
 * Files of the card: the MF with its EFs and ADF.USIM (TS 102 221 sections 8 and 13, TS 31.102
 * section 4). The tree is fixed when the card is made; the card has no command that writes a file.
 */
import {
  encodeAccessControlClass,
  encodeAdministrativeData,
  encodeAscii,
  encodeDirRecord,
  encodeEmergencyCallCode,
  encodeIccid,
  encodeImsi,
  encodeInitialKeys,
  encodeInitialLoci,
  encodeInitialPsLoci,
  encodePlmn,
  encodeServiceProviderName,
  encodeServiceTable,
  encodeTlv,
  fillBytes,
  padBytes,
} from "./ef-coding.ts";

export const FID_MF = 0x3f00;
/** Stands for the ADF of the active application in SELECT (TS 102 221 section 8.3). */
export const FID_CURRENT_ADF = 0x7fff;
/** RID of 3GPP, application 1002 (USIM), then country, provider and reserved bytes (TS 101 220). */
const AID_USIM = Uint8Array.fromHex("a0000000871002ff86ffff89ffffffff");

const LABEL_USIM = "USIM";
const LANGUAGE = "en";
/** TS 22.101 section 10.1: codes every terminal must treat as emergency calls. */
const EMERGENCY_CALL_CODES = ["112", "911"] as const;
/** Search for the home network every 5 x 6 minutes (TS 31.102 section 4.2.6). */
const HPPLMN_INTERVAL = 5;
const FPLMN_COUNT = 4;

const SERVICE_SPN = 19;
/** AUTHENTICATE also returns Kc (TS 31.102 section 7.1.2). */
const SERVICE_GSM_ACCESS = 27;
/** TS 31.102 section 4.2.8: "shall be set to 1". */
const SERVICE_ALWAYS_SET = 33;
const SERVICE_ENABLED_SERVICES_TABLE = 34;
/** AUTHENTICATE in the GSM context. */
const SERVICE_GSM_SECURITY_CONTEXT = 38;

/**
 * Access rules and their EF_ARR records; the record number is the position here, counted from 1.
 * UPDATE conditions are only declared: no command writes.
 */
const ACCESS_RULES = [
  { name: "never", read: "never", update: "never" },
  { name: "read-always", read: "always", update: "adm" },
  { name: "read-always-update-pin", read: "always", update: "pin" },
  { name: "read-pin", read: "pin", update: "adm" },
  { name: "read-pin-update-pin", read: "pin", update: "pin" },
] as const;

/** Access mode byte (ISO 7816-4 section 9.3.2): bit 1 READ, bit 2 UPDATE, all seven for "never". */
const ACCESS_MODE_READ = 0x01;
const ACCESS_MODE_UPDATE = 0x02;
const ACCESS_MODE_ALL = 0x7f;

type AccessCondition = "always" | "pin" | "adm" | "never";
type AccessRuleName = (typeof ACCESS_RULES)[number]["name"];

/** `sfi` is 1 to 30, undefined when the file has none. */
export type ElementaryFile = {
  readonly fid: number;
  readonly sfi: number | undefined;
  readonly rule: AccessRuleName;
  readonly content:
    | { readonly structure: "transparent"; readonly bytes: Uint8Array }
    | { readonly structure: "linear-fixed"; readonly records: readonly Uint8Array[] };
};

/** `aid` (16 bytes) is set for an ADF. */
export type DedicatedFile = {
  readonly fid: number;
  readonly aid: Uint8Array | undefined;
  readonly files: readonly ElementaryFile[];
};

export type FileSystem = { readonly mf: DedicatedFile; readonly adfUsim: DedicatedFile };

/** The subscription as far as the files show it; no secrets. */
export type SubscriptionFiles = {
  readonly imsi: string;
  readonly iccid: string;
  readonly mncLength: 2 | 3;
  readonly spn?: string | undefined;
  readonly gsmAccess: boolean;
  readonly gsmSecurityContext: boolean;
};

export function createFileSystem(subscription: SubscriptionFiles): FileSystem {
  const iccid = encodeIccid(subscription.iccid);
  return {
    mf: { fid: FID_MF, aid: undefined, files: createMfFiles(iccid) },
    adfUsim: { fid: FID_CURRENT_ADF, aid: AID_USIM, files: createUsimFiles(subscription) },
  };
}

/** Whether reading `file` needs PIN1, looked up in the same table as EF_ARR. */
export function readCondition(file: ElementaryFile): AccessCondition {
  return ACCESS_RULES[ruleRecord(file.rule) - 1]?.read ?? "never";
}

/** FCP template of an EF (TS 102 221 section 11.1.1.3), shorter than 128 bytes. */
export function encodeEfFcp(file: ElementaryFile): Uint8Array {
  return encodeTlv(0x62, [
    ...encodeTlv(0x82, encodeFileDescriptor(file)),
    ...encodeTlv(0x83, encodeUint16(file.fid)),
    ...encodeLifeCycleAndSecurity(file.rule),
    ...encodeTlv(0x80, encodeUint16(contentLength(file))),
    // Empty means no SFI. Leaving 88 out would mean "the lower five bits of the identifier".
    ...encodeTlv(0x88, file.sfi === undefined ? [] : [file.sfi << 3]),
  ]);
}

/** FCP template of the MF or an ADF; C6 says whether PIN1 is enabled (PS_DO bit 8). */
export function encodeDfFcp(file: DedicatedFile, pinEnabled: boolean): Uint8Array {
  const pinStatus = [0x90, 0x01, pinEnabled ? 0x80 : 0x00, 0x83, 0x01, 0x01];
  return encodeTlv(0x62, [
    ...encodeTlv(0x82, [0x78, 0x21]),
    ...(file.aid === undefined
      ? encodeTlv(0x83, encodeUint16(file.fid))
      : encodeTlv(0x84, file.aid)),
    // UICC characteristics (section 11.1.1.4.6.1): clock stop allowed, any supply voltage class.
    ...encodeTlv(0xa5, encodeTlv(0x80, [0x71])),
    ...encodeLifeCycleAndSecurity("never"),
    ...encodeTlv(0xc6, pinStatus),
  ]);
}

function createMfFiles(iccid: Uint8Array): readonly ElementaryFile[] {
  const dirRecords = [encodeDirRecord(AID_USIM, LABEL_USIM)];
  return [
    transparent(0x2fe2, 0x02, "read-always", iccid),
    transparent(0x2f05, 0x05, "read-always-update-pin", encodeAscii(LANGUAGE)),
    linearFixed(0x2f00, 0x1e, "read-always", dirRecords),
    linearFixed(0x2f06, 0x06, "read-always", encodeAccessRuleRecords()),
  ];
}

/** TS 31.102 section 4.2, SFIs of Annex H. */
function createUsimFiles(subscription: SubscriptionFiles): readonly ElementaryFile[] {
  const { imsi, mncLength, spn } = subscription;
  const plmn = encodePlmn(imsi, mncLength);
  const ecc = EMERGENCY_CALL_CODES.map((digits) => encodeEmergencyCallCode(digits));
  const ust = encodeServiceTable(listServices(subscription));
  return [
    transparent(0x6f05, 0x02, "read-always-update-pin", encodeAscii(LANGUAGE)),
    transparent(0x6f07, 0x07, "read-pin", encodeImsi(imsi)),
    transparent(0x6f08, 0x08, "read-pin-update-pin", encodeInitialKeys()),
    transparent(0x6f09, 0x09, "read-pin-update-pin", encodeInitialKeys()),
    transparent(0x6f31, 0x12, "read-pin", new Uint8Array([HPPLMN_INTERVAL])),
    transparent(0x6f38, 0x04, "read-pin", ust),
    transparent(0x6f46, undefined, "read-always", encodeServiceProviderName(spn)),
    transparent(0x6f56, 0x05, "read-pin", new Uint8Array([0x00])),
    transparent(0x6f73, 0x0c, "read-pin-update-pin", encodeInitialPsLoci(plmn)),
    transparent(0x6f78, 0x06, "read-pin", encodeAccessControlClass(imsi)),
    transparent(0x6f7b, 0x0d, "read-pin-update-pin", fillBytes(FPLMN_COUNT * 3)),
    transparent(0x6f7e, 0x0b, "read-pin-update-pin", encodeInitialLoci(plmn)),
    transparent(0x6fad, 0x03, "read-always", encodeAdministrativeData(mncLength)),
    linearFixed(0x6fb7, 0x01, "read-always", ecc),
  ];
}

function listServices(subscription: SubscriptionFiles): readonly number[] {
  const services = [SERVICE_ALWAYS_SET, SERVICE_ENABLED_SERVICES_TABLE];
  if (subscription.spn !== undefined) services.push(SERVICE_SPN);
  if (subscription.gsmAccess) services.push(SERVICE_GSM_ACCESS);
  if (subscription.gsmSecurityContext) services.push(SERVICE_GSM_SECURITY_CONTEXT);
  return services;
}

/** EF_ARR (TS 102 221 section 13.4): an access mode data object, then a security condition each. */
function encodeAccessRuleRecords(): readonly Uint8Array[] {
  const rules = ACCESS_RULES.map((rule) =>
    rule.name === "never"
      ? encodeAccessRule(ACCESS_MODE_ALL, "never")
      : [
          ...encodeAccessRule(ACCESS_MODE_READ, rule.read),
          ...encodeAccessRule(ACCESS_MODE_UPDATE, rule.update),
        ],
  );
  const recordBytes = Math.max(...rules.map((rule) => rule.length));
  return rules.map((rule) => padBytes(new Uint8Array(rule), recordBytes));
}

function encodeAccessRule(accessMode: number, condition: AccessCondition): readonly number[] {
  return [...encodeTlv(0x80, [accessMode]), ...encodeSecurityCondition(condition)];
}

/**
 * Key references 01 (PIN1) and 0A (ADM1), usage qualifier 08 "user authentication" (section 9.5.1).
 */
function encodeSecurityCondition(condition: AccessCondition): Uint8Array {
  switch (condition) {
    case "always":
      return encodeTlv(0x90, []);
    case "never":
      return encodeTlv(0x97, []);
    case "pin":
      return encodeTlv(0xa4, [0x83, 0x01, 0x01, 0x95, 0x01, 0x08]);
    case "adm":
      return encodeTlv(0xa4, [0x83, 0x01, 0x0a, 0x95, 0x01, 0x08]);
  }
}

function encodeFileDescriptor(file: ElementaryFile): readonly number[] {
  if (file.content.structure === "transparent") return [0x41, 0x21];
  const { records } = file.content;
  return [0x42, 0x21, ...encodeUint16(records[0]?.length ?? 0), records.length];
}

/** 8A 05 "operational, activated", and 8B naming the EF_ARR record. */
function encodeLifeCycleAndSecurity(rule: AccessRuleName): readonly number[] {
  return [...encodeTlv(0x8a, [0x05]), ...encodeTlv(0x8b, [0x2f, 0x06, ruleRecord(rule)])];
}

function ruleRecord(name: AccessRuleName): number {
  return ACCESS_RULES.findIndex((rule) => rule.name === name) + 1;
}

function contentLength(file: ElementaryFile): number {
  return file.content.structure === "transparent"
    ? file.content.bytes.length
    : file.content.records.reduce((total, record) => total + record.length, 0);
}

function transparent(
  fid: number,
  sfi: number | undefined,
  rule: AccessRuleName,
  bytes: Uint8Array,
): ElementaryFile {
  return { fid, sfi, rule, content: { structure: "transparent", bytes } };
}

function linearFixed(
  fid: number,
  sfi: number | undefined,
  rule: AccessRuleName,
  records: readonly Uint8Array[],
): ElementaryFile {
  return { fid, sfi, rule, content: { structure: "linear-fixed", records } };
}

function encodeUint16(value: number): readonly number[] {
  return [value >> 8, value & 0xff];
}
