"""Paths of earlier versions.

MOVED: module, where its names live now (`place|advice` when 3.3.2's warning
names another; an advice that ends in a dot is complete), the names
(`Name=-`: the module itself). They work in 3.3.2, with a warning.
ONLY_IN_2: module, where its names live, the names: errors in 3.3.2.
The aliases of operators (operators.json) are in neither: all of them work
with the meaning of 2.x.
"""

_STANDARD = "airflow.providers.standard."

MOVED = """
airflow     airflow.sdk.definitions.dag|airflow.sdk.                    DAG
airflow     airflow.sdk.definitions.asset|airflow.sdk.Asset.            Dataset=Asset
airflow     airflow.sdk.exceptions|airflow.exceptions                   AirflowException
airflow.decorators      airflow.sdk.definitions.dag|airflow.sdk                 dag
airflow.decorators      airflow.sdk.definitions.decorators|airflow.sdk          task
airflow.decorators      airflow.sdk.definitions.decorators.task_group|airflow.sdk       task_group
airflow.decorators      airflow.sdk.definitions.decorators.setup_teardown|airflow.sdk   setup teardown
airflow.hooks.base      airflow.sdk.bases.hook                          BaseHook
airflow.io.path         airflow.sdk.io.path|airflow.sdk                 ObjectStoragePath
airflow.macros          airflow.sdk.execution_time.macros               ds_add ds_format ds_format_locale datetime_diff_for_humans datetime timedelta json random time uuid yaml dateutil
airflow.models.baseoperator     airflow.sdk.bases.operator              BaseOperator chain chain_linear cross_downstream
airflow.models.baseoperatorlink airflow.sdk.bases.operatorlink|airflow.sdk      BaseOperatorLink
airflow.models.mappedoperator   airflow.sdk.definitions.mappedoperator  MappedOperator
airflow.models.param    airflow.sdk.definitions.param|airflow.sdk       Param ParamsDict
airflow.models.skipmixin        airflow.sdk.bases.skipmixin             SkipMixin
airflow.notifications.basenotifier  airflow.sdk.bases.notifier          BaseNotifier
airflow.notifications           airflow.sdk.bases.notifier              BaseNotifier
airflow.operators.bash          {s}operators.bash                       BashOperator
airflow.operators.branch        airflow.sdk.bases.branch                BaseBranchOperator
airflow.operators.datetime      {s}operators.datetime                   BranchDateTimeOperator
airflow.operators.email         airflow.providers.smtp.operators.smtp   EmailOperator
airflow.operators.empty         {s}operators.empty                      EmptyOperator
airflow.operators.generic_transfer  airflow.providers.common.sql.operators.generic_transfer     GenericTransfer
airflow.operators.latest_only   {s}operators.latest_only                LatestOnlyOperator
airflow.operators.python        {s}operators.python                     PythonOperator BranchPythonOperator ShortCircuitOperator PythonVirtualenvOperator ExternalPythonOperator
airflow.operators.python        {s}operators.python                     BranchPythonVirtualenvOperator BranchExternalPythonOperator
airflow.operators.python        airflow.sdk.definitions.context|airflow.sdk     get_current_context
airflow.operators.smooth        {s}operators.smooth                     SmoothOperator
airflow.operators.trigger_dagrun    {s}operators.trigger_dagrun         TriggerDagRunOperator
airflow.operators.weekday       {s}operators.weekday                    BranchDayOfWeekOperator
airflow.sensors.base            airflow.sdk.bases.sensor                BaseSensorOperator PokeReturnValue poke_mode_only
airflow.sensors.bash            {s}sensors.bash                         BashSensor
airflow.sensors.date_time       {s}sensors.date_time                    DateTimeSensor DateTimeSensorAsync
airflow.sensors.external_task   {s}sensors.external_task                ExternalTaskSensor ExternalTaskMarker
airflow.sensors.filesystem      {s}sensors.filesystem                   FileSensor
airflow.sensors.python          {s}sensors.python                       PythonSensor
airflow.sensors.time_delta      {s}sensors.time_delta                   TimeDeltaSensor TimeDeltaSensorAsync WaitSensor
airflow.sensors.time_sensor     {s}sensors.time                         TimeSensor TimeSensorAsync
airflow.sensors.weekday         {s}sensors.weekday                      DayOfWeekSensor
airflow.hooks.filesystem        {s}hooks.filesystem                     FSHook
airflow.hooks.subprocess        {s}hooks.subprocess                     SubprocessHook SubprocessResult
airflow.triggers.temporal       {s}triggers.temporal                    TimeDeltaTrigger DateTimeTrigger
airflow.triggers.file           {s}triggers.file                        FileTrigger
airflow.utils.context           airflow.sdk.definitions.context         Context=-
airflow.utils.setup_teardown    airflow.sdk.definitions._internal.setup_teardown    SetupTeardownContext
airflow.utils.task_group        airflow.sdk.definitions.taskgroup|airflow.sdk       TaskGroup
airflow.utils.timezone          airflow.sdk._shared.timezones.timezone|airflow.sdk.timezone     datetime utcnow utc parse make_aware make_naive is_localized
airflow.utils.timezone          airflow.sdk._shared.timezones.timezone|airflow.sdk.timezone     is_naive convert_to_utc parse_timezone local_timezone from_timestamp coerce_datetime td_format
airflow.utils.trigger_rule      airflow.task.trigger_rule               TriggerRule
airflow.utils.weight_rule       airflow.task.weight_rule                WeightRule
airflow.utils.types             airflow.serialization.definitions.notset    NOTSET=ArgNotSet ArgNotSet
airflow.utils.decorators        updraft_dags.helpers|airflow.sdk.bases.decorator        remove_task_decorator
airflow.exceptions              airflow.sdk.exceptions                  AirflowFailException AirflowSensorTimeout AirflowSkipException AirflowTaskTimeout TaskDeferred
airflow.exceptions              airflow.sdk.exceptions                  AirflowTaskTerminated DownstreamTasksSkipped XComNotFound ParamValidationError
airflow.exceptions              airflow.sdk.exceptions                  TaskDeferralError TaskDeferralTimeout TaskAlreadyInTaskGroup FailFastDagInvalidTriggerRule
""".replace("{s}", _STANDARD)

