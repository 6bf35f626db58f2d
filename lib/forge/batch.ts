import { messageOf } from "../error_sentence.ts";
import { MogplexError, NetworkError } from "../errors.ts";
import type { ExitName } from "../exit_codes.ts";
import { readAddress } from "./address.ts";
import { ForgeClient, type ForgeWorld, isTooMuch } from "./client.ts";
import type { Findings, FindingsOf } from "./findings.ts";
import type { Forge, WantedBranch } from "./forge.ts";
import type { PullRequestAddress, PullRequestFacts, PullRequestOutcome } from "./model.ts";
import type { ForgeAccess } from "./open.ts";
import { PullRequestWriter } from "./writer.ts";

/** Each requested address is in exactly one of these maps. The keys are the addresses as they were requested. */
export interface ForgeReading {
  facts: Map<string, PullRequestFacts>;
  /** A retry does not help, for example because the forge does not show the pull request. */
  refused: Map<string, string>;
  /** The pull request could not be read this time, for example because of a rate limit. */
  failed: Map<string, string>;
  /** The value is the host, for which there is no token. An empty value means that the key is not the address of a pull request. */
  unasked: Map<string, string>;
  exit?: ExitName;
}

const READING_MS = 10 * 60_000;

const TOKEN_EXITS: readonly ExitName[] = ["unauthorized", "forbidden"];

/** Leaves out what was attempted, because the context already shows it. Network errors do not name the forge. */
function reasonOf(error: unknown, host: string): string {
  if (!(error instanceof MogplexError) || error.attempted === null) return messageOf(error);
  const { why, value, advice } = error;
  const place = error instanceof NetworkError ? ` (${host})` : "";
  return `${why}${value === null ? "" : `: ${value}`}${place}${advice === null ? "" : `; ${advice}`}`;
}

type BranchPlace = WantedBranch & { readonly forge: string; readonly host: string };

interface Reach {
  readonly forge: Forge;
  readonly client: ForgeClient;
  largest: number;
}

interface Wanted {
  readonly url: string;
  readonly address: PullRequestAddress;
}

export class Forges {
  readonly #forges: readonly Forge[];
  readonly #access: ForgeAccess;
  readonly #world: ForgeWorld;
  readonly #reaches = new Map<string, Reach>();

  constructor(forges: readonly Forge[], access: ForgeAccess, world: ForgeWorld) {
    this.#forges = forges;
    this.#access = access;
    this.#world = world;
  }

