import type { AddressForm } from "../address.ts";

export const GITLAB_ADDRESS: AddressForm = {
  name: "gitlab",
  // Since GitLab 12, addresses contain `/-/`. Groups may be nested. Source: GitLab, "Routing".
  path: /^\/((?:[\w.][\w.-]*\/){1,20}[\w.][\w.-]*)(?:\/-)?\/merge_requests\/([1-9]\d{0,8})\/?$/,
  part: "-/merge_requests",
};
