"""Checks every example of an OpenAPI 3.1 document against its schema."""

import json
import sys

from openapi_schema_validator import OAS31Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

document = json.load(open(sys.argv[1]))
registry = Registry().with_resource("document", DRAFT202012.create_resource(document))


def check(pointer, example):
    """Checks one example against the schema at a place in the document."""
    schema = {"$ref": "document#" + pointer}
    validator = OAS31Validator(schema, registry=registry, format_checker=OAS31Validator.FORMAT_CHECKER)
    validator.validate(example)


def visit(value, pointer):
    """Checks a part of the document and everything in it."""
    if isinstance(value, dict):
        if "example" in value and "schema" in value:
            check(pointer + "/schema", value["example"])
        if isinstance(value.get("examples"), list):
            for example in value["examples"]:
                check(pointer, example)
    elif not isinstance(value, list):
        return
    parts = value.items() if isinstance(value, dict) else enumerate(value)
    for key, part in parts:
        if key not in ("example", "examples"):
            visit(part, pointer + "/" + str(key).replace("~", "~0").replace("/", "~1"))


visit(document, "")
