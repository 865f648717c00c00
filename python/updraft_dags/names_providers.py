"""Modules of providers that are not operators: those are in operators.json.

The tables are as in names_core.py.
"""

HOMES = """
airflow.providers.standard.operators.branch     updraft_dags.providers.base     BaseBranchOperator=StandardBranchOperator
airflow.providers.standard.operators.smooth     updraft_dags.providers.smooth   SmoothOperator
airflow.providers.standard.utils.weekday        updraft_dags.providers.clock    WeekDay
airflow.providers.standard.utils.skipmixin      updraft_dags.providers.base     SkipMixin
airflow.providers.standard.hooks.filesystem     updraft_dags.hooks.files        FSHook
airflow.providers.standard.hooks.subprocess     updraft_dags.hooks.subprocess   SubprocessHook SubprocessResult
airflow.providers.standard.triggers.temporal    updraft_dags.triggers           TimeDeltaTrigger DateTimeTrigger
airflow.providers.standard.triggers.file        updraft_dags.triggers           FileTrigger
airflow.providers.http.hooks.http               updraft_dags.hooks.http         HttpHook HTTPBasicAuth
airflow.providers.common.sql.operators.sql      updraft_dags.providers.sql      BaseSQLOperator
airflow.providers.common.sql.operators.generic_transfer     updraft_dags.providers.sql      GenericTransfer
airflow.providers.common.sql.hooks.sql          updraft_dags.hooks.sql          DbApiHook fetch_all_handler fetch_one_handler
airflow.providers.common.sql.hooks.handlers     updraft_dags.hooks.sql          fetch_all_handler fetch_one_handler
airflow.providers.sqlite.hooks.sqlite           updraft_dags.hooks.sql          SqliteHook
airflow.providers.postgres.hooks.postgres       updraft_dags.hooks.sql          PostgresHook
airflow.providers.mysql.hooks.mysql             updraft_dags.hooks.sql          MySqlHook
airflow.providers.smtp.hooks.smtp               updraft_dags.hooks.smtp         SmtpHook
airflow.providers.docker.decorators.docker      updraft_dags.providers.docker   docker_task
airflow.providers.cncf.kubernetes.decorators.kubernetes     updraft_dags.providers.kubernetes   kubernetes_task
airflow.providers.cncf.kubernetes.decorators.kubernetes_cmd updraft_dags.providers.kubernetes   kubernetes_cmd_task
airflow.providers.cncf.kubernetes.secret                    updraft_dags.providers.kubernetes   Secret
airflow.providers.cncf.kubernetes.utils.pod_manager         updraft_dags.providers.kubernetes   OnFinishAction
airflow.providers.cncf.kubernetes.backcompat.volume         updraft_dags.providers.kubernetes_old   Volume
airflow.providers.cncf.kubernetes.backcompat.volume_mount   updraft_dags.providers.kubernetes_old   VolumeMount
airflow.providers.cncf.kubernetes.backcompat.pod            updraft_dags.providers.kubernetes_old   Port Resources
airflow.providers.cncf.kubernetes.backcompat.pod_runtime_info_env   updraft_dags.providers.kubernetes_old   PodRuntimeInfoEnv
airflow.providers.sftp.operators.sftp           updraft_dags.providers.ssh      SFTPOperation
airflow.providers.ssh.hooks.ssh                 updraft_dags.hooks.ssh          SSHHook
airflow.providers.smtp.notifications.smtp       updraft_dags.providers.email    SmtpNotifier send_smtp_notification
airflow.providers.amazon.aws.hooks.base_aws         updraft_dags.hooks.aws              AwsBaseHook AwsGenericHook
airflow.providers.amazon.aws.hooks.s3               updraft_dags.hooks.s3               S3Hook
airflow.providers.amazon.aws.hooks.sqs              updraft_dags.hooks.aws_services     SqsHook
airflow.providers.amazon.aws.hooks.lambda_function  updraft_dags.hooks.aws_services     LambdaHook
airflow.providers.amazon.aws.hooks.sns              updraft_dags.hooks.aws_services     SnsHook
airflow.providers.amazon.aws.hooks.athena           updraft_dags.hooks.aws_services     AthenaHook
airflow.providers.amazon.aws.hooks.ecs              updraft_dags.hooks.aws_services     EcsHook EcsClusterStates EcsTaskDefinitionStates EcsTaskStates
airflow.providers.amazon.aws.hooks.eventbridge      updraft_dags.hooks.aws_services     EventBridgeHook
airflow.providers.amazon.aws.hooks.step_function    updraft_dags.hooks.aws_services     StepFunctionHook
airflow.providers.amazon.aws.hooks.secrets_manager  updraft_dags.hooks.aws_services     SecretsManagerHook
"""

ALSO = """
airflow.providers.standard.operators.python     airflow.sdk.definitions.context     get_current_context
airflow.providers.standard.operators.branch     airflow.sdk.bases.skipmixin         SkipMixin
airflow.providers.common.sql.hooks.sql          airflow.sdk.bases.hook              BaseHook
airflow.providers.common.compat.sdk             airflow.sdk.bases.operator          BaseOperator
airflow.providers.common.compat.sdk             airflow.sdk.bases.sensor            BaseSensorOperator PokeReturnValue
airflow.providers.common.compat.sdk             airflow.sdk.bases.hook              BaseHook
airflow.providers.common.compat.sdk             airflow.sdk.exceptions              AirflowException AirflowSkipException
"""

# Providers whose pip package has two parts to its name.
GROUPS = frozenset(("apache", "cncf", "common", "dbt", "microsoft", "openfaas"))

# The class names of operators that Updraft has another way for.
INSTEAD = {
    "KubernetesPodOperatorAsync": "KubernetesPodOperator",
    "KubernetesJobOperator": "KubernetesPodOperator",
    "EksPodOperator": "KubernetesPodOperator with config_file",
    "GKEStartPodOperator": "KubernetesPodOperator with config_file",
    "SubDagOperator": "a TaskGroup",
    "subdag_operator": "a TaskGroup",
    "SnowflakeOperator": "SQLExecuteQueryOperator",
    "BigQueryInsertJobOperator": "BashOperator with `bq query`",
    "SlackWebhookOperator": "HttpOperator with the webhook's address",
    "SimpleHttpOperator": "HttpOperator",
}
