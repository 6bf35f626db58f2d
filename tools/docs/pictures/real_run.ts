/**
 * One run of the real command against the local Mogplex, in this process and on a virtual clock, so that the output is always the same.
 *
 * @module
 */
import { main } from "../../../lib/cli/main.ts";
import { virtualClock } from "../../../lib/clock.ts";
import { builtInScenarios } from "../../../lib/emulator/agents/scenario.ts";
import { makeEmulator } from "../../../lib/emulator/emulator.ts";
import { builtInFixture } from "../../../lib/emulator/state/fixture.ts";
import type { Io } from "../../../lib/io.ts";

export interface RealRun {
  command: string;
  output: string;
  files: ReadonlyMap<string, string>;
}

const ORIGIN = "https://github.com";
const TASK = "Fix the flaky tests";
const SOME_HASH = "94cfebbd28cce097b69a936ec2968cd1b1f8c37e";

function memoryIo(env: Readonly<Record<string, string>>, terminal: boolean) {
  const files = new Map<string, string>();
  const said = { output: "" };
  const folders = new Set(["."]);
  const put = (path: string, text: string) => {
    folders.add(path.slice(0, Math.max(path.lastIndexOf("/"), 0)) || ".");
    files.set(path, text);
  };
  const append = (path: string, text: string) => put(path, (files.get(path) ?? "") + text);
  const io: Io = {
    env: (name) => env[name],
    write: (_stream, text) => void (said.output += text),
    closed: () => false,
    isTerminal: () => terminal,
    writeTerminal() {},
    readStdin: () => Promise.resolve(""),
    readFile: (path) => files.get(path),
    folders: () => [],
    realPath: (path) => files.has(path) || folders.has(path.replace(/\/$/, "")) ? `/work/${path}` : undefined,
    writeFile: (path, text) => put(path, text),
    createFile(path, text) {
      if (files.has(path)) return false;
      put(path, text);
      return true;
    },
    growFile: (path) => {
      put(path, "");
      return { write: (text) => append(path, text), close: () => {} };
    },
    appendFile: append,
    removeFile: (path) => void files.delete(path),
    removeDirectory: () => {},
    onSignal: () => () => {},
    exitNow: () => {},
  };
  return { io, files, said };
}

function withFixedIds(text: string): string {
  const ids: string[] = [];
  return text.replace(/\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, (id) => {
    if (!ids.includes(id)) ids.push(id);
    return `4e1d8a5${ids.indexOf(id)}-c250-409f-95a4-d46bcef80d7f`;
  });
}

export async function realRun(env: Readonly<Record<string, string>>, terminal: boolean): Promise<RealRun> {
  const clock = virtualClock({ startMs: Date.parse("2026-11-20T09:41:00Z") });
  const emulator = makeEmulator({
    fixture: builtInFixture(["acme/web"]),
    clock,
    scenarios: builtInScenarios("agent-progress"),
    revision: { stream: true },
  });
  emulator.world.origin = ORIGIN;
  const [token] = emulator.world.store.tokens.keys();
  const { io, files, said } = memoryIo({ ...env, MOGPLEX_API_KEY: token ?? "", MOGPLEX_REPO_ID: "acme/web" }, terminal);
  const args = ["run", "--follow", TASK];
  const fetch = (url: string, init: RequestInit) => emulator.fetch(url, init);
  const code = await main(args, io, { fetch, clock, program: "node ci/mogplex.mjs" });
  await emulator.close();
  if (code !== 0) throw new Error(`Cannot make pictures: the run ended with ${code}: ${said.output}`);
  const branch = /(?<=mogplex\/external\/)[0-9a-f]{8}-[0-9a-f]{8}/g;
  const same = (text: string) =>
    withFixedIds(text).replace(branch, "53a0dfd6-49358b03").replace(/(?<=\bci1-)[0-9a-f]{40}/g, SOME_HASH);
  return {
    command: `node ci/mogplex.mjs run --follow "${TASK}"`,
    output: same(said.output),
    files: new Map([...files].map(([path, text]) => [path, same(text)])),
  };
}
