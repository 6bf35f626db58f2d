/**
 * The files of `schema/`. The `$id` of each file is its address in the release.
 *
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../setup.mjs";
import { campaignJsonSchema } from "./campaign_schema.ts";
import { LINE_SCHEMAS } from "./line_schemas.ts";

export interface Released {
  version: string;
  repository?: { url: string } | undefined;
}

/**
 * The address of the schema's file in the release; the name of the file as long as the address of the project is not known. Schemas refer to each
 * other by name, which works in both cases.
 *
 * @param name Name of the file in `schema/`.
 */
export function schemaId(name: string, { version, repository }: Released): string {
  const address = repository?.url.replace(/^git\+/, "").replace(/\.git$/, "");
  if (address === undefined) return name;
  const raw = new URL(address).hostname === "github.com" ? "raw" : "-/raw";
  return `${address}/${raw}/${version}/schema/${name}`;
}

/** Schemas that are generated from the code. The other schemas are maintained by hand. */
const MADE: Readonly<Record<string, () => object>> = {
  "campaign.schema.json": campaignJsonSchema,
  ...Object.fromEntries(Object.entries(LINE_SCHEMAS).map(([name, schema]) => [name, () => schema])),
};

function textOf(name: string, id: string): string {
  const make = MADE[name];
  if (make !== undefined) {
    const { $schema, ...rest } = make() as { $schema?: unknown };
    return `${JSON.stringify({ $schema, $id: id, ...rest }, null, 2)}\n`;
  }
  const text = readFileSync(join(root, "schema", name), "utf8").replace(/^ {2}"\$id": .*\n/m, "");
  return text.replace(/^( {2}"\$schema": .*\n)/m, `$1  "$id": ${JSON.stringify(id)},\n`);
}

export function schemaFiles(): Record<string, () => string> {
  const released: Released = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const names = new Set([...readdirSync(join(root, "schema")), ...Object.keys(MADE)]);
  return Object.fromEntries(
    [...names].sort().map((name) => [`schema/${name}`, () => textOf(name, schemaId(name, released))]),
  );
}
