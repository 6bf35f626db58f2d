// Makes a fresh clone usable: installs the pinned npm packages when they are missing or older than the lock file. Plain JavaScript for Node
// alone, since nothing else is installed yet.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Top of the checkout. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

// Bun runs most of our tools, and then process.execPath is Bun.
function findNode() {
  if (process.versions.bun === undefined) return process.execPath;
  const folders = (process.env.PATH ?? "").split(delimiter);
  const found = folders.map((folder) => join(folder, "node")).find((path) => existsSync(path));
  if (found === undefined) throw new Error(`Cannot find node on the PATH: ${process.env.PATH}`);
  return found;
}

/**
 * Paths of the runtimes' own binaries. The wrappers in `.bin` leave their child running when they are killed.
 * @type {Record<"bun" | "deno" | "node", string>}
 */
export const runtimes = {
  bun: join(root, "node_modules/bun/bin/bun.exe"),
  deno: join(root, "node_modules/deno/deno"),
  node: findNode(),
};

/**
 * SHA-256 of a text or of bytes, as 64 hex digits.
 * @param {string | Uint8Array} content
 */
export function sha256(content) {
  return createHash("sha256").update(content).digest("hex");
}

/**
 * Installs the packages of the lock file unless the last installation was from the same lock file.
 * Throws when npm fails, or when an installed runtime does not start.
 */
export function setUp() {
  const wanted = sha256(readFileSync(join(root, "package-lock.json")));
  const stamp = join(root, "node_modules/.installed-lock");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  process.stderr.write("Setting up: npm ci, about a minute (once for each change of package-lock.json)\n");
  const { status, error } = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    stdio: ["ignore", 2, 2],
    shell: process.platform === "win32",
  });
  if (status !== 0) throw new Error(`Cannot set up: npm ci ended with ${status ?? error?.message}`);
  for (const name of /** @type {const} */ (["bun", "deno"])) {
    const { status: works } = spawnSync(runtimes[name], ["--version"], { stdio: "ignore" });
    if (works !== 0) throw new Error(`Cannot set up: ${name} was installed but does not run on this machine`);
  }
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, wanted);
}
