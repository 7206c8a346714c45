"""JSON Web Tokens: which are believed, and which rows their claims name.

Each algorithm has a key of its own, so a token can never be verified by another one's (an RS256 public key taken for
an HS256 secret). Claims name directorate and unit; the privilege itself is the table's.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt

from lms_etl.api.scope import Scope
from lms_etl.settings import Settings, SettingsError

LEEWAY_SECONDS = 10
"""How far the clocks of issuer and API may differ."""


class BadJwt(Exception):
    """The token is not believed; the message is for the log, not for the client."""


class Verifier:
    """Believes JWTs by the settings API_JWT_*. Raises SettingsError for settings that do not fit together."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.keys: dict[str, str] = {}
        if settings.api_jwt_secret:
            if len(settings.api_jwt_secret.encode()) < 32:
                raise SettingsError("API_JWT_SECRET cannot be used: HS256 needs a secret of at least 32 characters.")
            self.keys["HS256"] = settings.api_jwt_secret
        if settings.api_jwt_public_key:
            self.keys["RS256"] = _pem(settings.api_jwt_public_key)
        if self.keys and not (settings.api_jwt_issuer and settings.api_jwt_audience):
            raise SettingsError("JWTs need API_JWT_ISSUER and API_JWT_AUDIENCE beside their key.")

    def claims(self, token: str) -> dict[str, Any]:
        """The claims of a token with a valid signature, issuer, audience and expiry. Raises BadJwt."""
        try:
            algorithm = jwt.get_unverified_header(token).get("alg")
            if algorithm not in self.keys:
                raise BadJwt("its algorithm is not allowed")
            return jwt.decode(
                token,
                self.keys[algorithm],
                algorithms=[algorithm],
                issuer=self.settings.api_jwt_issuer,
                audience=self.settings.api_jwt_audience,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud"]},
            )
        except (jwt.InvalidTokenError, ValueError) as error:
            raise BadJwt(f"{type(error).__name__}") from None

    def username(self, claims: dict[str, Any]) -> str:
        """The username that the claims name. Raises BadJwt."""
        name = claims.get(self.settings.api_jwt_username_claim)
        if not isinstance(name, str) or not name:
            raise BadJwt("it names no username")
        return name


def _pem(setting: str) -> str:
    """The public key as PEM. Raises SettingsError."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        pem = setting if "BEGIN" in setting else Path(setting).read_text(encoding="ascii")
        key = load_pem_public_key(pem.replace("\\n", "\n").encode())
    except (OSError, ValueError):
        raise SettingsError("API_JWT_PUBLIC_KEY is neither a public key in PEM nor the path of one.") from None
    if not isinstance(key, RSAPublicKey) or key.key_size < 2048:
        raise SettingsError("API_JWT_PUBLIC_KEY cannot be used: RS256 needs an RSA key of at least 2048 bits.")
    return pem.replace("\\n", "\n")


@dataclass(frozen=True)
class Category:
    """A directorate with one of its units, as some course has them; ids and names may be missing."""

    directorate_id: int | None
    directorate: str | None
    unit_id: int | None
    unit: str | None


def scope_of(own: Scope, claims: dict[str, Any], settings: Settings, categories: Iterable[Category]) -> Scope:
    """The rows of a user with the privilege `own` who comes with these claims.

    Admin is who is admin in the table and by the claim `admin`. For others claims can only narrow what the table
    gives; a reader to whom the table gives no directorate or unit gets those of the claims. A claim that names
    nothing known gives nothing: it never falls back to a wider one.
    """
    if own.admin and claims.get("admin") is True:
        return Scope(own.username, admin=True)
    known = list(categories)
    asked = _asked(claims, settings, known)
    if own.admin or not (own.directorates or own.units):
        directorates, units = asked or (frozenset(), frozenset())
    elif asked is None:
        directorates, units = own.directorates, own.units
    else:
        directorates, units = _both((own.directorates, own.units), asked, known)
    return Scope(own.username, False, directorates, units, own.companies)


Filter = tuple[frozenset[int], frozenset[int]]


def _asked(claims: dict[str, Any], settings: Settings, known: list[Category]) -> Filter | None:
    """Directorates and units that the claims name; None if they name none. The unit counts within its directorate."""
    directorate = _first(claims, settings.api_jwt_directorate_claims)
    unit = _first(claims, settings.api_jwt_unit_claims)
    if directorate is None and unit is None:
        return None
    inside = [
        each for each in known if directorate is None or _named(directorate, each.directorate_id, each.directorate)
    ]
    if unit is None:
        return frozenset(each.directorate_id for each in inside if each.directorate_id is not None), frozenset()
    return frozenset(), frozenset(
        each.unit_id for each in inside if each.unit_id is not None and _named(unit, each.unit_id, each.unit)
    )


def _first(claims: dict[str, Any], names: Iterable[str]) -> Any:
    return next((claims[name] for name in names if claims.get(name) is not None), None)


def _named(claim: Any, number: int | None, name: str | None) -> bool:
    """Whether a claim names a category: a number by its id, a text by its name; a list if one of its parts does."""
    if isinstance(claim, list):
        return any(_named(each, number, name) for each in claim if not isinstance(each, list))
    if isinstance(claim, bool):
        return False
    if isinstance(claim, int):
        return number == claim
    return isinstance(claim, str) and name is not None and claim.strip().casefold() == name.strip().casefold()


def _both(one: Filter, other: Filter, known: list[Category]) -> Filter:
    """What lies in both filters: directorates in both, and units that each filter holds alone or by its directorate."""
    parent = {each.unit_id: each.directorate_id for each in known if each.unit_id is not None}

    def holds(of: Filter, unit: int) -> bool:
        return unit in of[1] or parent.get(unit) in of[0]

    units = {unit for unit in one[1] | other[1] if holds(one, unit) and holds(other, unit)}
    return one[0] & other[0], frozenset(units)
