// How long to wait before asking again.

const MAX_MINUTES = 15;

/** 1, 2, 4 … 15 minutes, where this many attempts in a row have already come to nothing. */
export function backoffMinutes(attempts) {
  return Math.min(2 ** attempts, MAX_MINUTES);
}
