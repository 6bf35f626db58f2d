import { ApiError, MogplexError } from "../errors.ts";
import { openGitFiles } from "../git/files.ts";
import { GIT_VARIABLES } from "../git/git.ts";
import { checkRemote } from "../git/remote.ts";
import { readTreeFile, type RepositoryFile, type TreeReader } from "../git/tree.ts";
import { foldName } from "../service/repository.ts";
import { plainText } from "../text/plain_text.ts";
import { createRedactor } from "../text/redact.ts";
import { readAddress } from "./address.ts";
import { ForgeClient, type ForgeWorld, NO_TOKEN } from "./client.ts";
import type { FileForge } from "./forge.ts";
import { githubFiles } from "./github/files.ts";
import { githubApi } from "./github/address.ts";
import { GITHUB_READER } from "./github/reader.ts";
import { forgeOfJob, hostIn, tokenAt, type TokenOptions } from "./open.ts";

export interface WantedRepository {
  /** `owner/name`, with all groups. */
  readonly name: string;
  readonly origin?: string | undefined;
  readonly forge?: string | undefined;
  /** Whether the user gave the origin. If so, Git sends `MOGPLEX_GIT_TOKEN` to this server. */
  readonly isNamed?: boolean | undefined;
}

export interface RepositoryFiles {
  readonly origin: string;
  readonly way: string;
  head(branch?: string): Promise<string | null>;
  /** Reads a file of at most 1 MB. Links are not followed. */
  file(commit: string, path: string): Promise<RepositoryFile>;
  close(): Promise<void>;
}

export interface FilesOptions extends TokenOptions {
  readonly world: ForgeWorld;
  /**
   * Origin of a service other than the public service. A local Mogplex serves the files of its repositories itself. No token is sent to this origin.
   */
  service?: string | undefined;
  openGit?: typeof openGitFiles | undefined;
}

interface Place {
  readonly origin: string;
  readonly forge: FileForge | undefined;
}

interface Way {
  readonly name: string;
  open(): Promise<TreeReader & { close?(): Promise<void> }>;
}

export async function openRepositoryFiles(options: FilesOptions, wanted: WantedRepository): Promise<RepositoryFiles> {
  const attempted = `read repository ${JSON.stringify(wanted.name)}`;
  const places = placesOf(options, wanted);
  const failures: { way: string; error: MogplexError }[] = [];
  for (const place of places) {
    const isLocal = place.origin === options.service;
    for (const way of isLocal ? [localWay(options, wanted.name, place.origin)] : waysOf(options, wanted, place)) {
      try {
        const reader = await way.open();
        try {
          const commit = await reader.head();
          if (commit !== null) await reader.entry(commit, { path: "", id: commit }, ".mogplex");
          return filesOf(reader, place.origin, way.name, attempted);
        } catch (error) {
          await reader.close?.();
          throw error;
        }
      } catch (error) {
        if (!(error instanceof MogplexError)) throw error;
        // A local Mogplex might not have the repository.
        if (!isLocal || places.length === 1 || !isRefusal(error)) failures.push({ way: way.name, error });
      }
    }
  }
  const why = failures.map(({ way, error }) => `${way}: ${error.why}`).join("; ");
  const exit = failures.every(({ error }) => isRefusal(error)) ? "forbidden" : "unavailable";
  throw new MogplexError({ attempted, why: why || "its server is unknown", advice: adviceFor(places) }, exit);
}

function filesOf(
  reader: TreeReader & { close?(): Promise<void> },
  origin: string,
  way: string,
  attempted: string,
): RepositoryFiles {
  async function judged<T>(read: Promise<T>): Promise<T> {
    try {
      return await read;
    } catch (error) {
      if (!(error instanceof MogplexError)) throw error;
      const exit = isRefusal(error) ? "forbidden" : "unavailable";
      throw new MogplexError({ attempted, why: `${way}: ${error.why}` }, exit, { cause: error });
    }
  }
  return {
    ...{ origin, way },
    head: (branch) => judged(reader.head(branch)),
    file: (commit, path) => judged(readTreeFile(reader, commit, path)),
    close: async () => await reader.close?.(),
  };
}

/** For a hidden repository, servers return 404. */
function isRefusal(error: MogplexError): boolean {
  return ["unauthorized", "forbidden", "usage"].includes(error.exit) ||
    error instanceof ApiError && error.status === 404;
}

function adviceFor(places: readonly Place[]): string {
  const forges = new Set(places.map(({ forge }) => forge).filter((forge) => forge?.files !== undefined));
  const tokens = [...forges].flatMap((forge) =>
    forge === undefined ? [] : [`put a token with ${forge.files?.needs} into ${forge.variable}`]
  );
  return tokens.join(", or ") || "give its address: --repo https://HOST/OWNER/NAME";
}

/** GitHub is always included, because the service works with GitHub's repositories. */
function allForges({ forges }: FilesOptions): readonly FileForge[] {
  return forges.some(({ name }) => name === GITHUB_READER.name) ? forges : [...forges, GITHUB_READER];
}

