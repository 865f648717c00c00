"""dateutil.easter: not in the stand-in."""
raise ImportError("Updraft's stand-in for dateutil has no easter: install python-dateutil for the Python that runs the tasks")
