"""Validate every report that a test makes with the published JSON Schema."""

import gc
import json
from functools import wraps
from pathlib import Path

import pytest
from hypothesis import settings
from jsonschema import Draft202012Validator

from mlgates.suite import GateSuite

SCHEMA = Path(__file__).parents[1] / "docs" / "reference" / "report-1.schema.json"

# Numbers of examples are those of the session `slow`; other sessions draw a sixth of them.
settings.register_profile("thorough", deadline=None, max_examples=100)
settings.register_profile("quick", deadline=None, max_examples=16)
settings.load_profile("quick")


def resolved(node: object, definitions: dict[str, object]) -> object:
    """Return a part of the schema with definitions in place of references to them."""
    if isinstance(node, list):
        return [resolved(part, definitions) for part in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        others = {key: part for key, part in node.items() if key != "$ref"}
        found = resolved(definitions[node["$ref"].removeprefix("#/$defs/")], definitions)
        return found if others.keys() <= {"description"} else {"allOf": [found, others]}
    return {key: resolved(part, definitions) for key, part in node.items() if key != "$defs"}


@pytest.hookimpl(wrapper=True)
def pytest_collect_file():
    """Look for no examples in docstrings of tests."""
    return [each for each in (yield) if type(each) is pytest.Module]


@pytest.fixture(scope="session")
def report_schema():
    """The validator of the published schema, which takes half the time without references."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(resolved(schema, schema["$defs"]))


#: results that follow the schema, as JSON
_valid: set[str] = set()


@pytest.fixture(scope="module", autouse=True)
def _reports_follow_the_published_schema(report_schema):
    run = GateSuite.run
    of_result = report_schema.evolve(schema=report_schema.schema["properties"]["results"]["items"])

    @wraps(run)
    def checked(suite, *args, **given):
        report = run(suite, *args, **given)
        written = json.loads(report.to_json())
        report_schema.validate(written | {"results": []})
        # equal results are validated once, whatever their time
        for result in written["results"]:
            text = json.dumps(result | {"seconds": 0})
            if text not in _valid:
                of_result.validate(result)
                _valid.add(text)
            assert result["seconds"] >= 0
        return report

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(GateSuite, "run", checked)
        yield


@pytest.fixture(scope="module", autouse=True)
def _only_new_objects_are_collected():
    """Exempt what other files left from the collections that precede a look at memory."""
    gc.collect()
    gc.freeze()
