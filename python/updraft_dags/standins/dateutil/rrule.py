"""dateutil.rrule: not in the stand-in."""
from __future__ import annotations

raise ImportError("Updraft's stand-in for dateutil has no rrule: install python-dateutil for the Python that runs the tasks")
