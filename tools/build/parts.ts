/**
 * Parts of a built file that are texts until they are needed. Runtimes read all code of a file at each start, and Bun translates it; a text
 * costs them next to nothing. The bundler divides the code into chunks; here they become one file again.
 *
 * @module
 */
import { build, type BuildOptions, type Metafile, type OutputFile, type Plugin, transform } from "esbuild";
import { readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { root } from "../setup.mjs";
import { type Carrier, carrierModule, filledIn, lazyText, loaderOf } from "./lazy_text.ts";
import { type LazyPackage, packageCode } from "./lazy_package.ts";
import { shorten } from "./shorten.ts";

/** A part that is a text until its module is imported. */
export interface LazyPart {
  /** Its name in the built file: one word. */
  name: string;
  /** Module that is imported by `import()` alone, below the checkout. All that only it needs belongs to the part. */
  module: string;
  /** Whether names and white space are shortened: for packages, not for our own code. @default {false} */
  minify?: boolean;
  /**
   * Whether sources outside of its folder import the module as usual and call its functions, all of which it has for them: then the first
   * call loads it. @default {false} (sources use `import()`)
   */
  called?: boolean;
}

/** The chunks that a bundler made of a file. */
interface Chunks {
  outputFiles: readonly OutputFile[];
  metafile: Metafile;
}

type Output = Metafile["outputs"][string];

/** Options that make the bundler divide a file into chunks. */
export const IN_CHUNKS: BuildOptions = {
  splitting: true,
  outdir: join(root, "dist"),
  entryNames: "[name]",
  chunkNames: "[name]-[hash]",
};

const IMPORT = /^import\b[^;"']*["']([^"']+)["'];\n?/gm;
const EXPORT = /(?:^|[;}\n])export ?\{([^}]*)\};?\s*$/;

/** One chunk, taken apart. */
interface Chunk {
  name: string;
  output: Output;
  text: string;
}

function chunksOf({ outputFiles, metafile }: Chunks): Chunk[] {
  return outputFiles.map(({ path, text }) => {
    const found = Object.entries(metafile.outputs).find(([key]) => join(root, key) === path);
    if (found === undefined) throw new Error(`Cannot find ${path} in the list of what was built`);
    return { name: basename(path), output: found[1], text };
  });
}

/** Comments that name sources: the bundler keeps those that look like a licence. */
const keepComments = (text: string) => text.replace(/^\/\/ (?=(?:lib|node_modules)\/|mod\.ts$)/gm, "//! ");
const restoreComments = (text: string) =>
  text.replace(/^\/\/ part:.*\n/gm, "").replace(/^\/\/! (?=(?:lib|node_modules)\/|mod\.ts$|Text)/gm, "// ");

/** Entries of `a, b as c`, as pairs. */
function pairs(list: string): [string, string][] {
  return list.split(",").map((each) => each.trim()).filter((each) => each !== "").map((each) => {
    const [from = "", to = from] = each.split(" as ");
    return [from, to];
  });
}

