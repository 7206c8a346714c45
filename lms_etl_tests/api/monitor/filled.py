"""A monitor with something to see: nine companies, a week of syncs, a day of calls, quotas, failed attempts."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from lms_etl.warehouse import receipts, tables
from lms_etl.warehouse.warehouse import Warehouse
from lms_etl.window import aware
from lms_etl_tests.service_rows import put, seconds

COMPANIES = ("Acme Logistics", "Borealis Energy", "Cobalt Bank", "Delta Foods", "Evergreen Health", "Fjord Shipping",
             "Granite Insurance", "Harbour Retail", "Indigo Telecom")  # fmt: skip
ERRORS = (("dberror", "The statement took longer than 30 s"), ("limittoolarge", "limit is at most 1000"),
          ("nocompanyassociation", "The user has no company"))  # fmt: skip


def fill(warehouse: Warehouse, now: datetime) -> None:
    """Fills an empty warehouse with what the days before `now` (aware) may have left."""
    dice, moment = random.Random(5), now.astimezone(UTC).replace(tzinfo=None)
    numbers = range(1, len(COMPANIES) + 1)
    put(warehouse, tables.companies, *(
        {"companyid": number, "shortname": name, "name": name, "origin": "iomad", "change_number": 100,
         "created_at": moment - timedelta(days=40)}
        for number, name in zip(numbers, COMPANIES, strict=True)
    ))  # fmt: skip
    put(warehouse, tables.progress_syncs, *(_sync(dice, number, moment, hour) for hour in range(7 * 24, -1, -1)
                                            for number in numbers if (hour, number) != (0, 7)))  # fmt: skip
    put(warehouse, tables.api_calls, *_calls(dice, moment))
    put(warehouse, tables.course_progress, *(_progress(number, user) for number in numbers
                                             for user in range(number * 40)))  # fmt: skip
    for number, used, refused, limit in ((2, 100, 14, 100), (5, 83, 0, 100), (1, 212, 0, 500), (8, 31, 0, 100)):
        row = {"companyid": number, "used": used, "refused": refused, "daily_limit": limit}
        put(warehouse, tables.company_quotas, {**row, "quota_date": now.date()})
    row = {"companyid": 4, "used": 50, "refused": 3, "daily_limit": 50}
    put(warehouse, tables.company_quotas, {**row, "quota_date": now.date() - timedelta(days=3)})
    for address, count in (("203.0.113.41", 14), ("198.51.100.8", 2)):
        attempt = {"attempted_at": moment - timedelta(minutes=20), "ip_address": address, "endpoint": "server.php"}
        put(warehouse, tables.auth_attempts, *[{**attempt, "reason": "unknown"}] * count)
    _days(warehouse, now)


def _sync(dice: random.Random, number: int, now: datetime, hours_ago: int) -> dict[str, Any]:
    began = now.replace(minute=0, second=number) - timedelta(hours=hours_ago)
    failed = (number == 3 and hours_ago < 2) or dice.random() < (0.06 if 48 < hours_ago < 72 else 0.006)
    changed = 0 if failed else dice.randrange(40)
    return {
        "companyid": number, "kind": "changes", "trigger": "schedule", "status": "failed" if failed else "success",
        "started_at": began, "completed_at": began + timedelta(seconds=dice.randrange(2, 20)),
        "rows_created": changed // 4, "rows_updated": changed, "rows_deleted": changed // 15,
        "error": "Failed to connect to database: the server does not answer" if failed else None,
    }  # fmt: skip


def _calls(dice: random.Random, now: datetime) -> list[dict[str, Any]]:
    found = []
    for minute in range(24 * 60 - 1, 0, -1):
        at = now - timedelta(minutes=minute)
        busy = 1.4 if 7 <= at.hour < 18 else 0.5
        for _ in range(int(dice.random() * busy + 0.6)):
            number = min(int(dice.expovariate(0.4)) + 1, len(COMPANIES))
            hit = dice.random() < 0.78
            error = dice.choice(ERRORS) if dice.random() < 0.02 else (None, None)
            if number == 2 and minute < 90:
                error = ("ratelimitexceeded", "100 of 100 calls are used")
            found.append({
                "userid": number, "username": f"powerbi-{number}", "companyid": number,
                "company_shortname": COMPANIES[number - 1], "endpoint": "local_alx_report_api_get_course_progress",
                "record_count": 0 if error[0] else dice.randrange(1000), "error_code": error[0],
                "error_message": error[1], "response_time_ms": round(dice.lognormvariate(4.2 if hit else 5.8, 0.5), 2),
                "timeaccessed": seconds(at), "ip_address": f"192.0.2.{number}",
                "cache_hit": None if error[0] else int(hit),
            })  # fmt: skip
    return found


def _progress(number: int, user: int) -> dict[str, Any]:
    return {
        "userid": user, "companyid": number, "courseid": 2, "firstname": "A", "lastname": "B", "email": "a@example.org",
        "coursename": "Safety", "percentage": 50, "status": "in_progress", "change_number": 100,
    }  # fmt: skip


def _days(warehouse: Warehouse, now: datetime) -> None:
    zone = warehouse.settings.zone
    today = now.astimezone(zone).date()
    with warehouse.engine.begin() as connection:
        for back in range(1, 30):
            day = today - timedelta(days=back)
            late = timedelta(days=2 if back == 5 else 1)
            done = datetime.combine(day + late, datetime.min.time()) + timedelta(hours=2, minutes=3)
            receipts.record(connection, "user_activity", day, back, done, 1000, None, zone)
    assert aware(done)
