import { LineCounter, parseDocument, visit } from "yaml";
import { UsageError } from "../errors.ts";
import { SchemaMistake } from "./json_schema.ts";
import { checkResultSchema } from "./result_schema.ts";
import { holds, JsonMistake, lineAndColumn, parseStrictJson, UNHELD } from "./strict_json.ts";

interface Place {
  line: number;
  column: number;
}

interface SchemaText {
  value: unknown;
  placeOf(pointer: string): Place | undefined;
}

const ATTEMPTED = "read the schema of the result";

export function readSchemaFile(text: string, file: string): object {
  const { value, placeOf } = parseSchemaText(text, file);
  try {
    checkResultSchema(value);
    return value as object;
  } catch (error) {
    if (!(error instanceof SchemaMistake)) throw error;
    throw refusal(file, placeOf(error.pointer), error.message, error.advice);
  }
}

function refusal(file: string, place: Place | undefined, why: string, advice?: string): UsageError {
  const where = place === undefined ? file : `${file}:${place.line}:${place.column}`;
  return new UsageError({ attempted: ATTEMPTED, why, value: JSON.stringify(where), advice });
}

function parseSchemaText(text: string, file: string): SchemaText {
  const isJson = /\.json$/i.test(file) || !/\.ya?ml$/i.test(file) && /^\s*\{/.test(text);
  return isJson ? ofJson(text, file) : ofYaml(text, file);
}

function ofJson(text: string, file: string): SchemaText {
  const offsets = new Map<string, number>();
  try {
    const value = parseStrictJson(text, (pointer, offset) => offsets.set(pointer, offset));
    return {
      value,
      placeOf(pointer) {
        const offset = offsets.get(pointer);
        return offset === undefined ? undefined : lineAndColumn(text, offset);
      },
    };
  } catch (error) {
    if (error instanceof JsonMistake) throw refusal(file, error, error.message);
    throw error;
  }
}

function ofYaml(text: string, file: string): SchemaText {
  const lines = new LineCounter();
  const place = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  try {
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
    const [mistake] = [...document.errors, ...document.warnings];
    if (mistake !== undefined) throw refusal(file, place(mistake.pos[0]), mistake.message.replace(/\s+/g, " "));
    visit(document, {
      Alias(_key, { range }) {
        throw refusal(file, range ? place(range[0]) : undefined, "it contains an alias", "write the value itself");
      },
      Scalar(_key, { value, source, range }) {
        if (typeof value !== "number" || holds(value, source ?? "")) return;
        throw refusal(file, range ? place(range[0]) : undefined, UNHELD);
      },
    });
    return {
      value: document.toJS(),
      placeOf(pointer) {
        const path = pointer.split("/").slice(1).map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
        const node = document.getIn(path, true) as { range?: [number, number, number] } | undefined;
        return node?.range === undefined ? undefined : place(node.range[0]);
      },
    };
  } catch (error) {
    if (error instanceof RangeError) throw refusal(file, undefined, "it is nested too deeply");
    throw error;
  }
}
