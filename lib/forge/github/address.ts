import type { AddressForm } from "../address.ts";

export const GITHUB_ADDRESS: AddressForm = {
  name: "github",
  path: /^\/([\w.-]+\/[\w.-]+)\/pull\/([1-9]\d{0,8})\/?$/,
  part: "pull",
};

/** Source: GitHub, "Forming calls with GraphQL"; "Using GitHub Enterprise Server"; data residency on ghe.com. */
export function githubApi(origin: string): string {
  const { host } = new URL(origin);
  if (host === "github.com") return "https://api.github.com";
  return host.endsWith(".ghe.com") ? `https://api.${host}` : `${origin}/api`;
}

/** On a self-hosted server, the REST API is in `/v3`, next to `/graphql`. */
export function restOf(api: string): string {
  return api.endsWith("/api") ? "/v3" : "";
}
