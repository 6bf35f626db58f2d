/**
 * Reads pull requests from the forges that hold them. What could not be read is told, each with its reason.
 *
 * @module
 */
import { messageOf } from "../error_sentence.ts";
import type { ForgeAccess } from "./access.ts";
import { parsePullRequest, type PullRequestAddress } from "./address.ts";
import { ForgeClient, type ForgeWorld } from "./forge_client.ts";
import { findGithub, githubApi, MAX_PULL_REQUESTS, readGithub } from "./github.ts";
import { findGitlab, gitlabApi, readGitlab } from "./gitlab.ts";
import type { ForgeName, PullRequestFacts, PullRequestOutcome } from "./pull_request.ts";

/** Longest time of a reading at one host, in milliseconds: a thousand merge requests take half of it. */
const READING_MS = 10 * 60_000;

/** What was read. Every address that was asked for is in exactly one of these. Keys are the addresses as they were asked for. */
export interface ForgeReading {
  /** What the forges say. */
  facts: Map<string, PullRequestFacts>;
  /** Those that a forge does not show, or not in its documented form: reading them again does not help by itself. */
  refused: Map<string, string>;
  /** Those that could not be read this time: a limit, an outage, a token that is refused. */
  failed: Map<string, string>;
  /** Those for whose host there is no token, and texts that are no address of a pull request. */
  unasked: Set<string>;
}

/** A branch whose pull request is looked for. */
export interface BranchPlace {
  forge: ForgeName;
  host: string;
  /** `owner/name`, with all groups. */
  repository: string;
  branch: string;
  /** Pull requests that are older are of no interest, in milliseconds since 1970. */
  since: number;
}

/** Makes readings with one client for each host, so that each has one count and one budget of requests. */
export class Forges {
  readonly #access: ForgeAccess;
  readonly #world: ForgeWorld;
  readonly #clients = new Map<string, ForgeClient>();

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
    const client = forge === "github"
      ? new ForgeClient(this.#world, githubApi(origin, host), "GitHub", token)
      // Source: GitLab, "REST API authentication".
      : new ForgeClient(this.#world, gitlabApi(origin), "GitLab", token, "PRIVATE-TOKEN");
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
    { facts, refused, failed }: ForgeReading,
  ): Promise<void> {
    const { clock, signal } = this.#world;
    const until = clock.now() + READING_MS;
    const size = wanted[0]?.address.forge === "github" ? MAX_PULL_REQUESTS : 1;
    for (let at = 0; at < wanted.length; at += size) {
      if (clock.now() >= until) {
        const why = `the forge is slow, and ${READING_MS / 60_000} minutes have passed`;
        for (const { asked } of wanted.slice(at)) failed.set(asked, why);
        return;
      }
      const batch = wanted.slice(at, at + size);
      let outcomes: PullRequestOutcome[];
      try {
        outcomes = await readBatch(client, batch.map(({ address }) => address));
      } catch (error) {
        signal?.throwIfAborted();
        // The next ones would fail in the same way, each after all of its attempts.
        for (const { asked } of wanted.slice(at)) failed.set(asked, messageOf(error));
        return;
      }
      for (const [index, { asked }] of batch.entries()) {
        const outcome = outcomes[index] ?? { ok: false, reason: "it was not read" };
        if (outcome.ok) facts.set(asked, outcome.facts);
        else refused.set(asked, outcome.reason);
      }
    }
  }

  /**
   * Finds the newest pull request that comes from a branch of the repository itself.
   *
   * @returns Its address; null when there is none; undefined when that cannot be said, for whatever reason.
   * @throws `signal.reason` if the signal aborts; nothing else.
   */
  async find({ forge, host, ...wanted }: BranchPlace): Promise<string | null | undefined> {
    const client = this.#clientOf({ forge, host, origin: `https://${host}` });
    if (client === undefined) return undefined;
    try {
      const found = await (forge === "github" ? findGithub : findGitlab)(client, wanted);
      const address = typeof found === "string" ? parsePullRequest(found) : undefined;
      return found === null ? null : address?.forge === forge && address.host === host ? address.url : undefined;
    } catch {
      this.#world.signal?.throwIfAborted();
      return undefined;
    }
  }
}

async function readBatch(client: ForgeClient, batch: readonly PullRequestAddress[]): Promise<PullRequestOutcome[]> {
  const [first] = batch;
  if (first === undefined) return [];
  return first.forge === "github" ? await readGithub(client, batch) : [await readGitlab(client, first)];
}
