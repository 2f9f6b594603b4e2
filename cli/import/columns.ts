/** The columns of the files, and the members of a batch's row that they become. */

export interface Column {
  readonly name: string;
  /** In SubscriberRow or CardEnrolment; of a member of a member with a dot between. */
  readonly member: string;
  /** A list is separated by spaces, names by semicolons (name-list.ts). */
  readonly kind: "text" | "number" | "list" | "names";
  /** A key: never shown, and perhaps encrypted under a transport key. */
  readonly isSecret: boolean;
  /** An empty cell says that there is none; in all other columns it says nothing. */
  readonly emptyIsNone: boolean;
}

const column = (name: string, kind: Column["kind"] = "text", isSecret = false): Column => ({
  name,
  member: name.replaceAll(/_[a-z]/g, (part) => part.slice(1).toUpperCase()),
  kind,
  isSecret,
  emptyIsNone: false,
});
const customerData = (name: string, kind: "text" | "names" = "text"): Column => ({
  ...column(name, kind),
  emptyIsNone: true,
});
const ofMtm = (name: string): Column => {
  const own = column(name);
  return { ...own, member: `mtm.${own.member}` };
};
const secret = (name: string): Column => column(name, "text", true);

/** What a first line may name, and must. */
export interface Columns {
  readonly columns: readonly Column[];
  readonly required: readonly string[];
}

export interface Table extends Columns {
  readonly name: "subscribers" | "cards";
  /** Names the row, and occurs once in a file. */
  readonly key: string;
}

export const SUBSCRIBER_TABLE: Table = {
  name: "subscribers",
  columns: [
    column("imsi"),
    column("mnc_length", "number"),
    column("msisdn"),
    column("status"),
    column("centre"),
    column("algorithm"),
    ...["k", "op", "opc", "top", "topc", "ki", "akey"].map(secret),
    column("uim_id"),
    ...["ssd_a", "ssd_b", "secret"].map(secret),
    column("amf"),
    column("ind_bits", "number"),
    column("sqn", "number"),
    column("customer_data"),
    customerData("home_region"),
    customerData("user_groups", "names"),
    customerData("level"),
    customerData("company"),
    customerData("services", "names"),
    customerData("network_subset"),
    customerData("service_provider"),
    customerData("corporate"),
  ],
  key: "imsi",
  required: ["imsi"],
};

export const CARD_TABLE: Table = {
  name: "cards",
  columns: [
    column("card_id"),
    column("kind"),
    column("suite"),
    column("modes", "list"),
    column("certificates", "list"),
    secret("key"),
    column("key_version", "number"),
    column("service_public_key"),
    ofMtm("endorsement_key"),
    ofMtm("attestation_key"),
    column("challenge"),
    column("token"),
    column("proof"),
  ],
  key: "card_id",
  required: ["card_id"],
};

/** What `mtm keys --list` begins, `export mtm-challenges` adds to, and `mtm prove` answers. */
export const MTM_CHALLENGE_TABLE: Columns = {
  columns: [
    "card_id",
    "endorsement_key",
    "attestation_key",
    "credential_blob",
    "encrypted_secret",
    "policy_key",
    "service_policy",
    "token",
  ].map((name) => column(name)),
  required: ["card_id", "endorsement_key", "attestation_key"],
};

export function columnNamed(table: Columns, name: string): Column | undefined {
  return table.columns.find((each) => each.name === name);
}

/** The column of a member that the platform named; the member itself if there is none. */
export function columnOfMember(table: Table, member: string): string {
  return table.columns.find((each) => each.member === member)?.name ?? member;
}
