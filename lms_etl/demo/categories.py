"""The category tree: faculties and a directorate, their departments, and programmes under some of those."""

from dataclasses import dataclass

from lms_etl.demo.shape import SiteShape
from lms_etl.demo.timeline import midnight

_TOP = [
    ("ENG", "Faculty of Engineering", ["Informatics", "Civil Engineering", "Electrical Engineering"]),
    ("BUS", "Faculty of Economics & Business", ["Management", "Accounting", "Islamic Finance"]),
    ("SCI", "Faculty of Science", ["Mathematics", "Physics", "Biology, Ecology"]),
    ("MED", "Faculty of Medicine", ["Nursing", "Pharmacy", "Public Health"]),
    ("LAW", "Faculty of Law", ["Civil Law", "Public Law", 'Law "in practice"']),
    ("HUM", "Faculty of Humanities", ["History", "日本語学科", "Français & Español"]),
    ("EDU", "Faculty of Education", ["Primary Education", "Counselling", "Educational Technology"]),
    ("HCD", "Directorate of Human Capital", ["Onboarding", "Leadership", "Safety"]),
]
_ODD_IDNUMBERS = {"LAW-3": 'LAW 03,"P"'}


@dataclass(frozen=True)
class Category:
    """One row of course_categories. `idnumber` may be None or the empty string, as on real sites."""

    id: int
    name: str
    idnumber: str | None
    parent: int
    path: str
    visible: bool = True

    @property
    def depth(self) -> int:
        """1 for a category at the top."""
        return self.path.count("/")


def category_tree(shape: SiteShape) -> list[Category]:
    """Three levels deep. Ids count from 1; 1 has idnumber NULL, 2 the empty string, 3 is a hidden archive.

    Small sites have fewer faculties, so that several courses still share a category.
    """
    tree: list[Category] = []
    _add(tree, "Category 1", None)
    _add(tree, "Courses without a code", "")
    _add(tree, "Archive", "ARC", visible=False)
    for code, name, departments in _TOP[: max(2, min(len(_TOP), shape.courses // 12))]:
        top = _add(tree, name, code)
        for number, department in enumerate(departments, 1):
            unit_code = f"{code}-{number}"
            unit = _add(tree, department, _ODD_IDNUMBERS.get(unit_code, unit_code), top)
            if number == 1:
                _add(tree, f"Bachelor of {department}", f"{unit_code}-B", unit)
                _add(tree, f"Master of {department}", f"{unit_code}-M", unit)
    return tree


def category_columns(tree: list[Category], courses_in: dict[int, int], shape: SiteShape) -> dict[str, object]:
    """Columns of course_categories; `courses_in` is the number of courses by category id."""
    return {
        "id": [category.id for category in tree],
        "name": [category.name for category in tree],
        "idnumber": [category.idnumber for category in tree],
        "parent": [category.parent for category in tree],
        "path": [category.path for category in tree],
        "depth": [category.depth for category in tree],
        "visible": [int(category.visible) for category in tree],
        "visibleold": [int(category.visible) for category in tree],
        "sortorder": [10_000 * category.id for category in tree],
        "coursecount": [courses_in.get(category.id, 0) for category in tree],
        "timemodified": midnight(shape, shape.first_day) - 60 * 86_400,
    }


def _add(
    tree: list[Category], name: str, idnumber: str | None, parent: Category | None = None, visible: bool = True
) -> Category:
    number = len(tree) + 1
    path = f"{parent.path if parent else ''}/{number}"
    tree.append(Category(number, name, idnumber, parent.id if parent else 0, path, visible))
    return tree[-1]
