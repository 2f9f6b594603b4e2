import { defineConfig } from "drizzle-kit";

// oxlint-disable-next-line import/no-default-export -- configuration of a tool
export default defineConfig({
  dialect: "sqlite",
  schema: "./db/schema.ts",
  out: "./db/migrations",
});
