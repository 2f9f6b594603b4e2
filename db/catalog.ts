/** The repositories, once for both hosts. */
import { createAuditIndex } from "./audit.ts";
import { createBindingRules } from "./binding-rules.ts";
import { createCards } from "./cards.ts";
import { createConcealmentKeys } from "./concealment-keys.ts";
import type { CatalogDatabase } from "./database.ts";
import { createPlatformKeys } from "./platform-keys.ts";
import type { Repositories } from "./records.ts";
import { createSubscribers } from "./subscribers.ts";
import { createTenants } from "./tenants.ts";
import { createWrappedColumns } from "./wrapped-columns.ts";
import { createWrappingKeys } from "./wrapping-keys.ts";

export function createRepositories(database: CatalogDatabase): Repositories {
  return {
    tenants: createTenants(database),
    platformKeys: createPlatformKeys(database),
    cards: createCards(database),
    concealmentKeys: createConcealmentKeys(database),
    subscribers: createSubscribers(database),
    rules: createBindingRules(database),
    audit: createAuditIndex(database),
    wrappingKeys: createWrappingKeys(database),
    wrappedColumns: createWrappedColumns(database),
  };
}
