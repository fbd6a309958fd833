"""Runs the command line as a user does; its JSON is what the published schemas describe."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
from referencing import Registry, Resource

from ircompile.cli import main

SCHEMAS = Path(__file__).parents[1] / "docs" / "schema"


def run(*words: object) -> int:
    return main([str(word) for word in words])


def valid(text: str, command: str) -> dict:  # type: ignore[type-arg]
    """The JSON of an output, which its published schema describes to the last key."""
    data = json.loads(text)
    files = {path.name: json.loads(path.read_text()) for path in SCHEMAS.glob("*.json")}
    registry = Registry().with_resources((name, Resource.from_contents(file)) for name, file in files.items())
    schema = {"$schema": files["verify.json"]["$schema"], "$ref": f"{command}.json"}
    jsonschema.Draft202012Validator(schema, registry=registry).validate(data)
    return data
