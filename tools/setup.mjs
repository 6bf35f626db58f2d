// Makes a fresh clone usable: installs the pinned npm packages if they are missing or older than the lock file. Plain JavaScript for Node, because
// nothing else is installed yet.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, linkSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

// Most of our tools run on Bun, where process.execPath is Bun.
function findNode() {
  if (process.versions.bun === undefined) return process.execPath;
  const folders = (process.env.PATH ?? "").split(delimiter);
  const found = folders.map((folder) => join(folder, "node")).find((path) => existsSync(path));
  if (found === undefined) throw new Error(`Cannot find node on the PATH: ${process.env.PATH}`);
  return found;
}

/**
 * Paths of the runtimes' own binaries. The wrappers in `.bin` leave their child process running when they are killed.
 * @type {Record<"bun" | "deno" | "node", string>}
 */
export const runtimes = {
  bun: join(root, "node_modules/bun/bin/bun.exe"),
  deno: join(root, "node_modules/deno/deno"),
  node: findNode(),
};

/**
 * 128 plus the signal number, as in shells.
 *
 * @param {NodeJS.Signals} signal
 */
export function exitCodeOf(signal) {
  return 128 + constants.signals[signal];
}

/**
 * Ends this process once everything is printed. Otherwise, Bun 1.4.5 can wait forever after a task that had many child processes, although all of
 * them have ended and no file or socket is open.
 *
 * @param {number} code
 */
export function endWith(code) {
  process.stdout.write("", () => process.exit(code));
}

/** @param {string | Uint8Array} content */
export function sha256(content) {
  return createHash("sha256").update(content).digest("hex");
}

/**
 * Compares `package-lock.json` with the list that npm writes at the end of an installation. Packages for other machines are optional, and npm omits
 * them.
 * @param {string} folder Folder of `package-lock.json` and `node_modules`.
 */
export function isInstalled(folder) {
  /** @typedef {{ version?: string, integrity?: string, optional?: boolean }} Package */
  /** @type {(file: string) => Record<string, Package>} */
  const packagesOf = (file) => JSON.parse(readFileSync(join(folder, file), "utf8")).packages;
  const list = "node_modules/.package-lock.json";
  if (!existsSync(join(folder, list))) return false;
  const installed = packagesOf(list);
  return Object.entries(packagesOf("package-lock.json")).every(([path, { version, integrity, optional }]) => {
    if (path === "") return true;
    const own = installed[path];
    if (own === undefined) return optional === true;
    return own.version === version && own.integrity === integrity && existsSync(join(folder, path, "package.json"));
  });
}

/** Runtimes that are installed but do not start. Their packages download or install the program in a script, which may not have run. */
function brokenRuntimes() {
  const names = /** @type {const} */ (["bun", "deno"]);
  return names.filter((name) => spawnSync(runtimes[name], ["--version"], { stdio: "ignore" }).status !== 0);
}

/** Installs the packages of the lock file unless they are installed. Throws if npm fails, or if an installed runtime does not start. */
export function setUp() {
  const isReady = () => isInstalled(root) && brokenRuntimes().length === 0;
  if (isReady()) return;
  alone(join(root, "node_modules.lock"), () => {
    if (!isReady()) install();
  });
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === "EPERM";
  }
}

/** The process that holds a lock; `undefined` if the process has ended. @param {string} lock */
function holderOf(lock) {
  try {
    return Number(readFileSync(lock, "utf8"));
  } catch {
    return undefined;
  }
}

/**
 * Runs `work` while no other process runs it, because two `npm ci` in one folder delete each other's packages. The lock of a dead process is ignored.
 * @param {string} lock Path of a file.
 * @param {() => void} work
 */
export function alone(lock, work) {
  const own = `${lock}.${process.pid}`;
  writeFileSync(own, String(process.pid));
  try {
    for (let isTold = false; !tryLink(own, lock);) {
      const holder = holderOf(lock);
      if (holder !== undefined && !isAlive(holder)) removeDead(lock, own);
      else if (holder !== undefined && !isTold) {
        process.stderr.write(`Waiting for process ${holder}, which is setting up this folder\n`);
        isTold = true;
      }
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
    }
    try {
      work();
    } finally {
      rmSync(lock, { force: true });
    }
  } finally {
    rmSync(own, { force: true });
  }
}

/**
 * Only one process at a time may do this, because another process may have created its own lock in the meantime.
 * @param {string} lock
 * @param {string} own
 */
function removeDead(lock, own) {
  const guard = `${lock}.dead`;
  if (!tryLink(own, guard)) return;
  try {
    const holder = holderOf(lock);
    if (holder !== undefined && !isAlive(holder)) rmSync(lock, { force: true });
  } finally {
    rmSync(guard, { force: true });
  }
}

/** @param {string} own @param {string} lock @returns {boolean} `false` if the lock exists. */
function tryLink(own, lock) {
  try {
    linkSync(own, lock);
    return true;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === "EEXIST") return false;
    throw error;
  }
}

function install() {
  process.stderr.write("Setting up: npm ci, about a minute (again only when package-lock.json has changed)\n");
  const { status, error } = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    stdio: ["ignore", 2, 2],
    shell: process.platform === "win32",
  });
  if (status !== 0) throw new Error(`Cannot set up: npm ci ended with ${status ?? error?.message}`);
  const broken = brokenRuntimes();
  if (broken.length > 0) {
    throw new Error(`Cannot set up: ${broken.join(" and ")} was installed but does not run on this machine`);
  }
}