ONLY_IN_2 = """
airflow.datasets                airflow.sdk.definitions.asset           Dataset=Asset DatasetAlias=AssetAlias DatasetAll=AssetAll DatasetAny=AssetAny
airflow.datasets.metadata       airflow.sdk.definitions.asset.metadata  Metadata
airflow                         airflow.sdk.definitions.asset           DatasetAlias=AssetAlias
airflow.timetables.datasets     airflow.timetables.assets               DatasetOrTimeSchedule=AssetOrTimeSchedule
airflow.timetables.delta        airflow.timetables.interval             DeltaDataIntervalTimetable
airflow.utils.dates             updraft_dags.helpers                    days_ago date_range round_time datetime timedelta
airflow.operators.bash_operator airflow.sdk.bases.operator              BaseOperator
airflow.operators.python_operator   airflow.sdk.bases.operator          BaseOperator
airflow.sensors.base_sensor_operator    airflow.sdk.exceptions          AirflowException AirflowSensorTimeout AirflowSkipException
airflow.utils.dag_parsing_context   updraft_dags.scope                  get_parsing_context
airflow.utils.decorators        updraft_dags.helpers                    apply_defaults
airflow.utils                   updraft_dags.helpers                    apply_defaults
airflow.models                  airflow.utils.xcom                      XCOM_RETURN_KEY
airflow.utils.helpers           airflow.sdk.bases.operator              chain cross_downstream
airflow.utils.weekday           airflow.providers.standard.utils.weekday    WeekDay
airflow.utils.template          airflow.sdk.definitions.template        literal
airflow.utils.module_loading    updraft_dags.helpers                    import_string qualname
airflow.utils.dag_cycle_tester  updraft_dags.helpers                    check_cycle test_cycle=check_cycle
airflow.utils.operator_helpers  updraft_dags.helpers                    context_to_airflow_vars determine_kwargs
airflow.hooks.base_hook         airflow.sdk.bases.hook                  BaseHook
airflow.hooks.dbapi             airflow.providers.common.sql.hooks.sql  DbApiHook
airflow.hooks.dbapi_hook        airflow.providers.common.sql.hooks.sql  DbApiHook
airflow.hooks.http_hook         airflow.providers.http.hooks.http       HttpHook
airflow.hooks.sqlite_hook       airflow.providers.sqlite.hooks.sqlite   SqliteHook
airflow.hooks.postgres_hook     airflow.providers.postgres.hooks.postgres   PostgresHook
airflow.hooks.mysql_hook        airflow.providers.mysql.hooks.mysql     MySqlHook
airflow.contrib.hooks.fs_hook   airflow.providers.standard.hooks.filesystem FSHook
airflow.contrib.hooks.ssh_hook  airflow.providers.ssh.hooks.ssh         SSHHook
airflow.contrib.operators.sftp_operator airflow.providers.sftp.operators.sftp   SFTPOperation
airflow.contrib.utils.weekday   airflow.providers.standard.utils.weekday    WeekDay
airflow.kubernetes.secret           airflow.providers.cncf.kubernetes.secret    Secret
airflow.contrib.kubernetes.secret   airflow.providers.cncf.kubernetes.secret    Secret
airflow.kubernetes.volume           airflow.providers.cncf.kubernetes.backcompat.volume     Volume
airflow.contrib.kubernetes.volume   airflow.providers.cncf.kubernetes.backcompat.volume     Volume
airflow.kubernetes.volume_mount     airflow.providers.cncf.kubernetes.backcompat.volume_mount   VolumeMount
airflow.contrib.kubernetes.volume_mount airflow.providers.cncf.kubernetes.backcompat.volume_mount   VolumeMount
airflow.kubernetes.pod              airflow.providers.cncf.kubernetes.backcompat.pod        Port Resources
airflow.contrib.kubernetes.pod      airflow.providers.cncf.kubernetes.backcompat.pod        Port Resources
airflow.kubernetes.pod_runtime_info_env airflow.providers.cncf.kubernetes.backcompat.pod_runtime_info_env   PodRuntimeInfoEnv
airflow.contrib.kubernetes.pod_runtime_info_env airflow.providers.cncf.kubernetes.backcompat.pod_runtime_info_env   PodRuntimeInfoEnv
airflow.hooks                   airflow.sdk.bases.hook                  BaseHook
airflow.sensors.base_sensor_operator    airflow.sdk.bases.sensor        BaseSensorOperator
airflow.operators.branch_operator       airflow.sdk.bases.branch        BaseBranchOperator
airflow.operators.sql           airflow.providers.common.sql.operators.sql      BaseSQLOperator
airflow.models.baseoperator     airflow.sdk.bases.operatorlink          BaseOperatorLink
airflow.models.dataset          airflow.sdk.definitions.asset           Dataset=Asset
airflow.models.crypto           updraft_dags.helpers                    get_fernet
airflow.models.dag              updraft_dags.models                     get_last_dagrun
airflow.models.taskinstance     airflow.sdk.definitions.context         Context get_current_context
airflow.models.taskmixin        updraft_dags.node                       TaskMixin=Dependencies DependencyMixin=Dependencies
airflow.models.taskmixin        updraft_dags.operator                   DAGNode=AbstractOperator
airflow.secrets                 updraft_dags.models                     BaseSecretsBackend
airflow.logging_config          updraft_dags.models                     log
airflow.api.common.trigger_dag  updraft_dags.providers.dagrun           trigger_dag
airflow.api.common.experimental.trigger_dag updraft_dags.providers.dagrun   trigger_dag
airflow.configuration           updraft_dags.configuration              get getboolean getfloat getint getsection has_option
airflow.lineage.entities        updraft_dags.models                     File Table
airflow.utils.log.secrets_masker    updraft_dags.helpers                mask_secret redact
airflow.operators               airflow.sdk.bases.operator              BaseOperator
airflow.operators               airflow.providers.standard.operators.bash       BashOperator
airflow.operators               airflow.providers.standard.operators.python     PythonOperator BranchPythonOperator ShortCircuitOperator
airflow.operators               airflow.providers.standard.operators.empty      DummyOperator=EmptyOperator
airflow.operators.python        airflow.sdk.definitions.decorators      task
airflow.operators.python        updraft_dags.helpers                    is_venv_installed
airflow.operators.sensors       airflow.sdk.bases.sensor                BaseSensorOperator
airflow.operators.sensors       airflow.providers.standard.sensors.external_task    ExternalTaskSensor
airflow.operators.sensors       airflow.providers.standard.sensors.time     TimeSensor
airflow.operators.sensors       airflow.providers.standard.sensors.time_delta   TimeDeltaSensor
airflow.operators.sensors       airflow.providers.common.sql.sensors.sql    SqlSensor
airflow.operators.sensors       airflow.providers.http.sensors.http     HttpSensor
airflow.macros.hive             updraft_dags.helpers                    max_partition
airflow.hooks.S3_hook           airflow.providers.amazon.aws.hooks.s3               S3Hook
airflow.contrib.hooks.aws_hook  updraft_dags.hooks.aws                              AwsHook
airflow.contrib.hooks.aws_lambda_hook   updraft_dags.hooks.aws_services             AwsLambdaHook
airflow.contrib.hooks.aws_sqs_hook      airflow.providers.amazon.aws.hooks.sqs      SQSHook=SqsHook
airflow.contrib.hooks.aws_sns_hook      airflow.providers.amazon.aws.hooks.sns      AwsSnsHook=SnsHook
airflow.contrib.hooks.aws_athena_hook   airflow.providers.amazon.aws.hooks.athena   AWSAthenaHook=AthenaHook
airflow.providers.amazon.aws.hooks.lambda_function  updraft_dags.hooks.aws_services AwsLambdaHook
airflow.providers.amazon.aws.hooks.sqs  airflow.providers.amazon.aws.hooks.sqs      SQSHook=SqsHook
airflow.providers.amazon.aws.hooks.sns  airflow.providers.amazon.aws.hooks.sns      AwsSnsHook=SnsHook
airflow.providers.amazon.aws.hooks.athena   airflow.providers.amazon.aws.hooks.athena   AWSAthenaHook=AthenaHook
"""

