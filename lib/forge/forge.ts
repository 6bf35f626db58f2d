import type { ReadEnv } from "../ci/platform.ts";
import type { TreeReader } from "../git/tree.ts";
import type { AddressForm } from "./address.ts";
import type { ClientPlace, ForgeClient } from "./client.ts";
import type { Findings, FindingsOf } from "./findings.ts";
import type { ForgeMerging } from "./merging.ts";
import type { PullRequestAddress, PullRequestOutcome } from "./model.ts";
import type { NotePlace } from "./note.ts";
import type { ForgeStatuses } from "./statuses.ts";
import type { AskEvent, ThreadPlace, Threads } from "./threads.ts";
import type { ForgeWrites } from "./writes.ts";

/** Each program imports only the parts that it uses, because a bundler can only leave out whole records. */
export interface FileForge extends ClientPlace {
  readonly name: string;
  readonly relatives?: readonly string[];
  readonly publicHost?: string;
  readonly variable: string;
  /** The host that may receive the token in {@linkcode FileForge.variable}: the forge's server in a job of the forge, otherwise the public host. */
  tokenHost(env: ReadEnv): string | undefined;
  readonly address: AddressForm;
  api(origin: string): string;
  readonly files?: ForgeFiles;
  readonly job?: ForgeJob;
}

export interface Forge extends FileForge {
  readonly pulls: ForgePulls;
  threads?(client: ForgeClient, place: RepositoryPlace): Threads;
  readonly notes?: ForgeNotes;
  /** This part, `statuses` and `writes` are absent from forges that do not support merging, and from programs that merge nothing. */
  readonly merging?: ForgeMerging;
  readonly statuses?: ForgeStatuses;
  readonly writes?: ForgeWrites;
}

export type TokenForge = Pick<FileForge, "name" | "variable" | "tokenHost" | "publicHost">;

export type OfJob<F extends FileForge> = F & { readonly job: ForgeJob };

export interface OpenPull {
  readonly forge: Forge;
  readonly client: ForgeClient;
  readonly address: PullRequestAddress;
}

export interface RepositoryPlace {
  readonly origin: string;
  /** `owner/name`, with all groups. On GitLab, the project id also works. */
  readonly repository: string;
}

export interface WantedBranch {
  readonly repository: string;
  readonly branch: string;
  /** Older pull requests are ignored. In milliseconds since 1970. */
  readonly since: number;
}

export interface ForgePulls {
  readonly largest: number;
  read(client: ForgeClient, batch: readonly PullRequestAddress[]): Promise<PullRequestOutcome[]>;
  /** @returns The address; `null` if there is no pull request; `undefined` if the forge does not show the pull requests. */
  find(client: ForgeClient, wanted: WantedBranch): Promise<string | null | undefined>;
  findings(client: ForgeClient, address: PullRequestAddress, of: FindingsOf): Promise<Findings>;
}

export interface ForgeFiles {
  readonly needs: string;
  open(client: ForgeClient, repository: string): TreeReader;
}

export interface ForgeNotes {
  readonly noun: string;
  nameOf(thread: ThreadPlace): string;
  open(client: ForgeClient, repository: string, thread: ThreadPlace): NotePlace;
}

/**
 * The permissions that the token of a job needs, as phrases such as `the read:user and write:issue scopes`. Messages and documents must use these
 * values.
 */
export interface TokenNeeds {
  readonly respond: string;
  readonly note: string;
  /** For the flags `--after` and `--fix`. */
  readonly followUp: string;
  readonly gate: string;
  readonly status: string;
}

export interface ForgeJob {
  readonly ciSystems: readonly string[];
  host(env: ReadEnv): string | undefined;
  tokenVariable(env: ReadEnv): string;
  /** The same variable without validation, for masking. Absent if the variable is {@linkcode FileForge.variable}. */
  secretVariable?(env: ReadEnv): string;
  readonly git?: { readonly username: string; readonly variable: string };
  readonly needs: TokenNeeds;
  /** Workflows pass an unset variable as an empty string. */
  readonly passesUnset?: true;
  readonly tokenLine?: string;
  readonly noteAdvice?: string;
  /** Without a trailing slash. */
  api(env: ReadEnv): string;
  place(env: ReadEnv): RepositoryPlace;
  pullsAt(env: ReadEnv): string;
  /** Hosts on which a link to an issue or a pull request creates a reference, no matter who wrote the link. */
  linkHosts(env: ReadEnv): readonly string[];
  payload(env: ReadEnv): { readonly text: string } | { readonly path: string };
  event(env: ReadEnv, text: string, repositoryId: () => Promise<number>): Promise<AskEvent>;
  pull(env: ReadEnv, payload: () => string): { readonly repository: string; readonly number: number } | undefined;
  readonly user: { readonly name: string; readonly id: string | null };
  /** Whether the job that `init` writes receives no event if a pull request is labeled, so that only a poll finds the label. */
  readonly missesPullLabels?: boolean;
  readonly botNames?: RegExp;
  readonly notes: JobNotes;
  readonly variables: readonly string[];
  workflowFolders?(ciSystem: string): readonly string[];
}

interface JobNotes {
  /** If this is false, the user must turn notes on, because the token may be intended for another purpose. */
  readonly byDefault: boolean;
  naming(
    env: ReadEnv,
    job: { readonly job: string | null; readonly node: string },
    matrix: string,
  ): { readonly job: readonly [job: string, node: string]; readonly label: string; readonly namesPipeline: boolean };
}
