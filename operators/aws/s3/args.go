package s3

import "github.com/updraft-dev/updraft/dag"

func createBucketArgs() []dag.ArgSpec {
	return []dag.ArgSpec{
		{Name: "bucket_name", Type: dag.ArgString, Required: true, Templated: true, Doc: "Name of the bucket."},
		{Name: "bucket_namespace", Type: dag.ArgString, Templated: true, Doc: "With account-regional the name is unique in the account and region only."},
	}
}

func deleteBucketArgs() []dag.ArgSpec {
	return []dag.ArgSpec{
		{Name: "bucket_name", Type: dag.ArgString, Required: true, Templated: true, Doc: "Name of the bucket."},
		{Name: "force_delete", Type: dag.ArgBool, Default: false, Doc: "Delete its objects first."},
	}
}

func createObjectArgs() []dag.ArgSpec {
	return []dag.ArgSpec{
		{Name: "s3_bucket", Type: dag.ArgString, Templated: true, Doc: "Bucket; absent if s3_key is a URL."},
		{Name: "s3_key", Type: dag.ArgString, Required: true, Templated: true, Doc: "Key of the object, or s3://bucket/key."},
		{Name: "data", Type: dag.ArgString, Required: true, Templated: true, Doc: "The text to write."},
		{Name: "replace", Type: dag.ArgBool, Default: false, Doc: "Write over an object that is there, instead of failing."},
		{Name: "encrypt", Type: dag.ArgBool, Default: false, Doc: "Let S3 encrypt the object with its own key (AES256)."},
		{Name: "acl_policy", Type: dag.ArgString, Doc: "Canned ACL of the object."},
		{Name: "encoding", Type: dag.ArgString, Doc: "Encoding of the text, by default utf-8."},
		{Name: "compression", Type: dag.ArgString, Enum: []string{"gzip"}, Doc: "How to compress the text."},
	}
}

func copyObjectArgs() []dag.ArgSpec {
	return []dag.ArgSpec{
		{Name: "source_bucket_key", Type: dag.ArgString, Required: true, Templated: true, Doc: "Key of the object, or s3://bucket/key."},
		{Name: "dest_bucket_key", Type: dag.ArgString, Required: true, Templated: true, Doc: "Key of the copy, or s3://bucket/key."},
		{Name: "source_bucket_name", Type: dag.ArgString, Templated: true, Doc: "Bucket of the object; absent if source_bucket_key is a URL."},
		{Name: "dest_bucket_name", Type: dag.ArgString, Templated: true, Doc: "Bucket of the copy; absent if dest_bucket_key is a URL."},
		{Name: "source_version_id", Type: dag.ArgString, Doc: "Version of the object."},
		{Name: "acl_policy", Type: dag.ArgString, Doc: "Canned ACL of the copy, by default private; no-acl sets none."},
		{Name: "meta_data_directive", Type: dag.ArgString, Enum: []string{"COPY", "REPLACE"}, Doc: "Whether the metadata is copied or replaced."},
		{Name: "kms_key_id", Type: dag.ArgString, Doc: "Key of KMS to encrypt the copy with; needs kms_encryption_type."},
		{Name: "kms_encryption_type", Type: dag.ArgString, Enum: []string{"aws:kms", "aws:kms:dsse"}, Doc: "How KMS encrypts the copy; needs kms_key_id."},
	}
}

func deleteObjectsArgs() []dag.ArgSpec {
	return []dag.ArgSpec{
		{Name: "bucket", Type: dag.ArgString, Required: true, Templated: true, Doc: "Bucket of the objects."},
		{Name: "keys", Type: dag.ArgStrings, Templated: true, Doc: "Key or keys of the objects."},
		{Name: "prefix", Type: dag.ArgString, Templated: true, Doc: "In place of keys: the beginning of the objects' keys."},
		{Name: "from_datetime", Type: dag.ArgTime, Templated: true, Doc: "In place of keys: only objects changed at this time or later."},
		{Name: "to_datetime", Type: dag.ArgTime, Templated: true, Doc: "In place of keys: only objects changed until this time."},
	}
}