# Packages of 2.x and 1.10 that have modules and no names: what is missing below them is told by its own name.
EMPTY_IN_2 = """
airflow.contrib airflow.contrib.kubernetes airflow.kubernetes airflow.contrib.hooks airflow.contrib.operators airflow.contrib.sensors airflow.contrib.utils airflow.api
airflow.api.common airflow.api.common.experimental
"""

# Beginnings of paths that 2.x tells its authors to write, and 3.x not to.
MARKS_OF_2 = (
    "airflow.operators", "airflow.sensors", "airflow.hooks", "airflow.decorators", "airflow.contrib", "airflow.datasets",
    "airflow.models.baseoperator", "airflow.utils.dates", "airflow.utils.task_group",
)

# Words in paths of 1.10 and 2.0 -> the pip package, without its prefix, that has what they were about.
PACKAGES = {
    "s3": "amazon", "aws": "amazon", "emr": "amazon", "redshift": "amazon", "athena": "amazon", "sqs": "amazon", "sns": "amazon",
    "ecs": "amazon", "sagemaker": "amazon", "glue": "amazon", "gcs": "google", "gcp": "google", "bigquery": "google", "dataproc": "google",
    "dataflow": "google", "google": "google", "kubernetes": "cncf-kubernetes", "docker": "docker", "ssh": "ssh", "sftp": "sftp",
    "slack": "slack", "snowflake": "snowflake", "databricks": "databricks", "spark": "apache-spark", "hive": "apache-hive",
    "hdfs": "apache-hdfs", "druid": "apache-druid", "pig": "apache-pig", "mssql": "microsoft-mssql", "azure": "microsoft-azure",
    "wasb": "microsoft-azure", "oracle": "oracle", "jdbc": "jdbc", "odbc": "odbc", "presto": "presto", "mongo": "mongo", "redis": "redis",
    "ftp": "ftp", "papermill": "papermill", "winrm": "microsoft-winrm", "cassandra": "apache-cassandra", "vertica": "vertica",
    "segment": "segment", "jira": "atlassian-jira", "jenkins": "jenkins", "elasticsearch": "elasticsearch", "telegram": "telegram",
}
