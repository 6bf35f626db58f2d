/**
 * Generates the JSON Schema of schemas that cannot generate it themselves: schemas of `zod/mini` and of older versions of zod. This module is loaded
 * only when it is needed.
 *
 * @module
 */
import * as z from "zod/mini";
import { writtenBy } from "../result/wanted_result.ts";

export function jsonSchemaOfZod(schema: object, vendor: string): object {
  return writtenBy(vendor, () => z.toJSONSchema(schema as z.ZodMiniType, { io: "input" }));
}
