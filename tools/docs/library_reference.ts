import { execFileSync } from "node:child_process";
import { FAULT_KINDS } from "../../lib/emulator/state/faults.ts";
import * as library from "../../mod.ts";
import { root, runtimes } from "../setup.mjs";
import {
  type DocComment,
  type DocMember,
  type DocParam,
  type DocType,
  memberText,
  paramsText,
  typeParamText,
  typeText,
} from "./type_text.ts";

interface Declaration {
  kind: string;
  jsDoc?: DocComment;
  def: {
    params?: DocParam[];
    hasBody?: boolean;
    returnType?: DocType;
    tsType?: DocType;
    properties?: DocMember[];
    methods?: DocMember[];
    constructors?: DocMember[];
    extends?: string | DocType[];
    typeParams?: { name: string; constraint?: DocType }[];
  };
}

interface DocSymbol {
  name: string;
  declarations: Declaration[];
}

const MODULES = [
  { file: "mod.ts", name: "@mogplex/ci" },
  { file: "campaigns.ts", name: "@mogplex/ci/campaigns" },
  { file: "testing.ts", name: "@mogplex/ci/testing" },
];

const GROUPS: readonly [heading: string, kinds: readonly string[]][] = [
  ["Functions", ["function"]],
  ["Errors and classes", ["class"]],
  ["Constants", ["variable"]],
  ["Types", ["interface", "typeAlias"]],
];

type Names = ReadonlyMap<string, ReadonlySet<string>>;

function memberNames({ declarations }: DocSymbol, symbols: readonly DocSymbol[]): string[] {
  return declarations.flatMap(({ def }) => {
    const parents = typeof def.extends === "string" ? [def.extends] : def.extends?.map(typeText) ?? [];
    const above = symbols.filter(({ name }) => parents.some((parent) => parent.split("<")[0] === name));
    const own = [...def.properties ?? [], ...def.methods ?? []].map(({ name }) => name);
    return [...own, ...above.flatMap((each) => memberNames(each, symbols))];
  });
}

function exportsOf(file: string): DocSymbol[] {
  const { nodes } = JSON.parse(execFileSync(runtimes.deno, ["doc", "--json", file], {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    maxBuffer: 64 * 1024 * 1024,
  }));
  const modules: { symbols?: DocSymbol[] }[] = Object.values(nodes);
  return modules.flatMap(({ symbols = [] }) => symbols).sort((a, b) => a.name < b.name ? -1 : 1);
}

function prose(text: string | undefined, known: Names): string {
  return (text ?? "").replace(/```[^]*?```/g, "").replace(
    /\{@link(?:code)? ([\w.]+)(?:\s+[^}]*)?\}/g,
    (_, name: string) => {
      const [whole = "", member] = name.split(".");
      const members = known.get(whole);
      if (members === undefined) throw new Error(`A docstring names ${name}, which no entry exports: ${text}`);
      if (member !== undefined && !members.has(member)) throw new Error(`There is no ${name}: ${text}`);
      return `[\`${name}\`](#${whole.toLowerCase()})`;
    },
  ).replace(/@default\s+([^]+)$/, (_, value: string) => defaultText(value)).replace(/\s+/g, " ").trim();
}

function proseWithList(text: string | undefined, known: Names): string {
  const [first = "", ...items] = (text ?? "").split(/\n(?=- )/).map((part) => prose(part, known));
  return [first, ...items.length > 0 ? [items.join("\n")] : []].join("\n\n");
}

/** Formats the text after `@default` as a sentence. Values are in braces there, and words are not. */
function defaultText(value: string): string {
  return `Default: ${value.replace(/\{(.*?)\}(?=[\s,;)]|$)/g, "`$1`").replace(/\.?\s*$/, ".")}`;
}

/** The original text after `@default`. Deno's tool ends the value at its first closing brace, and drops the following braces. */
function taggedDefault({ value = "", doc = "" }: { value?: string; doc?: string }): string {
  const open = value.split("{").length - value.split("}").length;
  return `{${value}${"}".repeat(Math.max(open, 0))}} ${doc}`;
}

function thrownText({ doc, tsType }: { doc?: string; tsType?: DocType }, known: Names): string {
  return `${tsType ? `\`${typeText(tsType)}\` ` : ""}${prose(doc, known)}`.trimEnd();
}

function tags({ tags = [] }: DocComment, known: Names): string[] {
  return tags.flatMap(({ kind, name, doc, tsType }) => {
    if (kind === "param") return [`- \`${name}\`: ${prose(doc, known)}`];
    if (kind === "return") return [`- returns ${prose(doc, known)}`];
    if (kind === "throws") return [`- throws ${thrownText({ doc, tsType }, known)}`];
    return [];
  });
}

