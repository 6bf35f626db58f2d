/**
 * Serves the emulator over HTTP with `node:http`, which works on all three runtimes.
 *
 * @module
 */
import { getRequestListener } from "@hono/node-server";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import { systemClock } from "../clock.ts";
import { UsageError } from "../errors.ts";
import { lookup } from "../lookup.ts";
import { isLoopback } from "../loopback.ts";
import { execDriver } from "./agents/exec_driver.ts";
import { branchExists, currentBranch, gitContents, ProjectStore } from "./agents/git.ts";
import { type Emulator, makeEmulator } from "./emulator.ts";
import type { LocalParts, LocalRepo, StartEmulatorOptions } from "./options.ts";
import { type Account, firstAccount } from "./service/listings.ts";
import { builtInFixture, type Fixture, parseFixture, plainRepo } from "./state/fixture.ts";
import type { RunRow } from "./state/store.ts";
import { mainUser, projectNames, type World } from "./state/world.ts";
import { socketBreaker } from "./wire/faults.ts";

export interface ServedEmulator {
  url: string;
  /** A token with both scopes. */
  token: string;
  readOnlyToken: string | null;
  repos: { id: string; full_name: string }[];
  /**
   * Directory of the Git repositories of projects. It contains `OWNER/NAME.git` for each project that a run has needed. {@linkcode
   * ServedEmulator.close} removes the directory. `undefined` unless there are both projects and commands.
   */
  projects: string | undefined;
  emulator: Emulator;
  close(): Promise<void>;
}

// Longer than a client's pause between two polls. If the server closed an idle connection just when the next poll arrived, the client would report a
// network error.
const KEEP_ALIVE_MS = 75_000;

/** Source: Node.js, "Common system errors". */
const LISTEN_PROBLEMS: Readonly<Record<string, readonly [why: string, advice: string]>> = {
  EADDRINUSE: ["another program is using the port", "use another --port, or 0 for a free one"],
  EACCES: ["the system does not allow the port", "use a --port above 1023, or 0 for a free one"],
  EADDRNOTAVAIL: ["this machine does not have the address", "use another --host"],
  ENOTFOUND: ["the host name is unknown", "use another --host"],
};

/**
 * Starts an emulator that listens on a port.
 *
 * @throws {UsageError} for options that cannot be combined, a missing repository, or a port or host that is unavailable.
 * @example Start an emulator, use it, and stop it
 * ```ts ignore
 * const emulator = await startEmulator();
 * await fetch(`${emulator.url}/api/v1/mogplex/repos`, { headers: { authorization: `Bearer ${emulator.token}` } });
 * await emulator.close();
 * ```
 */
export async function startEmulator(options: StartEmulatorOptions = {}): Promise<ServedEmulator> {
  const { port = 0, host = "127.0.0.1" } = options;
  if (!isLoopback(host) && (options.controlRoutes || Object.keys(options.commands ?? {}).length > 0)) {
    throw new UsageError({
      attempted: `listen on "${host}"`,
      why: "control routes and commands are allowed only over loopback",
      advice: "listen on 127.0.0.1, ::1 or localhost",
    });
  }
  const fixture = withRepos(options.fixture, options.repos ?? []);
  const hasCommands = Object.keys(options.commands ?? {}).length > 0;
  const store = hasCommands && (options.projects ?? []).length > 0 ? new ProjectStore() : undefined;
  try {
    const emulator = makeEmulator({
      // Clients wait in real time, even if the emulator's own clock is virtual.
      faultClock: systemClock,
      ...options,
      fixture,
      local: localParts(options, store),
      breaker: socketBreaker,
    });
    const who = account(emulator);
    const server = createServer(
      { keepAliveTimeout: KEEP_ALIVE_MS },
      getRequestListener(emulator.app.fetch),
    );
    const url = await listen(server, port, host);
    emulator.world.origin = url;
    return {
      url,
      ...who,
      projects: store?.directory,
      emulator,
      async close() {
        const closed = once(server, "close");
        server.close();
        server.closeAllConnections();
        await Promise.all([closed, emulator.close()]);
        await store?.close();
      },
    };
  } catch (error) {
    await store?.close();
    throw error;
  }
}

