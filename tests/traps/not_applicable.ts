/** The traps of the wire contract, section 7, that a client of ours cannot meet, and why. */
export const NOT_APPLICABLE: Readonly<Record<number, string>> = {
  47: "about the product's own installer, which we neither name nor run: our command is one file, or a package",
  51: "about a word of the product's pages: we open no pull request, and speak of a pull request, never of a draft",
};
