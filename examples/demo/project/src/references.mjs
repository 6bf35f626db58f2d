/** The year of a reference such as `INV-2026-00042`. */
export function yearOf(reference) {
  return Number(reference.substr(4, 4));
}

/** The running number of a reference. */
export function numberOf(reference) {
  return Number(reference.substr(9));
}

/** Shows the last four digits of an account number and hides the rest. */
export function maskAccount(account) {
  return "•".repeat(account.length - 4) + account.substr(-4);
}