function withRepos(fixture: Fixture | undefined, repos: readonly LocalRepo[]): Fixture | undefined {
  if (repos.length === 0) return fixture;
  const merged = fixture ?? builtInFixture([]);
  const user = mainUser(merged);
  const localRepos = repos.map(({ fullName, path }) => {
    if (!/^[\w.-]+\/[\w.-]+$/.test(fullName)) {
      throw new UsageError({
        attempted: `use repository "${fullName}"`,
        why: "the name must have the form owner/name",
      });
    }
    const branch = currentBranch(path);
    if (branch === undefined) {
      throw new UsageError({
        attempted: `use repository "${fullName}"`,
        why: `no Git repository at "${path}"`,
        advice: "clone the repository there, or run git init",
      });
    }
    const fixtureRepo = merged.repos.find((repo) => repo.full_name === fullName);
    return { ...(fixtureRepo ?? plainRepo(fullName, branch, user)), default_branch: branch };
  });
  const names = new Set(localRepos.map((repo) => repo.full_name));
  return parseFixture({
    ...merged,
    repos: [...merged.repos.filter((repo) => !names.has(repo.full_name)), ...localRepos],
  });
}

function localParts(options: StartEmulatorOptions, store: ProjectStore | undefined) {
  const { environment, timeLimitMs, onOutput, commands = {}, repos = [], projects = [] } = options;
  const paths = new Map(repos.map(({ fullName, path }) => [fullName, resolve(path)]));
  const projectsByName = new Set(projects.flatMap(projectNames));
  return (world: World): LocalParts => {
    // Store the names at the start, because a renamed repository keeps its local path.
    const names = new Map([...world.store.repos.values()].map((repo) => [repo.id, repo.full_name]));
    const nameOf = (id: string) => names.get(id) ?? "";
    const pathOf = ({ repo_id: id }: RunRow) => {
      const name = nameOf(id);
      const path = paths.get(name);
      if (path !== undefined || store === undefined || !projectsByName.has(name)) return path;
      return store.path(name, world.store.repos.get(id)?.default_branch ?? "main");
    };
    return {
      drivers: new Map(
        Object.entries(commands).map(([harness, command]) => [
          harness,
          execDriver(world, { command, pathOf, environment, timeLimitMs, onOutput }),
        ]),
      ),
      hasBranch({ repo_id: id }, branch) {
        const path = paths.get(nameOf(id));
        return path !== undefined && branchExists(path, branch);
      },
      contents({ id }) {
        const path = paths.get(nameOf(id)) ?? store?.existingPath(nameOf(id));
        return path === undefined ? undefined : gitContents(path);
      },
    };
  };
}

function account({ world }: Emulator): Account {
  const match = firstAccount(world);
  if (match !== undefined) return match;
  throw new UsageError({
    attempted: "start emulator",
    why: "the fixture has no valid token with both scopes",
    advice: 'add a token with the "read" and "write" scopes',
  });
}

async function listen(server: Server, port: number, host: string): Promise<string> {
  server.listen(port, host);
  try {
    await once(server, "listening");
  } catch (error) {
    const trouble = lookup(LISTEN_PROBLEMS, (error as { code?: string }).code ?? "");
    if (trouble === undefined) throw error;
    const [why, advice] = trouble;
    throw new UsageError({ attempted: `listen on "${host}"`, why, value: `port ${port}`, advice }, { cause: error });
  }
  const address = server.address() as AddressInfo;
  const name = address.family === "IPv6" ? `[${address.address}]` : address.address;
  return `http://${name}:${address.port}`;
}
