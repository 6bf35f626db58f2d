/**
 * Addresses of GitLab's merge requests.
 *
 * @module
 */
import type { AddressForm } from "../address.ts";

export const GITLAB_ADDRESS: AddressForm = {
  name: "gitlab",
  // Source: GitLab, "Routing": `/-/` since 12; older versions have none. Groups may be nested.
  path: /^\/((?:[\w.][\w.-]*\/){1,20}[\w.][\w.-]*)(?:\/-)?\/merge_requests\/([1-9]\d{0,8})\/?$/,
  part: "-/merge_requests",
};
