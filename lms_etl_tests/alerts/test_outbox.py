"""The outbox on each kind of warehouse: order, pauses that grow, claims, and channels that wait for nobody."""

from datetime import datetime, timedelta
from threading import Barrier, Thread

import pytest
import sqlalchemy as sa

from lms_etl.alerts import outbox
from lms_etl.alerts.outbox import Letter, pause, put, send_due
from lms_etl.warehouse.tables import alert_deliveries
from lms_etl.warehouse.warehouse import Warehouse
from lms_etl_tests.alerts.test_hub import START
from lms_etl_tests.warehouse.rows import warehouse_at

BOTH = ("mail", "hook")


class Post:
    """An outbox, its clock, and what each channel accepted; channels in `down` accept nothing."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self.now = START
        self.down: set[str] = set()
        self.accepted: list[str] = []

    def put(self, key: str, alert: int = 1) -> None:
        with self.warehouse.engine.begin() as connection:
            put(connection, key, {"id": alert, "severity": "high"}, "raised", key, "Text", BOTH, self.now)

    def send(self, letter: Letter) -> str | None:
        if letter.channel in self.down:
            return "down"
        self.accepted.append(f"{letter.channel} {letter.key}")
        return None

    def due(self, attempts: int = 20, limit: int = 20) -> outbox.Sent:
        return send_due(self.warehouse, self.send, BOTH, lambda: self.now, attempts, limit)

    def states(self) -> list[tuple[str, str, int]]:
        columns = (alert_deliveries.c.channel, alert_deliveries.c.state, alert_deliveries.c.attempts)
        with self.warehouse.reading() as connection:
            return [tuple(row) for row in connection.execute(sa.select(*columns).order_by(alert_deliveries.c.id))]


@pytest.fixture
def post(warehouse: Warehouse) -> Post:
    return Post(warehouse)


def test_each_letter_is_sent_once_to_each_channel(post: Post) -> None:
    post.put("a")
    assert post.due().accepted == 2
    assert post.due().accepted == 0
    assert post.accepted == ["mail a", "hook a"]
    assert post.states() == [("mail", "sent", 1), ("hook", "sent", 1)]


def test_a_channel_that_is_down_is_tried_once_a_look_with_longer_and_longer_pauses(post: Post) -> None:
    post.put("a", 1)
    post.put("b", 2)
    post.down = {"mail"}
    assert post.due() == outbox.Sent(accepted=2, failed=1)
    assert post.accepted == ["hook a", "hook b"]
    post.now += timedelta(seconds=59)
    assert post.due() == outbox.Sent(failed=1)
    post.now += timedelta(seconds=1)
    assert post.due() == outbox.Sent(failed=1)
    post.now += timedelta(minutes=2)
    post.down = set()
    assert post.due() == outbox.Sent(accepted=2)
    assert post.accepted[2:] == ["mail a", "mail b"]


@pytest.mark.parametrize(("attempts", "minutes"), [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (99, 60)])
def test_the_pause_doubles_up_to_an_hour(attempts: int, minutes: int) -> None:
    assert pause(attempts) == timedelta(minutes=minutes)


def test_after_the_last_attempt_a_letter_is_given_up_and_the_next_one_goes_on(post: Post) -> None:
    post.put("a")
    post.put("b")
    post.down = {"mail"}
    for _ in range(2):
        post.due(attempts=2)
        post.now += timedelta(hours=1)
    assert post.states()[0] == ("mail", "given_up", 2)
    post.down = set()
    post.due(attempts=2)
    assert post.accepted[-1] == "mail b"
    post.now += timedelta(days=1)
    assert post.due(attempts=2) == outbox.Sent()


def test_messages_of_one_alert_keep_their_order_while_the_first_one_rests(post: Post) -> None:
    post.put("raised")
    post.down = {"mail"}
    post.due()
    post.put("recovered")
    post.put("other", alert=2)
    post.down = set()
    post.now += timedelta(seconds=30)
    post.due()
    assert post.accepted == ["hook raised", "hook recovered", "mail other", "hook other"]
    post.now += timedelta(seconds=30)
    post.due()
    assert post.accepted[4:] == ["mail raised", "mail recovered"]


def test_a_look_sends_no_more_than_its_limit(post: Post) -> None:
    for number in range(3):
        post.put(f"m{number}", number)
    assert post.due(limit=4).accepted == 4
    assert post.due(limit=4).accepted == 2


def test_a_letter_under_way_is_left_alone_until_its_claim_is_old(post: Post) -> None:
    post.put("a")

    def killed(_letter: Letter) -> str | None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        send_due(post.warehouse, killed, BOTH, lambda: post.now, 20, 20)
    assert post.due().accepted == 1
    assert post.accepted == ["hook a"]
    post.now += outbox.CLAIM + timedelta(seconds=1)
    post.due()
    assert post.accepted == ["hook a", "mail a"]


def test_two_processes_at_once_send_each_letter_once(post: Post, database_url: str) -> None:
    for number in range(4):
        post.put(f"m{number}", number)
    together = Barrier(2)

    def work() -> None:
        with warehouse_at(database_url) as own:
            together.wait(10)
            send_due(own, post.send, BOTH, lambda: post.now, 20, 20)

    threads = [Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(post.accepted) == len(set(post.accepted)) == 8


def test_letters_of_a_channel_that_was_taken_away_are_not_sent(post: Post) -> None:
    post.put("a")
    assert send_due(post.warehouse, post.send, ("hook",), lambda: post.now, 20, 20).accepted == 1
    with post.warehouse.reading() as connection:
        assert outbox.waiting(connection, ("hook",)) == (0, None)
        assert outbox.waiting(connection, BOTH) == (1, datetime(*START.timetuple()[:6]))  # noqa: DTZ001
