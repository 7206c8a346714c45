"""The description of the API that programs read: FastAPI's, with our errors in place of its own."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

DESCRIPTION = """\
Daily activity per course, out of a Moodle: ask for runs, look at them, and read their results.

Every answer that holds data says `complete_through`, the last day up to which no day is missing, and `as_of`, when it
was read. Every route but `/health/…` and the two pages about the API needs `Authorization: Bearer …`, a token of
`lms-etl token create` or a JWT. Who is no admin reads the courses of their own directorates and units only.
"""


_known: dict[tuple[str, str, int], dict[str, Any]] = {}


def install(app: FastAPI) -> None:
    """Makes `app.openapi()` say what the application really answers."""

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            # It takes a quarter of a second, and the applications of one process are alike.
            kind = (app.title, app.version, len(app.routes))
            if kind not in _known:
                _known[kind] = _described(app)
            app.openapi_schema = _known[kind]
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]


def _described(app: FastAPI) -> dict[str, Any]:
    told = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    for path in told["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", []):
                parameter["schema"] = _without_null(parameter["schema"])
            described = operation["responses"].get("422", {}).get("content", {}).get("application/json", {})
            # FastAPI announces its own 422 for every parameter; ours is 400, and is there already.
            if described.get("schema", {}).get("$ref", "").endswith("/HTTPValidationError"):
                del operation["responses"]["422"]
    for name in ("HTTPValidationError", "ValidationError"):
        told["components"]["schemas"].pop(name, None)
    return told


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """The same without null: a parameter is there or is not, but never null."""
    kinds = [each for each in schema.get("anyOf", []) if each.get("type") != "null"]
    if len(kinds) != 1:
        return schema
    return kinds[0] | {name: value for name, value in schema.items() if name != "anyOf"}
