import { expect, test } from "bun:test";
import { circlesIn, importsIn, sources, textOf, withoutComments } from "./imports.ts";
import { isKnown, layerOf, LAYERS, mayImport } from "../../../tools/docs/layout.ts";

const FILES = ["mod.ts", "campaigns.ts", "testing.ts", ...sources("lib")];
const IMPORTS = FILES.flatMap((file) => importsIn(file, textOf(file)));
const inside = IMPORTS.filter(({ target }) => target.startsWith("lib/") || target === "mod.ts");

test("imports point downwards when they cross layers", () => {
  const wrong = inside.filter(({ file, target }) => !mayImport(file, target));
  const advice = "These imports (file > target) go up or beside: see LAYERS in tools/docs/layout.ts";
  expect(wrong.map(({ file, target }) => `${file} > ${target}`), advice).toEqual([]);
});

test("imports are in files that exist, with their extension, when they are relative", () => {
  expect(inside.filter(({ target }) => !FILES.includes(target)), "These imports lead to no file").toEqual([]);
});

test("every folder of lib is a known layer, and every layer is a folder of lib", () => {
  const found = new Set(FILES.filter((file) => file !== "campaigns.ts" && file !== "testing.ts").map(layerOf));
  const unknown = [...found].filter((layer) => !isKnown(layer));
  expect(unknown, "Give the folder a place in LAYERS (tools/docs/layout.ts)").toEqual([]);
  const gone = LAYERS.flat().filter((layer) => !found.has(layer));
  expect(gone, "Take it out of LAYERS (tools/docs/layout.ts)").toEqual([]);
});

