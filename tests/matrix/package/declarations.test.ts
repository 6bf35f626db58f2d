/** What a project needs that uses the package and writes its own declarations: the name of each type in them, and no other type. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import ts from "@typescript/typescript6";
import { root } from "../../../tools/setup.mjs";
import { built } from "../../built.ts";

const ENTRIES = { mod: "@mogplex/ci", campaigns: "@mogplex/ci/campaigns", testing: "@mogplex/ci/testing" } as const;
type Entry = keyof typeof ENTRIES;

const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  lib: ["lib.es2022.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts", "lib.esnext.disposable.d.ts"],
  types: [],
  strict: true,
  skipLibCheck: true,
  declaration: true,
  emitDeclarationOnly: true,
};

/** The tags that a docblock of ours may have. */
const TAGS: readonly string[] = ["param", "returns", "throws", "default", "example", "internal"];

let folder: string;
let program: ts.Program;
let views: Readonly<Record<Entry, View>>;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "mogplex-declarations-"));
  const installed = join(folder, "node_modules/@mogplex/ci");
  mkdirSync(join(installed, "dist"), { recursive: true });
  cpSync(join(root, "package.json"), join(installed, "package.json"));
  cpSync(join(dirname(built("mod.mjs")), "types"), join(installed, "dist/types"), { recursive: true });
  const file = join(folder, "entries.mts");
  writeFileSync(
    file,
    Object.entries(ENTRIES).map(([name, entry]) => `export * as ${name} from "${entry}";`).join("\n"),
  );
  program = ts.createProgram([file], OPTIONS);
  const fileOf = (entry: Entry) => join(installed, `dist/types/${entry}.d.ts`);
  views = {
    mod: new View(program, fileOf("mod")),
    campaigns: new View(program, fileOf("campaigns")),
    testing: new View(program, fileOf("testing")),
  };
}, 120_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/**
 * What a script sees of an entry: its exports, and every type of the package that they name: in signatures, members, and as what an interface
 * extends, where the reference has the inherited members.
 */
class View {
  readonly exports = new Map<string, ts.Symbol>();
  readonly types = new Set<ts.Symbol>();
  readonly #checker: ts.TypeChecker;
  readonly #visited = new Set<ts.Type>();

  constructor(program: ts.Program, file: string) {
    this.#checker = program.getTypeChecker();
    const source = program.getSourceFile(file);
    const module = source && this.#checker.getSymbolAtLocation(source);
    if (module === undefined) throw new Error(`Cannot read the exports of ${file}`);
    for (const symbol of this.#checker.getExportsOfModule(module)) this.exports.set(symbol.name, this.#resolve(symbol));
    for (const symbol of this.exports.values()) {
      if (!isValue(symbol)) continue;
      for (const declaration of symbol.declarations ?? []) this.#visitNames(declaration);
      this.#visit(this.#checker.getTypeOfSymbol(symbol));
      if (symbol.flags & ts.SymbolFlags.Class) this.#visit(this.#checker.getDeclaredTypeOfSymbol(symbol));
    }
  }

  /** The public members of a type; those of each alternative of a union. */
  membersOf(symbol: ts.Symbol): string[] {
    const type = this.#checker.getDeclaredTypeOfSymbol(symbol);
    const alternatives = type.isUnion() ? type.types : [type];
    const members = alternatives.filter((each) => each.flags & ts.TypeFlags.Object).flatMap((each) =>
      each.getProperties()
    );
    return [...new Set(members.filter(isPublicMember).map(({ name }) => name))];
  }

  #resolve(symbol: ts.Symbol): ts.Symbol {
    return symbol.flags & ts.SymbolFlags.Alias ? this.#checker.getAliasedSymbol(symbol) : symbol;
  }

