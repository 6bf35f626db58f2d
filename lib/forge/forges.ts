/**
 * Reads pull requests from the forges that hold them. What could not be read is told, each with its reason.
 *
 * @module
 */
import { messageOf } from "../error_sentence.ts";
import {
  type ForgeAccess,
  ForgeClient,
  type ForgeName,
  type ForgeWorld,
  isTooMuch,
  parsePullRequest,
  type PullRequestAddress,
  type PullRequestFacts,
  type PullRequestOutcome,
} from "./forge.ts";
import type { Findings, FindingsOf } from "./findings.ts";
import { giteaFindings } from "./gitea_findings.ts";
import { githubFindings } from "./github_findings.ts";
import { gitlabFindings } from "./gitlab_findings.ts";
import { findGitea, giteaApi, MAX_GITEA_PULL_REQUESTS, readGitea } from "./gitea.ts";
import { findGithub, githubApi, MAX_PULL_REQUESTS, readGithub } from "./github.ts";
import { findGitlab, gitlabApi, readGitlab } from "./gitlab.ts";

/** What was read. Every address that was asked for is in exactly one of these. Keys are the addresses as they were asked for. */
export interface ForgeReading {
  facts: Map<string, PullRequestFacts>;
  /** Those that a forge does not show, or not in its documented form: reading them again does not help by itself. */
  refused: Map<string, string>;
  /** Those that could not be read this time: a limit, an outage, a token that is refused. */
  failed: Map<string, string>;
  /** Those for whose host there is no token, and texts that are no address of a pull request. */
  unasked: Set<string>;
}

/** Longest time of a reading at one host, in milliseconds: a thousand merge requests take half of it. */
const READING_MS = 10 * 60_000;

/** A branch whose pull request is looked for. */
interface BranchPlace {
  forge: ForgeName;
  host: string;
  /** `owner/name`, with all groups. */
  repository: string;
  branch: string;
  /** Pull requests that are older are of no interest, in milliseconds since 1970. */
  since: number;
}

/** What differs between the kinds of forges. */
interface Kind {
  /** Its name, for messages. */
  system: string;
  /** Base of the API. */
  api(origin: string, host: string): string;
  /** See {@linkcode ForgeClient}. */
  tokenHeader?: string;
  /** How many pull requests are read together. */
  largest: number;
  read(client: ForgeClient, batch: readonly PullRequestAddress[]): Promise<PullRequestOutcome[]>;
  find(client: ForgeClient, wanted: Omit<BranchPlace, "forge" | "host">): Promise<string | null | undefined>;
  findings(client: ForgeClient, address: PullRequestAddress, of: FindingsOf): Promise<Findings>;
}

const KINDS: Readonly<Record<ForgeName, Kind>> = {
  github: {
    system: "GitHub",
    api: githubApi,
    largest: MAX_PULL_REQUESTS,
    read: readGithub,
    find: findGithub,
    findings: githubFindings,
  },
  gitlab: {
    system: "GitLab",
    api: gitlabApi,
    // Source: GitLab, "REST API authentication".
    tokenHeader: "PRIVATE-TOKEN",
    largest: 1,
    read: (client, batch) => Promise.all(batch.map((address) => readGitlab(client, address))),
    find: findGitlab,
    findings: gitlabFindings,
  },
  gitea: {
    system: "Gitea",
    api: giteaApi,
    largest: MAX_GITEA_PULL_REQUESTS,
    read: readGitea,
    find: findGitea,
    findings: giteaFindings,
  },
};

/** Makes readings with one client for each host, so that each has one count and one budget of requests. */
export class Forges {
  readonly #access: ForgeAccess;
  readonly #world: ForgeWorld;
  readonly #clients = new Map<string, ForgeClient>();
  /** How many pull requests a host can show at once, where that is fewer than usual. */
  readonly #sizes = new Map<ForgeClient, number>();

  constructor(access: ForgeAccess, world: ForgeWorld) {
    this.#access = access;
    this.#world = world;
  }

