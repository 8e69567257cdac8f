"""Rules of the API that its schemas can't say, each with its reason.

A request that fits its schema and is refused with one of these texts does not
count as a failure. Every other refusal of such a request does.
"""

import re

import schemathesis
from schemathesis.openapi.checks import RejectedPositiveData

EXCEPTIONS = [
    # A host name has at most 253 bytes in all, digits with dots are an address and so have no hosts
    # below them, and IPv6 has forms that a short pattern can't cover.
    r"(cookies\[\d+\]:|credentials\.cookies_netscape line \d+:) domain is not a host name",
    # Two texts share a limit in bytes.
    r"(cookies\[\d+\]:|credentials\.cookies_netscape line \d+:) name and value are longer than 4096 bytes together",
    # A cookie's expiry has several names, which must agree. A pattern can't say which dates exist,
    # or which second an offset leads to.
    r"cookies\[\d+\]: (session|expires|expirationDate) and (expires|expirationDate|expiry) disagree",
    r"cookies\[\d+\]: (expires|expirationDate|expiry) must be a number of seconds or a date such as .+",
    r"cookies\[\d+\]: (expires|expirationDate|expiry) must not be before 1970",
    r"cookies\[\d+\]: (expires|expirationDate|expiry) is after the year 9999\. .+",
    # Fields that go together or exclude each other.
    r"cookies or origins required: .+",
    r"origins and keep_origins_of can't both be given",
    r"renews and keep_origins_of must be the same session",
    r"url (required|is only) for the format header",
    # Which host names a URL or an origin may have is more than a pattern can say.
    r"url must be an https URL such as .+",
    r"origins\[\d+\]: origin must be as browsers write it: .+",
    # Names that must differ from each other.
    r"origins\[\d+\]: an earlier origin is the same",
    r"origins\[\d+\]\.(localStorage|sessionStorage)\[\d+\]: an earlier entry has the same name",
    # Public suffixes are a list, and a name that ends in a number is an address.
    r"platform can't be [a-z0-9._-]+, a public suffix: .+",
    r"platform must be a platform such as instagram, a site such as example\.org, or an IPv4 address",
    # The platform must be the one of another record.
    r"platform must be the connection's, [a-z0-9._-]+",
    # A pattern can't name characters beyond the Basic Multilingual Plane, or characters that only
    # have a meaning beside others.
    r"(fields\[\d+\]: )?\w+ must not hold invisible characters",
    # A password is given twice.
    r"passwords do not match",
    # Sealed values have a limit in bytes, but a schema counts characters.
    r"password must be at most 1024 bytes",
    r"key must have at most 16384 bytes",
    # Values that depend on another record: a credential's type, its fields, projects.
    r"credentialTypeId is not one of your credential types",
    r"keys: [0-9a-f-]{36} is not a field of this credential type",
    r"api_key required",
    r"(api_key must be a string|base_url must be an absolute URL)",
    r"projectIds has a project that is not yours",
    r"userIds has an id that is not a user's",
    r"fields\[\d+\]: id is not a field of this type",
    # List entries that must differ from each other.
    r"keys\[\d+\]: fieldId given twice",
    r"fields\[\d+\]: fieldName belongs to another field",
    r"(projectIds|userIds) has a duplicate id",
    # An edit names the revision that it changes.
    r"the credential was changed meanwhile",
]


@schemathesis.hook
def filter_failure(ctx, failure, case, response):
    """Keeps a failure unless it is an exception."""
    if not isinstance(failure, RejectedPositiveData) or response.status_code not in (400, 412):
        return True
    error = response.json()["error"]
    return not any(re.fullmatch(exception, error) for exception in EXCEPTIONS)
