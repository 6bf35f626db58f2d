import { fileVariableAdvice, isFileVariable, type ReadEnv } from "../../ci/platform.ts";
import { isLoopback } from "../../loopback.ts";
import type { Notify } from "../file/campaign_file.ts";

/** `why` is a clause that does not contain the address. */
type WebhookAddress = { ok: true; url: string } | { ok: false; why: string };

const refused = (why: string): WebhookAddress => ({ ok: false, why });

/** Plain HTTP is allowed only for this machine during development. Source: the rule for `MOGPLEX_URL`. */
function mayBePlain(env: ReadEnv, { hostname }: URL): boolean {
  return env("MOGPLEX_DEV") === "1" && env("NODE_ENV") !== "production" && isLoopback(hostname);
}

/**
 * The host of the address must be the host in the campaign file. A request to a secret address can do more than notify, such as start a deployment,
 * and users who can edit the file might not be allowed to see the values of variables.
 */
export function webhookAddress({ variable, host }: Notify, env: ReadEnv): WebhookAddress {
  const text = env(variable)?.trim() ?? "";
  if (text === "") return refused(`variable ${variable} is not set`);
  if (isFileVariable(variable, text)) {
    return refused(`variable ${variable} is of type File: ${fileVariableAdvice()}`);
  }
  if (!URL.canParse(text)) return refused(`the value of variable ${variable} is not an address`);
  const url = new URL(text);
  if (url.username !== "" || url.password !== "") return refused(`the address in ${variable} contains credentials`);
  if (url.protocol !== "https:" && !(url.protocol === "http:" && mayBePlain(env, url))) {
    return refused(`the address in ${variable} must begin with https://`);
  }
  if (url.host !== host) {
    return refused(`the address in ${variable} has a different host than notify.host, which is ${host}`);
  }
  return { ok: true, url: url.href };
}

/** Shorter parts of an address are ordinary words, which must not be masked. */
const MIN_PART = 16;

export function secretsIn({ variable }: Notify, env: ReadEnv): string[] {
  const text = env(variable)?.trim() ?? "";
  if (!URL.canParse(text)) return text === "" ? [] : [text];
  const { href, host, pathname, search } = new URL(text);
  const behind = `${pathname}${search}`;
  if (behind === "/") return [];
  const parts = behind.split(/[/?&=#]/).filter((part) => part.length >= MIN_PART);
  return [href.slice(href.indexOf("//") + 2), `${host}${behind}`, behind, text.replace(/^[a-z]+:\/\//i, ""), ...parts];
}
