"""The shapes of the report API's answers and requests, with examples: what OpenAPI says about them."""

from typing import Any, Literal

from pydantic import BaseModel, Field

EXAMPLE = {
    "userid": 42,
    "firstname": "Ana",
    "lastname": "Silva",
    "email": "ana@example.org",
    "courseid": 7,
    "coursename": "Safety at work",
    "timecompleted": "2026-03-22 09:30:00",
    "timecompleted_unix": 1774171800,
    "timestarted": "2026-03-01 08:00:00",
    "timestarted_unix": 1772352000,
    "percentage": 100.0,
    "status": "completed",
}
_FIELDS: dict[str, Any] = {
    "userid": {"type": "integer"},
    "firstname": {"type": "string"},
    "lastname": {"type": "string"},
    "email": {"type": "string"},
    "courseid": {"type": "integer"},
    "coursename": {"type": "string"},
    "timecompleted": {"type": "string", "description": "`YYYY-MM-DD hh:mm:ss` at the site; empty if not completed"},
    "timecompleted_unix": {"type": "integer", "description": "Unix seconds, 0 if not completed"},
    "timestarted": {"type": "string", "description": "The same of the beginning"},
    "timestarted_unix": {"type": "integer"},
    "percentage": {"type": "number", "minimum": 0, "maximum": 100},
    "status": {"enum": ["completed", "in_progress", "not_started", "not_enrolled", "deleted"]},
    "is_deleted": {"const": 1, "description": "Only in rows that are gone; their names and mail are empty"},
}
ROWS = {
    "type": "array",
    "items": {"type": "object", "properties": _FIELDS, "additionalProperties": False},
    "examples": [[EXAMPLE]],
}
MOODLE_ERROR = {
    "type": "object",
    "required": ["exception", "errorcode", "message"],
    "properties": {name: {"type": "string"} for name in ("exception", "errorcode", "message")},
    "additionalProperties": False,
    "examples": [{"exception": "moodle_exception", "errorcode": "invalidtoken", "message": "Invalid token"}],
}
_QUOTA_HEADERS: dict[str, Any] = {
    "X-RateLimit-Limit": {"schema": {"type": "integer"}, "description": "Calls of the company on this day"},
    "X-RateLimit-Remaining": {"schema": {"type": "integer"}, "description": "How many are left"},
    "X-RateLimit-Reset": {"schema": {"type": "integer"}, "description": "Unix seconds of the site's next midnight"},
    "X-RateLimit-Status": {"schema": {"enum": ["ok", "warning", "exceeded"]}, "description": "warning from 80 % on"},
}
_SERVER_FAILED = {"content": {"application/json": {"schema": MOODLE_ERROR}}}
MOODLE_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The rows, or why there are none: refusals have status 200 too, as in Moodle",
        "headers": {
            "X-Sync-Mode": {"schema": {"enum": ["first", "full", "incremental"]}, "description": "Of this pull"},
            "X-Sync-Through": {"schema": {"type": "integer"}, "description": "Change number that the pull reaches"},
            "X-Complete-Through": {
                "schema": {"type": "string"},
                "description": "Changes at the source are in up to here",
            },
            "X-As-Of": {"schema": {"type": "string"}, "description": "When it was read, UTC"},
            "X-Sync-Ack": {"schema": {"type": "string"}, "description": "With `ack=explicit`, on the last page"},
            **_QUOTA_HEADERS,
        },
        "content": {"application/json": {"schema": {"oneOf": [ROWS, MOODLE_ERROR]}}},
    },
    500: {"description": "The server failed", **_SERVER_FAILED},
    503: {"description": "The warehouse does not answer, or the company was never synced", **_SERVER_FAILED},
}
_FORM = {
    "type": "object",
    "required": ["wsfunction"],
    "properties": {
        "wstoken": {"type": "string", "description": "The token, if it is not in the Authorization header"},
        "wsfunction": {"const": "local_alx_report_api_get_course_progress"},
        "moodlewsrestformat": {"const": "json"},
        "limit": {"type": "integer", "minimum": 1, "maximum": 10000, "default": 100},
        "offset": {"type": "integer", "minimum": 0, "default": 0, "description": "0 begins a new pull"},
        "companyid": {"type": "integer", "minimum": 0, "description": "Needed where the token reads several"},
        "ack": {"enum": ["last_page", "explicit"], "default": "last_page"},
    },
}
MOODLE_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": _FORM,
                "example": {
                    "wstoken": "lms_…",
                    "wsfunction": "local_alx_report_api_get_course_progress",
                    "moodlewsrestformat": "json",
                    "limit": 1000,
                    "offset": 0,
                },
            }
        },
    },
    "security": [{"HTTPBearer": []}, {}],
}

_ENVELOPE = {
    "companyid": {"type": "integer", "examples": [3]},
    "mode": {"enum": ["first", "full", "incremental"]},
    "count": {"type": "integer", "examples": [1]},
    "total": {"type": ["integer", "null"], "description": "Rows of the whole pull, if asked for"},
    "has_next": {"type": "boolean"},
    "next_cursor": {"type": ["string", "null"], "description": "Where the next page begins"},
    "ack": {"type": ["string", "null"], "description": "On the last page with `ack=explicit`: hand it back"},
    "through": {"type": "integer", "description": "Change number that the pull reaches", "examples": [812]},
    "complete_through": {"type": ["string", "null"], "description": "Changes at the source are in up to here, UTC"},
    "as_of": {"type": "string", "description": "When it was read, UTC"},
}
PROGRESS: dict[str, Any] = {
    "description": "A page of a pull",
    "headers": _QUOTA_HEADERS,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["data", *_ENVELOPE],
                "properties": {"data": ROWS, **_ENVELOPE},
                "additionalProperties": False,
            }
        }
    },
}


class Acknowledgement(BaseModel, extra="forbid"):
    """The end of a pull, stored by the client."""

    ack: str = Field(
        min_length=1, max_length=4000, pattern=r"^[A-Za-z0-9_-]+$", description="`ack` of the last page, as it is"
    )


ACK_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": Acknowledgement.model_json_schema()}},
    }
}


class Acknowledged(BaseModel):
    """How far the token is."""

    status: Literal[True]
    companyid: int = Field(examples=[3])
    through: int = Field(examples=[812], description="The next pull brings what changed after it")


class Quota(BaseModel):
    """The calls of a company on the site's present day."""

    limit: int | None = Field(examples=[100], description="null: unlimited")
    used: int = Field(examples=[12])
    status: Literal["ok", "warning", "exceeded"]
    reset: int = Field(examples=[1774224000], description="Unix seconds of the site's next midnight")


class ReadableCompany(BaseModel):
    """A company that the token reads."""

    companyid: int = Field(examples=[3])
    shortname: str = Field(examples=["acme"])
    name: str = Field(examples=["Acme Ltd"])
    complete_through: str | None = Field(description="Changes at the source are in up to here, UTC")
    quota: Quota


class Companies(BaseModel):
    """Every company that the token reads."""

    status: Literal[True]
    data: list[ReadableCompany]
