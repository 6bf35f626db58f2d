/**
 * The command line on a disk and a network that kill this process at a point: before and after each write, sync, rename, link and removal, in
 * the middle of each write, and before and after each start.
 *
 * Environment: `CRASH_BASE` and `CRASH_SPEED` of the clock, `CRASH_AT` (number of the point, 0 for none). The last line of stderr is the
 * number of points that it came to.
 */
import * as fs from "node:fs";
import process from "node:process";
import { main } from "../../../../lib/cli/main.ts";
import { processDurableFiles } from "../../../../lib/files/disk.ts";
import { systemProcesses } from "../../../../lib/files/processes.ts";
import { type Io, processIo } from "../../../../lib/io.ts";
import { fastClock } from "./fast_clock.ts";

const { CRASH_BASE, CRASH_SPEED, CRASH_AT } = process.env;
const clock = fastClock(Number(CRASH_BASE), Number(CRASH_SPEED));
const dieAt = Number(CRASH_AT);

let points = 0;

/** A point at which this process may be killed. */
function point(): void {
  if (++points === dieAt) process.kill(process.pid, "SIGKILL");
}

/** Functions of `node:fs` that change something. `openSync` may create a file. */
const CHANGES: readonly string[] = [
  ...["openSync", "fsyncSync", "renameSync", "linkSync", "rmSync", "mkdirSync", "ftruncateSync"],
  ...["writeFileSync", "appendFileSync"],
];

type Call = (...args: unknown[]) => unknown;

const mortal = new Proxy(fs, {
  get(target, name: keyof typeof fs) {
    const real = target[name] as unknown;
    if (name === "writeSync") {
      return (file: number, bytes: Uint8Array, offset: number, length: number, ...rest: number[]) => {
        point();
        const half = length > 1 ? fs.writeSync(file, bytes, offset, length >> 1, ...rest) : 0;
        point();
        const written = half + fs.writeSync(file, bytes, offset + half, length - half, ...rest);
        point();
        return written;
      };
    }
    if (!CHANGES.includes(name)) return real;
    return (...args: unknown[]) => {
      point();
      const value = (real as Call)(...args);
      point();
      return value;
    };
  },
});

/** Writes reports with a point before and after each. */
function mortalIo(io: Io): Io {
  return {
    ...io,
    writeFile(path, text) {
      point();
      io.writeFile(path, text);
      point();
    },
  };
}

/** `fetch` with points around each start. The clock of the service is ours, which its server does not know. */
async function mortalFetch(url: string, init: RequestInit): Promise<Response> {
  const isStart = init.method === "POST";
  if (isStart) point();
  const answer = await fetch(url, init);
  if (isStart) point();
  const headers = new Headers(answer.headers);
  headers.set("date", new Date(clock.wallTime()).toUTCString());
  return new Response(answer.body, { status: answer.status, headers });
}

process.exitCode = 70;
void main(process.argv.slice(2), mortalIo(await processIo()), {
  clock,
  fetch: mortalFetch,
  files: processDurableFiles(mortal),
  processes: await systemProcesses(),
}).then((code) => {
  fs.writeSync(2, `\n${points}\n`);
  process.exitCode = code;
});
