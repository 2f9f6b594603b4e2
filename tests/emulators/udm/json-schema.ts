/** As much of JSON Schema (draft 7) as tests/vectors/nudm_ueau_schema.json uses; else it throws. */

export type Schema = { readonly [keyword: string]: unknown };
type Definitions = Readonly<Record<string, Schema>>;

const KNOWN = new Set([
  "$ref",
  "enum",
  "items",
  "maxItems",
  "maximum",
  "minItems",
  "minimum",
  "oneOf",
  "pattern",
  "properties",
  "required",
  "type",
]);

/** Where `value` contradicts the schema of that name; empty when nowhere. */
export function findViolations(
  definitions: Definitions,
  name: string,
  value: unknown,
): readonly string[] {
  const schema = definitions[name];
  if (schema === undefined) throw new Error(`no schema ${name}`);
  return check(definitions, schema, value, name);
}

function check(
  definitions: Definitions,
  schema: Schema,
  value: unknown,
  where: string,
): readonly string[] {
  for (const keyword of Object.keys(schema))
    if (!KNOWN.has(keyword)) throw new Error(`unknown keyword ${keyword}`);
  const found: string[] = [];
  const ref = schema["$ref"];
  if (typeof ref === "string")
    found.push(
      ...check(definitions, definitions[ref.replace("#/definitions/", "")] ?? {}, value, where),
    );
  if (!hasType(schema["type"], value)) return [...found, `${where}: type`];
  const list = schema["enum"];
  if (Array.isArray(list) && !list.includes(value)) found.push(`${where}: enum`);
  const { pattern } = schema;
  if (typeof pattern === "string" && !new RegExp(pattern).test(String(value)))
    found.push(`${where}: pattern`);
  found.push(...checkNumber(schema, value, where));
  const { oneOf } = schema;
  if (Array.isArray(oneOf)) {
    const fits = oneOf.filter((one) => check(definitions, one, value, where).length === 0);
    if (fits.length !== 1) found.push(`${where}: oneOf`);
  }
  if (Array.isArray(value)) found.push(...checkArray(definitions, schema, value, where));
  else if (typeof value === "object" && value !== null)
    found.push(...checkObject(definitions, schema, { ...value }, where));
  return found;
}

function hasType(type: unknown, value: unknown): boolean {
  if (type === undefined) return true;
  if (type === "integer") return Number.isInteger(value);
  if (type === "array") return Array.isArray(value);
  if (type === "object")
    return typeof value === "object" && value !== null && !Array.isArray(value);
  return typeof value === type;
}

function checkNumber(schema: Schema, value: unknown, where: string): readonly string[] {
  if (typeof value !== "number") return [];
  const { minimum, maximum } = schema;
  const found: string[] = [];
  if (typeof minimum === "number" && value < minimum) found.push(`${where}: minimum`);
  if (typeof maximum === "number" && value > maximum) found.push(`${where}: maximum`);
  return found;
}

function checkArray(
  definitions: Definitions,
  schema: Schema,
  value: readonly unknown[],
  where: string,
): readonly string[] {
  const { items, minItems, maxItems } = schema;
  const found: string[] = [];
  if (typeof minItems === "number" && value.length < minItems) found.push(`${where}: minItems`);
  if (typeof maxItems === "number" && value.length > maxItems) found.push(`${where}: maxItems`);
  if (!isSchema(items)) return found;
  const deeper = value.flatMap((item, i) => check(definitions, items, item, `${where}[${i}]`));
  return [...found, ...deeper];
}

function checkObject(
  definitions: Definitions,
  schema: Schema,
  value: Readonly<Record<string, unknown>>,
  where: string,
): readonly string[] {
  const { required, properties } = schema;
  const found: string[] = [];
  if (Array.isArray(required))
    for (const name of required)
      if (!Object.hasOwn(value, name)) found.push(`${where}.${name}: required`);
  if (!isSchema(properties)) return found;
  for (const [name, property] of Object.entries(properties))
    if (isSchema(property) && Object.hasOwn(value, name))
      found.push(...check(definitions, property, value[name], `${where}.${name}`));
  return found;
}

function isSchema(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
