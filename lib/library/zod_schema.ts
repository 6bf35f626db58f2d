/**
 * The JSON Schema of a zod schema. This module is loaded only when it is needed. Zod schemas generate their own JSON Schema, except for schemas of
 * `zod/mini` and of older versions.
 *
 * @module
 */
import * as z from "zod/mini";
import { writtenBy } from "../result/wanted_result.ts";

/** @throws {UsageError} if zod cannot generate the JSON Schema. */
export function jsonSchemaOfZod(schema: object, vendor: string): object {
  return writtenBy(vendor, () => z.toJSONSchema(schema as z.ZodMiniType, { io: "input" }));
}
