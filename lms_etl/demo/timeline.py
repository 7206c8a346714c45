"""When the rows of the log happen: weeks, evenings, terms, midnight storms and restores, in epoch seconds."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from lms_etl import days
from lms_etl.demo.shape import SiteShape

Ints = NDArray[np.int64]

_BY_HOUR = [5, 3, 2, 1, 1, 2, 6, 14, 30, 40, 44, 40, 32, 38, 42, 40, 36, 34, 40, 58, 66, 54, 32, 14]
_BY_WEEKDAY = [1.0, 1.08, 1.02, 0.96, 0.8, 0.35, 0.48]
_TERMS = {(1, 1): 0.3, (2, 10): 1.0, (6, 5): 1.5, (7, 1): 0.22, (8, 25): 1.0, (11, 25): 1.5, (12, 20): 0.18}
"""Activity from that (month, day) on: breaks are quiet but never empty, exam weeks are half as busy again."""

_STORM_SHARE = 0.004
_RESTORED_SHARE = 0.001
_OLDEST_RESTORED_SECONDS = int(7.8 * 86_400)
"""A restore inserts old timecreated under new ids: 571 rows up to 7.8 days late in one real site."""


@dataclass(frozen=True)
class Timeline:
    """Stretches of time, in the order in which their rows enter the log.

    All arrays have one element a stretch: `start` (epoch), `seconds`, `rows`, `inserted` (epoch at which the rows enter
    the log, for restored rows later than the stretch itself), `restore` (number of the restore, or -1) and `storm`.
    """

    start: Ints
    seconds: Ints
    rows: Ints
    inserted: Ints
    restore: Ints
    storm: NDArray[np.bool_]

    def slice(self, first: int, last: int, random: np.random.Generator) -> tuple[Ints, Ints]:
        """(stretch, timecreated) of rows `first` up to but without `last`, counted from 0 in stretch order."""
        ends = np.cumsum(self.rows)
        number = np.arange(first, last)
        stretch = np.searchsorted(ends, number, side="right")
        within = number - (ends - self.rows)[stretch]
        fraction = (within + random.random(last - first)) / self.rows[stretch]
        return stretch, self.start[stretch] + (fraction * self.seconds[stretch]).astype(np.int64)


def midnight(shape: SiteShape, day: date) -> int:
    """The epoch second at which the site's local day begins."""
    return days.midnight(day, shape.zone)


def restore_moments(shape: SiteShape) -> list[int]:
    """The epoch seconds at which a course is restored with its logs, spread over the days of the log."""
    start, end = midnight(shape, shape.first_day), midnight(shape, shape.last_day + timedelta(days=1))
    return [start + int((end - start) * (number + 0.6) / shape.restores) for number in range(shape.restores)]


def timeline(shape: SiteShape) -> Timeline:
    """The stretches of the whole log; their rows add up to `shape.log_rows`."""
    storms = _storm_seconds(shape)
    storm_rows, restored_rows = int(shape.log_rows * _STORM_SHARE), int(shape.log_rows * _RESTORED_SHARE)
    moments = restore_moments(shape)
    oldest = [max(midnight(shape, shape.first_day), moment - _OLDEST_RESTORED_SECONDS) for moment in moments]
    random = np.random.default_rng([shape.seed, 1])
    start, seconds, weight = _hours(shape, random)
    rows = random.multinomial(shape.log_rows - storm_rows - restored_rows, weight / weight.sum())
    hours, storms_at, restores_at = len(start), len(storms), len(moments)
    inserted = np.r_[start, storms, moments].astype(np.int64)
    whole = Timeline(
        start=np.r_[start, storms, oldest].astype(np.int64),
        seconds=np.r_[seconds, np.ones(storms_at, np.int64), np.subtract(moments, oldest) * 99 // 100],
        rows=np.r_[rows, _evenly(storm_rows, storms_at), _evenly(restored_rows, restores_at)],
        inserted=inserted,
        restore=np.r_[np.full(hours + storms_at, -1), np.arange(restores_at)],
        storm=np.repeat([False, True, False], [hours, storms_at, restores_at]),
    )
    order = np.argsort(inserted, kind="stable")
    return Timeline(**{name: column[order] for name, column in vars(whole).items()})


def _evenly(total: int, parts: int) -> Ints:
    return total // parts + (np.arange(parts) < total % parts).astype(np.int64)


def _storm_seconds(shape: SiteShape) -> list[int]:
    """The first and the last second of some days, the first and last day of the log among them: quizzes close then."""
    step = max(1, min(13, shape.days // 4))
    chosen = {shape.first_day + timedelta(days=number) for number in range(0, shape.days, step)} | {shape.last_day}
    begins = [midnight(shape, day) for day in chosen]
    ends = [midnight(shape, day + timedelta(days=1)) - 1 for day in chosen]
    return sorted(begins + ends)


def _hours(shape: SiteShape, random: np.random.Generator) -> tuple[Ints, Ints, NDArray[np.float64]]:
    """(start, seconds, weight) of every hour of the log; a day with a clock change has 23 or 25."""
    hours: list[tuple[int, int, float]] = []
    for number in range(shape.days):
        day = shape.first_day + timedelta(days=number)
        begin, end = midnight(shape, day), midnight(shape, day + timedelta(days=1))
        busy = _BY_WEEKDAY[day.weekday()] * _term(day) * float(random.lognormal(0, 0.12))
        # Nights are nearly empty, but rows must exist around a change of the clock: that day has no quiet hour.
        quietest = 30 if end - begin != 86_400 else 0
        for start in range(begin, end, 3600):
            hour = datetime.fromtimestamp(start, shape.zone).hour
            length = min(3600, end - start)
            hours.append((start, length, busy * max(_BY_HOUR[hour], quietest) * length / 3600))
    starts, seconds, weights = zip(*hours, strict=True)
    return np.array(starts), np.array(seconds), np.array(weights)


def _term(day: date) -> float:
    return next(weight for begins, weight in reversed(_TERMS.items()) if (day.month, day.day) >= begins)
