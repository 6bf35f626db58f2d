import { type ForgeClient, isLost } from "./client.ts";
import { commitMessage } from "./commit_message.ts";
import { ownersOf } from "./code_owners.ts";
import type { NamedRequester } from "./approvals.ts";
import type { ForgeUser } from "./findings.ts";
import type { Forge, ForgeNotes } from "./forge.ts";
import type { MergeReading } from "./merging.ts";
import { type ChecksState, isUnread, type PullRequestAddress, type Unread, unread } from "./model.ts";
import { readTreeFile } from "../git/tree.ts";
import { decodeUtf8 } from "../runtime.ts";
import { postComment } from "./note.ts";
import { readRequesters } from "./requester.ts";
import { isGone } from "./threads.ts";
import type {
  ForgeWrites,
  LandedQuestion,
  MergeOrder,
  MergeOutcome,
  MergeProgress,
  PullRequestMarks,
  Refused,
  Reviewers,
  WriteNeeds,
} from "./writes.ts";

export type WritableForge = Forge & { readonly writes: ForgeWrites; readonly notes: ForgeNotes };

export class PullRequestWriter {
  readonly address: PullRequestAddress;
  readonly #client: ForgeClient;
  readonly #forge: WritableForge;
  readonly #command: string;

  constructor(forge: WritableForge, client: ForgeClient, address: PullRequestAddress, command: string) {
    this.#forge = forge;
    this.#client = client;
    this.#command = command;
    this.address = address;
  }

  #for(right: keyof WriteNeeds): ForgeClient {
    const { writes: { needs }, system } = this.#forge;
    return this.#client.within({
      limits: {},
      reason: (status, token) =>
        status === 403 ? `${token} cannot do this: \`${this.#command}\` needs ${needs[right]} on ${system}` : undefined,
    });
  }

  async read(): Promise<MergeReading | Unread> {
    const { merging, system } = this.#forge;
    if (merging === undefined) return unread(`merges are not supported on ${system}`);
    return await merging.read(this.#client, this.address);
  }

  async checks(commit: string): Promise<ChecksState | null> {
    return await this.#forge.merging?.checks(this.#client, this.address, commit) ?? null;
  }

  /** Removes commands from the title and the body. A lost response is an outcome, and never leads to a second request. */
  async merge(order: Omit<MergeOrder, "address">): Promise<MergeOutcome> {
    const message = commitMessage(order.title, order.body);
    try {
      return await this.#forge.writes.merge(this.#for("merge"), { ...order, ...message, address: this.address });
    } catch (error) {
      if (isLost(error)) return { kind: "lost", reason: error.why };
      if (isGone(error)) return { kind: "refused", reason: error.why };
      throw error;
    }
  }

  async progress(handle: string | null): Promise<MergeProgress> {
    return await this.#forge.writes.progress(this.#for("merge"), this.address, handle);
  }

  async landed(question: Omit<LandedQuestion, "address">): Promise<string | null | undefined> {
    const { writes } = this.#forge;
    if (writes.landed === undefined) return null;
    const message = commitMessage(question.title, question.body);
    return await writes.landed(this.#client, { ...question, ...message, address: this.address });
  }

  async leaveQueue(): Promise<boolean> {
    return await this.#forge.writes.leaveQueue(this.#for("merge"), this.address);
  }

  /** After a lost response, only the head shows whether the branch was updated. */
  async update(commit: string): Promise<"updated" | "moved" | Refused | { readonly lost: string }> {
    try {
      return await this.#forge.writes.update(this.#for("update"), this.address, commit);
    } catch (error) {
      if (isLost(error)) return { lost: error.why };
      throw error;
    }
  }

  async requestReview(reviewers: Reviewers): Promise<"requested" | Refused> {
    return await this.#forge.writes.requestReview(this.#for("ask"), this.address, reviewers);
  }

  async marks(): Promise<PullRequestMarks> {
    return await this.#forge.writes.marks(this.#for("ask"), this.address);
  }

  async addLabels(labels: readonly string[]): Promise<void> {
    await this.#forge.writes.addLabels(this.#for("label"), this.address, labels);
  }

  async comment(marker: string, text: string): Promise<void> {
    const { notes } = this.#forge;
    const { repository, number } = this.address;
    const place = notes.open(this.#client, repository, { kind: "pull", number });
    const reason: typeof place.reason = (status, token) => {
      const why = place.reason(status, token);
      return status === 403 && why !== undefined ? `${why}; \`${this.#command}\` writes comments` : why;
    };
    await postComment({ ...place, reason }, marker, text);
  }

  async close(): Promise<void> {
    await this.#forge.writes.close(this.#for("close"), this.address);
  }

  async deleteBranch(branch: string, commit: string): Promise<"deleted" | "moved" | "gone" | Refused> {
    return await this.#forge.writes.deleteBranch(this.#for("deleteBranch"), this.address, branch, commit);
  }

  async codeOwners(): Promise<Reviewers | string> {
    const { files, writes: { codeOwners: { paths, rules } }, system } = this.#forge;
    if (files === undefined) return `code owners cannot be read on ${system}`;
    const reading = await this.read();
    if (isUnread(reading)) return reading.reason;
    const { baseCommit, changedFiles } = reading;
    if (baseCommit === null) return `${system} does not show the commit of the target branch`;
    if (changedFiles === null) return `${system} does not show all changed files`;
    const reader = files.open(this.#client, this.address.repository);
    for (const path of paths) {
      const file = await readTreeFile(reader, baseCommit, path);
      if (file.kind === "file") return ownersOf(decodeUtf8(file.bytes), rules, changedFiles);
      if (file.kind === "refused") return `${path} of the target branch is not a regular file`;
    }
    return { users: [], teams: [] };
  }

  async requesters(): Promise<readonly NamedRequester[] | null> {
    return await readRequesters(this.#forge, this.#client, this.address);
  }

  async people(): Promise<readonly string[] | null> {
    const { threads } = this.#forge;
    if (threads === undefined) return null;
    const reading = await this.read();
    if (isUnread(reading)) return null;
    const { author, writers, opinions } = reading.review;
    const { number } = this.address;
    const comments = await threads(this.#client, this.address).comments({ kind: "pull", number });
    if (writers === null || opinions === null || !comments.isWhole) return null;
    const ourIds = new Set([author?.id, (await this.me())?.id]);
    const users = [...writers, ...opinions.map(({ by }) => by), ...comments.list.map((each) => each.author)];
    const people = users.filter(({ id, isBot }) => isBot !== true && id > 0 && !ourIds.has(id));
    return [...new Set(people.map(({ name }) => name))];
  }

  async me(): Promise<ForgeUser | null> {
    return await this.#forge.writes.me(this.#client);
  }

  startsWorkflows(user: ForgeUser | null): boolean | null {
    const { jobUser } = this.#forge.writes;
    if (jobUser === undefined) return true;
    return user === null ? null : user.name !== jobUser;
  }
}
