"""Amazon Web Services through boto3, where that is installed.

Updraft's own operators do not need it; callables that use a hook do.
"""
from __future__ import annotations

import functools
import re
from typing import Any, Optional

from updraft_runner.exceptions import AirflowException, AirflowNotFoundException
from updraft_runner.secrets import BaseHook


def need(what: str) -> Any:
    """The module boto3; an error that says how to get it when it is missing."""
    try:
        import boto3
    except ImportError:
        raise ModuleNotFoundError(
            "%s works through boto3, which is not installed: pip install boto3 into the Python that runs tasks "
            "(`updraft config get python`), or use an operator that Updraft has (docs/operators.md)" % what,
            name="boto3") from None
    return boto3


class AwsGenericHook(BaseHook):
    """Clients, resources and sessions of boto3 with a connection's keys, region, role and endpoint."""

    conn_name_attr, default_conn_name, conn_type, hook_name = "aws_conn_id", "aws_default", "aws", "Amazon Web Services"

    def __init__(self, aws_conn_id: Optional[str] = "aws_default", verify: Any = None, region_name: Optional[str] = None,
                 client_type: Optional[str] = None, resource_type: Optional[str] = None, config: Any = None) -> None:
        super().__init__()
        self.aws_conn_id, self.client_type, self.resource_type = aws_conn_id, client_type, resource_type
        self._verify, self._region_name, self._config = verify, region_name, config

    @functools.cached_property
    def _connection(self) -> Any:
        """The connection; None when there is none, which means what boto3 finds by itself."""
        if not self.aws_conn_id:
            return None
        try:
            return self.get_connection(self.aws_conn_id)
        except AirflowNotFoundException:
            self.log.warning("Unable to find AWS Connection ID '%s', switching to empty.", self.aws_conn_id)
            return None

    @property
    def _extra(self) -> dict[str, Any]:
        return dict(self._connection.extra_dejson) if self._connection else {}

    @property
    def service_name(self) -> str:
        """The service, as boto3 calls it."""
        if bool(self.client_type) == bool(self.resource_type):
            raise ValueError("Either client_type=%r or resource_type=%r must be provided, not both." % (
                self.client_type, self.resource_type))
        return self.client_type or self.resource_type or ""

    @property
    def service_config(self) -> dict[str, Any]:
        """What the connection says of the service alone."""
        return self._of_service(self.service_name)

    def _of_service(self, service: str) -> dict[str, Any]:
        return dict((self._extra.get("service_config") or {}).get(service) or {})

    @property
    def region_name(self) -> Optional[str]:
        """The region asked for: by the hook, or by the connection."""
        return self._region_name or self._extra.get("region_name")

    @property
    def verify(self) -> Any:
        """Whether, and by which authorities, certificates are checked."""
        return self._extra.get("verify") if self._verify is None else self._verify

    @property
    def config(self) -> Any:
        """botocore's Config."""
        given = self._config if self._config is not None else self._extra.get("config_kwargs")
        need(type(self).__name__)
        from botocore import UNSIGNED
        from botocore.config import Config
        if not isinstance(given, dict):
            return given or Config()
        if given.get("signature_version") == "unsigned":
            given = {**given, "signature_version": UNSIGNED}
        return Config(**given)

    def get_session(self, region_name: Optional[str] = None, deferrable: bool = False) -> Any:
        """A session of boto3."""
        del deferrable
        session = self._basic(region_name or self.region_name)
        role = self._extra.get("role_arn")
        return _with_role(session, lambda: self._assume(session, role)) if role else session

    def _basic(self, region: Optional[str]) -> Any:
        boto3 = need(type(self).__name__)
        extra, given = self._extra, {"region_name": region}
        inner = extra.get("session_kwargs") or {}
        connection = self._connection
        if connection and connection.login and connection.password:
            given.update(aws_access_key_id=connection.login, aws_secret_access_key=connection.password)
        for name in ("aws_access_key_id", "aws_secret_access_key", "aws_session_token", "profile_name"):
            given.setdefault(name, extra.get(name) or inner.get(name))
        return boto3.session.Session(**{k: v for k, v in given.items() if v})

    def _assume(self, session: Any, role: str) -> dict[str, Any]:
        extra = self._extra
        method = extra.get("assume_role_method") or "assume_role"
        client = session.client("sts", config=self.config, endpoint_url=self._of_service("sts").get("endpoint_url"))
        name = re.sub(r"[^\w+=,.@-]+", "-", "Airflow_%s" % self.aws_conn_id)
        asked = {"RoleSessionName": name, **(extra.get("assume_role_kwargs") or {}), "RoleArn": role}
        if method == "assume_role":
            found = client.assume_role(**asked)["Credentials"]
        elif method == "assume_role_with_web_identity" and extra.get("assume_role_with_web_identity_token_file"):
            with open(extra["assume_role_with_web_identity_token_file"], encoding="utf-8") as file:
                found = client.assume_role_with_web_identity(WebIdentityToken=file.read(), **asked)["Credentials"]
        else:
            raise AirflowException("Connection %s: assume_role_method %s cannot be used: use assume_role, or "
                                   "assume_role_with_web_identity with a token file" % (self.aws_conn_id, method))
        return {"access_key": found["AccessKeyId"], "secret_key": found["SecretAccessKey"], "token": found["SessionToken"],
                "expiry_time": found["Expiration"].isoformat()}

    def _endpoint(self) -> Optional[str]:
        return self.service_config.get("endpoint_url", self._extra.get("endpoint_url"))

    def get_client_type(self, region_name: Optional[str] = None, config: Any = None, deferrable: bool = False) -> Any:
        """A client of boto3."""
        del deferrable
        return self.get_session(region_name).client(
            self.service_name, endpoint_url=self._endpoint(), config=config or self.config, verify=self.verify)

    def get_resource_type(self, region_name: Optional[str] = None, config: Any = None) -> Any:
        """A resource of boto3."""
        return self.get_session(region_name).resource(
            self.service_name, endpoint_url=self._endpoint(), config=config or self.config, verify=self.verify)

    @functools.cached_property
    def conn(self) -> Any:
        """The client or resource of the hook."""
        return self.get_client_type() if self.client_type else self.get_resource_type()

    def get_conn(self) -> Any:
        """As conn."""
        return self.conn

    @property
    def conn_client_meta(self) -> Any:
        """What boto3 knows of the client."""
        return self.conn.meta if self.client_type else self.conn.meta.client.meta

    @property
    def conn_region_name(self) -> str:
        """The region that the client works in."""
        return self.conn_client_meta.region_name

    @property
    def conn_partition(self) -> str:
        """The partition (aws, aws-cn…) of that region."""
        return self.conn_client_meta.partition

    @property
    def account_id(self) -> str:
        """The account that the keys belong to."""
        client = self.get_session().client("sts", config=self.config, verify=self.verify,
                                           endpoint_url=self._of_service("sts").get("endpoint_url", self._extra.get("endpoint_url")))
        return client.get_caller_identity()["Account"]

    def get_credentials(self, region_name: Optional[str] = None) -> Any:
        """The keys, frozen: access_key, secret_key and token."""
        found = self.get_session(region_name).get_credentials()
        if found is None:
            raise AirflowException("There are no AWS credentials: neither in connection %s nor elsewhere" % self.aws_conn_id)
        return found.get_frozen_credentials()

    def expand_role(self, role: str, region_name: Optional[str] = None) -> str:
        """The ARN of a role."""
        if "/" in role:
            return role
        client = self.get_session(region_name).client("iam", endpoint_url=self._extra.get("endpoint_url"), verify=self.verify)
        return client.get_role(RoleName=role)["Role"]["Arn"]

    def get_waiter(self, waiter_name: str, parameters: Any = None, config_overrides: Any = None, deferrable: bool = False,
                   client: Any = None) -> Any:
        """A waiter that boto3 has."""
        del parameters, config_overrides, deferrable
        return (client or self.conn).get_waiter(waiter_name)

    def list_waiters(self) -> list[str]:
        """The waiters that boto3 has."""
        return list(self.conn.waiter_names)

    def test_connection(self) -> tuple[bool, str]:
        """Whether the keys are good."""
        try:
            return True, "Account %s" % self.account_id
        except Exception as error:
            return False, str(error)