test("no file imports a program: a bundle with two of them would start both", () => {
  const programs = FILES.filter((file) => file.startsWith("lib/") && /^if \(isMain\(/m.test(textOf(file)));
  expect(programs.sort()).toEqual([
    "lib/cli/action/main.ts",
    "lib/cli/component/dashboard.ts",
    "lib/cli/component/main.ts",
    "lib/cli/main.ts",
    "lib/emulator/main.ts",
  ]);
  const importing = inside.filter(({ target }) => programs.includes(target));
  expect(importing.map(({ file, target }) => `${file} > ${target}`), "Move what both need into a file of its own")
    .toEqual([]);
});

test("no files import each other in a circle, in lib, tools, bench, tests or examples", () => {
  const files = ["lib", "tools", "lab", "bench", "tests", "examples"].flatMap((folder) =>
    sources(folder, ["ts", "mjs"])
  );
  const imports = ["mod.ts", "campaigns.ts", "testing.ts", ...files].flatMap((file) => importsIn(file, textOf(file)));
  expect(imports.length).toBeGreaterThan(2000);
  const advice = "These files import each other in a circle: move what both need into a file that imports neither";
  expect(circlesIn(imports), advice).toEqual([]);
});

test("circlesIn() finds a circle when it is closed by a type, by import(), or by a file that imports itself", () => {
  const texts = {
    "a/one.ts": `import { type X } from "../b/two.ts";`,
    "b/two.ts": `import {\n  y,\n} from "./three.ts";`,
    "b/three.ts": `/* import "./five.ts"; */\nconst z = await import("../a/one.ts");`,
    "b/four.ts": `export * from "./four.ts";\nimport "node:fs";`,
    "b/five.ts": `import type { X } from "./three.ts";`,
  };
  const imports = Object.entries(texts).flatMap(([file, text]) => importsIn(file, text));
  expect(circlesIn(imports)).toEqual(["a/one.ts > b/two.ts > b/three.ts > a/one.ts", "b/four.ts > b/four.ts"]);
});

/** Who alone may name what. An owner is a file, or a folder with a slash at its end. */
const OWNERS: readonly { what: string; pattern: RegExp; owners: readonly string[] }[] = [
  {
    what: "process, files and children",
    pattern: /["']node:(process|fs|fs\/promises|child_process)["']/,
    owners: ["lib/runtime.ts", "lib/io.ts", "lib/files/", "lib/git/", "lib/emulator/"],
  },
  { what: "globals of one runtime", pattern: /(?<![\w.])(?:Deno|Bun)\.\w/, owners: [] },
  {
    what: "hono/client",
    pattern: /["']hono\/client["']/,
    owners: ["lib/service/calls.ts"],
  },
  {
    // By names a bundler would keep the whole package; `z.config()` would write into the process of a user who has zod himself.
    what: "zod, but for zod/mini as the namespace z, and its configuration",
    pattern:
      /["']zod(?!\/mini["'])(?:\/[^"']*)?["']|^import (?!(?:type )?\* as z from).*["']zod\/mini["']|\bz\.config\(/m,
    owners: [],
  },
  {
    what: "fetch",
    // A call, or the global as the default of an option.
    pattern: /(?<![\w.#])(?:globalThis\.)?fetch\(|\?\?\s*(?:globalThis\.)?fetch\b/,
    owners: ["lib/service/transport.ts", "lib/service/post.ts", "lib/service/probe.ts", "lib/emulator/"],
  },
  {
    what: "timers",
    pattern: /(?<![\w.])(?:setTimeout|setInterval)\(/,
    owners: ["lib/clock.ts", "lib/emulator/"],
  },
  {
    what: "one forge, imported outside of its room",
    pattern: /["'](?:\.\.?\/)+forge\/(?:github|gitlab|gitea)[./]/,
    owners: ["lib/cli/action/", "lib/cli/component/main.ts"],
  },
  {
    what: "the name of a forge: elsewhere a part is there, or it is absent",
    pattern: /\bforge(?:\.name)?\s*[!=]==\s*["'`]|["'](?:GitHub|GitLab|Gitea)["']/,
    owners: ["lib/forge/"],
  },
  {
    what: "the token of a forge",
    pattern: /\.tokenHeader\b|\bPRIVATE-TOKEN\b|env\(\s*["'](?:GITHUB|GITLAB|GITEA)_TOKEN["']/,
    owners: ["lib/forge/"],
  },
  { what: "ending the process", pattern: /process\.exit\(/, owners: ["lib/io.ts"] },
  {
    what: "markup that no template has escaped",
    pattern: /\braw\b[^}]*\} from "hono\/html"|\bisEscaped\b/,
    owners: ["lib/report/page.ts"],
  },
  { what: "the template of pages", pattern: /["']hono\/html["']/, owners: ["lib/report/page.ts"] },
  {
    what: "yaml",
    pattern: /["']yaml["']/,
    owners: [
      "lib/emulator/",
      "lib/campaign/file/syntax.ts",
      "lib/campaign/pipeline/",
      "lib/cli/setup/gitlab_stage.ts",
      "lib/result/schema_file.ts",
    ],
  },
];

function isOwner(owner: string, file: string): boolean {
  return owner.endsWith("/") ? file.startsWith(owner) : file === owner;
}

for (const { what, pattern, owners } of OWNERS) {
  test(`${what} can be found in files of its owner alone`, () => {
    const found = FILES.filter((file) => pattern.test(withoutComments(textOf(file))));
    const others = found.filter((file) => !owners.some((owner) => isOwner(owner, file)));
    expect(others, `Only ${owners.join(", ") || "no file"} may do this: call it from there`).toEqual([]);
    const idle = owners.filter((owner) => !found.some((file) => isOwner(owner, file)));
    expect(idle, "These owners do not do this any more: were they renamed? See OWNERS").toEqual([]);
  });
}

test("no source names a folder of a machine when it is read", () => {
  const files = [...FILES, ...sources("tools"), ...sources("tests"), ...sources("bench")];
  const home = new RegExp(`["'\`(\\s]/${"(?:home|root|work)"}/[a-z]`);
  expect(files.filter((file) => home.test(textOf(file)))).toEqual([]);
});
