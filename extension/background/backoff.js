// How long to wait before the next attempt.

const MAX_MINUTES = 15;

/** Returns 1, 2, 4, 8 or 15 minutes, after this many attempts in a row without success (from 0). */
export function backoffMinutes(attempts) {
  return Math.min(2 ** attempts, MAX_MINUTES);
}