class AwsBaseHook(AwsGenericHook):
    """What the hooks of single services, and authors', are made from."""


def _with_role(session: Any, refresh: Any) -> Any:
    """A session whose keys are a role's, renewed when they expire."""
    boto3 = need("a role")
    from botocore.credentials import RefreshableCredentials
    from botocore.session import get_session
    inner = get_session()
    inner._credentials = RefreshableCredentials.create_from_metadata(
        metadata=refresh(), refresh_using=refresh, method="sts-assume-role")
    inner.set_config_variable("region", session.region_name)
    return boto3.session.Session(botocore_session=inner)


class AwsHook(AwsBaseHook):
    """The hook of 1.10: its methods are told the service."""

    def __init__(self, aws_conn_id: Optional[str] = "aws_default", verify: Any = None, **kwargs: Any) -> None:
        super().__init__(aws_conn_id, verify, **kwargs)

    def get_client_type(self, client_type: Any = None, region_name: Any = None, config: Any = None, **_: Any) -> Any:
        """A client of boto3 of a service."""
        return AwsBaseHook(self.aws_conn_id, self._verify, region_name or self._region_name,
                           client_type=client_type or self.client_type).get_client_type(config=config)

    def get_resource_type(self, resource_type: Any = None, region_name: Any = None, config: Any = None, **_: Any) -> Any:
        """A resource of boto3 of a service."""
        return AwsBaseHook(self.aws_conn_id, self._verify, region_name or self._region_name,
                           resource_type=resource_type or self.resource_type).get_resource_type(config=config)