  get requests(): number {
    return [...this.#reaches.values()].reduce((sum, { client }) => sum + client.requests, 0);
  }

  get only(): ForgeAccess["only"] {
    return this.#access.only;
  }

  mayAsk({ forge, host }: Pick<PullRequestAddress, "forge" | "host">): boolean {
    return this.#access.tokenFor({ forge, host }) !== undefined;
  }

  #reachOf({ forge: name, host, origin }: Pick<PullRequestAddress, "forge" | "host" | "origin">): Reach | undefined {
    const key = `${name} ${origin}`;
    const earlier = this.#reaches.get(key);
    if (earlier !== undefined) return earlier;
    const forge = this.#forges.find((each) => each.name === name);
    const token = this.#access.tokenFor({ forge: name, host });
    if (forge === undefined || token === undefined) return undefined;
    const reach = { forge, client: new ForgeClient(this.#world, forge, forge.api(origin), token), largest: Infinity };
    this.#reaches.set(key, reach);
    return reach;
  }

  #addressOf(text: string): PullRequestAddress | undefined {
    return readAddress(this.#forges.map((forge) => forge.address), text);
  }

  #placeOf(text: string): { address: PullRequestAddress; reach: Reach } | undefined {
    const address = this.#addressOf(text);
    const reach = address === undefined ? undefined : this.#reachOf(address);
    return address === undefined || reach === undefined ? undefined : { address, reach };
  }

  /**
   * A failure at one host does not affect the other hosts.
   * @throws only `signal.reason`, if the signal aborts.
   */
  async read(
    urls: Iterable<string>,
    onHost?: (host: string, pullRequests: number) => void,
  ): Promise<ForgeReading> {
    const reading: ForgeReading = { facts: new Map(), refused: new Map(), failed: new Map(), unasked: new Map() };
    const hosts = new Map<Reach, Wanted[]>();
    for (const url of new Set(urls)) {
      const address = this.#addressOf(url);
      const reach = address && this.#reachOf(address);
      if (address === undefined || reach === undefined) {
        reading.unasked.set(url, address?.host ?? "");
        continue;
      }
      const wanted = hosts.get(reach) ?? [];
      hosts.set(reach, wanted);
      wanted.push({ url, address });
    }
    for (const [reach, wanted] of hosts) {
      onHost?.(wanted[0]?.address.host ?? "", wanted.length);
      await this.#readHost(reach, wanted, reading);
    }
    return reading;
  }

  async #readHost(
    reach: Reach,
    wanted: readonly Wanted[],
    reading: ForgeReading,
    largest = reach.forge.pulls.largest,
  ): Promise<void> {
    const { facts, refused, failed } = reading;
    const { clock, signal } = this.#world;
    const host = wanted[0]?.address.host ?? "";
    const until = clock.now() + READING_MS;
    const failAll = (from: number, why: string) => {
      for (const { url } of wanted.slice(from)) failed.set(url, why);
    };
    let worked = false;
    for (let at = 0; at < wanted.length;) {
      if (clock.now() >= until) {
        return failAll(at, `${host} took longer than ${READING_MS / 60_000} minutes`);
      }
      const size = Math.min(reach.largest, largest);
      const batch = wanted.slice(at, at + size);
      let outcomes: PullRequestOutcome[];
      try {
        outcomes = await reach.forge.pulls.read(reach.client, batch.map(({ address }) => address));
      } catch (error) {
        signal?.throwIfAborted();
        if (isTooMuch(error) && batch.length > 1 && !reach.client.isUnreached) {
          reach.largest = Math.floor(batch.length / 2);
          continue;
        }
        // All further requests would use up their retries and fail in the same way. However, a single request may be too large for the forge.
        const reaches = worked && isTooMuch(error) ? at + 1 : wanted.length;
        if (error instanceof MogplexError && TOKEN_EXITS.includes(error.exit)) reading.exit = error.exit;
        for (const { url } of wanted.slice(at, reaches)) failed.set(url, reasonOf(error, host));
        at = reaches;
        worked = false;
        continue;
      }
      for (const [index, { url }] of batch.entries()) {
        const outcome = outcomes[index] ?? { ok: false, reason: "no result was returned", again: true };
        if (outcome.ok) facts.set(url, outcome.facts);
        else (outcome.again ? failed : refused).set(url, outcome.reason);
      }
      const missing = batch.filter(({ url }) => failed.has(url));
      if (missing.length > 0 && batch.length > 1) {
        // A pull request that was left out of a large response may fit into a small response.
        for (const { url } of missing) failed.delete(url);
        await this.#readHost(reach, missing, reading, Math.floor(batch.length / 2));
      }
      at += batch.length;
      worked = true;
    }
  }

  async find({ forge, host, ...wanted }: BranchPlace): Promise<string | null | undefined> {
    const reach = this.#reachOf({ forge, host, origin: `https://${host}` });
    if (reach === undefined) return undefined;
    try {
      const url = await reach.forge.pulls.find(reach.client, wanted);
      const address = typeof url === "string" ? readAddress([reach.forge.address], url) : undefined;
      return url === null ? null : address?.host === host ? address.url : undefined;
    } catch {
      this.#world.signal?.throwIfAborted();
      return undefined;
    }
  }

  writer(url: string, command: string): PullRequestWriter | undefined {
    const place = this.#placeOf(url);
    if (place === undefined) return undefined;
    const { address, reach: { forge, client } } = place;
    const { writes, notes } = forge;
    if (writes === undefined || notes === undefined) return undefined;
    const named = client.within({ repository: address.repository });
    return new PullRequestWriter({ ...forge, writes, notes }, named, address, command);
  }

  async findings(url: string, of: FindingsOf): Promise<Findings | undefined> {
    const place = this.#placeOf(url);
    return await place?.reach.forge.pulls.findings(place.reach.client, place.address, of);
  }
}
