"""Rules of the API that its schemas can't say, each with its reason.

A request that fits its schema and is refused with one of these texts is no
failure. Every other refusal of such a request is.
"""

import re

import schemathesis
from schemathesis.openapi.checks import RejectedPositiveData

EXCEPTIONS = [
    # A host name has at most 253 bytes in all, digits with dots are an address
    # and so have no hosts below them, and IPv6 has forms beyond a short pattern.
    r"(cookies\[\d+\]:|credentials\.cookies_netscape line \d+:) domain is not a host name",
    # Two texts have a limit together, in bytes.
    r"(cookies\[\d+\]:|credentials\.cookies_netscape line \d+:) name and value are longer than 4096 bytes together",
    # A cookie's end goes by several names, which must agree; and which dates there
    # are, and which second an offset leads to, is more than a pattern says.
    r"cookies\[\d+\]: (session|expires|expirationDate) and (expires|expirationDate|expiry) disagree",
    r"cookies\[\d+\]: (expires|expirationDate|expiry) must be a number of seconds or a date such as .+",
    r"cookies\[\d+\]: (expires|expirationDate|expiry) must not be before 1970",
    r"cookies\[\d+\]: (expires|expirationDate|expiry) is after the year 9999\. .+",
    # Which names are public suffixes is a list, and what ends in a number is an address.
    r"platform can't be [a-z0-9._-]+, a public suffix: .+",
    r"platform must be one such as instagram, a site such as example\.org, or an IPv4 address",
    # The platform must be the one of another record.
    r"platform must be the connection's, [a-z0-9._-]+",
    # A pattern can't name what lies beyond the Basic Multilingual Plane, nor what has a
    # meaning beside some characters alone.
    r"(fields\[\d+\]: )?\w+ must not hold invisible characters",
    # A password is given twice.
    r"passwords do not match",
    # What is sealed has a limit in bytes, and a schema counts characters.
    r"password must be at most 1024 bytes",
    r"key must have at most 16384 bytes",
    # What another record holds: a credential's type, its fields, projects.
    r"credentialTypeId is no credential type of yours",
    r"keys: [0-9a-f-]{36} is no field of this credential type",
    r"api_key required",
    r"(api_key must be a string|base_url must be an absolute URL)",
    r"projectIds names a project that is none of yours",
    r"userIds names somebody who is no user",
    r"fields\[\d+\]: id is no field's of this type",
    # One of several must not be another.
    r"keys\[\d+\]: fieldId given twice",
    r"fields\[\d+\]: fieldName is another field's",
    r"(projectIds|userIds) names an id twice",
    # An edit says what it is an edit of.
    r"the credential was changed meanwhile",
]


@schemathesis.hook
def filter_failure(ctx, failure, case, response):
    """Keeps a failure unless it is an exception."""
    if not isinstance(failure, RejectedPositiveData) or response.status_code not in (400, 412):
        return True
    error = response.json()["error"]
    return not any(re.fullmatch(exception, error) for exception in EXCEPTIONS)
