"""S3 through boto3."""
from __future__ import annotations

import fnmatch
import gzip as compress
import io
import os
import re
import shutil
import tempfile
from typing import Any, Callable, Iterator, Optional, Union
from urllib.parse import urlsplit

from updraft_dags.hooks.aws import AwsBaseHook
from updraft_runner.exceptions import AirflowException, AirflowNotFoundException

_MANY = 1000  # keys that one call may delete


class S3Hook(AwsBaseHook):
    """Buckets and objects."""

    hook_name = "Amazon S3"

    def __init__(self, aws_conn_id: Optional[str] = "aws_default", transfer_config_args: Any = None, extra_args: Any = None,
                 *args: Any, **kwargs: Any) -> None:
        if isinstance(transfer_config_args, bool):  # 1.10 and 2.0 had verify in this place
            kwargs.setdefault("verify", transfer_config_args)
            transfer_config_args = None
        kwargs["client_type"] = "s3"
        super().__init__(aws_conn_id, *args, **kwargs)
        self._transfer, self._extra_args = transfer_config_args or {}, extra_args or {}

    @property
    def extra_args(self) -> dict[str, Any]:
        """What uploads and downloads are told besides."""
        return dict(self._extra_args)

    @property
    def transfer_config(self) -> Any:
        """How files are moved."""
        from boto3.s3.transfer import TransferConfig
        return TransferConfig(**self._transfer)

    @property
    def resource(self) -> Any:
        """boto3's resource of S3."""
        return self.get_session().resource("s3", endpoint_url=self._endpoint(), config=self.config, verify=self.verify)

    @staticmethod
    def parse_s3_url(s3url: str) -> tuple[str, str]:
        """Bucket and key of s3://bucket/key, or of one of the two forms of https."""
        parts = urlsplit(s3url, allow_fragments=False)
        path = parts.path.lstrip("/")
        if re.fullmatch("s3[na]?", parts.scheme, re.IGNORECASE) and parts.netloc:
            return parts.netloc, path + ("?" + parts.query if parts.query else "")
        labels = parts.netloc.split(".")
        if parts.scheme == "https" and labels[0] == "s3" and "/" in path:
            return tuple(path.split("/", 1))  # type: ignore[return-value]
        if parts.scheme == "https" and len(labels) > 1 and labels[1] == "s3":
            return labels[0], path
        raise AirflowException('Please provide a bucket name using a valid format of the form: s3://bucket/key or '
                               'https://bucket.s3.region.amazonaws.com/key but provided: "%s"' % s3url)

    @staticmethod
    def get_s3_bucket_key(bucket: Optional[str], key: str, bucket_param_name: str, key_param_name: str) -> tuple[str, str]:
        """Bucket and key of the two, or of a URL alone."""
        if bucket is None:
            return S3Hook.parse_s3_url(key)
        parts = urlsplit(key)
        if parts.scheme or parts.netloc:
            raise TypeError("If `%s` is provided, %s should be a relative path from root level, rather than a full s3:// url" % (
                bucket_param_name, key_param_name))
        return bucket, key

    def _bucket(self, bucket_name: Optional[str]) -> Optional[str]:
        return bucket_name or self.service_config.get("bucket_name")

    def _at(self, key: str, bucket_name: Optional[str]) -> dict[str, str]:
        bucket = bucket_name if "://" in key else self._bucket(bucket_name)
        found, name = self.get_s3_bucket_key(bucket, key, "bucket_name", "key")
        return {"Bucket": found, "Key": name}

    def check_for_bucket(self, bucket_name: Optional[str] = None) -> bool:
        """Whether a bucket is there, and may be seen."""
        from botocore.exceptions import ClientError
        try:
            self.conn.head_bucket(Bucket=self._bucket(bucket_name))
            return True
        except ClientError as error:
            self.log.info('Bucket "%s": %s', bucket_name, error)
            return False

    def get_bucket(self, bucket_name: Optional[str] = None) -> Any:
        """boto3's bucket."""
        return self.resource.Bucket(self._bucket(bucket_name))

    def create_bucket(self, bucket_name: Optional[str] = None, region_name: Optional[str] = None) -> None:
        """Makes a bucket."""
        region = region_name or self.conn_region_name
        more = {} if region in ("us-east-1", "aws-global") else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        self.conn.create_bucket(Bucket=self._bucket(bucket_name), **more)

    def delete_bucket(self, bucket_name: str, force_delete: bool = False, max_retries: int = 5) -> None:
        """Deletes a bucket, with force_delete its objects first."""
        for _ in range(max_retries if force_delete else 0):
            keys = self.list_keys(bucket_name)
            if not keys:
                break
            self.delete_objects(bucket_name, keys)
        self.conn.delete_bucket(Bucket=bucket_name)

    def _pages(self, bucket_name: Optional[str], prefix: Optional[str], delimiter: Optional[str] = "", page_size: Any = None,
               max_items: Any = None, **more: Any) -> Iterator[dict[str, Any]]:
        yield from self.conn.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket(bucket_name), Prefix=prefix or "", Delimiter=delimiter or "",
            PaginationConfig={"PageSize": page_size, "MaxItems": max_items}, **more)

    def list_prefixes(self, bucket_name: Optional[str] = None, prefix: Optional[str] = None, delimiter: Optional[str] = None,
                      page_size: Any = None, max_items: Any = None) -> list[str]:
        """The folders below a prefix."""
        return [found["Prefix"] for page in self._pages(bucket_name, prefix, delimiter, page_size, max_items)
                for found in page.get("CommonPrefixes", ())]

    def check_for_prefix(self, prefix: str, delimiter: str, bucket_name: Optional[str] = None) -> bool:
        """Whether there is a folder."""
        prefix = prefix if prefix.endswith(delimiter) else prefix + delimiter
        above = prefix[:-len(delimiter)].rpartition(delimiter)
        return prefix in self.list_prefixes(bucket_name, above[0] + above[1], delimiter)

    def list_keys(self, bucket_name: Optional[str] = None, prefix: Optional[str] = None, delimiter: Optional[str] = None,
                  page_size: Any = None, max_items: Any = None, start_after_key: Optional[str] = None, from_datetime: Any = None,
                  to_datetime: Any = None, object_filter: Optional[Callable[..., list[Any]]] = None,
                  apply_wildcard: bool = False) -> list[Any]:
        """The keys of a prefix, of a time, or those that object_filter chooses."""
        wild = bool(apply_wildcard and "*" in (prefix or ""))
        start = (prefix or "").split("*", 1)[0] if wild else prefix
        more = {"StartAfter": start_after_key} if start_after_key else {}
        found = [o for page in self._pages(bucket_name, start, delimiter, page_size, max_items, **more)
                 for o in page.get("Contents", ()) if not wild or fnmatch.fnmatchcase(o["Key"], prefix or "")]
        if object_filter is not None:
            return object_filter(found, from_datetime, to_datetime)
        return [o["Key"] for o in found if (from_datetime is None or o["LastModified"] >= from_datetime)
                and (to_datetime is None or o["LastModified"] <= to_datetime)]

    def iter_file_metadata(self, prefix: str, bucket_name: Optional[str] = None, page_size: Any = None,
                           max_items: Any = None) -> Iterator[dict[str, Any]]:
        """What a list tells of the objects of a prefix."""
        for page in self._pages(bucket_name, prefix, "", page_size, max_items):
            yield from page.get("Contents", ())

    def get_file_metadata(self, *args: Any, **kwargs: Any) -> list[dict[str, Any]]:
        """As iter_file_metadata, in a list."""
        return list(self.iter_file_metadata(*args, **kwargs))

    def head_object(self, key: str, bucket_name: Optional[str] = None) -> Optional[dict[str, Any]]:
        """What S3 knows of an object; None if there is none."""
        from botocore.exceptions import ClientError
        try:
            return self.conn.head_object(**self._at(key, bucket_name))
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                return None
            raise

    def check_for_key(self, key: str, bucket_name: Optional[str] = None) -> bool:
        """Whether there is an object."""
        return self.head_object(key, bucket_name) is not None

    def get_key(self, key: str, bucket_name: Optional[str] = None) -> Any:
        """boto3's object."""
        at = self._at(key, bucket_name)
        found = self.resource.Object(at["Bucket"], at["Key"])
        found.load()
        return found

    def read_key(self, key: str, bucket_name: Optional[str] = None) -> str:
        """The text of an object."""
        return self.conn.get_object(**self._at(key, bucket_name))["Body"].read().decode("utf-8")

    def get_wildcard_key(self, wildcard_key: str, bucket_name: Optional[str] = None, delimiter: str = "") -> Any:
        """boto3's object of the first key that matches; None if none does."""
        at = self._at(wildcard_key, bucket_name)
        keys = self.list_keys(at["Bucket"], re.split(r"[\[*?]", at["Key"], maxsplit=1)[0], delimiter)
        found = [key for key in keys if fnmatch.fnmatchcase(key, at["Key"])]
        return self.get_key(found[0], at["Bucket"]) if found else None

    def check_for_wildcard_key(self, wildcard_key: str, bucket_name: Optional[str] = None, delimiter: str = "") -> bool:
        """Whether a key matches."""
        return self.get_wildcard_key(wildcard_key, bucket_name, delimiter) is not None

    def load_file(self, filename: Any, key: str, bucket_name: Optional[str] = None, replace: bool = False, encrypt: bool = False,
                  gzip: bool = False, acl_policy: Optional[str] = None) -> None:
        """Uploads a file."""
        with open(filename, "rb") as file:
            if not gzip:
                return self.load_file_obj(file, key, bucket_name, replace, encrypt, acl_policy)
            with tempfile.TemporaryFile() as smaller:
                with compress.open(smaller, "wb") as writer:
                    shutil.copyfileobj(file, writer)
                smaller.seek(0)
                return self.load_file_obj(smaller, key, bucket_name, replace, encrypt, acl_policy)

    def load_string(self, string_data: str, key: str, bucket_name: Optional[str] = None, replace: bool = False, encrypt: bool = False,
                    encoding: Optional[str] = None, acl_policy: Optional[str] = None, compression: Optional[str] = None) -> None:
        """Uploads a text."""
        if compression not in (None, "gzip"):
            raise NotImplementedError("Received %s compression type. String can currently be compressed in ['gzip'] only." % compression)
        data = string_data.encode(encoding or "utf-8")
        self.load_bytes(compress.compress(data) if compression else data, key, bucket_name, replace, encrypt, acl_policy)

    def load_bytes(self, bytes_data: bytes, key: str, bucket_name: Optional[str] = None, replace: bool = False, encrypt: bool = False,
                   acl_policy: Optional[str] = None) -> None:
        """Uploads bytes."""
        self.load_file_obj(io.BytesIO(bytes_data), key, bucket_name, replace, encrypt, acl_policy)

    def load_file_obj(self, file_obj: Any, key: str, bucket_name: Optional[str] = None, replace: bool = False, encrypt: bool = False,
                      acl_policy: Optional[str] = None) -> None:
        """Uploads what an open file holds."""
        if not replace and self.check_for_key(key, bucket_name):
            raise ValueError("The key %s already exists." % key)
        more = self.extra_args
        if encrypt:
            more["ServerSideEncryption"] = "AES256"
        if acl_policy:
            more["ACL"] = acl_policy
        at = self._at(key, bucket_name)
        self.conn.upload_fileobj(file_obj, at["Bucket"], at["Key"], ExtraArgs=more, Config=self.transfer_config)

    def copy_object(self, source_bucket_key: str, dest_bucket_key: str, source_bucket_name: Optional[str] = None,
                    dest_bucket_name: Optional[str] = None, source_version_id: Optional[str] = None, acl_policy: Optional[str] = None,
                    meta_data_directive: Optional[str] = None, **kwargs: Any) -> Any:
        """Copies an object within S3."""
        bucket, key = self.get_s3_bucket_key(source_bucket_name, source_bucket_key, "source_bucket_name", "source_bucket_key")
        source = {"Bucket": bucket, "Key": key, **({"VersionId": source_version_id} if source_version_id else {})}
        if acl_policy != "no-acl":
            kwargs["ACL"] = acl_policy or "private"
        if meta_data_directive:
            kwargs["MetadataDirective"] = meta_data_directive
        bucket, key = self.get_s3_bucket_key(dest_bucket_name, dest_bucket_key, "dest_bucket_name", "dest_bucket_key")
        return self.conn.copy_object(Bucket=bucket, Key=key, CopySource=source, **kwargs)

    def delete_objects(self, bucket: str, keys: Union[str, list[str]]) -> None:
        """Deletes objects by their keys."""
        keys = [keys] if isinstance(keys, str) else list(keys)
        for start in range(0, len(keys), _MANY):
            answer = self.conn.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys[start:start + _MANY]]})
            if answer.get("Errors"):
                raise AirflowException("Errors when deleting: %s" % [error["Key"] for error in answer["Errors"]])

    def download_file(self, key: str, bucket_name: Optional[str] = None, local_path: Optional[str] = None,
                      preserve_file_name: bool = False, use_autogenerated_subdir: bool = True) -> str:
        """Downloads an object and returns the file's name."""
        at = self._at(key, bucket_name)
        if not self.check_for_key(at["Key"], at["Bucket"]):
            raise AirflowNotFoundException("The source file in Bucket %s with path %s does not exist" % (at["Bucket"], at["Key"]))
        folder = local_path or tempfile.gettempdir()
        if preserve_file_name:
            if use_autogenerated_subdir:
                folder = tempfile.mkdtemp(prefix="airflow_tmp_dir_", dir=folder)
            name = os.path.join(folder, at["Key"].rpartition("/")[2])
            file: Any = open(name, "xb")
        else:
            file = tempfile.NamedTemporaryFile(dir=folder, prefix="airflow_tmp_", delete=False)
        with file:
            self.conn.download_fileobj(at["Bucket"], at["Key"], file, Config=self.transfer_config)
        return file.name

    def generate_presigned_url(self, client_method: str, params: Optional[dict[str, Any]] = None, expires_in: int = 3600,
                               http_method: Optional[str] = None) -> Optional[str]:
        """A URL that may be used without keys for some time."""
        return self.conn.generate_presigned_url(
            ClientMethod=client_method, Params=params, ExpiresIn=expires_in, HttpMethod=http_method)

    def get_bucket_tagging(self, bucket_name: Optional[str] = None) -> Any:
        """The tags of a bucket."""
        return self.conn.get_bucket_tagging(Bucket=self._bucket(bucket_name))["TagSet"]

    def put_bucket_tagging(self, tag_set: Any = None, key: Optional[str] = None, value: Optional[str] = None,
                           bucket_name: Optional[str] = None) -> None:
        """Replaces the tags of a bucket."""
        tags = [{"Key": k, "Value": v} for k, v in tag_set.items()] if isinstance(tag_set, dict) else list(tag_set or ())
        if bool(key) != bool(value):
            raise ValueError("Key and Value must be specified as a pair.")
        if key:
            tags.append({"Key": key, "Value": value})
        self.conn.put_bucket_tagging(Bucket=self._bucket(bucket_name), Tagging={"TagSet": tags})

    def delete_bucket_tagging(self, bucket_name: Optional[str] = None) -> None:
        """Removes the tags of a bucket."""
        self.conn.delete_bucket_tagging(Bucket=self._bucket(bucket_name))