  #visit(type: ts.Type): void {
    if (this.#visited.has(type)) return;
    this.#visited.add(type);
    if (type.isUnionOrIntersection()) { for (const each of type.types) this.#visit(each); }
    if (!(type.flags & ts.TypeFlags.Object)) return;
    for (const each of this.#checker.getTypeArguments(type as ts.TypeReference)) this.#visit(each);
    for (const { declaration } of [...type.getCallSignatures(), ...type.getConstructSignatures()]) {
      if (declaration !== undefined && isOfPackage(declaration)) this.#visitNames(declaration);
    }
    for (const member of type.getProperties().filter(isPublicMember)) {
      for (const declaration of member.declarations ?? []) this.#visitNames(declaration);
      this.#visit(this.#checker.getTypeOfSymbol(member));
    }
  }

  /** The types that a declaration names, as its text has them: a name of another type is not replaced by what it stands for. */
  #visitNames(node: ts.Node): void {
    if (ts.isClassDeclaration(node)) return;
    const name = ts.isTypeReferenceNode(node)
      ? node.typeName
      : ts.isExpressionWithTypeArguments(node)
      ? node.expression
      : undefined;
    const symbol = name && this.#checker.getSymbolAtLocation(name);
    const declared = symbol && this.#resolve(symbol);
    if (declared?.declarations?.some(isOfPackage) && !(declared.flags & ts.SymbolFlags.TypeParameter)) {
      if (!this.types.has(declared)) {
        this.types.add(declared);
        for (const each of declared.declarations) {
          if (ts.isTypeAliasDeclaration(each)) this.#visitNames(each.type);
          if (ts.isInterfaceDeclaration(each)) each.heritageClauses?.forEach((clause) => this.#visitNames(clause));
        }
        this.#visit(this.#checker.getDeclaredTypeOfSymbol(declared));
      }
    }
    ts.forEachChild(node, (child) => this.#visitNames(child));
  }
}

function isValue({ flags }: ts.Symbol): boolean {
  return (flags & ts.SymbolFlags.Value) !== 0;
}

function isOfPackage(node: ts.Node): boolean {
  return node.getSourceFile().fileName.includes("/@mogplex/ci/");
}

/** Whether a member was declared by the package, and is one that a script may use. */
function isPublicMember({ name, declarations = [] }: ts.Symbol): boolean {
  return /^\w+$/.test(name) && declarations.some((each) =>
    isOfPackage(each) &&
    !(ts.getCombinedModifierFlags(each as ts.Declaration) & ts.ModifierFlags.NonPublicAccessibilityModifier)
  );
}

test("each exported type is named by what an entry exports as a value, or by a member of such a type", () => {
  for (const [entry, { exports, types }] of Object.entries(views)) {
    const idle = [...exports].filter(([, symbol]) => !isValue(symbol) && !types.has(symbol)).map(([name]) => name);
    expect([entry, idle]).toEqual([entry, []]);
  }
});

test("a project that exports each member of a public view gets declarations from the compiler", () => {
  const lines = Object.entries(ENTRIES).map(([name, entry]) => `import * as ${name} from "${entry}";`);
  for (const [entry, view] of Object.entries(views)) {
    for (const [name, symbol] of view.exports) {
      if (isValue(symbol)) lines.push(`export const ${entry}_${name} = ${entry}.${name};`);
      if (symbol.flags & (ts.SymbolFlags.Variable | ts.SymbolFlags.Function)) continue;
      const parameters = symbol.declarations?.flatMap((each) =>
        ts.isInterfaceDeclaration(each) || ts.isTypeAliasDeclaration(each) ? each.typeParameters ?? [] : []
      ) ?? [];
      const type = `${entry}.${name}${
        parameters.length === 0 ? "" : `<${parameters.map(() => "any").join()}>`
      }`;
      for (const member of view.membersOf(symbol)) {
        const value = `(null! as Extract<${type}, { readonly ${member}?: unknown }>).${member}`;
        lines.push(`export const ${entry}_${name}_${member} = ${value};`);
      }
    }
  }
  expect(lines.length).toBeGreaterThan(700);
  const file = join(folder, "members.mts");
  writeFileSync(file, lines.join("\n"));
  const consumer = ts.createProgram([file], OPTIONS, undefined, program);
  let declarations = "";
  const { diagnostics } = consumer.emit(undefined, (_, text) => declarations = text);
  const messages = [...ts.getPreEmitDiagnostics(consumer), ...diagnostics].map(({ messageText, start = 0 }) =>
    `${lines.join("\n").slice(0, start).split("\n").length}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`
  );
  expect(messages).toEqual([]);
  expect(declarations).toContain("export declare const mod_createMogplex:");
});

test("declarations can be read: an entry has one name a line, and a docblock no word that editors take for a tag", () => {
  for (const { exports } of Object.values(views)) {
    for (const symbol of exports.values()) {
      const members = program.getTypeChecker().getDeclaredTypeOfSymbol(symbol).getProperties().filter(isPublicMember);
      for (const each of [symbol, ...members]) {
        const tags = each.getJsDocTags().map(({ name }) => name).filter((name) => !TAGS.includes(name));
        expect([symbol.name, each.name, tags]).toEqual([symbol.name, each.name, []]);
      }
    }
  }
  for (const entry of Object.keys(ENTRIES)) {
    const text = readFileSync(join(folder, `node_modules/@mogplex/ci/dist/types/${entry}.d.ts`), "utf8");
    expect(text).toMatch(/^export \{\n(?: {2}\w+,\n)+\} from '\.\/shared\.js';\n$/);
  }
  // What is not in a docblock is for people who change the sources.
  expect(readFileSync(join(folder, "node_modules/@mogplex/ci/dist/types/shared.d.ts"), "utf8")).not.toMatch(/^ *\/\//m);
});
