"""Keeps the vault open and remembers its password, while schemathesis calls
operations that open, close and change it.

At first the vault is not set up; setting it up is the first call. Its operations
then get a session's token instead of a user's, and a new one when a session ends.
"""

import requests
import schemathesis
from schemathesis.auths import SelectiveAuthProvider
from schemathesis.filters import FilterSet
from schemathesis.generation.meta import TestPhase

LOGIN = "/api/auth/login"
CHANGE = "/api/auth/change-password"
CREDENTIALS = "/api/credentials"
REVEAL = "/api/credentials/{id}/reveal"


class Vault:
    """What is known about it."""

    # The master password, once there is one.
    password = None
    # A live session's token.
    token = None
    # The id of an API key in it.
    credential = None


def live_token(base_url):
    """A session's token; signs in if there is no session. None before the vault is
    set up."""
    if Vault.token is None and Vault.password is not None:
        url = base_url.rstrip("/") + LOGIN
        # As through a proxy: wrong passwords are counted separately for callers on this machine.
        headers = {"Via": "1.1 proxy"}
        answer = requests.post(url, json={"password": Vault.password}, headers=headers, timeout=60)
        answer.raise_for_status()
        Vault.token = answer.json()["token"]
    return Vault.token


def own_credential(base_url):
    """The id of an existing API key, which is added if there is none."""
    if Vault.credential is None:
        headers = {"Authorization": f"Bearer {live_token(base_url)}"}
        body = {"service": "openai", "name": "to be revealed", "key": "sk-1"}
        answer = requests.post(base_url.rstrip("/") + CREDENTIALS, json=body, headers=headers, timeout=60)
        answer.raise_for_status()
        Vault.credential = answer.json()["id"]
    return Vault.credential


class Session:
    """Gives operations a token."""

    def get(self, case, context):
        """The token."""
        return live_token(context.operation.base_url)

    def set(self, case, token, context):
        """Sends the token."""
        case.headers["Authorization"] = f"Bearer {token}"


def is_of_vault(context):
    """Whether an operation asks for a session's token."""
    security = context.operation.definition.raw.get("security", [])
    return any("vault" in scheme for scheme in security)


@schemathesis.hook
def after_load_schema(context, schema):
    """Tries sessions before users, whose tokens go to every operation."""
    operations = FilterSet()
    operations.include(is_of_vault)
    schema.auth.providers.insert(0, SelectiveAuthProvider(Session(), operations))


@schemathesis.hook
def before_call(context, case, kwargs):
    """Uses the right master password and an existing id in the first phases.

    Neither can be guessed. In later phases every password is wrong, and the vault
    checks only five a minute.
    """
    is_early = case.meta is not None and case.meta.phase.name in (TestPhase.EXAMPLES, TestPhase.COVERAGE)
    if not is_early or Vault.password is None:
        return
    if case.path == REVEAL and case.meta.generation.mode.is_positive:
        case.path_parameters["id"] = own_credential(case.operation.base_url)
    if not isinstance(case.body, dict):
        return
    if case.path == LOGIN and isinstance(case.body.get("password"), str):
        case.body["password"] = Vault.password
    if case.path == CHANGE and isinstance(case.body.get("current"), str):
        case.body["current"] = Vault.password
        if isinstance(case.body.get("confirm"), str) and isinstance(case.body.get("password"), str):
            case.body["confirm"] = case.body["password"]


@schemathesis.hook
def after_call(context, case, response):
    """Remembers what the answer shows."""
    if response.status_code != 200:
        return
    if case.path in ("/api/auth/setup", CHANGE):
        Vault.password = case.body["password"]
    elif case.path == LOGIN:
        # A further session ends the oldest one, not this one.
        Vault.token = response.json()["token"]
    elif case.path == "/api/auth/logout":
        Vault.token = None
