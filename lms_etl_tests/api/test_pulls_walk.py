"""Random walks of a client and of syncs: answers get lost, pages are asked for again, pulls are given up, and still the
client ends with exactly the rows that there are."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from lms_etl_tests.api.conftest import Api
from lms_etl_tests.api.progress import company, delete, form, load, member, setting
from lms_etl_tests.api.test_pulls import Store, truth


class Client:
    """Stores rows by key, as docs/report-api.md says; a pull that it gives up it has not stored."""

    def __init__(self, api: Api, chance: random.Random, sync: Callable[[], None]) -> None:
        self.api, self.chance, self.sync = api, chance, sync
        self.stored: Store = {}

    def pull(self, limit: int, troubled: bool) -> None:
        store, offset = dict(self.stored), 0
        gives_up = troubled and self.chance.random() < 0.25
        while True:
            answer = form(self.api, "one", limit=limit, offset=offset)
            if offset and troubled and self.chance.random() < 0.2:
                self.sync()
                continue
            if not offset and answer.headers["x-sync-mode"] != "incremental":
                store.clear()
            rows = answer.json()
            take(store, rows)
            if len(rows) < limit:
                self.stored = store
                return
            if gives_up and self.chance.random() < 0.5:
                return
            offset += 0 if troubled and offset and self.chance.random() < 0.1 else limit
            if troubled and self.chance.random() < 0.5:
                self.sync()


def take(store: Store, rows: list[dict[str, Any]]) -> None:
    for row in rows:
        key = (row["userid"], row["courseid"])
        if row.get("is_deleted"):
            store.pop(key, None)
        else:
            store[key] = row["percentage"]


@pytest.mark.parametrize("seed", range(5))
def test_a_client_in_trouble_ends_with_the_rows_that_there_are(
    make_api: Callable[..., Api], sqlite_url: str, seed: int
) -> None:
    chance = random.Random(seed)
    api = make_api(sqlite_url, api_rate_limit="100000/second")
    company(api.warehouse, 1)
    setting(api, 1, rate_limit=0, sync_mode=seed % 3)
    member(api, "one", 1)
    load(api.warehouse, 1, [(user, course) for user in range(1, 16) for course in (1, 2)])

    def sync() -> None:
        some = {(chance.randint(1, 25), chance.choice((1, 2, 3))) for _ in range(chance.randint(1, 6))}
        if chance.random() < 0.4:
            delete(api.warehouse, 1, *(some & set(truth(api))))
        else:
            load(api.warehouse, 1, some, percentage=chance.randint(0, 100), is_deleted=0)

    client = Client(api, chance, sync)
    for _ in range(6):
        client.pull(chance.choice((3, 7, 10)), troubled=True)
        sync()
    client.pull(1000, troubled=False)
    assert client.stored == truth(api)
