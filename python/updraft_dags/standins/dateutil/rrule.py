"""dateutil.rrule: not in the stand-in."""
raise ImportError("Updraft's stand-in for dateutil has no rrule: install python-dateutil for the Python that runs the tasks")
