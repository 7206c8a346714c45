"""A synthetic Moodle site of any size: the demo source, the test bed, and the load for the benchmarks."""

from lms_etl.demo.shape import SiteShape
from lms_etl.demo.site import build_site

__all__ = ["SiteShape", "build_site"]
