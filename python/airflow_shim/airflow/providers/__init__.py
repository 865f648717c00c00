"""Providers; those that are installed are found too."""
from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
