"""A tiny Moodle for tests, in an empty database of any dialect, arranged by sentences.

```python
site = Site(database_url, zone="Asia/Jakarta")
algebra = site.course("ALG", category=site.category("Mathematics", idnumber="MATH"))
ana = site.user("ana")
site.enrol(ana, algebra)
site.view(algebra, "mod_page", at="2026-03-22 10:00", by=ana, times=3)
```

Like every Moodle it has its front page (course 1), a guest (user 1), an administrator (user 2) and the stock roles.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Self
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from lms_etl.days import LocalDay, local_day, parse
from lms_etl.demo.schema import moodle_tables
from lms_etl.settings import Settings
from lms_etl.sources.moodle import Moodle

FRONT_PAGE, GUEST, ADMIN = 1, 1, 2
MANAGER, EDITING_TEACHER, TEACHER, STUDENT = 1, 3, 4, 5
STOCK_ROLES = ("manager", "coursecreator", "editingteacher", "teacher", "student", "guest", "user", "frontpage")
SYSTEM, CATEGORY, COURSE, MODULE = 10, 40, 50, 70
LOG_DEFAULTS = {"crud": "r", "edulevel": 2, "contextid": 1, "contextinstanceid": 1, "origin": "web"}

When = str | int
"""A local time of the site, `2026-03-22 10:00` or with seconds (the first one if it occurs twice), or unix seconds."""


class Site:
    """Writes to a Moodle database of its own. Verbs that make something return its id; `columns` set any others."""

    def __init__(self, url: str, zone: str = "UTC", prefix: str = "mdl_") -> None:
        # PyMySQL would load the system's certificates for each connection, 30 ms.
        self.url = f"{url}&ssl_disabled=true" if url.startswith("mysql") else url
        self.zone, self.prefix = ZoneInfo(zone), prefix
        self.engine = sa.create_engine(self.url, pool_size=1)
        if self.engine.dialect.name == "sqlite":
            sa.event.listen(
                self.engine, "connect", lambda connection, _: connection.execute("pragma synchronous = off")
            )
        self._readers: dict[str, Moodle] = {}
        metadata = moodle_tables(prefix)
        self.tables = {table.name.removeprefix(prefix): table for table in metadata.sorted_tables}
        self.tables["course"].c.fullname.type = sa.String(1333)  # 254 up to Moodle 4.5, 1,333 from 5.1
        metadata.create_all(self.engine, checkfirst=False)
        for order, name in enumerate(STOCK_ROLES, start=1):
            self.insert("role", shortname=name, archetype=name, description="", sortorder=order)
        self.user("guest")
        self.user("admin")
        self.course("front", fullname="Front page")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Gives back the connections of the site and of the readers it made."""
        for moodle in self._readers.values():
            moodle.engine.dispose()
        self.engine.dispose()

    def settings(self, **options: Any) -> Settings:
        """Settings that name this site as the source; options by field name (`student_views=True`)."""
        given = {
            "moodle_database_url": self.url,
            "moodle_table_prefix": self.prefix,
            "timezone": self.zone.key,
            "warehouse_database_url": "sqlite://",
        }
        return Settings(**(given | options))

    def moodle(self, **options: Any) -> Moodle:
        """The product's reader of this site, one for each set of options."""
        key = repr(options)
        if key not in self._readers:
            self._readers[key] = Moodle(self.settings(**options))
        return self._readers[key]

    def day(self, text: str) -> LocalDay:
        """A local day of the site, `2026-03-22`."""
        return local_day(parse(text), self.zone)

    def category(self, name: str, idnumber: str | None = None, parent: int | None = None, **columns: Any) -> int:
        """A course category below `parent`, or at the top."""
        above = self.value("course_categories", parent, "path") if parent else ""
        depth = above.count("/") + 1
        columns = {"name": name, "idnumber": idnumber, "parent": parent or 0, "depth": depth, **columns}
        made = self.insert("course_categories", **columns)
        self.change("course_categories", made, path=f"{above}/{made}")
        return made

    def course(
        self, shortname: str, category: int | None = None, *, fullname: str | None = None, **columns: Any
    ) -> int:
        """A visible course, in the category when one is given; `columns` such as idnumber and visible."""
        fullname = fullname or f"Course {shortname}"
        return self.insert("course", shortname=shortname, fullname=fullname, category=category or 0, **columns)

    def user(self, name: str, **columns: Any) -> int:
        return self.insert("user", username=name, email=f"{name}@example.org", **columns)

    def role(self, id: int, shortname: str, archetype: str = "") -> int:  # noqa: A002
        """A role beside the stock ones; their ids differ from site to site."""
        return self.insert("role", id=id, shortname=shortname, archetype=archetype, description="", sortorder=id)

    def enrol(
        self,
        user: int,
        course: int,
        role: int = STUDENT,
        *,
        status: int = 0,
        timestart: When = 0,
        timeend: When = 0,
        method: str = "manual",
        method_status: int = 0,
        assigned: When = 0,
        created: When = 0,
    ) -> None:
        """Enrols by a method of the course (made when missing) and assigns the role; status 1 is suspended."""
        self.assign_role(user, role, COURSE, course, assigned=assigned)
        enrol = self._found("enrol", enrol=method, courseid=course, status=method_status)
        times = {"timestart": self.seconds(timestart), "timeend": self.seconds(timeend)}
        moment = self.seconds(created)
        made = {"timecreated": moment, "timemodified": moment}
        self.insert("user_enrolments", enrolid=enrol, userid=user, status=status, **times, **made)

    def assign_role(self, user: int, role: int, level: int, instance: int, *, assigned: When = 0, by: str = "") -> None:
        """Assigns a role at any context level, without an enrolment; `by` names the plugin that did (enrol_cohort)."""
        context = self._found("context", contextlevel=level, instanceid=instance)
        moment = self.seconds(assigned)
        self.insert("role_assignments", roleid=role, contextid=context, userid=user, component=by, timemodified=moment)

    def role_event(
        self, user: int, course: int, role: int = STUDENT, *, at: When, given: bool = True, **columns: Any
    ) -> None:
        """The log row that Moodle writes when a role in a course is given to a person, or taken from them."""
        event = {
            "eventname": rf"\core\event\role_{'assigned' if given else 'unassigned'}",
            "component": "core",
            "action": "assigned" if given else "unassigned",
            "target": "role",
            "objecttable": "role",
            "objectid": role,
            "crud": "c" if given else "d",
            "edulevel": 0,
            "contextlevel": COURSE,
            "contextinstanceid": course,
            "courseid": course,
            "userid": ADMIN,
            "relateduserid": user,
            "timecreated": self.seconds(at),
        }
        self._run(self.tables["logstore_standard_log"].insert(), [LOG_DEFAULTS | event | columns])

    def unassign(self, user: int, course: int) -> None:
        """Takes every role in the course from the user; the enrolment stays."""
        context = self._found("context", contextlevel=COURSE, instanceid=course)
        table = self.tables["role_assignments"]
        self._run(table.delete().where(table.c.userid == user, table.c.contextid == context))

    def view(
        self,
        course: int | None,
        component: str = "mod_page",
        *,
        at: When = "2026-03-22 10:00",
        by: int = ADMIN,
        times: int = 1,
        **columns: Any,
    ) -> None:
        """Log rows of somebody viewing an activity; `columns` override `target`, `objecttable`, `id` and so on."""
        kind = component.removeprefix("mod_")
        event = {"action": "viewed", "target": "course_module", "objecttable": kind, "contextlevel": MODULE}
        who = {"userid": by, "courseid": course, "component": component, "timecreated": self.seconds(at)}
        if times:
            self._run(self.tables["logstore_standard_log"].insert(), [LOG_DEFAULTS | event | who | columns] * times)

    def delete_views(self, course: int | None = None, before: When | None = None) -> None:
        """Deletes log rows: of one course, older than a time (as Moodle's clean-up does), or all."""
        log = self.tables["logstore_standard_log"]
        rows = log.delete()
        rows = rows if course is None else rows.where(log.c.courseid == course)
        self._run(rows if before is None else rows.where(log.c.timecreated < self.seconds(before)))

    def module(self, course: int, *, completion: int = 1, **columns: Any) -> int:
        """A visible module of the course whose completion is tracked; 0 is one without, 2 an automatic one."""
        return self.insert("course_modules", course=course, module=1, instance=1, completion=completion, **columns)

    def finish(self, user: int, module: int, state: int = 1, *, at: When = "2026-03-22 10:00") -> None:
        """Records the state of a module: 0 incomplete, 1 complete, 2 passed, 3 failed."""
        recorded = {"completionstate": state, "timemodified": self.seconds(at)}
        self._record("course_modules_completion", {"userid": user, "coursemoduleid": module}, recorded)

    def complete(self, user: int, course: int, *, at: When | None = "2026-03-22 10:00", started: When = 0) -> None:
        """Completes the course at a time, or with None only records that the user began it."""
        recorded = {"timecompleted": None if at is None else self.seconds(at), "timestarted": self.seconds(started)}
        self._record("course_completions", {"userid": user, "course": course}, recorded)

    def company(self, shortname: str, *, members: Iterable[int] = (), courses: Iterable[int] = ()) -> int:
        """A company of IOMAD with these users and courses; the first one makes IOMAD's tables."""
        if "company" not in self.tables:
            self._add_iomad()
        made = self.insert("company", shortname=shortname, name=f"Company {shortname}")
        for user in members:
            self.insert("company_users", companyid=made, userid=user)
        for course in courses:
            self.insert("company_course", companyid=made, courseid=course)
        return made

    def remove(self, table: str, **columns: Any) -> None:
        """Deletes the rows with these values."""
        self._run(self.tables[table].delete().filter_by(**columns))

    def unenrol(self, user: int, course: int) -> None:
        """Takes every enrolment in the course from the user."""
        enrol, enrolments = self.tables["enrol"], self.tables["user_enrolments"]
        methods = sa.select(enrol.c.id).where(enrol.c.courseid == course)
        self._run(enrolments.delete().where(enrolments.c.userid == user, enrolments.c.enrolid.in_(methods)))

    def change(self, table: str, id: int, **columns: Any) -> None:  # noqa: A002
        """Sets columns of one row: `site.change("user", ana, suspended=1)`."""
        self._run(self.tables[table].update().where(self.tables[table].c.id == id).values(columns))

    def insert(self, table: str, **columns: Any) -> int:
        """A row of any table; returns its id."""
        with self.engine.begin() as connection:
            return connection.execute(self.tables[table].insert().values(columns)).inserted_primary_key[0]

    def insert_many(self, table: str, rows: list[dict[str, Any]]) -> None:
        """Rows of any table, all with the same columns."""
        if rows:
            self._run(self.tables[table].insert(), rows)

    def value(self, table: str, id: int, column: str) -> Any:  # noqa: A002
        """One value of one row."""
        with self.engine.begin() as connection:
            return connection.scalar(sa.select(self.tables[table].c[column]).where(self.tables[table].c.id == id))

    def seconds(self, when: When) -> int:
        """Unix seconds of a local time of the site."""
        return (
            when if isinstance(when, int) else int(datetime.fromisoformat(when).replace(tzinfo=self.zone).timestamp())
        )

    def _record(self, table: str, key: dict[str, int], values: dict[str, Any]) -> None:
        """Sets the values of the row with that key, made when there is none."""
        rows = self.tables[table]
        with self.engine.begin() as connection:
            if not connection.execute(rows.update().filter_by(**key).values(values)).rowcount:
                connection.execute(rows.insert().values({**key, **values}))

    def _add_iomad(self) -> None:
        """The three tables of IOMAD that say who belongs to which company, with the columns that matter."""
        metadata = sa.MetaData()
        number = {"nullable": False, "server_default": "0"}
        columns = {
            "company": [sa.Column("name", sa.String(50)), sa.Column("shortname", sa.String(25))],
            "company_users": [
                sa.Column(name, sa.BigInteger, **number) for name in ("companyid", "userid", "managertype", "suspended")
            ],
            "company_course": [sa.Column(name, sa.BigInteger, **number) for name in ("companyid", "courseid")],
        }
        for name, more in columns.items():
            identity = sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True)
            self.tables[name] = sa.Table(self.prefix + name, metadata, identity, *more)
        metadata.create_all(self.engine)

    def _found(self, table: str, **columns: Any) -> int:
        """The id of the first row with these values, made when there is none."""
        rows = self.tables[table]
        with self.engine.begin() as connection:
            found = connection.scalar(sa.select(rows.c.id).filter_by(**columns).order_by(rows.c.id).limit(1))
        return found or self.insert(table, **columns)

    def _run(self, statement: sa.Executable, rows: list[dict[str, Any]] | None = None) -> None:
        with self.engine.begin() as connection:
            connection.execute(statement, rows)
