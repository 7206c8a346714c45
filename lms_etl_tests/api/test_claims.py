"""Settings of JWTs: what the application refuses to start with."""

from typing import Any

import pytest

from lms_etl.api.claims import Verifier
from lms_etl.settings import Settings, SettingsError
from lms_etl_tests.api.conftest import AUDIENCE, ISSUER, PUBLIC_PEM, SECRET

COMPLETE = {"api_jwt_issuer": ISSUER, "api_jwt_audience": AUDIENCE}


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"api_jwt_secret": "too short", **COMPLETE}, "at least 32 characters"),
        ({"api_jwt_secret": SECRET}, "API_JWT_ISSUER and API_JWT_AUDIENCE"),
        ({"api_jwt_secret": SECRET, "api_jwt_issuer": ISSUER}, "API_JWT_ISSUER and API_JWT_AUDIENCE"),
        ({"api_jwt_public_key": "/no/such/file", **COMPLETE}, "neither a public key in PEM nor the path"),
        ({"api_jwt_public_key": "-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----", **COMPLETE}, "PEM"),
    ],
)
def test_settings_that_would_believe_too_much_are_refused(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint) as refused:
        Verifier(Settings(**settings))
    assert "too short" not in str(refused.value)


def test_a_public_key_comes_from_a_file_or_from_one_line(tmp_path: Any) -> None:
    file = tmp_path / "key.pem"
    file.write_text(PUBLIC_PEM)
    for given in (str(file), PUBLIC_PEM, PUBLIC_PEM.replace("\n", "\\n")):
        verifier = Verifier(Settings(api_jwt_public_key=given, **COMPLETE))
        assert verifier.keys == {"RS256": PUBLIC_PEM}
