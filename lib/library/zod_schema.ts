/**
 * The JSON Schema of a zod schema. It is loaded when it is needed: zod schemas write theirs, except schemas of `zod/mini` and of older versions.
 * @module
 */
import * as z from "zod/mini";
import { writtenBy } from "../result/wanted_result.ts";

/** @throws {UsageError} if zod cannot write it. */
export function jsonSchemaOfZod(schema: object, vendor: string): object {
  return writtenBy(vendor, () => z.toJSONSchema(schema as z.ZodMiniType, { io: "input" }));
}
