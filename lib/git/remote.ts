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

/**
 * An address for a message, in whatever form it was written: without its user and password, of which everything up to the last `@` may be a
 * part, and without its query. The user of an SSH address is no secret.
 */
export function maskAddress(text: string): string {
  // `git:` is in front of the address of a home.
  const [prefix = ""] = /^(?:git:(?!\/\/))?(?:[A-Za-z][\w+.-]*:\/\/)?/.exec(text) ?? [];
  const at = text.lastIndexOf("@");
  const isPlain = /^[A-Za-z0-9_][\w.-]*$/.test(text.slice(prefix.length, at)) && !/https?:/i.test(prefix);
  const shown = at < prefix.length || isPlain ? text : `${prefix}***${text.slice(at)}`;
  return shown.replace(/\?[^#]*/, "?***");
}

function refused(text: string, why: string, advice: string): UsageError {
  return new UsageError({
    attempted: "use the address of a Git repository",
    why,
    value: JSON.stringify(maskAddress(text)),
    advice,
  });
}

function withCredentials(text: string): UsageError {
  return refused(
    text,
    "it contains credentials, which processes and logs would show",
    "give the address without them, and the password in MOGPLEX_GIT_TOKEN",
  );
}

function checkUrl(text: string, url: URL): void {
  if (url.password !== "" || url.protocol === "https:" && url.username !== "") {
    throw withCredentials(text);
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
    throw refused(
      text.slice(0, MAX_CHARS),
      "it is empty, too long, or has blanks or control characters",
      `write ${FORMS}`,
    );
  }
  if (text.startsWith("//")) throw refused(text, "it begins with two slashes", `write ${FORMS}`);
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
    // `user:password@host/path` looks like the path of a host called `user`.
    if (path.join(":").includes("@")) throw withCredentials(text);
    return text;
  }
  throw refused(text, "this is none of the permitted forms", `write ${FORMS}`);
}
