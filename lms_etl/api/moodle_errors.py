"""Errors as a web service of Moodle tells them: `{exception, errorcode, message}`."""

from fastapi.responses import JSONResponse

from lms_etl.api.errors import ApiError

CODES = {
    "unauthorized": "invalidtoken",
    "no_privilege": "invaliduser",
    "daily_limit_reached": "ratelimitexceeded",
    "no_company": "nocompanyassociation",
    "limit_too_large": "limittoolarge",
    "method_not_allowed": "invalidrequestmethod",
    "invalid_parameter": "invalidparameter",
}
"""Moodle's names of our codes; any other code is itself without its underscores."""

EXCEPTIONS = {
    "invalidparameter": "invalid_parameter_exception",
    "invaliduser": "webservice_access_exception",
    "nocompanyassociation": "webservice_access_exception",
}


def moodle_code(error: ApiError) -> str:
    """The errorcode of an error, also in the call log."""
    return CODES.get(error.code, error.code.replace("_", ""))


def moodle_message(error: ApiError) -> str:
    """The error in words, with the parameters that it is about."""
    if not isinstance(error.detail, list):
        return error.message
    told = [f"{each['parameter']}: {each['problem']}" for each in error.detail if isinstance(each, dict)]
    return "; ".join([error.message, *told])


def answer(error: ApiError) -> JSONResponse:
    """The error as Moodle gives it, with status 200. Only when the server itself fails it is 5xx: a client that loads
    every 200 as data must not take that for an empty answer."""
    code = moodle_code(error)
    body = {
        "exception": EXCEPTIONS.get(code, "moodle_exception"),
        "errorcode": code,
        "message": moodle_message(error),
    }
    headers = {name: value for name, value in error.headers.items() if name != "WWW-Authenticate"}
    return JSONResponse(body, error.status if error.status >= 500 else 200, {"Cache-Control": "no-store", **headers})
