"""The shapes of the answers that hold rows of the report, with examples: what OpenAPI says about them."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from lms_etl.api.models import Pagination
from lms_etl.api.reading.formats import FORMATS


class ReportRow(BaseModel):
    """The report: one visible course on one local day."""

    id: int = Field(examples=[1])
    course_id: str | None = Field(examples=["COURSE001"], description="Idnumber of the course's category")
    id_number: str | None = Field(examples=["CS-101"], description="Idnumber of the course")
    course_name: str | None = Field(examples=["Introduction to Programming"])
    course_shortname: str | None = Field(examples=["INTRO_PROG"])
    num_teachers: int = Field(examples=[2])
    num_students: int = Field(examples=[25])
    file_views: int = Field(examples=[150])
    video_views: int = Field(examples=[300])
    forum_views: int = Field(examples=[75])
    quiz_views: int = Field(examples=[200])
    assignment_views: int = Field(examples=[100])
    url_views: int = Field(examples=[50])
    total_views: int = Field(examples=[875])
    avg_activity_per_student_per_day: float | None = Field(examples=[7.0])
    active_days: int = Field(examples=[5])
    extraction_date: str = Field(examples=["2026-03-22"])
    created_at: str = Field(examples=["2026-03-23 02:00:10"], description="UTC")
    updated_at: str = Field(examples=["2026-03-23 02:00:10"], description="UTC")
    moodle_course_id: int = Field(examples=[42])
    distinct_active_days: int = Field(examples=[4])
    student_views: int | None = Field(examples=[800])


class Exported(BaseModel):
    """A page of the report. `results` adds `count`, `filters` and `pagination`."""

    status: Literal[True]
    data: list[ReportRow]
    limit: int | None = Field(examples=[1000])
    offset: int = Field(examples=[0])
    has_next: bool = Field(examples=[False])
    extraction_date: str | None = Field(examples=["2026-03-22"], description="The day, if it is one")
    timestamp: str = Field(examples=["2026-03-23 08:15:00"], description="When it was read, UTC")
    total: int | None = Field(examples=[60], description="Rows of all pages, where they are counted")
    next_cursor: str | None = Field(description="The next page's `cursor`")
    snapshot: str = Field(description="For pages by offset")
    complete_through: str | None = Field(examples=["2026-03-22"], description="No day up to it is missing")
    as_of: str = Field(examples=["2026-03-23T08:15:00Z"])
    next_updated_since: str | None = Field(examples=["2026-03-23T08:15:00Z"])
    replaced_days: list[str] | None = Field(None, description="Days to be replaced as a whole")
    count: int | None = Field(None, examples=[1])
    filters: dict[str, str] | None = Field(None, examples=[{"date": "2026-03-22"}])
    pagination: Pagination | None = None


class RollupRow(BaseModel):
    """A course, unit, directorate or the site in a period; all but a course say how many courses they have."""

    period: str = Field(examples=["2026-03"])
    first_day: str = Field(examples=["2026-03-01"])
    last_day: str = Field(examples=["2026-03-31"])
    moodle_course_id: int | None = Field(None, examples=[42])
    course_id: str | None = Field(None, examples=["COURSE001"])
    id_number: str | None = Field(None, examples=["CS-101"])
    course_name: str | None = Field(None, examples=["Introduction to Programming"])
    course_shortname: str | None = Field(None, examples=["INTRO_PROG"])
    directorate_id: int | None = Field(None, examples=[3])
    directorate: str | None = Field(None, examples=["Faculty of Science"])
    unit_id: int | None = Field(None, examples=[12])
    unit: str | None = Field(None, examples=["Informatics"])
    courses: int | None = Field(None, examples=[60])
    num_teachers: int = Field(examples=[2])
    num_students: int = Field(examples=[25])
    file_views: int = Field(examples=[150])
    video_views: int = Field(examples=[300])
    forum_views: int = Field(examples=[75])
    quiz_views: int = Field(examples=[200])
    assignment_views: int = Field(examples=[100])
    url_views: int = Field(examples=[50])
    total_views: int = Field(examples=[875])
    avg_activity_per_student_per_day: float | None = Field(examples=[7.0])
    active_days: int = Field(examples=[5])
    distinct_active_days: int = Field(examples=[4])
    student_views: int | None = Field(examples=[800])


class RolledUp(BaseModel):
    """All rows of a roll-up, period by period."""

    status: Literal[True]
    data: list[RollupRow]
    period: str = Field(examples=["month"])
    by: str = Field(examples=["unit"])
    first: str | None = Field(alias="from", examples=["2026-03-01"])
    last: str | None = Field(alias="to", examples=["2026-03-31"])
    has_next: Literal[False]
    timestamp: str = Field(examples=["2026-03-23 08:15:00"], description="When it was read, UTC")
    complete_through: str | None = Field(examples=["2026-03-22"], description="No day up to it is missing")
    as_of: str = Field(examples=["2026-03-23T08:15:00Z"])


def _streamed(model: type[BaseModel]) -> dict[str, Any]:
    """The answer as JSON of that shape, or as a file of another format."""
    plain = {"schema": {"type": "string", "format": "binary"}}
    return {
        "model": model,
        "description": "The rows",
        "content": {media.partition(";")[0]: plain for name, media in FORMATS.items() if name != "json"},
        "headers": {
            name: {"schema": {"type": "string"}, "description": text}
            for name, text in (
                ("ETag", "For If-None-Match"),
                ("X-Complete-Through", "As complete_through, for every format"),
                ("X-As-Of", "As as_of, for every format"),
            )
        },
    }


EXPORTED = _streamed(Exported)
ROLLED_UP = _streamed(RolledUp)
