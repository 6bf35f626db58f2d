/**
 * A package whose functions are loaded at the first call of one of them: it is a text in the built file until then.
 *
 * @module
 */
import { build, type BuildOptions, type Metafile, type Plugin } from "esbuild";
import { root } from "../setup.mjs";
import { loaderOf } from "./lazy_text.ts";
import { shorten } from "./shorten.ts";

/** A package that calls import as a whole, and of which they use functions alone. */
export interface LazyPackage {
  /** Its name in the built file: one word. */
  name: string;
  /** What sources import. */
  package: string;
}

/**
 * Replaces the package: each function becomes one of the same name that loads the package and calls it. The bundler drops those that nobody
 * calls, and reports when something else of the package is used.
 */
export function standingIn(lazy: LazyPackage): Plugin {
  const loader = loaderOf(lazy);
  return {
    name: `lazy-${lazy.name}`,
    setup({ onLoad, onResolve }) {
      onResolve({ filter: new RegExp(`^${lazy.package}$`) }, ({ path }) => ({ path, namespace: "lazy-package" }));
      onResolve({ filter: /^part:/ }, ({ path }) => ({ path, external: true }));
      onLoad({ filter: /.*/, namespace: "lazy-package" }, async ({ path }) => {
        const functions = Object.entries(await import(path)).filter(([, value]) => typeof value === "function")
          .map(([name]) => name);
        const contents = [
          `import { ${loader} } from "part:${lazy.name}";`,
          ...functions.map((name) => `const lazy_${name} = (...given) => ${loader}().${name}(...given);`),
          `export { ${functions.map((name) => `lazy_${name} as ${name}`).join(", ")} };`,
        ].join("\n");
        return { contents, loader: "js" };
      });
    },
  };
}

/**
 * Bundles what texts use of the package.
 *
 * @param texts Built with {@linkcode standingIn}.
 * @param options Of the bundler.
 * @returns Code of a function that returns the functions, shortened, and what went into it.
 */
export async function packageCode(
  lazy: LazyPackage,
  texts: readonly string[],
  options: BuildOptions,
): Promise<{ code: string; metafile: Metafile }> {
  const calls = new RegExp(`\\b${loaderOf(lazy)}\\(\\)\\.(\\w+)\\(`, "g");
  const names = new Set(texts.flatMap((text) => [...text.matchAll(calls)]).map(([, name = ""]) => name));
  const { outputFiles, metafile } = await build({
    ...options,
    stdin: { contents: `export { ${[...names].sort().join(", ")} } from "${lazy.package}";`, resolveDir: root },
    bundle: true,
    write: false,
    metafile: true,
    minify: true,
    format: "iife",
    globalName: "exported",
  });
  const code = await shorten(outputFiles?.[0]?.text ?? "", { module: false, ascii: options.charset === "ascii" });
  return { code: `${code}return exported;`, metafile: metafile as Metafile };
}
