/**
 * Normalises a start request: which values count as absent, which defaults apply, and which field is refused first.
 *
 * @module
 */
import { BASE_HARNESSES, branchProblem, HARNESSES, MAX_PROMPT_LENGTH, MODES } from "../../api/contract/rules.ts";
import { normaliseRoot } from "../../api/contract/rules.ts";
import { sha256Hex } from "../../sha256.ts";
import { canonicalJson, generatedBranch } from "./hash.ts";
import { Refusal } from "./refusal.ts";
import type { Revision } from "../state/revision.ts";
import type { RepoRow } from "../state/rows.ts";

/** A start request with its defaults. */
export interface NormalisedStart {
  /** The id as it was sent, since its spelling is part of the hash. */
  repoId: string;
  prompt: string;
  harness: string;
  baseBranch: string;
  workingBranch: string;
  createBranch: boolean;
  rootDirectory: string | null;
  conversationId: string | null;
  workspaceSessionId: string | null;
  mode: string | null;
  worktreeId: string | null;
  agentId: string | null;
}

/** The fields of a body. A body that is not an object has none. */
export type Body = Record<string, unknown>;

/** The text without blanks around it; null for an empty one and for a value of any other type. */
export function trimmedOrNull(value: unknown): string | null {
  if (typeof value !== "string") return null;
  const trimmed = value.trim();
  return trimmed === "" ? null : trimmed;
}

// Modes that released versions of the command send. Source: API reference, "Start request" of later revisions.
const LEGACY_MODES = ["single", "multi_agent", "council", "review", "test", "repair"];

const bad = (message: string) => new Refusal(400, "BAD_REQUEST", message);

function readHarness(body: Body, revision: Revision): string {
  const harness = trimmedOrNull(body.harness) ?? "codex";
  const known: readonly string[] = revision.mogplexHarness ? HARNESSES : BASE_HARNESSES;
  if (!known.includes(harness)) throw bad("Invalid harness");
  const bound = body.createBranch === true && body.mode === undefined && body.worktreeId === undefined;
  if (harness === "mogplex" && !bound) throw bad("Invalid harness");
  return harness;
}

function readBranch(name: string, label: string): string {
  if (name === "@" || branchProblem(name) !== undefined) throw bad(`Invalid ${label}`);
  return name;
}

function readRoot(value: unknown, stored: string | null): string | null {
  if (value === undefined) return stored;
  if (value === null) return null;
  const result = typeof value === "string" ? normaliseRoot(value) : undefined;
  if (!result?.ok) throw bad("Invalid root directory");
  return result.root;
}

function readMode(value: unknown, revision: Revision): string | null {
  const mode = trimmedOrNull(value);
  if (!revision.checksMode || value === undefined || value === null || (mode === null && value === "")) return mode;
  if (mode === null && typeof value === "string") return null;
  const upper = mode?.toUpperCase() ?? "";
  if ((MODES as readonly string[]).includes(upper)) return upper;
  if (mode !== null && LEGACY_MODES.includes(mode)) return mode;
  throw bad(`mode must be one of ${MODES.join(", ")} (got ${JSON.stringify(value)})`);
}

/**
 * Normalises a body, checking in the service's order.
 *
 * @param body Parsed JSON.
 * @param repo The repository, which supplies defaults.
 * @param key The idempotency key. A generated branch name is derived from it.
 * @returns The request and its hash.
 * @throws {Refusal} 400 for the first bad field.
 */
export function normaliseStart(
  body: Body,
  repo: RepoRow,
  key: string,
  revision: Revision,
): { start: NormalisedStart; requestHash: string } {
  const prompt = trimmedOrNull(body.prompt);
  if (prompt === null) throw bad("Prompt is required");
  if (prompt.length > MAX_PROMPT_LENGTH) throw bad("Prompt is too long");
  const harness = readHarness(body, revision);
  const baseBranch = readBranch(
    trimmedOrNull(body.baseBranch) ?? trimmedOrNull(repo.default_branch) ?? "main",
    "base branch",
  );
  const createBranch = body.createBranch === true;
  const hashed = {
    repoId: trimmedOrNull(body.repoId) ?? "",
    prompt,
    harness,
    baseBranch,
    createBranch,
    rootDirectory: readRoot(body.rootDirectory, repo.root_directory),
    conversationId: trimmedOrNull(body.conversationId),
    workspaceSessionId: trimmedOrNull(body.workspaceSessionId),
    mode: readMode(body.mode, revision),
    ...(revision.extraRunFields ? { worktreeId: trimmedOrNull(body.worktreeId) } : {}),
  };
  const wanted = trimmedOrNull(body.workingBranch) ??
    (createBranch ? generatedBranch(key, sha256Hex(canonicalJson(hashed))) : baseBranch);
  const workingBranch = readBranch(wanted, "working branch");
  if (createBranch && workingBranch === baseBranch) {
    throw bad("Working branch must differ from base branch when createBranch is true");
  }
  return {
    start: {
      ...hashed,
      workingBranch,
      worktreeId: trimmedOrNull(body.worktreeId),
      agentId: trimmedOrNull(body.agentId),
    },
    requestHash: sha256Hex(canonicalJson({ ...hashed, workingBranch })),
  };
}