/** The statements that import, and the names that they bind. @throws when a statement was not understood. */
function importsOf({ name, text, output }: Chunk): { statements: string[]; names: string[]; rest: string } {
  const statements = [...text.matchAll(IMPORT)].map(([statement]) => statement);
  const expected = output.imports.filter(({ kind }) => kind === "import-statement").length;
  if (statements.length !== expected) {
    throw new Error(`Cannot take ${name} apart: it has ${expected} imports, and ${statements.length} were found`);
  }
  const names = statements.flatMap((statement) => {
    const [, first = "", list = ""] = /^import ([^{]*)(?:\{([^}]*)\})?/.exec(statement) ?? [];
    // `import "…"` binds nothing: the chunk is imported for its order alone.
    const whole = first.replace(/^["'].*/s, "").replace(/^\* as /, "").replace(/\bfrom.*/s, "").replace(/,\s*$/, "")
      .trim();
    return [...(whole === "" ? [] : [whole]), ...pairs(list).map(([, local]) => local)];
  });
  return { statements, names, rest: text.replace(IMPORT, "") };
}

/** Names that modules declare as variables that may get another value later: a part would not see it. */
function variablesOf(chunks: readonly Chunk[]): Set<string> {
  const sources = chunks.flatMap(({ output }) => Object.keys(output.inputs)).filter((path) => !path.includes(":"));
  const found = sources.flatMap((path) => [
    ...readFileSync(join(root, path), "utf8").matchAll(/^export (?:let|var) (\w+)/gm),
  ]);
  return new Set(found.map(([, name = ""]) => name));
}

/** The functions of a module that a part stands for, each of which calls the one of the part. See {@linkcode replaceImports}. */
export function callingPart({ module }: LazyPart): Plugin {
  const path = join(root, module);
  const folder = `${dirname(path)}/`;
  return {
    name: "calling-part",
    setup({ onLoad, onResolve }) {
      onResolve({ filter: new RegExp(`/${basename(module)}$`) }, ({ path: given, importer, resolveDir, kind }) => {
        const isCall = kind === "import-statement" && !importer.startsWith(folder) && join(resolveDir, given) === path;
        return isCall ? { path, namespace: "calling-part" } : undefined;
      });
      onLoad({ filter: /.*/, namespace: "calling-part" }, () => {
        const names = [...readFileSync(path, "utf8").matchAll(/^export \{([^}]*)\} from/gm)]
          .flatMap(([, list = ""]) => list.split(",")).map((name) => name.trim())
          .filter((name) => name !== "" && !name.startsWith("type "));
        const contents = names.map((name) =>
          `export const ${name} = (...given) => import(${JSON.stringify(path)}).${name}(...given);`
        );
        return { contents: contents.join("\n"), loader: "js", resolveDir: root };
      });
    },
  };
}

/** Replaces `import()` in the text of a chunk. @returns The text, and the parts and modules that it imports in this way. */
function replaceImports(text: string, parts: ReadonlyMap<string, LazyPart>, modules?: Set<string>) {
  const used = new Set<LazyPart>();
  const replaced = text.replace(/\bimport\("(?:\.\/)?([^"]+)"\)/g, (whole, target: string) => {
    const part = parts.get(target);
    if (part !== undefined) {
      used.add(part);
      if (part.called) return `${loaderOf(part)}()`;
      return `Promise.resolve().then(${loaderOf(part)})`;
    }
    if (modules === undefined) return whole;
    modules.add(target);
    return `importModule[${JSON.stringify(target)}]()`;
  });
  return { text: replaced, used: [...used] };
}

const importLoaders = (parts: readonly LazyPart[]) =>
  parts.map((part) => `import { ${loaderOf(part)} } from "part:${part.name}";\n`).join("");

/** Code of a function that returns what a package exports, shortened. */
async function shortened({ text }: Chunk, { charset, legalComments, target }: BuildOptions): Promise<string> {
  const options = { charset, legalComments, target, format: "iife", globalName: "exported" } as const;
  const { code } = await transform(text, options);
  return `${await shorten(code, { module: false, ascii: charset === "ascii" })}return exported;`;
}

