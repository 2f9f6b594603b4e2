/**
 * The one table of what is wrapped for which column of the catalog. The re-wrap job walks it; a
 * column of the schema that is missing here fails a test, and the job.
 */
import type { CatalogRow, CatalogTable } from "#db/wrapped-columns";

import {
  issuedSsdWrapping,
  operatorConstantWrapping,
  subscriberKeyWrapping,
} from "./access-authentication/authentication-centre/subscriber-keys.ts";
import { decisionFactsWrapping } from "./binding-verification/decision-facts.ts";
import { ruleIdentitiesWrapping } from "./binding-verification/sealed-rules.ts";
import type { Wrapping } from "./dependencies.ts";
import { cardKeyWrapping } from "./secure-connection/card-key.ts";
import { concealmentKeyWrapping } from "./secure-connection/concealed-imsi.ts";
import { platformKeyWrapping } from "./secure-connection/platform-key.ts";

export interface WrappedColumn extends Wrapping<Readonly<Record<string, unknown>>> {
  /** By the names of the schema. */
  readonly table: string;
  readonly column: string;
}

export const WRAPPED_COLUMNS: readonly WrappedColumn[] = [
  describe("auc", "wrappedKey", subscriberKeyWrapping),
  describe("auc", "wrappedOperator", operatorConstantWrapping),
  describe("auc", "wrappedSsd", issuedSsdWrapping),
  describe("cards", "wrappedKey", cardKeyWrapping),
  describe("platformKeys", "wrappedPrivateKey", platformKeyWrapping),
  describe("concealmentKeys", "wrappedPrivateKey", concealmentKeyWrapping),
  describe("bindingRules", "wrappedIdentities", ruleIdentitiesWrapping),
  describe("auditEvents", "wrappedFacts", decisionFactsWrapping),
];

function describe<Table extends CatalogTable>(
  table: Table,
  column: keyof CatalogRow<Table> & string,
  { purpose, context }: Wrapping<CatalogRow<Table>>,
): WrappedColumn {
  return {
    table,
    column,
    purpose,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a row of this table
    context: (row) => context(row as CatalogRow<Table>),
  };
}
