/**
 * `npm run init` builds the command if needed, and uses it to set up the repository in which npm was called: `npm --prefix CLONE run init`.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { join, sep } from "node:path";
import process from "node:process";
import { root } from "./setup.mjs";

const env = { ...process.env };
const place = env.INIT_CWD ?? root;
const asksForHelp = process.argv.some((each) => each === "--help" || each === "-h");
if (!asksForHelp && (place === root || place.startsWith(`${root}${sep}`))) {
  process.stderr.write(
    `error: Cannot set up the clone of the toolkit itself; call it in your own repository: npm --prefix ${root} run init\n`,
  );
  process.exit(2);
}
// If `--dry-run` follows `npm run init gitlab` without `--`, npm consumes the flag, and the files would be written.
const swallowed = ["dry-run", "respond", "uninstall"]
  .filter((name) => env[`npm_config_${name.replace("-", "_")}`] === "true" && !process.argv.includes(`--${name}`))
  .map((name) => `--${name}`);
const built = spawnSync(process.execPath, ["--no-env-file", join(root, "tools/build.ts"), "--dist"], {
  cwd: root,
  env,
  stdio: "ignore",
});
if (built.status === 0) {
  const line = [join(root, "dist/mogplex.mjs"), "init", ...process.argv.slice(2), ...swallowed];
  process.exitCode = spawnSync("node", line, { cwd: place, env, stdio: "inherit" }).status ?? 1;
} else {
  process.stderr.write("error: Cannot build dist/mogplex.mjs: run `npm run build` in the clone to see why\n");
  process.exitCode = 1;
}
