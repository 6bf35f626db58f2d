/**
 * Whether everybody can read the branch that a campaign is kept on. Only the environment of the job is asked: no request is sent, and no
 * token is used.
 *
 * @module
 */
import type { Io } from "../../../io.ts";
import type { Platform, ReadEnv } from "../../../platforms/platform.ts";

/** Most bytes of GitHub's file about the event of a workflow. Source: GitHub, "Webhook events and payloads", a payload has at most 25 MB. */
const MAX_EVENT_BYTES = 26_214_400;

/** Where the environment is asked. */
export interface ShownPlace {
  env: ReadEnv;
  platform: Pick<Platform, "name" | "remote">;
  /** Reads the file about the event. */
  io: Pick<Io, "readFile">;
  /** Whether nothing is on the branch yet: what is not known is worth a word only then. */
  isNew: boolean;
}

/** GitHub's word for who may read the repository of the workflow; undefined when the file about the event does not say it. */
function githubVisibility({ env, io }: ShownPlace): string | undefined {
  const path = env("GITHUB_EVENT_PATH");
  if (!path) return undefined;
  try {
    const event = JSON.parse(io.readFile(path, MAX_EVENT_BYTES) ?? "null") as unknown;
    const { repository } = Object(event) as { repository?: unknown };
    const { visibility, private: isPrivate } = Object(repository) as Record<string, unknown>;
    if (typeof visibility === "string") return visibility;
    return typeof isPrivate === "boolean" ? isPrivate ? "private" : "public" : undefined;
  } catch {
    // The file may be missing, or be something else: then it does not say it.
    return undefined;
  }
}

/** Who may read the repository of the job: `public`, `internal` or `private`; undefined where the environment does not say it. */
function visibilityOf(place: ShownPlace): string | undefined {
  switch (place.platform.name) {
    case "gitlab":
      return place.env("CI_PROJECT_VISIBILITY");
    case "github":
    case "gitea":
    case "forgejo":
      return githubVisibility(place);
    default:
      return undefined;
  }
}

/** Addresses of one repository may differ in these. */
function plain(address: string): string {
  return address.replace(/\/+$/, "").replace(/\.git$/, "").toLowerCase();
}

/**
 * A warning about a branch that everybody may read, as one sentence; null when there is nothing to say.
 *
 * @param remote Address of the repository of the branch. Only of the repository of the job something is known.
 */
export function shownText(remote: string, place: ShownPlace): string | null {
  const own = place.platform.remote(place.env);
  const visibility = own !== undefined && plain(own) === plain(remote) ? visibilityOf(place) : undefined;
  if (visibility === "public") {
    return "everybody can read the branch of this campaign, with the whole task and the names of all repositories in it: " +
      "the repository is public; keep it in a private one, or in a directory (--home dir)";
  }
  if (visibility !== undefined || !place.isNew) return null;
  return "the branch of this campaign will show the whole task and the names of all repositories to everybody who can read " +
    "its repository; nothing here says whether that is everybody";
}