/** Code of a function that returns what a chunk exports. @throws when it has something that a function cannot have. */
function asFunction({ name }: Chunk, text: string): string {
  const [statement = "", list = ""] = EXPORT.exec(text) ?? [];
  const body = text.slice(0, text.length - statement.length);
  if (statement === "" || /\bimport\.meta\b|\bimport\(|^(?:import|export)\b/m.test(body)) {
    throw new Error(
      `Cannot make a text of ${name}: it has imports, exports or import.meta, which a function cannot have`,
    );
  }
  const result = pairs(list).map(([local, exported]) => local === exported ? local : `${exported}: ${local}`);
  return `"use strict";\n${body.trim()}\nreturn { ${result.join(", ")} };`;
}

/** The module of a part, which imports what the part shares with the rest and loads it; and the code of the part. */
async function moduleOf(
  chunk: Chunk,
  part: LazyPart,
  parts: ReadonlyMap<string, LazyPart>,
  options: BuildOptions,
): Promise<{ module: string; code: string }> {
  const { statements, names, rest } = importsOf(chunk);
  const modules = new Set<string>();
  const { text, used } = replaceImports(rest, parts, modules);
  if (part.minify && names.length + used.length + modules.size > 0) {
    throw new Error(`Cannot shorten ${part.module}: it imports something that other parts need`);
  }
  const given = [...names, ...used.map(loaderOf), ...(modules.size > 0 ? ["importModule"] : [])];
  const importers = [...modules].map((name) => `${JSON.stringify(name)}: () => import(${JSON.stringify(name)})`);
  const code = part.minify ? await shortened(chunk, options) : `\n${asFunction(chunk, text)}\n`;
  const module = `${statements.join("")}${importLoaders(used)}
${importers.length > 0 ? `const importModule = { ${importers.join(", ")} };` : ""}
${lazyText(part, `${part.module} and what only it needs`, given)}`;
  return { module, code };
}

/** Refuses parts that share code which the rest does not have, or that share a variable. */
function check(lazy: readonly Chunk[], rest: readonly Chunk[]): void {
  const outside = new Set(rest.flatMap(({ name, output }) => [name, ...externalsOf(output)]));
  const variables = variablesOf(rest);
  for (const chunk of lazy) {
    const needed = chunk.output.imports.filter(({ kind }) => kind === "import-statement");
    // A package that is a text itself is a module of its own.
    const missing = needed.map(({ path, external }) => external ? path : basename(path)).filter((each) =>
      !outside.has(each) && !each.startsWith("part:")
    );
    const shared = importsOf(chunk).names.filter((name) => variables.has(name));
    if (missing.length > 0) {
      throw new Error(`Cannot make a text of ${chunk.name}: only parts import ${missing.join(", ")}`);
    }
    if (shared.length > 0) {
      throw new Error(`Cannot make a text of ${chunk.name}: it would not see changes of ${shared.join(", ")}`);
    }
  }
}

function externalsOf({ imports }: Output): string[] {
  return imports.filter(({ external, kind }) => external === true && kind === "import-statement").map(({ path }) =>
    path
  );
}

/** Gives the bundler texts in the place of files. */
function virtual(texts: ReadonlyMap<string, string>): Plugin {
  return {
    name: "virtual",
    setup({ onLoad, onResolve }) {
      onResolve({ filter: /.*/ }, ({ path }) => {
        const name = path.replace(/^\.\//, "");
        return texts.has(name) ? { path: name.replace(/^part:/, ""), namespace: "part", pluginData: name } : undefined;
      });
      onLoad(
        { filter: /.*/, namespace: "part" },
        ({ pluginData }) => ({ contents: texts.get(pluginData) ?? "", loader: "js" }),
      );
    },
  };
}

/**
 * Makes one file of chunks: lazy parts become texts, the rest stays code.
 *
 * @param chunks What the bundler made with {@linkcode IN_CHUNKS}.
 * @param entry Module that the file starts with, below the checkout.
 * @param parts All parts that are imported by `import()`, packages that {@linkcode standingIn} took the place of, and where texts are.
 * @param options Of the bundler.
 * @param header Of the bundler, for the file alone.
 * @throws when the parts are not the ones that the sources import, or one of them cannot be a text.
 */
export async function inOneFile(
  chunks: Chunks,
  entry: string,
  { lazy, packages, carrier }: { lazy: readonly LazyPart[]; packages: readonly LazyPackage[]; carrier: Carrier },
  options: BuildOptions,
  header: BuildOptions,
): Promise<{ text: string; metafiles: Metafile[] }> {
  const all = chunksOf(chunks);
  const parts = new Map<string, LazyPart>();
  let start = "";
  for (const { name, output } of all) {
    const part = lazy.find(({ module }) => module === output.entryPoint);
    if (part !== undefined) parts.set(name, part);
    else if (output.entryPoint === entry) start = name;
    else if (output.entryPoint !== undefined) throw new Error(`Cannot build: ${output.entryPoint} is no lazy part`);
  }
  const gone = lazy.filter((part) => ![...parts.values()].includes(part)).map(({ module }) => module);
  if (gone.length > 0) throw new Error(`Cannot build: nothing imports these parts by import(): ${gone.join(", ")}`);
  check(all.filter(({ name }) => parts.has(name)), all.filter(({ name }) => !parts.has(name)));
  const texts = new Map([["part:text", carrierModule(carrier)]]);
  const codes = new Map<string, string>();
  for (const chunk of all) {
    const part = parts.get(chunk.name);
    if (part !== undefined) {
      const { module, code } = await moduleOf(chunk, part, parts, options);
      texts.set(`part:${part.name}`, module);
      codes.set(part.name, code);
    } else {
      const { text, used } = replaceImports(chunk.text, parts);
      texts.set(chunk.name, importLoaders(used) + keepComments(text));
    }
  }
  const metafiles: Metafile[] = [];
  for (const each of packages) {
    const { code, metafile } = await packageCode(each, all.map(({ text }) => text), options);
    metafiles.push(metafile);
    texts.set(`part:${each.name}`, lazyText(each, `what is used of the package ${each.package}`, []));
    codes.set(each.name, code);
  }
  const { outputFiles } = await build({
    ...options,
    ...header,
    bundle: true,
    write: false,
    entryPoints: [start],
    plugins: [virtual(texts)],
  });
  const text = filledIn(restoreComments(outputFiles?.[0]?.text ?? ""), codes, carrier);
  // Notes for bundlers, and nobody bundles a command.
  return { text: carrier === "comment" ? text.replace(/\/\* @__PURE__ \*(?:\/|\{\/\}) /g, "") : text, metafiles };
}
