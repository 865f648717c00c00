"""The mixin that gives a class its logger."""
import logging


class LoggingMixin:
    """Gives `self.log`."""

    @property
    def log(self):
        """The logger of the class."""
        return logging.getLogger("%s.%s" % (type(self).__module__, type(self).__qualname__))
