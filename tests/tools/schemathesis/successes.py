"""Records which operations have succeeded, for the test to check: refusals alone
would prove little."""

import schemathesis

seen = set()


@schemathesis.hook
def after_call(context, case, response):
    """Adds the operation to successes.txt at its first success."""
    operation = f"{case.method} {case.path}"
    if 200 <= response.status_code < 300 and operation not in seen:
        seen.add(operation)
        with open("successes.txt", "a") as successes:
            successes.write(operation + "\n")
