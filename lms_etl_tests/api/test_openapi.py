"""The description of the API: reviewed as a snapshot, complete, and true under requests that schemathesis makes up."""

import json
import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable

from lms_etl.api.errors import CODES
from lms_etl_tests.api.conftest import Api

SNAPSHOT = Path(__file__).parent.parent / "snapshots" / "openapi.json"
DOCS = [Path(__file__).parent.parent.parent / "docs" / name for name in ("api.md", "report-api.md")]


def description(api: Api) -> dict[str, Any]:
    told: dict[str, Any] = api.client.get("/openapi.json").json()
    return told


def test_the_description_is_the_reviewed_one(small_api: Api) -> None:
    told = description(small_api)
    told["info"]["version"] = "*"
    text = json.dumps(told, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        SNAPSHOT.write_text(text, encoding="utf-8")
    assert SNAPSHOT.read_text(encoding="utf-8") == text, "The API has changed: review it, and write UPDATE_SNAPSHOTS=1"


def test_every_operation_says_what_it_does_and_every_answer_has_examples(small_api: Api) -> None:
    told = description(small_api)
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], path
            assert "422" not in operation["responses"] or "run_" in path
            if path.startswith("/webservice"):
                assert operation["security"] == [{"HTTPBearer": []}, {}]
                assert set(operation["responses"]) == {"200", "500", "503"}
            elif not path.startswith("/health"):
                assert operation["security"] == [{"HTTPBearer": []}], path
                assert {"401", "403", "429", "503"} <= set(operation["responses"]), (method, path)
    for name, schema in told["components"]["schemas"].items():
        if name.startswith(("Error", "Ready", "Live")):
            continue
        plain = [each for each in schema["properties"].values() if each.get("type") in ("string", "integer", "number")]
        lacking = [each["title"] for each in plain if not {"examples", "const", "enum", "description"} & set(each)]
        assert not lacking, name


def test_every_route_and_code_is_documented(small_api: Api) -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in DOCS)
    assert [path for path in description(small_api)["paths"] if path.split("/")[-1] not in text] == []
    assert [code for code in CODES if f"`{code}`" not in text] == []


def test_the_page_for_people_needs_no_token_and_shows_the_description(small_api: Api) -> None:
    page = small_api.client.get("/docs")
    assert page.status_code == 200
    assert "http" not in page.text
    files = re.findall(r'(?:src|href)="(.*?)"', page.text)
    answers = {file: small_api.client.get(file) for file in files}
    assert [file for file, answer in answers.items() if answer.status_code != 200] == []
    assert "/openapi.json" in answers["/docs/start.js"].text
    assert small_api.client.get("/docs/core.py").status_code == 404


# A cursor that no answer handed out, a period that ends before it begins, a day that is not over: right by their shape,
# and refused all the same.
NOT_ASKED = [schemathesis.checks.positive_data_acceptance]
# Moodle refuses with 200.
NOT_ASKED_OF_MOODLE = [*NOT_ASKED, schemathesis.checks.negative_data_rejection]


@pytest.mark.long
@pytest.mark.parametrize("mode", schemathesis.GenerationMode)
def test_schemathesis_finds_nothing(
    make_api: Callable[..., Api], sqlite_url: str, mode: schemathesis.GenerationMode
) -> None:
    """Requests made up from the description, right and wrong ones: no 5xx, and every answer as it is described."""
    api = make_api(sqlite_url, api_rate_limit="100000/second", api_failed_limit="100000/second")
    schema = schemathesis.openapi.from_asgi("/openapi.json", api.app)
    probed = []
    for found in schema.get_all_operations():
        operation = found.ok()

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(max_examples=8, deadline=None, database=None, derandomize=True, suppress_health_check=HealthCheck)
        def probe(case: schemathesis.Case) -> None:
            not_asked = NOT_ASKED_OF_MOODLE if case.path.startswith("/webservice") else NOT_ASKED
            case.call_and_validate(headers=api.headers("admin"), excluded_checks=not_asked)

        with suppress(Unsatisfiable):  # Nothing can be wrong in a request without parameters.
            probe()
            probed.append(operation.label)
    assert len(probed) > 10
