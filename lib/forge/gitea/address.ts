import type { AddressForm } from "../address.ts";

export const GITEA_ADDRESS: AddressForm = {
  name: "gitea",
  path: /^\/([\w.-]+\/[\w.-]+)\/pulls\/([1-9]\d{0,8})\/?$/,
  part: "pulls",
};
