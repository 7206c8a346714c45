"""The command line and late data: days loaded again, what that changed, and days that Moodle has purged."""

from collections.abc import Callable
from pathlib import Path

from lms_etl_tests.activity.conftest import fill
from lms_etl_tests.site import Site
from lms_etl_tests.test_cli import Shell, said

RANGE = ("--from", "2026-03-22", "--to", "2026-03-24")


def test_a_reload_restates_its_days_and_keeps_purged_ones_until_forced(
    new_database: Callable[[str], str], tmp_path: Path
) -> None:
    with Site(new_database("sqlite")) as site:
        ids = fill(site)
        shell = Shell(site.url, new_database("sqlite"), tmp_path / "home", COLUMNS="250")
        shell("migrate")
        assert shell("backfill", *RANGE).returncode == 0
        assert "No load changed a loaded day in the last 30 days" in said(shell("restatements"))
        site.delete_views(before="2026-03-23 00:00")
        site.view(ids["botany"], "mod_url", at="2026-03-24 09:00", times=2)

        reloaded = shell("backfill", *RANGE, "--reload")
        assert reloaded.returncode == 0, said(reloaded)
        kept = "2026-03-22 stays as it is: the source holds 0 rows of it, and it was loaded from 8."
        assert f"Warning: activity_counts: {kept}" in said(reloaded)
        listed = said(shell("restatements", "--days", "3650"))
        assert f"2026-03-24 user_activity 2 → 2 7 → 9 views 1 +2 in {ids['botany']}" in listed
        assert "loaded again by backfill" in listed
        assert "2026-03-22" not in listed

        alone = shell("backfill", "--from", "2026-03-22", "--to", "2026-03-22", "--reload")
        assert alone.returncode == 1
        assert "2026-03-22 stays as it is" in said(alone)
        forced = shell("backfill", "--from", "2026-03-22", "--to", "2026-03-22", "--force")
        assert forced.returncode == 0, said(forced)
        assert "2026-03-22 activity_counts 8 → 0 8 → 0 views" in said(shell("restatements", "--days", "3650"))
