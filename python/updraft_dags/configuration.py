"""airflow.configuration and airflow.settings: answers for code that asks."""
from __future__ import annotations

import os
import subprocess
from typing import Any

from updraft_runner import times
from updraft_runner.exceptions import AirflowConfigException

version = "3.3.2"
AIRFLOW_HOME = os.environ.get("AIRFLOW_HOME") or os.environ.get("UPDRAFT_HOME") or os.path.expanduser("~/.updraft")
DAGS_FOLDER = os.environ.get("AIRFLOW__CORE__DAGS_FOLDER") or os.path.join(AIRFLOW_HOME, "dags")
TIMEZONE = times.UTC
timezone = times.UTC

# What is asked for most, as Airflow answers by default.
_DEFAULTS = {
    "core": {
        "dags_folder": DAGS_FOLDER, "default_timezone": "utc", "executor": "LocalExecutor", "parallelism": "32",
        "load_examples": "False", "max_active_tasks_per_dag": "16", "max_active_runs_per_dag": "16",
        "dagbag_import_timeout": "30.0", "plugins_folder": os.path.join(AIRFLOW_HOME, "plugins"), "unit_test_mode": "False",
        "default_task_retries": "0", "default_task_execution_timeout": "", "hostname_callable": "socket.getfqdn",
    },
    "webserver": {"base_url": "http://localhost:8080"},
    "api": {"base_url": "http://localhost:8080"},
    "logging": {"base_log_folder": os.path.join(AIRFLOW_HOME, "logs"), "logging_level": "INFO", "remote_logging": "False"},
    "operators": {"default_owner": "airflow", "default_queue": "default", "default_deferrable": "false"},
    "scheduler": {"catchup_by_default": "False", "create_cron_data_intervals": "False"},
    "smtp": {"smtp_host": "localhost", "smtp_port": "25", "smtp_mail_from": "airflow@example.com",
             "smtp_starttls": "True", "smtp_ssl": "False"},
    "email": {"email_backend": "airflow.utils.email.send_email_smtp", "default_email_on_retry": "True",
              "default_email_on_failure": "True"},
    "sensors": {"default_timeout": "604800"},
}
_MISSING = object()


class AirflowConfigParser:
    """Settings: from AIRFLOW__SECTION__KEY, or Airflow's defaults of the common ones."""

    def __init__(self) -> None:
        self._set: dict[tuple[str, str], str] = {}

    def get(self, section: str, key: str, fallback: Any = _MISSING, **_: Any) -> Any:
        """A setting's text; AirflowConfigException if it is unknown and has no fallback."""
        if (section.lower(), key.lower()) in self._set:
            return self._set[section.lower(), key.lower()]
        name = "AIRFLOW__%s__%s" % (section.upper().replace(".", "_"), key.upper())
        if name in os.environ:
            return os.environ[name]
        if name + "_CMD" in os.environ:
            return subprocess.run(os.environ[name + "_CMD"], shell=True, check=True, capture_output=True, text=True).stdout.strip()
        found = _DEFAULTS.get(section.lower(), {}).get(key.lower())
        if found is not None:
            return found
        if fallback is _MISSING:
            raise AirflowConfigException("section/key [%s/%s] not found in config" % (section.lower(), key.lower()))
        return fallback

    def getboolean(self, section: str, key: str, **kwargs: Any) -> Any:
        """As a boolean."""
        found = self.get(section, key, **kwargs)
        if not isinstance(found, str):
            return found
        text = found.split("#")[0].strip().lower()
        if text in ("t", "true", "1"):
            return True
        if text in ("f", "false", "0"):
            return False
        raise AirflowConfigException("[%s] %s is no boolean: %r" % (section, key, found))

    def getint(self, section: str, key: str, **kwargs: Any) -> Any:
        """As a whole number."""
        found = self.get(section, key, **kwargs)
        return int(found) if isinstance(found, str) else found

    def getfloat(self, section: str, key: str, **kwargs: Any) -> Any:
        """As a number."""
        found = self.get(section, key, **kwargs)
        return float(found) if isinstance(found, str) else found

    def getlist(self, section: str, key: str, delimiter: str = ",", **kwargs: Any) -> Any:
        """As a list of texts."""
        found = self.get(section, key, **kwargs)
        return [part.strip() for part in found.split(delimiter)] if isinstance(found, str) else found

    def getjson(self, section: str, key: str, **kwargs: Any) -> Any:
        """As what its JSON says."""
        import json
        found = self.get(section, key, **kwargs)
        return json.loads(found) if isinstance(found, str) and found else found

    def set(self, section: str, option: str, value: Any = None) -> None:
        """A setting for the code of this process; Updraft's own are set in its configuration."""
        self._set[section.lower(), option.lower()] = str(value)

    def has_option(self, section: str, option: str, **_: Any) -> bool:
        """Whether there is such a setting."""
        return self.get(section, option, fallback=None) is not None

    def getsection(self, section: str) -> dict[str, Any]:
        """The settings of a section."""
        return {key: self.get(section, key) for key in _DEFAULTS.get(section.lower(), {})}


conf = AirflowConfigParser()
# Functions of the module, as 2.x had them.
get, getboolean, getfloat, getint = conf.get, conf.getboolean, conf.getfloat, conf.getint
getsection, has_option = conf.getsection, conf.has_option


def get_airflow_home() -> str:
    """The home folder."""
    return AIRFLOW_HOME


def Session(*_: Any, **__: Any) -> Any:  # noqa: N802  Airflow's name
    """No session: there is no database of Airflow's."""
    from updraft_dags.models import create_session
    return create_session().__enter__()