func transformArgs() []dag.ArgSpec {
	return []dag.ArgSpec{
		{Name: "source_s3_key", Type: dag.ArgString, Required: true, Templated: true, Doc: "The object to read, as s3://bucket/key."},
		{Name: "dest_s3_key", Type: dag.ArgString, Required: true, Templated: true, Doc: "The object to write, as s3://bucket/key."},
		{
			Name: "transform_script", Type: dag.ArgString,
			Doc: "The program: it gets the name of the copy, that of the file to write, and script_args.",
		},
		{Name: "script_args", Type: dag.ArgList, Templated: true, Doc: "More arguments of the program."},
		{Name: "select_expression", Type: dag.ArgString, Doc: "Refused: AWS does not offer S3 Select to new users; filter in the program."},
		{Name: "select_expr_serialization_config", Type: dag.ArgDict, Doc: "Without effect, as it belongs to select_expression."},
		{Name: "source_aws_conn_id", Type: dag.ArgString, Default: "aws_default", Doc: "Connection for reading."},
		{Name: "source_verify", Type: dag.ArgAny, Doc: "As verify, for reading."},
		{Name: "dest_aws_conn_id", Type: dag.ArgString, Default: "aws_default", Doc: "Connection for writing."},
		{Name: "dest_verify", Type: dag.ArgAny, Doc: "As verify, for writing."},
		{Name: "replace", Type: dag.ArgBool, Default: false, Doc: "Write over an object that is there, instead of failing."},
	}
}

func listArgs() []dag.ArgSpec {
	return []dag.ArgSpec{
		{Name: "bucket", Type: dag.ArgString, Required: true, Templated: true, Doc: "Bucket to look into."},
		{Name: "prefix", Type: dag.ArgString, Default: "", Templated: true, Doc: "Beginning of the keys."},
		{Name: "delimiter", Type: dag.ArgString, Default: "", Templated: true, Doc: "What separates folders; keys with it after the prefix are left out."},
		{Name: "apply_wildcard", Type: dag.ArgBool, Default: false, Doc: "Let * in the prefix stand for anything."},
	}
}

func listPrefixesArgs() []dag.ArgSpec {
	return []dag.ArgSpec{
		{Name: "bucket", Type: dag.ArgString, Required: true, Templated: true, Doc: "Bucket to look into."},
		{Name: "prefix", Type: dag.ArgString, Required: true, Templated: true, Doc: "Beginning of the keys."},
		{Name: "delimiter", Type: dag.ArgString, Required: true, Templated: true, Doc: "What separates folders."},
	}
}

func keyArgs() []dag.ArgSpec {
	return []dag.ArgSpec{
		{Name: "bucket_key", Type: dag.ArgStrings, Required: true, Templated: true, Doc: "Key or keys to wait for, or s3://bucket/key; all have to be there."},
		{Name: "bucket_name", Type: dag.ArgString, Templated: true, Doc: "Bucket; absent if the keys are URLs."},
		{Name: "wildcard_match", Type: dag.ArgBool, Default: false, Doc: "Let *, ? and [a-z] in a key stand for anything, / included."},
		{Name: "check_fn", Type: dag.ArgCallable, Doc: "Says whether the objects are good: it gets a list of dicts of metadata_keys."},
		{Name: "use_regex", Type: dag.ArgBool, Default: false, Doc: "Read a key as a regular expression, which has to match from the beginning."},
		{Name: "metadata_keys", Type: dag.ArgStrings, Default: []any{"Size", "Key"}, Doc: "What check_fn gets of an object: names of HeadObject's answer, * for all."},
	}
}

func unchangedArgs() []dag.ArgSpec {
	return []dag.ArgSpec{
		{Name: "bucket_name", Type: dag.ArgString, Required: true, Templated: true, Doc: "Bucket to look into."},
		{Name: "prefix", Type: dag.ArgString, Required: true, Templated: true, Doc: "Beginning of the keys."},
		{Name: "inactivity_period", Type: dag.ArgNumber, Default: int64(3600), Doc: "Seconds without a change that end the wait."},
		{Name: "min_objects", Type: dag.ArgInt, Default: int64(1), Doc: "The fewest objects that count as being there."},
		{Name: "previous_objects", Type: dag.ArgList, Doc: "Keys that are known to be there."},
		{Name: "allow_delete", Type: dag.ArgBool, Default: true, Doc: "Let objects disappear; otherwise the sensor fails."},
		{Name: "deferrable", Type: dag.ArgBool, Default: false, Doc: "Accepted and without effect: what was seen is in the worker's memory, so the sensor keeps its slot."},
	}
}
