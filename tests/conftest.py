"""Validate every report that a test makes with the published JSON Schema."""

import json
from functools import wraps
from pathlib import Path

import pytest
from hypothesis import settings
from jsonschema import Draft202012Validator

from mlgates.suite import GateSuite

SCHEMA = Path(__file__).parents[1] / "docs" / "reference" / "report-1.schema.json"

# Numbers of examples are those of the session `slow`; other sessions draw a quarter of them.
settings.register_profile("thorough", deadline=None, max_examples=100)
settings.register_profile("quick", deadline=None, max_examples=25)
settings.load_profile("quick")


@pytest.fixture(scope="session")
def report_schema():
    """The validator of the published schema."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.fixture(autouse=True)
def _reports_follow_the_published_schema(monkeypatch, report_schema):
    run = GateSuite.run

    @wraps(run)
    def checked(suite, *args, **given):
        report = run(suite, *args, **given)
        report_schema.validate(json.loads(report.to_json()))
        return report

    monkeypatch.setattr(GateSuite, "run", checked)
