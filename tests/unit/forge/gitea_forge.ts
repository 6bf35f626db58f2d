/**
 * Answers of a real Gitea 1.24.6, which the lab has recorded (`MOGPLEX_LAB_RECORD=1 npm run lab -- gitea-read`), played in process. Fields that
 * the client does not read were left out; a server on another port, and other numbers and times, are all that a new recording changes.
 */
import RECORDED from "./gitea_answers.json" with { type: "json" };
import { json } from "./github_forge.ts";

export interface Exchange {
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

export const ORIGIN: string = RECORDED.origin;

export const RECORDINGS = RECORDED.recordings as Recording[];

/** A recording by its name. */
export function recording(name: string): Recording {
  const found = RECORDINGS.find((each) => each.name === name);
  if (found === undefined) throw new Error(`there is no recording ${JSON.stringify(name)}`);
  return structuredClone(found);
}

export interface GiteaForge {
  host: string;
  /** What it answers, each once for each time that it was recorded, the last one for ever. */
  exchanges: Exchange[];
  /** Takes the place of the next answers. */
  faults: (Response | "reset")[];
  received: { asked: string; authorization: string | null; body: unknown }[];
  fetch(url: string, init: RequestInit): Promise<Response>;
}

/** Makes one that answers as in recordings. */
export function giteaForge(...recordings: readonly Pick<Recording, "exchanges">[]): GiteaForge {
  const forge: GiteaForge = {
    host: new URL(ORIGIN).host,
    exchanges: structuredClone(recordings.flatMap(({ exchanges }) => exchanges)),
    faults: [],
    received: [],
    // deno-lint-ignore require-await
    async fetch(url, init) {
      const asked = `${init.method ?? "GET"} ${url.replace(`${ORIGIN}/api/v1`, "")}`;
      const authorization = new Headers(init.headers).get("authorization");
      const body: unknown = typeof init.body === "string" ? JSON.parse(init.body) : null;
      forge.received.push({ asked, authorization, body });
      const fault = forge.faults.shift();
      if (fault === "reset") throw new TypeError("fetch failed");
      if (fault !== undefined) return fault;
      const fitting = forge.exchanges.filter((each) => each.asked === asked);
      const [first] = fitting;
      if (first === undefined) throw new Error(`this was not recorded: ${asked}`);
      if (fitting.length > 1) forge.exchanges.splice(forge.exchanges.indexOf(first), 1);
      const { status, location, body: text } = first;
      if (typeof text === "string") {
        return new Response(status === 204 ? null : text, { status, headers: location ? { location } : {} });
      }
      return json(status, text, location === undefined ? {} : { location });
    },
  };
  return forge;
}
