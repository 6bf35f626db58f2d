/**
 * Numbered records for tests of long lists. Values are those of the control action `bulk` in `tests/conformance/FORMAT.md`.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import { parseTimestamp, storeJson } from "./postgres.ts";
import type { Store } from "./store.ts";

const BULK_INSTALLATION = 101;
const SECOND_MICROS = 1_000_000;

/** Kinds of records, in the words of the control action. */
export const BULK_KINDS = ["repos", "sandboxes", "automations", "lifecycleEvents"] as const;

/** Records to add. */
export interface Bulk {
  /** One of {@linkcode BULK_KINDS}. */
  what: string;
  /** Owner. */
  userId: string;
  /** Number of records. */
  count: number;
  /** Sandbox of `lifecycleEvents`. */
  sandboxId: string;
}

/**
 * Adds numbered records.
 *
 * @throws {UsageError} for an unknown kind.
 */
export function addBulk(store: Store, { what, userId, count, sandboxId }: Bulk): void {
  const start = parseTimestamp("2026-01-01T00:00:00+00:00");
  const repo = [...store.repos.values()].find((candidate) => candidate.userId === userId);
  for (let index = 0; index < count; index++) {
    const number = String(index).padStart(3, "0");
    const id = crypto.randomUUID();
    const at = start + index * SECOND_MICROS;
    switch (what) {
      case "repos":
        store.repos.set(id, {
          id,
          key: id,
          userId,
          full_name: `bulk/repo-${number}`,
          installation_id: BULK_INSTALLATION,
          default_branch: "main",
          root_directory: null,
          hidden: false,
        });
        break;
      case "sandboxes":
        store.addSandbox({
          id,
          key: id,
          userId,
          sandbox_id: `sbx_bulk_${number}`,
          repo_id: repo?.id ?? "",
          status: "stopped",
          base_branch: "main",
          working_branch: "main",
          root_directory: null,
          preview_url: null,
          created_at: start,
          last_active_at: at,
          error: null,
          install_log: null,
          dev_log: null,
          free_at: null,
        });
        break;
      case "automations":
        store.automations.set(id, {
          id,
          key: id,
          userId,
          installationId: BULK_INSTALLATION,
          name: `Bulk ${number}`,
          description: null,
          notes: null,
          status: "inactive",
          publishedVersion: null,
          startEvent: "push",
          inputs: [],
          permittedRepoIds: null,
          createdAt: at,
          updatedAt: start,
        });
        break;
      case "lifecycleEvents":
        store.lifecycle.push({
          id,
          userId,
          sandboxId,
          event_type: "tab_attached",
          decision_code: null,
          worker_run_id: null,
          payload: storeJson({ n: index }),
          created_at: at,
        });
        break;
      default:
        throw new UsageError({
          attempted: "add records",
          why: `unknown kind "${what}"`,
          advice: `there are ${BULK_KINDS.join(", ")}`,
        });
    }
  }
}
