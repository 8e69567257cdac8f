"""Our additions to schemathesis: each import registers itself."""

import exceptions  # noqa: F401
import successes  # noqa: F401
import vault  # noqa: F401
