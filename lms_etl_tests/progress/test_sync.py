"""A sync of a company: what a row says, what is noticed, and what is left alone. On each pair of dialects."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

import pytest

from lms_etl_tests.progress.conftest import Progress

Stand = Callable[[str], datetime]
START = "2026-03-22 08:00"


@pytest.fixture
def acme(progress: Progress, stand_at: Stand) -> Progress:
    """Two companies: ana is in both, ben in the first; algebra (20 modules) and botany are offered by both."""
    stand_at("2026-03-22 12:00")
    site = progress.site
    ana = site.user("ana", firstname="Ana", lastname="Núñez")
    ben = site.user("ben", firstname="Ben", lastname="Berg")
    algebra, botany = site.course("ALG"), site.course("BOT")
    progress.modules = [site.module(algebra) for _ in range(20)]
    for user in (ana, ben):
        for course in (algebra, botany):
            site.enrol(user, course, created=START)
    site.company("ACME", members=[ana, ben], courses=[algebra, botany])
    site.company("BETA", members=[ana], courses=[algebra, botany])
    progress.ana, progress.ben, progress.algebra, progress.botany = ana, ben, algebra, botany
    return progress


def test_first(acme: Progress, stand_at: Stand) -> None:
    acme.site.finish(acme.ana, acme.modules[0])
    acme.site.complete(acme.ben, acme.botany, at="2026-03-22 09:00", started=START)
    counted = acme.sync(1)
    assert (counted.read, counted.created, counted.updated, counted.deleted) == (4, 4, 0, 0)
    acme.sync(2)
    rows = acme.live(1)
    row = rows[acme.ana, acme.algebra]
    assert (row["percentage"], row["status"], row["timecompleted"]) == (Decimal("5.00"), "in_progress", 0)
    assert row["timestarted"] == acme.site.seconds(START)
    row = rows[acme.ben, acme.botany]
    assert (row["percentage"], row["status"]) == (Decimal(100), "completed")
    assert len(acme.stored()) == 6
    # incremental
    stand_at("2026-03-22 13:00")
    acme.site.finish(acme.ana, acme.modules[1], 2, at="2026-03-22 12:30")
    acme.site.finish(acme.ana, acme.modules[1], 2, at="2026-03-22 12:30")
    counted = acme.sync(1)
    assert (counted.read, counted.created, counted.updated, counted.deleted) == (1, 0, 1, 0)
    assert acme.live(1)[acme.ana, acme.algebra]["percentage"] == Decimal("10.00")
    assert acme.company(1)["change_number"] == 2
    counted = acme.sync(1, "reconcile")
    assert (counted.read, counted.changed) == (4, 0)
    acme.site.unenrol(acme.ben, acme.botany)
    acme.site.change("user", acme.ana, firstname="ana", timemodified=0)
    assert acme.sync(1).changed == 0
    counted = acme.sync(1, "reconcile")
    assert (counted.created, counted.updated, counted.deleted) == (0, 2, 1)
