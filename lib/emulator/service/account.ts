/**
 * The account that a user of the emulator is given: a token that may do everything, and what it reaches.
 *
 * @module
 */
import type { World } from "../state/world.ts";

/** Tokens and repositories of one user. */
export interface Account {
  /** A live token with both scopes. */
  token: string;
  /** A live read-only token of the same user; null if there is none. */
  readOnlyToken: string | null;
  /** Repositories of that user, also hidden ones. */
  repos: { id: string; full_name: string }[];
}

/** The account of the first user with a live token of both scopes; undefined if there is none. */
export function firstAccount(world: World): Account | undefined {
  const tokens = [...world.store.tokens.values()].filter((token) =>
    token.revokedAt === null && (token.expiresAt === null || token.expiresAt / 1_000 > world.clock.wallMs())
  );
  const full = tokens.find((token) => token.scopes.includes("read") && token.scopes.includes("write"));
  if (full === undefined) return undefined;
  const reading = tokens.find((token) => token.userId === full.userId && token.scopes.join() === "read");
  const repos = [...world.store.repos.values()].filter((repo) => repo.userId === full.userId);
  return {
    token: full.token,
    readOnlyToken: reading?.token ?? null,
    repos: repos.map(({ id, full_name }) => ({ id, full_name })),
  };
}
