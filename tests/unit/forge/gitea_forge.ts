/**
 * Answers of a real Gitea 1.24.6, which the lab has recorded (`MOGPLEX_LAB_RECORD=1 npm run lab -- gitea-read`), played in process. Fields that
 * the client does not read were left out; a server on another port, and other numbers and times, are all that a new recording changes.
 */
import RECORDED from "./gitea_answers.json" with { type: "json" };
import { json } from "./github_forge.ts";

interface Exchange {
  /** Method, path and query below the API. */
  asked: string;
  status: number;
  location?: string;
  body: unknown;
}

/** What one reading asked and was answered. */
export interface Recording {
  name: string;
  /** Address of the pull request. */
  url: string;
  /** Facts that were read of it; or why nothing was, as a text. */
  expected: Record<string, unknown> | string;
  exchanges: Exchange[];
}

export const RECORDINGS = RECORDED.recordings as Recording[];

/** A recording by its name. */
export function recording(name: string): Recording {
  const found = RECORDINGS.find((each) => each.name === name);
  if (found === undefined) throw new Error(`there is no recording ${JSON.stringify(name)}`);
  return structuredClone(found);
}

/** A Gitea. */
export interface GiteaForge {
  host: string;
  /** What it answers, each once for each time that it was recorded, the last one for ever. */
  exchanges: Exchange[];
  /** Takes the place of the next answers. */
  faults: (Response | "reset")[];
  received: { asked: string; authorization: string | null }[];
  fetch(url: string, init: RequestInit): Promise<Response>;
}

/** Makes one that answers as in recordings. */
export function giteaForge(...recordings: readonly Recording[]): GiteaForge {
  const { origin } = RECORDED;
  const forge: GiteaForge = {
    host: new URL(origin).host,
    exchanges: structuredClone(recordings.flatMap(({ exchanges }) => exchanges)),
    faults: [],
    received: [],
    // deno-lint-ignore require-await
    async fetch(url, init) {
      const asked = `${init.method ?? "GET"} ${url.replace(`${origin}/api/v1`, "")}`;
      forge.received.push({ asked, authorization: new Headers(init.headers).get("authorization") });
      const fault = forge.faults.shift();
      if (fault === "reset") throw new TypeError("fetch failed");
      if (fault !== undefined) return fault;
      const fitting = forge.exchanges.filter((each) => each.asked === asked);
      const [first] = fitting;
      if (first === undefined) throw new Error(`this was not recorded: ${asked}`);
      if (fitting.length > 1) forge.exchanges.splice(forge.exchanges.indexOf(first), 1);
      const { status, location, body } = first;
      if (typeof body === "string") return new Response(body, { status, headers: location ? { location } : {} });
      return json(status, body, location === undefined ? {} : { location });
    },
  };
  return forge;
}
