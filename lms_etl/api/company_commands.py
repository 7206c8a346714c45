"""The command `lms-etl company`: who the companies are, and their settings."""

from typing import Annotated

import typer
from rich.console import Console

from lms_etl.api.commands import opened_warehouse

out = Console()
company_app = typer.Typer(help="List the companies of the report API and change their settings.", no_args_is_help=True)

CompanyId = Annotated[int, typer.Argument(help="Id of the company, as `lms-etl company list` has it.", min=0)]


@company_app.command("list")
def list_companies(
    settings: Annotated[
        bool, typer.Option("--settings", help="Also every setting that exists, with its range.")
    ] = False,
) -> None:
    """List the companies with what is set for them; the rest has its default."""
    import sqlalchemy as sa

    from lms_etl.activity.status import plain_table
    from lms_etl.warehouse.company_settings import KNOWN, stored_values
    from lms_etl.warehouse.tables import companies

    table = plain_table("id", "shortname", "name", "from", "changes", "settings")
    with opened_warehouse() as warehouse, warehouse.reading() as connection:
        for row in connection.execute(sa.select(companies).order_by(companies.c.companyid)).all():
            own = ", ".join(
                f"{name}={value}" for name, value in sorted(stored_values(connection, row.companyid).items())
            )
            origin = row.origin if row.live else "gone"
            table.add_row(str(row.companyid), row.shortname, row.name, origin, str(row.change_number), own)
    out.print(table)
    if settings:
        known = plain_table("setting", "default", "values", "meaning")
        for name, each in KNOWN.items():
            known.add_row(name, "" if each.default is None else str(each.default), each.allowed, each.meaning)
        known.add_row("course_<id>", "", "0, 1", "Whether the course counts; without any switch all courses do")
        out.print(known)


@company_app.command("set")
def set_company(
    companyid: CompanyId,
    pairs: Annotated[
        list[str], typer.Argument(metavar="NAME=VALUE...", help="Settings; `NAME=` gives the default back.")
    ],
) -> None:
    """Change settings of a company, all of them or none: `lms-etl company set 3 rate_limit=500 field_email=0`."""
    from lms_etl.warehouse.company_settings import set_setting

    wanted = [_pair(text) for text in pairs]
    with opened_warehouse() as warehouse, warehouse.writing() as connection:
        changed = sum(set_setting(connection, companyid, name, value) for name, value in wanted)
    out.print(f"Company {companyid}: {changed} settings changed.", highlight=False)


def _pair(text: str) -> tuple[str, int | None]:
    from lms_etl.warehouse.company_settings import CompanyProblem

    name, equals, value = text.partition("=")
    if not equals or not (value == "" or value.removeprefix("-").isdecimal()) or len(value) > 18:
        raise CompanyProblem(f"'{text}' is not NAME=VALUE with a whole number, such as rate_limit=500.")
    return name, int(value) if value else None


@company_app.command("copy")
def copy(source: CompanyId, target: CompanyId) -> None:
    """Make the settings of TARGET those of SOURCE; what SOURCE has not set, TARGET loses."""
    from lms_etl.warehouse.company_settings import copy_settings

    with opened_warehouse() as warehouse, warehouse.writing() as connection:
        changed = copy_settings(connection, source, target)
    out.print(f"Company {target} has the settings of company {source} now; {changed} changed.", highlight=False)
