// Questions that a page asks again before the first answer has come.

/**
 * Returns a function to call with each question. What that returns tells whether no later question
 * has been asked: the answer to an earlier one is dropped, even if it comes last.
 */
export function latestOnly() {
  let latest;
  return () => {
    const own = {};
    latest = own;
    return () => own === latest;
  };
}
