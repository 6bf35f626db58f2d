/**
 * Automations: the list and its cursor, a single record, and the lookup by id.
 *
 * @module
 */
import type { Automation } from "../../../model.ts";
import { DatabaseError, formatTimestamp, parseTimestamp, parseUuid } from "../../state/postgres.ts";
import { Refusal } from "../refusal.ts";
import type { AutomationRow } from "../../state/rows.ts";
import type { World } from "../../state/world.ts";

/** The last automation of a page. The next page starts after it. */
export interface Cursor {
  /** Microseconds since 1970. */
  createdAt: number;
  /** UUID. */
  id: string;
}

const CURSOR_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/;
const CURSOR_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

function encodeCursor(row: AutomationRow): string {
  const json = JSON.stringify({ createdAt: formatTimestamp(row.createdAt), id: row.id });
  return btoa(json).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** Decodes base64 of either alphabet, padded or not. Other characters are skipped, as the service's decoder does. */
function decodeBase64(text: string): string {
  const plain = (text.split("=")[0] ?? "").replaceAll("-", "+").replaceAll("_", "/").replace(/[^A-Za-z0-9+/]/g, "");
  const whole = plain.length % 4 === 1 ? plain.slice(0, -1) : plain;
  return new TextDecoder().decode(Uint8Array.from(atob(whole), (character) => character.charCodeAt(0)));
}

/**
 * Reads a cursor.
 *
 * @returns Null if there is none, undefined if it cannot be read.
 */
export function parseCursor(text: string | null): Cursor | null | undefined {
  if (text === null || text === "") return null;
  try {
    const { createdAt, id } = JSON.parse(decodeBase64(text)) as { createdAt?: unknown; id?: unknown };
    const valid = typeof createdAt === "string" && CURSOR_TIME.test(createdAt) &&
      !Number.isNaN(Date.parse(createdAt)) &&
      typeof id === "string" && CURSOR_ID.test(id);
    return valid ? { createdAt: parseTimestamp(createdAt), id: id.toLowerCase() } : undefined;
  } catch {
    return undefined;
  }
}

function presentSummary(row: AutomationRow): Automation {
  return {
    id: row.id,
    installationId: row.installationId,
    name: row.name,
    description: row.description,
    status: row.status,
    publishedVersionId: row.publishedVersion?.id ?? null,
    createdAt: formatTimestamp(row.createdAt),
    updatedAt: formatTimestamp(row.updatedAt),
  };
}

/**
 * One page of a user's automations: newest first, then by id downwards.
 *
 * @throws {DatabaseError} for every page after the first, in the base. Source: contract notes of November 2026.
 */
export function listAutomations(
  world: World,
  userId: string,
  limit: number,
  cursor: Cursor | null,
): { automations: Automation[]; nextCursor: string | null } {
  world.store.guard("select", "flows");
  if (cursor !== null && !world.revision.pagesAutomations && !world.around.cursorFixed) {
    throw new DatabaseError("the storage adapter of the base cannot read a cursor");
  }
  const rows = [...world.store.automations.values()].filter((row) =>
    row.userId === userId && (cursor === null || row.createdAt < cursor.createdAt ||
      (row.createdAt === cursor.createdAt && row.id < cursor.id))
  );
  rows.sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1));
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    automations: page.map(presentSummary),
    nextCursor: rows.length > limit && last !== undefined ? encodeCursor(last) : null,
  };
}

/**
 * A user's automation.
 *
 * @throws {Refusal} 404 if there is none.
 * @throws {DatabaseError} for an id that is not a UUID.
 */
export function findAutomation(world: World, userId: string, id: string): AutomationRow {
  world.store.guard("select", "flows");
  const row = world.store.automations.get(parseUuid(id));
  if (row === undefined || row.userId !== userId) throw new Refusal(404, "NOT_FOUND", "Automation not found");
  return row;
}

interface Graph {
  nodes: { id: string; type: string; position: { x: number; y: number }; data: Record<string, unknown> }[];
  edges: { id: string; source: string; target: string }[];
  viewport: { x: number; y: number; zoom: number };
}

/** Fills in the fields that the service adds when it reads a graph. */
function normaliseGraph({ nodes, edges, viewport }: Graph): unknown {
  return {
    nodes: nodes.map((node) => node.type === "start" ? { ...node, data: { isDefault: false, ...node.data } } : node),
    edges: edges.map((edge) => ({ sourceHandle: null, targetHandle: null, ...edge })),
    viewport,
  };
}

/** The stored graph of an automation: a start node for its event, and an end node. */
function graphOf(row: AutomationRow): Graph {
  return {
    nodes: [
      { id: "start", type: "start", position: { x: 0, y: 0 }, data: { label: "Start", event: row.startEvent } },
      { id: "end", type: "end", position: { x: 200, y: 0 }, data: { label: "End" } },
    ],
    edges: [{ id: "start-end", source: "start", target: "end" }],
    viewport: { x: 0, y: 0, zoom: 1 },
  };
}

/** An automation with its graphs. It holds the published version instead of the version's id. */
export interface AutomationRecord extends Omit<Automation, "publishedVersionId"> {
  /** The owner's notes. */
  notes: string | null;
  /** Graph in the editor. */
  draftGraph: unknown;
  /** Graph that runs. */
  publishedVersion: { id: string; versionNumber: number; graph: unknown; createdAt: string } | null;
  /** A summary that the service never fills in. */
  runSummary: {
    lastRunId: string | null;
    lastRunStatus: string | null;
    runningCount: number;
    pendingCount: number;
    failed24h: number;
  };
}

/** An automation in the form of `GET /automations/{id}`. */
export function presentAutomation(row: AutomationRow): AutomationRecord {
  const { publishedVersionId: _, ...summary } = presentSummary(row);
  return {
    ...summary,
    notes: row.notes,
    draftGraph: normaliseGraph(graphOf(row)),
    publishedVersion: row.publishedVersion === null ? null : {
      ...row.publishedVersion,
      graph: normaliseGraph(graphOf(row)),
      createdAt: formatTimestamp(row.updatedAt),
    },
    runSummary: { lastRunId: null, lastRunStatus: null, runningCount: 0, pendingCount: 0, failed24h: 0 },
  };
}