function placesOf(options: FilesOptions, { name, origin, forge: kind }: WantedRepository): Place[] {
  const { env, ciSystem, service, hosts = [] } = options;
  const forges = allForges(options);
  const local = service === undefined ? [] : [{ origin: service, forge: undefined }];
  const hostOf = (url: string) => new URL(url).host;
  const job = forgeOfJob(options.forges, ciSystem);
  const jobRepository = job && readAddress([job.address], `${job.job.pullsAt(env)}1`);
  if (origin !== undefined) {
    const host = hostOf(origin);
    const isJob = job?.job.host(env) === host;
    const forge = isJob
      ? job
      : forges.find((each) => each.name === kind || each.publicHost === host || each.tokenHost(env) === host);
    return origin === service ? local : [{ origin, forge }, ...local];
  }
  const ofJob = jobRepository && { origin: jobRepository.origin, forge: job };
  const isOwn = jobRepository !== undefined && foldName(jobRepository.repository) === foldName(name);
  if (ofJob && isOwn) return [...local, ofJob];
  const places: Place[] = forges.flatMap((forge) => {
    const host = forge.tokenHost(env);
    if (host === undefined || tokenAt(options, forge, host, { all: forges, use: "files" }) === undefined) return [];
    return [ofJob?.forge === forge && hostOf(ofJob.origin) === host ? ofJob : { origin: `https://${host}`, forge }];
  });
  const named = hosts.map(hostIn);
  places.push(...named.flatMap((host) => forges.map((forge) => ({ origin: `https://${host}`, forge }))));
  if (ofJob) places.push(ofJob);
  // The service works with GitHub. On another server, another user might have a repository with the same name.
  const github = forges.find(({ name }) => name === GITHUB_READER.name);
  places.push({ origin: `https://${GITHUB_READER.publicHost}`, forge: github });
  const first = places.filter((place, index) =>
    places.findIndex(({ origin, forge }) => origin === place.origin && forge === place.forge) === index
  );
  return [...local, ...first];
}

export interface FilesNeeds {
  /** Hosts of APIs. Git is not included, because it runs in a separate process. */
  readonly net: readonly string[];
  readonly env: readonly string[];
  readonly run: readonly string[];
}

/** Variables that Deno itself reads for a temporary folder and for a child process. Source: measured with Deno 2.9. */
const OF_RUNTIME: readonly string[] = ["TMP", "TEMP", "NODE_V8_COVERAGE"];

export function filesNeeds(options: FilesOptions, wanted: WantedRepository): FilesNeeds {
  const { env, ciSystem } = options;
  const job = forgeOfJob(options.forges, ciSystem)?.job;
  const apis = placesOf(options, wanted).flatMap(({ origin, forge }) => {
    if (origin === options.service) return [origin];
    if (forge === undefined) return [];
    return [job?.host(env) === new URL(origin).host ? job.api(env) : forge.api(origin)];
  });
  const tokens = allForges(options).map(({ variable }) => variable);
  return {
    net: apis.map((api) => new URL(api).host),
    env: [...tokens, ...job?.git === undefined ? [] : [job.git.variable], ...GIT_VARIABLES, ...OF_RUNTIME],
    run: ["git"],
  };
}

/** A local Mogplex has the routes of a self-hosted GitHub. */
function localWay({ world }: FilesOptions, name: string, origin: string): Way {
  return {
    name: "the local Mogplex",
    // deno-lint-ignore require-await
    async open() {
      return githubFiles(new ForgeClient(world, { system: "the local Mogplex" }, githubApi(origin), NO_TOKEN), name);
    },
  };
}

function waysOf(options: FilesOptions, { name, isNamed = false }: WantedRepository, { origin, forge }: Place): Way[] {
  const { env, world, ciSystem, forges, openGit = openGitFiles } = options;
  const { host } = new URL(origin);
  const ways: Way[] = [];
  const job = forgeOfJob(forges, ciSystem);
  const isJob = job !== undefined && job === forge && job.job.host(env) === host;
  const token = forge && tokenAt(options, forge, host, { all: allForges(options), use: "files" });
  const hasToken = token !== undefined && !(token instanceof MogplexError);
  const apiOf = (each: FileForge) => isJob ? job.job.api(env) : each.api(origin);
  if (forge?.files !== undefined && token !== undefined) {
    const { files } = forge;
    ways.push({
      name: `the API of ${forge.system}${hasToken ? ` with ${token.place}` : ""}`,
      // deno-lint-ignore require-await
      async open() {
        if (!hasToken) throw token;
        return files.open(new ForgeClient(world, forge, apiOf(forge), token), name);
      },
    });
  }
  const byGit = (place: string, credentials?: { username: string; password: string }): Way => ({
    name: `Git at ${host} ${place}`,
    async open() {
      const secrets = credentials === undefined ? [] : [credentials.password];
      const redact = createRedactor({ env, secrets });
      return await openGit({
        remote: checkRemote(`${origin}/${name}.git`),
        ...{ credentials, env, redact: (text) => redact(plainText(text)) },
        ...{ clock: world.clock, random: world.random ?? Math.random, signal: world.signal },
      });
    },
  });
  for (const { username, variable } of gitTokens(isJob ? job.job.git : undefined, isNamed)) {
    const password = env(variable)?.trim() ?? "";
    const user = variable === "MOGPLEX_GIT_TOKEN" ? env("MOGPLEX_GIT_USERNAME") : undefined;
    if (password !== "") ways.push(byGit(`with variable ${variable}`, { username: user || username, password }));
  }
  if (hasToken) ways.push(byGit(`with ${token.place}`, { username: "x-access-token", password: token.token }));
  ways.push(byGit("without a token"));
  if (forge?.files !== undefined) {
    const { files } = forge;
    ways.push({
      name: `the API of ${forge.system} without a token`,
      // deno-lint-ignore require-await
      open: async () => files.open(new ForgeClient(world, forge, apiOf(forge), NO_TOKEN), name),
    });
  }
  return ways;
}

function gitTokens(
  ofJob: { readonly username: string; readonly variable: string } | undefined,
  isNamed: boolean,
): { username: string; variable: string }[] {
  const ofUser = { username: "mogplex-ci", variable: "MOGPLEX_GIT_TOKEN" };
  return [...isNamed ? [ofUser] : [], ...ofJob === undefined ? [] : [ofJob]];
}
