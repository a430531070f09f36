"""The JSON Schema of a ledger, made from the classes `Ledger` and `Row` and their docstrings.

`python -m theory_on_trial.ledger.schema > engine/theory_on_trial/ledger/schema.json` writes
it; it needs pydantic, which the extra `test` has.
"""

import json
from typing import Any

VALUE = {
    "description": "A number, a text (the name of a law; inf, -inf and nan), a list of values, or "
    "null.",
    "anyOf": [
        {"type": ["number", "string", "null"]},
        {"type": "array", "items": {"$ref": "#/$defs/value"}},
    ],
}


def made() -> dict[str, Any]:
    """Return the schema as a dictionary."""
    from pydantic import ConfigDict, TypeAdapter

    from theory_on_trial.ledger import SCHEMA, Ledger, Row

    strict = ConfigDict(use_attribute_docstrings=True, extra="forbid")
    for kind in (Ledger, Row):
        setattr(kind, "__pydantic_config__", strict)  # noqa: B010 -- mypy knows no such attribute
    schema: dict[str, Any] = TypeAdapter(Ledger).json_schema()
    schema["$defs"]["value"] = VALUE
    row = schema["$defs"]["Row"]["properties"]
    for name in ("predicted", "measured", "interval", "margin", "slack"):
        row[name] |= {"$ref": "#/$defs/value"}
    properties = schema["properties"]
    properties["schema"] = {"const": SCHEMA, "description": properties["schema"]["description"]}
    # Whatever is written has every field; a default serves who makes a row in Python.
    for one in (schema, schema["$defs"]["Row"]):
        one["required"] = list(one["properties"])
        for entry in one["properties"].values():
            entry.pop("default", None)
            entry.pop("title", None)
            entry["description"] = " ".join(entry["description"].split())
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Ledger"}
    return head | schema


if __name__ == "__main__":
    print(json.dumps(made(), indent=1))