function memberItem(member: DocMember, known: Names): string {
  const { jsDoc = {}, functionDef } = member;
  const text = memberText(
    functionDef === undefined
      ? member
      // A getter is read like a property, so it is not listed as a function.
      : member.kind === "getter"
      ? { ...member, readonly: true, tsType: functionDef.returnType }
      : { ...member, ...functionDef },
  );
  const byDefault = jsDoc.tags?.find(({ kind }) => kind === "default");
  const last = byDefault === undefined ? "" : defaultText(taggedDefault(byDefault));
  const thrown =
    jsDoc.tags?.filter(({ kind }) => kind === "throws").map((tag) =>
      `Throws ${thrownText(tag, known).replace(/\.?$/, ".")}`
    ) ?? [];
  const meaning = [prose(jsDoc.doc, known), last, ...thrown].filter((text) => text !== "").join(" ");
  return `- \`${text}\`${meaning === "" ? "" : `: ${meaning}`}`;
}

function unionItems(type: DocType | undefined, known: Names): string[] {
  const parts: DocType[] = type?.kind === "union" ? type.value : [];
  return parts.flatMap(({ kind, value }) => {
    const [first, ...others]: DocMember[] = kind === "typeLiteral" ? value.properties : [];
    if (first === undefined || ![first, ...others].some(({ jsDoc }) => jsDoc !== undefined)) return [];
    return [
      memberItem(first, known),
      ...others.filter(({ tsType }) => tsType?.repr !== "undefined").map((each) => `  ${memberItem(each, known)}`),
    ];
  });
}

function declared(name: string, { kind, def }: Declaration): string {
  const typeParams = def.typeParams?.length ? `<${def.typeParams.map(typeParamText).join(", ")}>` : "";
  const parents = typeof def.extends === "string" ? def.extends : def.extends?.map(typeText).join(", ");
  const above = parents ? ` extends ${parents}` : "";
  switch (kind) {
    case "function":
      return `function ${name}${typeParams}(${paramsText(def.params ?? [])}): ${typeText(def.returnType)}`;
    case "variable":
      return `const ${name}: ${constText(name) ?? typeText(def.tsType)}`;
    case "typeAlias":
      return `type ${name}${typeParams} = ${unionText(typeText(def.tsType))}`;
    default:
      return `${kind} ${name}${typeParams}${above}`;
  }
}

const LISTS: Readonly<Record<string, readonly string[]>> = { FAULT_KINDS };

function unionText(type: string): string {
  const list = LISTS[/^typeof (\w+)\[number\]$/.exec(type)?.[1] ?? ""];
  return list === undefined ? type : list.map((entry) => JSON.stringify(entry)).join(" | ");
}

function constText(name: string): string | undefined {
  const value = (library as Readonly<Record<string, unknown>>)[name];
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  if (Object.values(value).some((each) => !["string", "number"].includes(typeof each))) return undefined;
  return `{ ${Object.entries(value).map(([key, each]) => `readonly ${key}: ${JSON.stringify(each)}`).join("; ")} }`;
}

function section({ name, declarations }: DocSymbol, known: Names): string {
  // The signature of the body cannot be called if a function has overloads.
  const callable = declarations.length > 1 ? declarations.filter(({ def }) => def.hasBody !== true) : declarations;
  return callable.map((declaration, index) => {
    const { jsDoc = {}, def } = declaration;
    const members = [...def.properties ?? [], ...def.methods ?? []].filter((each) =>
      each.accessibility !== "private" && each.kind !== "setter" && !/^[#[]/.test(each.name) &&
      !each.jsDoc?.tags?.some(({ kind }) => kind === "internal") && !each.jsDoc?.doc?.includes("@internal")
    );
    const blocks = [
      ...index === 0 ? [`### ${name}`] : [],
      ["```ts", declared(name, declaration), "```"].join("\n"),
      proseWithList(jsDoc.doc, known),
      [...tags(jsDoc, known), ...members.map((each) => memberItem(each, known)), ...unionItems(def.tsType, known)].join(
        "\n",
      ),
    ];
    return blocks.filter((text) => text !== "").join("\n\n");
  }).join("\n\n");
}

/** The content of `tests/unit/architecture/exports.txt`: every export of `mod.ts` with its kind, one per line. */
export function exportList(): string {
  const lines = exportsOf("mod.ts").map(({ name, declarations }) => `${declarations[0]?.kind} ${name}`);
  return `${lines.sort().join("\n")}\n`;
}

export function libraryReference(): string {
  const modules = MODULES.map(({ file, name }) => ({ name, symbols: exportsOf(file) }));
  const all = modules.flatMap(({ symbols }) => symbols);
  const known = new Map(all.map((each) => [each.name, new Set(memberNames(each, all))]));
  const parts = modules.map(({ name, symbols }) => {
    const groups = GROUPS.map(([heading, kinds]) => {
      const found = symbols.filter(({ declarations: [first] }) => kinds.includes(first?.kind ?? ""));
      return found.length === 0
        ? ""
        : [`## ${heading} of ${name}`, ...found.map((each) => section(each, known))].join("\n\n");
    });
    return groups.filter((text) => text !== "").join("\n\n");
  });
  return `# Library reference

Every export of \`@mogplex/ci\`, \`@mogplex/ci/campaigns\` and \`@mogplex/ci/testing\`, generated from the sources by \`npm run docs\`. Durations whose
names end in \`Ms\` are in milliseconds. For how to use the library, see [The library](../library.md).

${parts.join("\n\n")}
`;
}