  /** Requests that were sent so far, to all hosts. */
  get requests(): number {
    return [...this.#clients.values()].reduce((sum, { requests }) => sum + requests, 0);
  }

  /** The only host with a token; see {@linkcode ForgeAccess.only}. */
  get only(): ForgeAccess["only"] {
    return this.#access.only;
  }

  /** Whether there is a token for the host of an address. */
  mayAsk({ forge, host }: Pick<PullRequestAddress, "forge" | "host">): boolean {
    return this.#access.tokenFor({ forge, host }) !== undefined;
  }

  /** The client of a host; undefined when no token is for it. */
  #clientOf({ forge, host, origin }: Pick<PullRequestAddress, "forge" | "host" | "origin">): ForgeClient | undefined {
    const key = `${forge} ${origin}`;
    const known = this.#clients.get(key);
    if (known !== undefined) return known;
    const token = this.#access.tokenFor({ forge, host });
    if (token === undefined) return undefined;
    const { system, api, tokenHeader } = KINDS[forge];
    const client = new ForgeClient(this.#world, api(origin, host), system, token, tokenHeader);
    this.#clients.set(key, client);
    return client;
  }

  /**
   * Reads pull requests, host by host. What goes wrong at one host changes nothing at another.
   *
   * @throws `signal.reason` if the signal aborts; nothing else.
   */
  async read(urls: Iterable<string>): Promise<ForgeReading> {
    const reading: ForgeReading = { facts: new Map(), refused: new Map(), failed: new Map(), unasked: new Set() };
    const hosts = new Map<ForgeClient, { asked: string; address: PullRequestAddress }[]>();
    for (const asked of new Set(urls)) {
      const address = parsePullRequest(asked);
      const client = address === undefined ? undefined : this.#clientOf(address);
      if (address === undefined || client === undefined) {
        reading.unasked.add(asked);
        continue;
      }
      const own = hosts.get(client) ?? [];
      hosts.set(client, own);
      own.push({ asked, address });
    }
    for (const [client, wanted] of hosts) await this.#readHost(client, wanted, reading);
    return reading;
  }

  async #readHost(
    client: ForgeClient,
    wanted: readonly { asked: string; address: PullRequestAddress }[],
    reading: ForgeReading,
    largest = KINDS[wanted[0]?.address.forge ?? "gitlab"].largest,
  ): Promise<void> {
    const { facts, refused, failed } = reading;
    const { clock, signal } = this.#world;
    const until = clock.now() + READING_MS;
    const failAll = (from: number, why: string) => {
      for (const { asked } of wanted.slice(from)) failed.set(asked, why);
    };
    /** Whether the last one that was asked for could be read. The first one may show that the host is out of reach. */
    let worked = false;
    for (let at = 0; at < wanted.length;) {
      if (clock.now() >= until) {
        return failAll(at, `the forge is slow, and ${READING_MS / 60_000} minutes have passed`);
      }
      const size = Math.min(this.#sizes.get(client) ?? largest, largest);
      const batch = wanted.slice(at, at + size);
      let outcomes: PullRequestOutcome[];
      try {
        outcomes = await readBatch(client, batch.map(({ address }) => address));
      } catch (error) {
        signal?.throwIfAborted();
        if (isTooMuch(error) && batch.length > 1) {
          this.#sizes.set(client, Math.floor(batch.length / 2));
          continue;
        }
        // The next ones would fail in the same way, each after all of its attempts. One alone may be too much for the forge.
        const reaches = worked && isTooMuch(error) ? at + 1 : wanted.length;
        for (const { asked } of wanted.slice(at, reaches)) failed.set(asked, messageOf(error));
        at = reaches;
        worked = false;
        continue;
      }
      for (const [index, { asked }] of batch.entries()) {
        const outcome = outcomes[index] ?? { ok: false, reason: "it was not read", again: true };
        if (outcome.ok) facts.set(asked, outcome.facts);
        else (outcome.again ? failed : refused).set(asked, outcome.reason);
      }
      const left = batch.filter(({ asked }) => failed.has(asked));
      if (left.length > 0 && batch.length > 1) {
        // What was left out of a large answer may be in a small one.
        for (const { asked } of left) failed.delete(asked);
        await this.#readHost(client, left, reading, Math.floor(batch.length / 2));
      }
      at += batch.length;
      worked = true;
    }
  }

  /**
   * Finds the newest pull request that comes from a branch of the repository itself.
   *
   * @returns Its address; null when the branch has no pull request; undefined when that could not be found out.
   * @throws `signal.reason` if the signal aborts; nothing else.
   */
  async find({ forge, host, ...wanted }: BranchPlace): Promise<string | null | undefined> {
    const client = this.#clientOf({ forge, host, origin: `https://${host}` });
    if (client === undefined) return undefined;
    try {
      const found = await KINDS[forge].find(client, wanted);
      const address = typeof found === "string" ? parsePullRequest(found) : undefined;
      return found === null ? null : address?.forge === forge && address.host === host ? address.url : undefined;
    } catch {
      this.#world.signal?.throwIfAborted();
      return undefined;
    }
  }

  /**
   * Reads what of a pull request is to be fixed.
   *
   * @returns Undefined when no token is for its host, or the text is no address of a pull request.
   * @throws what the client throws.
   */
  async findings(url: string, of: FindingsOf): Promise<Findings | undefined> {
    const address = parsePullRequest(url);
    const client = address === undefined ? undefined : this.#clientOf(address);
    if (address === undefined || client === undefined) return undefined;
    return await KINDS[address.forge].findings(client, address, of);
  }
}

async function readBatch(client: ForgeClient, batch: readonly PullRequestAddress[]): Promise<PullRequestOutcome[]> {
  const [first] = batch;
  return first === undefined ? [] : await KINDS[first.forge].read(client, batch);
}
