/**
 * The built files that the repository contains: templates, the action, and pins of the command in documents and recipes.
 *
 * Imports no package, because the release job runs this module on Deno without packages.
 *
 * @module
 */
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { pinnedFiles, pinsOf, withPins } from "./pins.ts";
import { splitTemplate } from "./templates.ts";

function publishedFiles(top: string): Record<string, string> {
  const templates = readdirSync(join(top, "dist/templates")).map((name) => `templates/${name}`);
  const action = ["action/action.yml", "action/main.mjs", "action/LICENSES.txt"];
  return {
    ...Object.fromEntries([...templates, ...action].map((path) => [path, path])),
    "components/LICENSES.txt": "mogplex-component.mjs.licenses.txt",
  };
}

function builtPins(top: string) {
  return pinsOf(readFileSync(join(top, "dist/mogplex.mjs"), "utf8"));
}

export function writePublished(top: string): void {
  rmSync(join(top, "templates"), { recursive: true, force: true });
  for (const [path, built] of Object.entries(publishedFiles(top))) cpSync(join(top, "dist", built), join(top, path));
  const pins = builtPins(top);
  for (const path of pinnedFiles(top)) writeFileSync(path, withPins(readFileSync(path, "utf8"), pins));
}

/** Decompresses the program in a template, because its compressed form differs between machines. */
function comparable(path: string, text: string): string {
  const parts = path.startsWith("templates/") ? splitTemplate(text) : undefined;
  return parts === undefined ? text : JSON.stringify(parts);
}

export function publishedProblems(top: string): string[] {
  if (!existsSync(join(top, "dist/templates"))) return ['dist/ is missing: run "npm run build"'];
  const read = (path: string) => readFileSync(join(top, path), "utf8");
  const files = publishedFiles(top);
  const differ = Object.entries(files).filter(([path, built]) =>
    !existsSync(join(top, path)) || comparable(path, read(path)) !== comparable(path, read(`dist/${built}`))
  ).map(([path]) => path);
  const extra = readdirSync(join(top, "templates")).map((name) => `templates/${name}`).filter((path) =>
    !(path in files)
  );
  const pins = builtPins(top);
  const stale = pinnedFiles(top).filter((path) => {
    const text = readFileSync(path, "utf8");
    return withPins(text, pins) !== text;
  }).map((path) => relative(top, path));
  return [...differ, ...extra, ...stale].map((path) => `${path} is not what this commit builds: run "npm run release"`);
}
