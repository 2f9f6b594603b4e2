/** Which wrapping keys rows may be under: from a key's first use until nothing is under it. */
import { eq, sql } from "drizzle-orm";

import { build, type CatalogDatabase, prepareStatement, readRows } from "./database.ts";
import type { Repositories } from "./records.ts";
import { wrappingKeys } from "./schema.ts";

const id = sql.placeholder("id");

const selectKeys = prepareStatement(build.select().from(wrappingKeys).orderBy(wrappingKeys.id));

const insertKey = prepareStatement(
  build
    .insert(wrappingKeys)
    .values({ id, checkValue: sql.placeholder("checkValue") })
    .onConflictDoNothing()
    .returning({ id: wrappingKeys.id }),
);

const deleteKey = prepareStatement(
  build.delete(wrappingKeys).where(eq(wrappingKeys.id, id)).returning({ id: wrappingKeys.id }),
);

export function createWrappingKeys(database: CatalogDatabase): Repositories["wrappingKeys"] {
  return {
    list: () => readRows(database, selectKeys, {}),
    async record(key) {
      await database.write([insertKey.call({ ...key })]);
    },
    async retire(ids) {
      await database.write(ids.map((each) => deleteKey.call({ id: each })));
    },
  };
}
