"""The modules of Airflow 3.3.2 itself.

HOMES: module, the module of ours that answers, the names (`Name=ours`).
ALSO: module, the module where the names live, the names (`Name=-`: the module itself).
EMPTY: packages that have modules and no names.
"""

HOMES = """
airflow.sdk.definitions.dag                     updraft_dags.dag            DAG dag
airflow.sdk.bases.operator                      updraft_dags.operator       BaseOperator
airflow.sdk.bases.operator                      updraft_dags.edges          chain chain_linear cross_downstream
airflow.sdk.bases.sensor                        updraft_dags.sensor         BaseSensorOperator PokeReturnValue poke_mode_only
airflow.sdk.bases.branch                        updraft_dags.providers.base BaseBranchOperator
airflow.sdk.bases.skipmixin                     updraft_dags.providers.base SkipMixin
airflow.sdk.bases.operatorlink                  updraft_dags.operator       BaseOperatorLink
airflow.sdk.bases.notifier                      updraft_dags.callbacks      BaseNotifier
airflow.sdk.bases.hook                          updraft_runner.secrets      BaseHook
airflow.sdk.bases.xcom                          updraft_dags.models         BaseXCom
airflow.sdk.definitions.mappedoperator          updraft_dags.mapping        MappedOperator
airflow.sdk.definitions.decorators              updraft_dags.decorators     task
airflow.sdk.definitions.decorators.task_group   updraft_dags.groups         task_group
airflow.sdk.definitions.decorators.setup_teardown   updraft_dags.decorators setup teardown
airflow.sdk.definitions.taskgroup               updraft_dags.groups         TaskGroup
airflow.sdk.definitions._internal.setup_teardown    updraft_dags.models     SetupTeardownContext
airflow.sdk.definitions.edges                   updraft_dags.edges          Label EdgeModifier
airflow.sdk.definitions.param                   updraft_dags.params         Param ParamsDict
airflow.sdk.definitions.xcom_arg                updraft_dags.xcomarg        XComArg
airflow.sdk.definitions.asset                   updraft_dags.assets         Asset Dataset Model AssetAlias AssetAll AssetAny AssetWatcher BaseAsset AssetNameRef AssetUriRef
airflow.sdk.definitions.asset.decorators        updraft_dags.asset_decorator    asset AssetDefinition MultiAssetDefinition
airflow.sdk.definitions.asset.metadata          updraft_dags.assets         Metadata
airflow.sdk.definitions.deadline                updraft_dags.callbacks      DeadlineAlert DeadlineReference
airflow.sdk.definitions.callback                updraft_dags.callbacks      AsyncCallback SyncCallback
airflow.sdk.definitions.variable                updraft_runner.secrets      Variable
airflow.sdk.definitions.connection              updraft_runner.secrets      Connection
airflow.sdk.definitions.context                 updraft_runner.session      get_current_context
airflow.sdk.definitions.context                 updraft_dags.models         Context
airflow.sdk.definitions.context                 updraft_dags.scope          AirflowParsingContext get_parsing_context
airflow.sdk.definitions.template                updraft_dags.template       literal
airflow.sdk.definitions._internal.templater     updraft_dags.template       LiteralValue
airflow.sdk.execution_time.macros               updraft_runner.macros       ds_add ds_format ds_format_locale datetime_diff_for_humans
airflow.sdk.exceptions                          updraft_runner.exceptions   AirflowException AirflowBadRequest AirflowNotFoundException AirflowConfigException
airflow.sdk.exceptions                          updraft_runner.exceptions   AirflowRuntimeError AirflowSkipException AirflowFailException AirflowSensorTimeout
airflow.sdk.exceptions                          updraft_runner.exceptions   AirflowRescheduleException AirflowTaskTimeout AirflowTaskTerminated TaskDeferred
airflow.sdk.exceptions                          updraft_runner.exceptions   AirflowOptionalProviderFeatureException ParamValidationError XComNotFound
airflow.sdk.exceptions                          updraft_runner.exceptions   DownstreamTasksSkipped TaskDeferralError TaskDeferralTimeout
airflow.sdk.exceptions                          updraft_dags.errors         DuplicateTaskIdFound TaskAlreadyInTaskGroup FailFastDagInvalidTriggerRule AirflowTimetableInvalid
airflow.exceptions                              updraft_dags.errors         AirflowDagCycleException AirflowDagDuplicatedIdException SerializationError
airflow.exceptions                              updraft_runner.exceptions   TaskNotFound DagNotFound DagRunNotFound DagRunAlreadyExists
airflow.exceptions                              updraft_runner.exceptions   AirflowClusterPolicyViolation AirflowInternalRuntimeError
airflow.exceptions                              updraft_runner.exceptions   AirflowProviderDeprecationWarning RemovedInAirflow3Warning RemovedInAirflow4Warning
airflow.sdk.io.path                             updraft_dags.models         ObjectStoragePath
airflow.sdk._shared.timezones.timezone          updraft_dags.timezone       datetime utcnow utc parse make_aware make_naive is_localized is_naive convert_to_utc
airflow.sdk._shared.timezones.timezone          updraft_dags.timezone       parse_timezone local_timezone from_timestamp coerce_datetime initial td_format
airflow.sdk.api.datamodels._generated           updraft_dags.states         TaskInstanceState=SDKTaskInstanceState DagRunState=SDKDagRunState WeightRule=SDKWeightRule
airflow.task.trigger_rule                       updraft_dags.rules          TriggerRule
airflow.task.weight_rule                        updraft_dags.rules          WeightRule
airflow.utils.state                             updraft_dags.rules          State TaskInstanceState DagRunState
airflow.models.variable                         updraft_dags.models         Variable
airflow.models.connection                       updraft_dags.models         Connection
airflow.models.taskinstance                     updraft_dags.models         TaskInstance
airflow.models.taskinstancekey                  updraft_dags.models         TaskInstanceKey
airflow.models.dagrun                           updraft_dags.models         DagRun
airflow.models.dagbag                           updraft_dags.models         DagBag
airflow.models.xcom                             updraft_dags.models         XComModel
airflow.models.pool                             updraft_dags.models         Pool
airflow.models.dag                              updraft_dags.models         DagModel
airflow.utils.xcom                              updraft_dags.models         XCOM_RETURN_KEY
airflow.utils.session                           updraft_dags.models         provide_session create_session NEW_SESSION
airflow.utils.log.logging_mixin                 updraft_dags.models         LoggingMixin
airflow.utils.email                             updraft_dags.email          send_email send_email_smtp build_mime_message send_mime_email get_email_address_list
airflow.utils.types                             updraft_dags.states         DagRunType DagRunTriggeredByType
airflow.utils.deprecation_tools                 updraft_dags.imports        DeprecatedImportWarning
airflow.utils.helpers                           updraft_dags.helpers        chunks merge_dicts partition ask_yesno alchemy_to_dict validate_key exactly_one at_most_one prune_dict
airflow.utils.helpers                           updraft_dags.helpers        render_template_to_string render_template_as_native as_flattened_list
airflow.utils.file                              updraft_dags.helpers        mkdirs open_maybe_zipped
airflow.utils.dates                             updraft_dags.helpers        cron_presets infer_time_unit scale_time_units parse_execution_date
airflow.utils.net                               updraft_dags.helpers        get_hostname get_host_ip_address
airflow.utils.code_utils                        updraft_dags.helpers        get_python_source
airflow.utils.strings                           updraft_dags.helpers        to_boolean get_random_string
airflow.utils.process_utils                     updraft_dags.helpers        execute_in_subprocess
airflow.serialization.definitions.notset        updraft_dags.states         ArgNotSet NOTSET
airflow.configuration                           updraft_dags.configuration  AirflowConfigParser conf get_airflow_home AIRFLOW_HOME
airflow.settings                                updraft_dags.configuration  Session TIMEZONE DAGS_FOLDER AIRFLOW_HOME timezone
airflow.version                                 updraft_dags.configuration  version
airflow.plugins_manager                         updraft_dags.models         AirflowPlugin
airflow.stats                                   updraft_dags.models         Stats
airflow.sdk.observability.stats                 updraft_dags.models         Stats
airflow.triggers.base                           updraft_dags.triggers       BaseTrigger TriggerEvent TaskSuccessEvent TaskFailedEvent TaskSkippedEvent StartTriggerArgs
airflow.timetables.base                         updraft_dags.timetables     Timetable DataInterval TimeRestriction DagRunInfo
airflow.timetables.interval                     updraft_dags.timetables     CronDataIntervalTimetable DeltaDataIntervalTimetable
airflow.timetables.trigger                      updraft_dags.timetables     CronTriggerTimetable DeltaTriggerTimetable MultipleCronTriggerTimetable CronPartitionTimetable
airflow.timetables.simple                       updraft_dags.timetables     NullTimetable OnceTimetable ContinuousTimetable AssetTriggeredTimetable PartitionedAtRuntime
airflow.timetables.events                       updraft_dags.timetables     EventsTimetable
airflow.timetables.assets                       updraft_dags.timetables     AssetOrTimeSchedule
"""

