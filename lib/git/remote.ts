/**
 * Addresses of Git repositories that are safe to hand to Git: no program, no credentials, no option can be in one.
 *
 * @module
 */
import { UsageError } from "../errors.ts";

/** Longest address, in characters. */
const MAX_CHARS = 2_000;
const FORMS = "https://HOST/PATH, ssh://USER@HOST/PATH, USER@HOST:PATH, file:///PATH or /PATH";
/** User and host of an SSH address. Neither may begin with a dash, which `ssh` would read as an option. */
const SSH_PLACE = /^(?:[A-Za-z0-9_][\w.-]*@)?[A-Za-z0-9][A-Za-z0-9.-]*$/;

function refused(text: string, why: string, advice: string): UsageError {
  return new UsageError({ attempted: "use the address of a Git repository", why, value: JSON.stringify(text), advice });
}

function checkUrl(text: string, url: URL): void {
  if (url.password !== "" || url.protocol === "https:" && url.username !== "") {
    throw refused(
      text.replace(/\/\/[^/]*@/, "//***@"),
      "it contains credentials, which processes and logs would show",
      "give the address without them, and the password in MOGPLEX_GIT_TOKEN",
    );
  }
  if (url.search !== "" || url.hash !== "") throw refused(text, "it has a query or a fragment", `write ${FORMS}`);
  if (url.protocol === "ssh:" && !SSH_PLACE.test(`${url.username === "" ? "" : `${url.username}@`}${url.hostname}`)) {
    throw refused(text, "user or host has a character that neither may have", `write ${FORMS}`);
  }
}

/**
 * Checks the address of a Git repository.
 *
 * @param text HTTPS, SSH (as a URL or as `user@host:path`), or a path of this machine that is absolute.
 * @returns The address for Git.
 * @throws {UsageError} for everything else: `ext::` and other helpers run programs, a dash begins an option, and plain HTTP shows the
 * password to the network.
 */
export function checkRemote(text: string): string {
  // deno-lint-ignore no-control-regex
  if (text === "" || text.length > MAX_CHARS || /[\x00-\x20\x7f]/.test(text)) {
    throw refused(text.slice(0, 100), "it is empty, too long, or has blanks or control characters", `write ${FORMS}`);
  }
  if (text.startsWith("/")) return text;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && ["https:", "ssh:", "file:"].includes(url.protocol) && text.includes("://")) {
    checkUrl(text, url);
    return text;
  }
  const [place = "", ...path] = text.split(":");
  if (
    !text.includes("::") && !text.includes("://") && path.length > 0 && SSH_PLACE.test(place) &&
    /^[^-]/.test(path.join(":"))
  ) {
    return text;
  }
  throw refused(text, "this is none of the permitted forms", `write ${FORMS}`);
}
