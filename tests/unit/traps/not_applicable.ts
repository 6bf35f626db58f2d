/** The traps of the wire contract, section 7, that do not apply to this client, and why. */
export const NOT_APPLICABLE: Readonly<Record<number, string>> = {
  43: "about the route that reruns a review of a pull request: this client does not call it",
  47:
    "about the product's own installer, which this project neither mentions nor runs: its command is one file, or a package",
  51: "about a word on the product's pages: this client opens no pull request, and its texts never say draft",
};