ALSO = """
airflow.sdk.execution_time.macros   updraft_runner.macros       datetime timedelta json random time uuid yaml dateutil
airflow.sdk         airflow.sdk.definitions.dag             DAG dag
airflow.sdk         airflow.sdk.bases.operator              BaseOperator chain chain_linear cross_downstream
airflow.sdk         airflow.sdk.bases.sensor                BaseSensorOperator PokeReturnValue
airflow.sdk         airflow.sdk.bases.branch                BaseBranchOperator
airflow.sdk         airflow.sdk.bases.skipmixin             SkipMixin
airflow.sdk         airflow.sdk.bases.operatorlink          BaseOperatorLink
airflow.sdk         airflow.sdk.bases.notifier              BaseNotifier
airflow.sdk         airflow.sdk.bases.hook                  BaseHook
airflow.sdk         airflow.sdk.bases.xcom                  BaseXCom
airflow.sdk         airflow.sdk.definitions.mappedoperator  MappedOperator
airflow.sdk         airflow.sdk.definitions.decorators      task
airflow.sdk         airflow.sdk.definitions.decorators.task_group       task_group
airflow.sdk         airflow.sdk.definitions.decorators.setup_teardown   setup teardown
airflow.sdk         airflow.sdk.definitions.taskgroup       TaskGroup
airflow.sdk         airflow.sdk.definitions.edges           Label EdgeModifier
airflow.sdk         airflow.sdk.definitions.param           Param ParamsDict
airflow.sdk         airflow.sdk.definitions.xcom_arg        XComArg
airflow.sdk         airflow.sdk.definitions.asset           Asset Dataset Model AssetAlias AssetAll AssetAny AssetWatcher
airflow.sdk         airflow.sdk.definitions.asset.decorators    asset
airflow.sdk         airflow.sdk.definitions.asset.metadata  Metadata
airflow.sdk         airflow.sdk.definitions.deadline        DeadlineAlert DeadlineReference
airflow.sdk         airflow.sdk.definitions.callback        AsyncCallback SyncCallback
airflow.sdk         airflow.sdk.definitions.template        literal
airflow.sdk         airflow.sdk.definitions.variable        Variable
airflow.sdk         airflow.sdk.definitions.connection      Connection
airflow.sdk         airflow.sdk.definitions.context         Context get_current_context get_parsing_context
airflow.sdk         airflow.sdk.io.path                     ObjectStoragePath
airflow.sdk         airflow.sdk._shared.timezones.timezone  timezone=-
airflow.sdk         airflow.sdk.execution_time.macros       macros=-
airflow.sdk         airflow.sdk.api.datamodels._generated   TaskInstanceState DagRunState WeightRule
airflow.sdk         airflow.task.trigger_rule               TriggerRule
airflow.sdk         airflow.timetables.interval             CronDataIntervalTimetable DeltaDataIntervalTimetable
airflow.sdk         airflow.timetables.trigger              CronTriggerTimetable DeltaTriggerTimetable MultipleCronTriggerTimetable CronPartitionTimetable
airflow.sdk         airflow.timetables.events               EventsTimetable
airflow.sdk         airflow.timetables.assets               AssetOrTimeSchedule
airflow.sdk.definitions.deadline    airflow.sdk.definitions.callback    AsyncCallback SyncCallback
airflow.sdk.definitions.timetables.interval     airflow.timetables.interval     CronDataIntervalTimetable DeltaDataIntervalTimetable
airflow.sdk.definitions.timetables.trigger      airflow.timetables.trigger      CronTriggerTimetable DeltaTriggerTimetable MultipleCronTriggerTimetable CronPartitionTimetable
airflow.sdk.definitions.timetables.assets       airflow.timetables.assets       AssetOrTimeSchedule
airflow.sdk.bases.timetable         airflow.timetables.base             Timetable=Timetable
airflow.sdk.timezone                airflow.sdk._shared.timezones.timezone  datetime utcnow utc parse make_aware make_naive is_localized is_naive convert_to_utc
airflow.sdk.timezone                airflow.sdk._shared.timezones.timezone  parse_timezone local_timezone from_timestamp coerce_datetime
airflow.sdk.types                   airflow.models.dagrun               DagRunProtocol=DagRun
airflow.sdk.types                   airflow.models.taskinstance         RuntimeTaskInstanceProtocol=TaskInstance
airflow.sdk.execution_time.context  airflow.sdk.definitions.context     get_current_context
airflow             airflow.sdk.definitions.asset           Asset
airflow             airflow.sdk.definitions.xcom_arg        XComArg
airflow.models      airflow.sdk.definitions.dag             DAG
airflow.models      airflow.sdk.bases.operator              BaseOperator
airflow.models      airflow.sdk.bases.operatorlink          BaseOperatorLink
airflow.models      airflow.sdk.definitions.mappedoperator  MappedOperator
airflow.models      airflow.sdk.definitions.param           Param
airflow.models      airflow.sdk.definitions.xcom_arg        XComArg
airflow.models      airflow.models.variable                 Variable
airflow.models      airflow.models.connection               Connection
airflow.models      airflow.models.taskinstance             TaskInstance
airflow.models      airflow.models.dagrun                   DagRun
airflow.models      airflow.models.dagbag                   DagBag
airflow.models      airflow.models.pool                     Pool
airflow.models      airflow.models.dag                      DagModel
airflow.models      airflow.sdk.bases.xcom                  XCom=BaseXCom
airflow.models      airflow.sdk.bases.skipmixin             SkipMixin
airflow.models.dag          airflow.sdk.definitions.dag             DAG dag
airflow.models.xcom         airflow.utils.xcom                      XCOM_RETURN_KEY
airflow.models.xcom         airflow.sdk.bases.xcom                  BaseXCom XCom=BaseXCom
airflow.models.xcom_arg     airflow.sdk.definitions.xcom_arg        XComArg
airflow.models.operator     airflow.sdk.bases.operator              BaseOperator
airflow.models.abstractoperator airflow.sdk.bases.operator          AbstractOperator=BaseOperator
airflow.exceptions  airflow.sdk.exceptions                  AirflowException AirflowBadRequest AirflowNotFoundException AirflowConfigException
airflow.exceptions  airflow.sdk.exceptions                  AirflowRescheduleException AirflowRuntimeError
airflow.exceptions  airflow.sdk.exceptions                  AirflowOptionalProviderFeatureException AirflowTimetableInvalid DuplicateTaskIdFound
airflow.utils.db    airflow.utils.session                   provide_session create_session
airflow.utils.edgemodifier  airflow.sdk.definitions.edges   Label EdgeModifier
airflow.sdk.exceptions      airflow.exceptions              AirflowDagCycleException TaskNotFound DagNotFound
"""

EMPTY = """
airflow airflow.sdk airflow.models airflow.utils airflow.operators airflow.sensors airflow.hooks airflow.providers airflow.triggers
airflow.timetables airflow.lineage airflow.notifications airflow.io airflow.task airflow.sdk.definitions airflow.sdk.bases
airflow.utils.log airflow.serialization
"""
