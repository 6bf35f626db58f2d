/**
 * The address of a webhook: where it comes from, and which addresses can be called.
 *
 * @module
 */
import { fileVariableAdvice, isFileVariable, type ReadEnv } from "../../ci/platform.ts";
import { isLoopback } from "../../loopback.ts";
import type { Notify } from "../file/campaign_file.ts";

/** An address that can be called, or the reason why not, as a clause that does not contain the address. */
type WebhookAddress = { ok: true; url: string } | { ok: false; why: string };

const refused = (why: string): WebhookAddress => ({ ok: false, why });

/** Whether plain HTTP to this machine is allowed. Source: the rule for `MOGPLEX_URL`. */
function mayBePlain(env: ReadEnv, { hostname }: URL): boolean {
  return env("MOGPLEX_DEV") === "1" && env("NODE_ENV") !== "production" && isLoopback(hostname);
}

/**
 * Finds the address. Its host must be the one that the file names. A request to a secret address can do more than notify (some of them start a
 * deployment), and users who can write the file might not be allowed to see the values of variables.
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

/** Minimum length of a part of a path that is masked separately, in characters. Shorter parts are ordinary words. */
const MIN_PART = 16;

/**
 * The parts of an address that must not appear anywhere: everything after the scheme, everything after the host, and long parts of the path or the
 * query.
 */
export function secretsIn({ variable }: Notify, env: ReadEnv): string[] {
  const text = env(variable)?.trim() ?? "";
  if (!URL.canParse(text)) return text === "" ? [] : [text];
  const { href, host, pathname, search } = new URL(text);
  const behind = `${pathname}${search}`;
  if (behind === "/") return [];
  const parts = behind.split(/[/?&=#]/).filter((part) => part.length >= MIN_PART);
  return [href.slice(href.indexOf("//") + 2), `${host}${behind}`, behind, text.replace(/^[a-z]+:\/\//i, ""), ...parts];
}
